//! Times the variants of every layer on the device, and keeps the quickest that give the reference's bits.

use super::choices::Choices;
use super::net::GpuNet;
use super::strengths::target;
use crate::backend::gpu::device::Gpu;
use crate::backend::gpu::kernels::{signature, variants};
use crate::backend::gpu::record::{Target, Variant};
use crate::backend::{Control, Executable, Tuned, noise, reference};
use crate::error::Result;
use crate::lower::TensorId;
use crate::plan::Plan;
use crate::platform::Instant;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// Measurements of a variant; the least counts.
const ROUNDS: usize = 7;
/// Time that the repetitions of a measurement should take together.
const LONG_ENOUGH: Duration = Duration::from_millis(5);
const MAX_REPEATS: u128 = 100;

/// A variant replaces the default only if it takes at most this share of its time: less is noise.
const CLEARLY: f64 = 0.95;

/// Finds the quickest variant of each layer of `plan` in batches of `images` images, and keeps the choices for this device.
/// `progress` is told how many variants are done and how many there are. Weights are on the device twice at most, however many
/// variants there are.
///
/// # Errors
/// Device errors. A variant that gives other bits than the reference is not chosen.
pub(crate) fn tune(gpu: &Gpu, plan: &Plan, images: usize, progress: &dyn Fn(usize, usize)) -> Result<Vec<Tuned>> {
    let input = noise(plan);
    let mut expected = HashMap::new();
    reference::trace(plan, &input, &mut |tensor, words| drop(expected.insert(tensor, words.to_vec())))?;
    let target = target(gpu, images);
    let prepare = |nth| {
        let net = GpuNet::new(&gpu.with_variant(nth), plan, images, &|_, _| Ok(()))?;
        Ok(CandidateNet { net, plan, target: &target, input: &input, expected: &expected })
    };
    let program = plan.program();
    let rounds = program.steps.iter().map(|step| variants(&step.kernel, program, &target).len()).max().unwrap_or(1);
    let tuned = contest(prepare, rounds, &|done| progress(done, rounds))?;
    if let Some(store) = gpu.store() {
        let mut choices = Choices::default();
        tuned.iter().for_each(|(signature, tuned)| choices.set(signature, images, &tuned.variant));
        choices.keep(store);
    }
    Ok(tuned.into_values().collect())
}

/// A network that runs each layer in one of its variants.
trait Contender {
    /// Each variant of each signature, once.
    fn entries(&self) -> Result<Vec<Entry>>;

    /// What a dispatch takes on average over `repeats`.
    fn time(&self, dispatch: usize, repeats: usize) -> Result<Duration>;
}

/// How a network runs the layers of one signature.
struct Entry {
    signature: String,
    variant: Variant,
    /// Whether there is no other.
    only: bool,
    /// The first of the layers, and its dispatch.
    layer: String,
    dispatch: usize,
    /// How many layers there are.
    layers: usize,
    /// Whether all of the layers give the reference's bits.
    right: bool,
}

/// A network on the device.
struct CandidateNet<'a> {
    net: GpuNet,
    plan: &'a Plan,
    target: &'a Target,
    input: &'a [u32],
    /// What the reference writes to each tensor.
    expected: &'a HashMap<TensorId, Vec<u32>>,
}

impl Contender for CandidateNet<'_> {
    fn entries(&self) -> Result<Vec<Entry>> {
        let mut entries: Vec<Entry> = Vec::new();
        let traced = self.net.trace(self.input)?;
        for (index, (dispatch, traced)) in self.net.dispatches().iter().zip(traced).enumerate() {
            let Some(step) = self.plan.program().steps.get(dispatch.step) else { continue };
            let signature = signature(&step.kernel, self.plan.program());
            let right = traced.written.iter().all(|(id, words)| self.expected.get(id) == Some(words));
            match entries.iter_mut().find(|e| (&e.signature, e.variant) == (&signature, dispatch.variant)) {
                Some(entry) => {
                    entry.right &= right;
                    entry.layers += 1;
                }
                None => {
                    let (layer, variant) = (dispatch.name.clone(), dispatch.variant);
                    let only = variants(&step.kernel, self.plan.program(), self.target).len() == 1;
                    entries.push(Entry { signature, variant, only, layer, dispatch: index, layers: 1, right });
                }
            }
        }
        Ok(entries)
    }

    fn time(&self, dispatch: usize, repeats: usize) -> Result<Duration> {
        let start = Instant::now();
        self.net.rerun(dispatch, self.net.max_batch(), repeats, &Control::default())?;
        Ok(start.elapsed() / repeats as u32)
    }
}

/// The winners by signature. `prepare` makes the network whose layers run in their nth variant, or in their last if
/// they have fewer; `rounds` is the largest number of variants. Besides the first network, which holds the defaults, only one
/// exists at a time.
fn contest<C: Contender>(
    prepare: impl Fn(usize) -> Result<C>,
    rounds: usize,
    progress: &dyn Fn(usize),
) -> Result<BTreeMap<String, Tuned>> {
    let mut contest = Contest { defaults: prepare(0)?, dispatches: BTreeMap::new(), tried: BTreeSet::new() };
    let mut results = BTreeMap::new();
    for nth in 0..rounds {
        let challenger = if nth == 0 { None } else { Some(prepare(nth)?) };
        let entries = challenger.as_ref().unwrap_or(&contest.defaults).entries()?;
        for entry in entries {
            contest.enter(challenger.as_ref(), entry, &mut results)?;
        }
        progress(nth + 1);
    }
    Ok(results)
}

struct Contest<C> {
    /// The network with the first variant of each layer.
    defaults: C,
    /// Its dispatches that give the right bits, by signature.
    dispatches: BTreeMap<String, usize>,
    /// Signatures and variants that were timed.
    tried: BTreeSet<(String, String)>,
}

impl<C: Contender> Contest<C> {
    /// Times an entry of `challenger`, or of the defaults, unless that was done or there is nothing to choose.
    fn enter(&mut self, challenger: Option<&C>, entry: Entry, results: &mut BTreeMap<String, Tuned>) -> Result<()> {
        let Entry { signature, variant, only, layer, dispatch, layers, right } = entry;
        if only || !right || !self.tried.insert((signature.clone(), variant.to_string())) {
            return Ok(());
        }
        let net = challenger.unwrap_or(&self.defaults);
        let Some(best) = results.get_mut(&signature) else {
            let [time] = least_times([(net, dispatch)])?;
            if challenger.is_none() {
                self.dispatches.insert(signature.clone(), dispatch);
            }
            // Where the default is wrong, the first variant that is right stands in for it.
            let (name, description) = (variant.to_string(), variant.description());
            results.insert(signature, Tuned { layer, layers, variant: name, description, time, default: time });
            return Ok(());
        };
        let [time, default] = match self.dispatches.get(&signature) {
            Some(&default) => least_times([(net, dispatch), (&self.defaults, default)])?,
            None => [least_times([(net, dispatch)])?[0], best.default],
        };
        let share = |time: Duration, default: Duration| time.as_secs_f64() / default.as_secs_f64();
        if share(time, default) < CLEARLY.min(share(best.time, best.default)) {
            (best.variant, best.description) = (variant.to_string(), variant.description());
            (best.time, best.default) = (time, default);
        }
        Ok(())
    }
}

/// The least time of each of these dispatches. They are timed in turns, so that whatever else the machine does
/// affects all of them alike.
fn least_times<C: Contender, const N: usize>(subjects: [(&C, usize); N]) -> Result<[Duration; N]> {
    let mut least = [Duration::MAX; N];
    let mut repeats = [1; N];
    for (repeats, (net, dispatch)) in repeats.iter_mut().zip(subjects) {
        let once = net.time(dispatch, 1)?.max(Duration::from_micros(1));
        *repeats = (LONG_ENOUGH.as_nanos() / once.as_nanos()).clamp(1, MAX_REPEATS) as usize;
    }
    for _ in 0..ROUNDS {
        for ((least, repeats), (net, dispatch)) in least.iter_mut().zip(repeats).zip(subjects) {
            *least = (*least).min(net.time(dispatch, repeats)?.max(Duration::from_nanos(1)));
        }
    }
    Ok(least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::gpu::record::{Products, Span, Strip};
    use std::cell::Cell;

    /// Layers "a" and "b" in one of `VARIANTS` variants. The ninth is quickest, the tenth is quicker still but wrong
    /// for "b".
    struct Fake<'a> {
        nth: usize,
        alive: &'a Cell<usize>,
    }

    const VARIANTS: usize = 29;

    fn variant(nth: usize) -> Variant {
        let span = Span { channels: 8, workgroup_size: 8 };
        let strip = Strip { pixels: nth, span, products: Products::Dots };
        if nth + 1 < VARIANTS { Variant::Strip(strip) } else { Variant::General }
    }

    impl Contender for Fake<'_> {
        fn entries(&self) -> Result<Vec<Entry>> {
            let entry = |(dispatch, layer): (usize, &str)| Entry {
                signature: layer.into(),
                variant: variant(self.nth),
                only: false,
                layer: layer.into(),
                dispatch,
                layers: 1,
                right: (self.nth, layer) != (10, "b"),
            };
            Ok(["a", "b"].into_iter().enumerate().map(entry).collect())
        }

        fn time(&self, _: usize, _: usize) -> Result<Duration> {
            Ok(Duration::from_micros(match self.nth {
                9 => 50,
                10 => 40,
                // Not clearly quicker than the default.
                20 => 99,
                _ => 100,
            }))
        }
    }

    impl Drop for Fake<'_> {
        fn drop(&mut self) {
            self.alive.set(self.alive.get() - 1);
        }
    }

    #[test]
    fn two_networks_exist_at_once_however_many_variants_there_are() {
        let (alive, most) = (Cell::new(0), Cell::new(0));
        let prepare = |nth| {
            alive.set(alive.get() + 1);
            most.set(most.get().max(alive.get()));
            Ok(Fake { nth, alive: &alive })
        };
        let told = Cell::new(0);
        let tuned = contest(prepare, VARIANTS, &|done| told.set(done)).unwrap();
        assert_eq!((most.get(), alive.get(), told.get()), (2, 0, VARIANTS));
        let chosen: Vec<_> = tuned.values().map(|t| (t.layer.as_str(), t.variant.clone(), t.time)).collect();
        let us = Duration::from_micros;
        assert_eq!(chosen, [("a", variant(10).to_string(), us(40)), ("b", variant(9).to_string(), us(50))]);
        assert!(tuned.values().all(|t| t.default == us(100)));
    }
}
