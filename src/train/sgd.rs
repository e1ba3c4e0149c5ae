//! Stochastic gradient descent with Nesterov's momentum, as PyTorch and TensorFlow have it.

use super::parameter::Parameter;
use crate::float::Number;

/// How parameters move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Descent {
    pub rate: f64,
    pub momentum: f64,
    /// What is added to the gradient of a weight, as a share of the weight.
    pub decay: f64,
}

impl Descent {
    /// Moves a parameter by its gradient: m = momentum m + g, then w = w - rate (g + momentum m).
    pub(super) fn step<R: Number>(&self, parameter: &mut Parameter<R>) {
        let decay = if parameter.decays { self.decay } else { 0.0 };
        let [rate, momentum, decay] = [self.rate, self.momentum, decay].map(R::of);
        let all = parameter.values.iter_mut().zip(&mut parameter.momentum).zip(&parameter.gradient);
        for ((value, average), gradient) in all {
            let gradient = *gradient + decay * *value;
            *average = momentum * *average + gradient;
            *value = *value - rate * (gradient + momentum * *average);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_by_hand() {
        let descent = Descent { rate: 0.1, momentum: 0.5, decay: 0.25 };
        let mut parameter = Parameter::new(vec![2.0f64], true);
        parameter.gradient = vec![1.0];
        descent.step(&mut parameter);
        // g = 1.5, m = 1.5.
        assert_eq!((parameter.values[0], parameter.momentum[0]), (2.0 - 0.1 * (1.5 + 0.75), 1.5));
        descent.step(&mut parameter);
        let (g, w) = (1.0 + 0.25 * 1.775, 1.775);
        let m = 0.75 + g;
        assert!((parameter.values[0] - (w - 0.1 * (g + 0.5 * m))).abs() < 1e-12);
        parameter.decays = false;
        parameter.momentum = vec![0.0];
        let before = parameter.values[0];
        descent.step(&mut parameter);
        assert!((before - parameter.values[0] - 0.15).abs() < 1e-12);
    }
}
