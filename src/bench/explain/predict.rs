//! Predicts how long other bit widths would take.

use super::context::{Context, Sort};
use super::explanation::Prediction;
use crate::bench::report::StepTime;
use crate::fixed::VALUE_PLANES;

/// The bit widths that are predicted.
const WIDTHS: std::ops::RangeInclusive<usize> = 1..=4;

/// One prediction for each width of weights and activations. The time of a bit convolution scales with the product of
/// its planes, but not below that of a launch; all else stays the same.
pub(super) fn predictions(context: &Context) -> Vec<Prediction> {
    if context.of(Sort::Bits).next().is_none() {
        return Vec::new();
    }
    let float = context.of(Sort::Bits).all(|step| step.planes.is_some_and(|[_, a]| a >= VALUE_PLANES));
    let activations: Vec<Option<usize>> = if float { vec![None] } else { WIDTHS.map(Some).collect() };
    let pairs = WIDTHS.flat_map(|w| activations.iter().map(move |&a| (w, a)));
    pairs.map(|(weights, activations)| predict(context, weights, activations)).collect()
}

/// The prediction for these widths.
fn predict(context: &Context, weights: usize, activations: Option<usize>) -> Prediction {
    let all = |time: &dyn Fn(&StepTime) -> f64| context.steps.iter().map(time).sum::<f64>();
    let launches = all(&|step| at(step, weights, activations, context.ceiling.launch));
    let seconds = context.outside() + context.overlap() * launches;
    Prediction { weights, activations, seconds, speedup: context.wall / seconds }
}

/// Seconds of a launch at these widths.
fn at(step: &StepTime, weights: usize, activations: Option<usize>, launch: f64) -> f64 {
    let Some([w, a]) = step.planes else { return step.seconds };
    let of_activations = match activations {
        Some(bits) if a < VALUE_PLANES => bits as f64 / a.max(1) as f64,
        _ => 1.0,
    };
    let factor = weights as f64 / w.max(1) as f64 * of_activations;
    (factor * step.seconds).max(launch.min(step.seconds))
}
