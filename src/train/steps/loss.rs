//! Softmax and cross entropy.
//!
//! With logits z, probabilities p = exp(z) / sum exp(z) and targets t that sum to 1, the loss is -sum t log p =
//! log sum exp(z) - sum t z, whose gradient is p - t.

use crate::float::{Number, best};

/// What the probabilities should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::train) struct Targets {
    /// Share that is spread over all classes (Szegedy et al. 2016).
    pub smoothing: f64,
    /// Share that a teacher's probabilities have (Hinton et al. 2015), if there is one.
    pub teacher: f64,
}

/// What the logits of a batch are worth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::train) struct Worth {
    /// Sum of the losses.
    pub loss: f64,
    /// How many pictures are classified right.
    pub right: usize,
}

/// The loss of each picture's logits, and its gradient as a share of the mean over the batch. `teacher` has logits for the same
/// pictures, or is empty.
pub(in crate::train) fn loss<R: Number>(
    logits: &[R],
    labels: &[usize],
    teacher: &[R],
    targets: Targets,
    gradient: &mut [R],
) -> Worth {
    let classes = logits.len() / labels.len().max(1);
    let mut worth = Worth::default();
    let rows = logits.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes)).zip(labels).enumerate();
    for (at, ((logits, gradient), &label)) in rows {
        let (p, log_sum) = softmax(logits);
        let soft = teacher.get(at * classes..(at + 1) * classes).map(|logits| softmax(logits).0);
        let share = soft.as_ref().map_or(0.0, |_| targets.teacher);
        let target = |class: usize| {
            let hard = if class == label { 1.0 - targets.smoothing } else { 0.0 } + targets.smoothing / classes as f64;
            (1.0 - share) * hard + share * soft.as_ref().map_or(0.0, |soft| soft[class])
        };
        worth.loss += log_sum;
        for (class, gradient) in gradient.iter_mut().enumerate() {
            let target = target(class);
            worth.loss -= target * logits[class].double();
            *gradient = R::of((p[class] - target) / labels.len() as f64);
        }
        worth.right += usize::from(best(logits) == label);
    }
    worth
}

/// The probabilities, and the logarithm of the sum of the exponentials.
fn softmax<R: Number>(logits: &[R]) -> (Vec<f64>, f64) {
    let most = logits.iter().map(|z| z.double()).fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|z| (z.double() - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    (powers.iter().map(|power| power / sum).collect(), most + sum.ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_slopes() {
        let (logits, teacher) = ([0.5, -1.0, 2.0, 0.1, 0.3, -0.2], [1.0, 0.0, 0.5, -2.0, 1.0, 0.0]);
        let targets = Targets { smoothing: 0.1, teacher: 0.4 };
        let mut gradient = [0.0; 6];
        let worth = loss(&logits, &[2, 0], &teacher, targets, &mut gradient);
        assert_eq!(worth.right, 1);
        for at in 0..6 {
            let moved = |by: f64| {
                let mut logits = logits;
                logits[at] += by;
                loss(&logits, &[2, 0], &teacher, targets, &mut [0.0; 6]).loss / 2.0
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slope - gradient[at]).abs() < 1e-9, "{slope} {}", gradient[at]);
        }
    }

    #[test]
    fn the_loss_without_shares_is_that_of_the_label() {
        let targets = Targets { smoothing: 0.0, teacher: 0.0 };
        let worth = loss(&[3f32.ln(), 0.0], &[0], &[], targets, &mut [0.0; 2]);
        assert!((worth.loss + 0.75f64.ln()).abs() < 1e-6 && worth.right == 1);
        assert!(loss(&[f32::NAN, 0.0], &[0], &[], targets, &mut [0.0; 2]).loss.is_nan());
    }
}
