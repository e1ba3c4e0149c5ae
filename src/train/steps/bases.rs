//! How bases move from batch to batch.

use crate::float::BasisFit;

/// Moves a basis towards the best one for numbers with these codes, of which counts and sums are given.
pub(super) fn move_basis<'a>(
    basis: &mut [f32],
    off: f64,
    hold: f64,
    found: impl Iterator<Item = (&'a u16, [f64; 2])>,
    rate: f64,
) {
    let now: Vec<f64> = basis.iter().map(|&v| f64::from(v)).collect();
    let mut fit = BasisFit::new(&now, off, hold);
    found.for_each(|(&code, [count, sum])| fit.add(usize::from(code), count, sum));
    let Some(best) = fit.solve() else { return };
    let between = now.iter().zip(best).map(|(now, best)| (now + rate * (best - now)) as f32);
    basis.iter_mut().zip(between).for_each(|(v, between)| *v = between);
}

/// How far bases move in batch number `batch`, from 1. The original averages with factor 0.9 from 0 and corrects for that start
/// as Adam does (TensorFlow's `zero_debias`): m_t = sum 0.9^(t-i) 0.1 x_i / (1 - 0.9^t), which is
/// m_t = m_(t-1) + 0.1 / (1 - 0.9^t) (x_t - m_(t-1)). So the initial bases count for the first batch only.
pub(in crate::train) fn rate(batch: usize) -> f64 {
    0.1 / (1.0 - 0.9f64.powi(batch.clamp(1, 1000) as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_forgets_its_start() {
        let numbers = [3.0, 1.0, 2.0, 5.0];
        let mut average = 100.0;
        for (at, x) in numbers.iter().enumerate() {
            average += rate(at + 1) * (x - average);
        }
        let weights: Vec<f64> = (0..4).map(|i| 0.1 * 0.9f64.powi(3 - i)).collect();
        let expected: f64 = numbers.iter().zip(&weights).map(|(x, w)| x * w).sum::<f64>() / weights.iter().sum::<f64>();
        assert!((average - expected).abs() < 1e-12, "{average} {expected}");
        assert!((rate(500) - 0.1).abs() < 1e-12);
    }
}
