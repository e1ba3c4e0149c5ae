//! From logits to classes.

use super::{Digest, Model};

/// Classes that are reported if the caller does not say how many.
const DEFAULT_TOP_K: usize = 5;

/// What a picture shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    /// The most probable classes, best first.
    pub top: Vec<Prediction>,
    /// The network's output, one number per class.
    pub logits: Vec<f32>,
    /// SHA-256 of the logits; the same on every device.
    pub digest: String,
}

/// One class and its probability.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Prediction {
    /// Index of the logit.
    pub class: usize,
    /// Label of the class, or its number.
    pub label: String,
    /// Softmax of the logits.
    pub probability: f64,
}

impl Classification {
    /// The classification that follows from `logits` of `model`.
    pub(super) fn new(model: &Model, logits: Vec<f32>, top_k: Option<usize>) -> Self {
        let mut ranked: Vec<(usize, f32, f64)> =
            logits.iter().zip(softmax(&logits)).enumerate().map(|(class, (&logit, p))| (class, logit, p)).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let predict =
            |(class, _, probability): (usize, f32, f64)| Prediction { class, label: model.label(class), probability };
        let top = ranked.into_iter().take(top_k.unwrap_or(DEFAULT_TOP_K)).map(predict).collect();
        Classification { top, digest: Digest::of(&logits), logits }
    }
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().fold(f32::NEG_INFINITY, |m, &v| m.max(v));
    let powers: Vec<f64> = logits.iter().map(|&v| exp(f64::from(v) - f64::from(most))).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}

/// e^x for x <= 0, to about 12 digits, with additions and multiplications only: the platforms' own functions differ
/// in the last bit, which would show in printed probabilities. e^x = (e^(x / 4096))^4096, where the series converges
/// fast.
fn exp(x: f64) -> f64 {
    let r = x.max(-800.0) / 4096.0;
    let series = (1..=8).rev().fold(1.0, |sum, n| 1.0 + r / f64::from(n) * sum);
    (0..12).fold(series, |power, _| power * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_ranked_and_ties_go_to_the_first() {
        let model = Model::bundled().unwrap();
        let logits = vec![0.0, 2.0, 1.0, 2.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let classes = |top_k| {
            let found = Classification::new(&model, logits.clone(), top_k);
            found.top.iter().map(|p| p.class).collect::<Vec<_>>()
        };
        assert_eq!(classes(None), [1, 3, 2, 0, 5]);
        assert_eq!(classes(Some(2)), [1, 3]);
        assert_eq!(classes(Some(0)), [0; 0]);
        assert_eq!(classes(Some(99)).len(), 10);
        let probabilities = softmax(&logits);
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((probabilities[1] / probabilities[2] - std::f64::consts::E).abs() < 1e-11);
    }
}
