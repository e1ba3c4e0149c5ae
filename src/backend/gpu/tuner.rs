//! Times the variants of every layer on the device, and keeps the quickest that give the reference's bits.

use super::choices::Choices;
use super::context::Gpu;
use super::engine::GpuNet;
use super::kernels::signature;
use super::record::Variant;
use crate::backend::{Executable, Tuned, noise, reference};
use crate::error::Result;
use crate::lower::TensorId;
use crate::plan::Plan;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Measurements of a variant; the least counts.
const ROUNDS: usize = 7;
/// Time that the repetitions of a measurement should take together.
const LONG_ENOUGH: Duration = Duration::from_millis(5);
const MAX_REPEATS: u128 = 100;

/// A variant replaces the default only if it takes at most this share of its time: less is noise.
const CLEARLY: f64 = 0.95;

impl Gpu {
    /// Finds the quickest variant of each layer of `plan` and keeps the choices for this device. `progress` is told how many
    /// variants and rounds are done.
    ///
    /// # Errors
    /// Device errors. A variant that gives other bits than the reference is not chosen.
    pub fn tune(&self, plan: &Arc<Plan>, progress: &dyn Fn(usize)) -> Result<Vec<Tuned>> {
        let input = noise(plan);
        let mut expected = HashMap::new();
        reference::trace(plan, &input, &mut |tensor, words| drop(expected.insert(tensor, words.to_vec())))?;
        let mut contest = Contest::default();
        for nth in 0.. {
            let net = self.with_variant(nth).prepare_net(plan.clone(), 1, &|_, _| {})?;
            let last = net.dispatches().iter().all(|d| d.variant == Variant::General);
            contest.enter(net, &input, &expected)?;
            progress(nth + 1);
            if last {
                break;
            }
        }
        // Round by round, so that whatever else the machine does hits all variants alike.
        for round in 0..ROUNDS {
            contest.round()?;
            progress(contest.nets.len() + round + 1);
        }
        let tuned = contest.result();
        if let Some(store) = self.store() {
            let mut choices = Choices::read(store);
            tuned.iter().for_each(|(signature, tuned)| choices.set(signature, &tuned.variant));
            choices.write(store);
        }
        Ok(tuned.into_values().collect())
    }
}

/// All variants of all layers, and the least time that each took so far.
#[derive(Default)]
struct Contest {
    nets: Vec<GpuNet>,
    entries: Vec<Entry>,
}

/// A dispatch of one of the nets.
struct Entry {
    net: usize,
    dispatch: usize,
    repeats: usize,
    signature: String,
    least: Duration,
}

impl Contest {
    /// Lets the dispatches of `net` take part that give what is expected.
    fn enter(&mut self, net: GpuNet, input: &[u32], expected: &HashMap<TensorId, Vec<u32>>) -> Result<()> {
        let traced = net.trace(input)?;
        for (index, (dispatch, traced)) in net.dispatches().iter().zip(traced).enumerate() {
            let Some(step) = net.plan().program().steps.get(dispatch.step) else { continue };
            let signature = signature(&step.kernel, net.plan().program());
            let alone = dispatch.variant == Variant::General && !self.entries.iter().any(|e| e.signature == signature);
            if alone || traced.written.iter().any(|(id, words)| expected.get(id) != Some(words)) {
                continue;
            }
            let once = time(&net, index, 1)?.max(Duration::from_micros(1));
            let repeats = (LONG_ENOUGH.as_nanos() / once.as_nanos()).clamp(1, MAX_REPEATS) as usize;
            let (net, least) = (self.nets.len(), Duration::MAX);
            self.entries.push(Entry { net, dispatch: index, repeats, signature, least });
        }
        self.nets.push(net);
        Ok(())
    }

    /// Times everything once more.
    fn round(&mut self) -> Result<()> {
        for entry in &mut self.entries {
            entry.least = entry.least.min(time(&self.nets[entry.net], entry.dispatch, entry.repeats)?);
        }
        Ok(())
    }

    /// The winners by signature. The first variant that entered is the default.
    fn result(&self) -> BTreeMap<String, Tuned> {
        let mut results: BTreeMap<String, Tuned> = BTreeMap::new();
        for entry in &self.entries {
            let dispatch = &self.nets[entry.net].dispatches()[entry.dispatch];
            let (variant, time) = (dispatch.variant.to_string(), entry.least);
            let first = Tuned { layer: dispatch.name.clone(), variant: variant.clone(), time, default: time };
            let tuned = results.entry(entry.signature.clone()).or_insert(first);
            if tuned.variant == variant {
                tuned.time = tuned.time.min(time);
            } else if time < tuned.time && time < tuned.default.mul_f64(CLEARLY) {
                (tuned.time, tuned.variant) = (time, variant);
            }
        }
        results
    }
}

/// What a dispatch takes on average over `repeats`.
fn time(net: &GpuNet, dispatch: usize, repeats: usize) -> Result<Duration> {
    let start = Instant::now();
    net.rerun(dispatch, 1, repeats)?;
    Ok(start.elapsed() / repeats as u32)
}
