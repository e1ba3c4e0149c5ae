//! One convolution: from what it reads and should give to codes, bases and a constant per output.

use super::codes::{self, Channel, Solution};
use super::moments::Statistics;
use super::options::Method;
use super::problem::{Problem, constants, error};
use std::borrow::Cow;

/// The weights of one group, in the layer's own order.
pub(super) struct Found<'a> {
    /// The levels of the codes, or real weights, `[outputs, depth]`. The float network's own are borrowed: the first dense
    /// layer of a VGG has 400 MB of them.
    pub weights: Cow<'a, [f32]>,
    /// Codes and bases, if the layer is quantized.
    pub channels: Option<Vec<Channel>>,
    /// What is added to each output.
    pub constants: Vec<f64>,
    /// Error of the outputs after each step.
    pub errors: Errors,
}

/// Errors of a layer's outputs, as shares of their variance.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Errors {
    /// With the float network's weights on quantized inputs.
    pub inputs: f64,
    /// With each weight at the nearest level.
    pub nearest: f64,
    /// With real weights that were fitted to the outputs.
    pub fitted: f64,
    /// After error feedback.
    pub feedback: f64,
    /// In the end.
    pub last: f64,
}

impl Errors {
    /// The mean of several groups'.
    pub(super) fn mean(all: impl ExactSizeIterator<Item = Errors>) -> Self {
        let share = 1.0 / all.len().max(1) as f64;
        all.fold(Errors::default(), |sum, e| Errors {
            inputs: sum.inputs + share * e.inputs,
            nearest: sum.nearest + share * e.nearest,
            fitted: sum.fitted + share * e.fitted,
            feedback: sum.feedback + share * e.feedback,
            last: sum.last + share * e.last,
        })
    }
}

impl Found<'_> {
    /// All groups of a layer as one.
    pub(super) fn joined(groups: Vec<Self>) -> Self {
        let errors = Errors::mean(groups.iter().map(|found| found.errors));
        let join = |mut joined: Self, found: Self| {
            joined.weights.to_mut().extend_from_slice(&found.weights);
            joined.constants.extend(found.constants);
            joined.channels = joined.channels.zip(found.channels).map(|(all, some)| [all, some].concat());
            joined
        };
        let none = || Found { weights: Cow::default(), channels: None, constants: Vec::new(), errors };
        Found { errors, ..groups.into_iter().reduce(join).unwrap_or_else(none) }
    }
}

/// Quantizes the float weights `own` of one group to `bits`.
pub(super) fn quantize(statistics: &Statistics, own: &[f32], bits: usize, options: &Method) -> Found<'static> {
    let depth = statistics.read.len();
    let real: Vec<f64> = own.iter().map(|&w| f64::from(w)).collect();
    let whole = !statistics.covariance.is_empty();
    let of = |weights: &[f64]| if whole { error(statistics, weights) } else { f64::NAN };
    let nearest = codes::plain(&real, depth, bits);
    let mut errors = Errors { inputs: of(&real), nearest: of(&weights(&nearest)), ..Errors::default() };
    let problem = whole.then(|| Problem::new(statistics, own, options.ridge)).flatten();
    let channels = match problem {
        None => {
            (errors.fitted, errors.feedback, errors.last) = (errors.inputs, errors.nearest, errors.nearest);
            nearest
        }
        Some(problem) => {
            let error_of = |weights: &[f64], cost: f64| problem.error(statistics, own, weights, cost);
            errors.fitted = error_of(&problem.in_own_order(&problem.target), 0.0);
            let [fed, last] = codes::solve(&problem, bits).map(|Solution { channels, cost }| {
                let channels: Vec<Channel> = channels.iter().map(|channel| in_own_order(&problem, channel)).collect();
                (error_of(&weights(&channels), cost), channels)
            });
            (errors.feedback, errors.last) = (fed.0, last.0);
            last.1
        }
    };
    let weights = weights(&channels);
    Found { constants: constants(statistics, &weights), weights: stored(&weights), channels: Some(channels), errors }
}

fn in_own_order(problem: &Problem, channel: &Channel) -> Channel {
    Channel {
        basis: channel.basis.clone(),
        codes: problem.in_own_order(&channel.codes),
        weights: problem.in_own_order(&channel.weights),
    }
}

/// Fits the weights of one group that stays in float to what it reads by now.
pub(super) fn fit<'a>(statistics: &Statistics, own: &'a [f32], options: &Method) -> Found<'a> {
    let problem = if statistics.covariance.is_empty() { None } else { Problem::new(statistics, own, options.ridge) };
    let (weights, constants) = match problem {
        None => (Cow::Borrowed(own), constants(statistics, own)),
        Some(problem) => {
            let weights = problem.in_own_order(&problem.target);
            (stored(&weights), constants(statistics, &weights))
        }
    };
    Found { weights, constants, channels: None, errors: Errors::default() }
}

/// Weights with the precision of a file.
fn stored<'a>(weights: &[f64]) -> Cow<'a, [f32]> {
    weights.iter().map(|&w| w as f32).collect()
}

/// Weights of all channels, one after the other.
fn weights(channels: &[Channel]) -> Vec<f64> {
    channels.iter().flat_map(|channel| channel.weights.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::problem::tests::example;
    use super::*;

    #[test]
    fn real_weights_are_copied_only_if_they_change() {
        let (mut statistics, own) = example(1, 7, 4);
        let fitted = fit(&statistics, &own, &Method::FULL);
        assert!(matches!(fitted.weights, Cow::Owned(_)));
        statistics.covariance.clear();
        let kept = fit(&statistics, &own, &Method::FULL);
        assert!(matches!(kept.weights, Cow::Borrowed(_)));
        let mean = |row: &[f32]| row.iter().zip(&statistics.read).map(|(&w, m)| f64::from(w) * m).sum::<f64>();
        let means: Vec<f64> = own.chunks(7).zip(&kept.constants).map(|(row, constant)| mean(row) + constant).collect();
        means.iter().zip(&statistics.wanted).for_each(|(a, b)| assert!((a - b).abs() < 1e-12, "{a} {b}"));
        let joined = Found::joined(vec![fit(&statistics, &own[..14], &Method::FULL), kept]);
        assert_eq!((&joined.weights[..14], &joined.weights[14..]), (&own[..14], &own[..]));
    }
}
