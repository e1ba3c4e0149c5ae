//! Times the variants of every layer on the device, and keeps the quickest that give the reference's bits.

use super::choices::Choices;
use super::context::Gpu;
use super::engine::GpuNet;
use super::kernels::signature;
use super::record::Variant;
use crate::backend::{Tuned, cpu};
use crate::error::Result;
use crate::lower::{InputForm, PIXEL_ALPHA, TensorId};
use crate::plan::Plan;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Measurements of a variant; the least counts.
const ROUNDS: usize = 5;
/// Time that the repetitions of a measurement should take together.
const LONG_ENOUGH: Duration = Duration::from_millis(5);
const MAX_REPEATS: u128 = 100;

impl Gpu {
    /// Finds the quickest variant of each layer of `plan` and keeps the choices for this device. `progress` is told how many
    /// variants of all layers have been timed.
    ///
    /// # Errors
    /// Device errors. A variant that cannot be prepared, or gives other bits than the reference, is not chosen.
    pub fn tune(&self, plan: &Arc<Plan>, progress: &dyn Fn(usize)) -> Result<Vec<Tuned>> {
        let input = input(plan);
        let mut expected = HashMap::new();
        cpu::trace(plan, &input, &mut |tensor, words| drop(expected.insert(tensor, words.to_vec())))?;
        let mut best: HashMap<String, Tuned> = HashMap::new();
        for nth in 0.. {
            let net = self.with_variant(nth).prepare_net(plan.clone(), 1, &|_, _| {})?;
            time_all(&net, &input, &expected, &mut best)?;
            progress(nth + 1);
            if net.dispatches().iter().all(|d| d.variant == Variant::General) {
                break;
            }
        }
        if let Some(store) = self.store() {
            let mut choices = Choices::read(store);
            best.iter().for_each(|(signature, tuned)| choices.set(signature, &tuned.variant));
            choices.write(store);
        }
        let mut tuned: Vec<Tuned> = best.into_values().collect();
        tuned.sort_by(|a, b| a.layer.cmp(&b.layer));
        Ok(tuned)
    }
}

/// Times each dispatch that gives what is expected, and notes those that beat the best so far.
fn time_all(
    net: &GpuNet,
    input: &[u32],
    expected: &HashMap<TensorId, Vec<u32>>,
    best: &mut HashMap<String, Tuned>,
) -> Result<()> {
    let written = net.trace(input)?;
    for (index, (dispatch, tensors)) in net.dispatches().iter().zip(written).enumerate() {
        let Some(step) = net.plan().program.steps.get(dispatch.step) else { continue };
        let several = best.contains_key(&signature(&step.kernel, &net.plan().program));
        if dispatch.variant == Variant::General && !several {
            continue; // there is nothing to choose from
        }
        if tensors.iter().any(|(id, words)| expected.get(id) != Some(words)) {
            continue;
        }
        let time = time(net, index)?;
        let variant = dispatch.variant.to_string();
        let first = Tuned { layer: dispatch.name.clone(), variant: variant.clone(), time, default: time };
        let tuned = best.entry(signature(&step.kernel, &net.plan().program)).or_insert(first);
        // Layers of one signature share what is chosen, and the least time of any of them counts.
        if time < tuned.time {
            (tuned.time, tuned.variant) = (time, variant);
        }
    }
    Ok(())
}

fn time(net: &GpuNet, dispatch: usize) -> Result<Duration> {
    let run = |repeats: usize| -> Result<Duration> {
        let start = Instant::now();
        net.rerun(dispatch, 1, repeats)?;
        Ok(start.elapsed() / repeats as u32)
    };
    // The first run may compile.
    run(1)?;
    let once = run(1)?.max(Duration::from_micros(1));
    let repeats = (LONG_ENOUGH.as_nanos() / once.as_nanos()).clamp(1, MAX_REPEATS) as usize;
    (0..ROUNDS).try_fold(once, |least, _| Ok(least.min(run(repeats)?)))
}

/// An image of noise.
fn input(plan: &Plan) -> Vec<u32> {
    let mut state = 1u64;
    let mut noise = move || {
        // Knuth's MMIX generator; its upper bits are good enough to look at.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    };
    let word = |bits: u32| match plan.program.input {
        InputForm::Pixels => bits >> 8 | u32::from(PIXEL_ALPHA as u8) << 24,
        InputForm::Values { .. } => (bits as i32 >> 3) as u32,
        // Limbs of values are at most 64 in the last one.
        InputForm::Limbs { .. } => bits & 0x3f3f_3f3f,
    };
    (0..plan.input_words()).map(|_| word(noise())).collect()
}
