//! The bases that training starts with. A basis that still equals one of them was never learned.
//!
//! Sources: `learned_quantization.py` of the original code, and the quantizers of the PyTorch ports, which start from
//! the same formula with other counts.

/// The upper quartile of the standard normal distribution, as both write it.
const UPPER_QUARTILE: f64 = 0.6745;
/// How closely a basis must match: the precision of 32-bit arithmetic. Bases that were learned for randomly
/// initialized weights now and then come within a thousandth.
const CLOSE: f64 = 1e-5;

/// Whether this is the initial basis of an activation quantizer.
pub(crate) fn is_of_activations(basis: &[f32]) -> bool {
    let levels = (1u32 << basis.len()) as f64;
    let original = 2.0 * UPPER_QUARTILE / (levels - 1.0);
    let port = 2.0 * UPPER_QUARTILE / levels;
    [original, port].into_iter().any(|first| doubles_from(first, basis))
}

/// Whether this is the initial basis of an output channel's weights.
pub(crate) fn is_of_weights(basis: &[f32], kernel: [usize; 2], outputs: usize) -> bool {
    let first = |n: usize| UPPER_QUARTILE * (2.0 / n as f64).sqrt() * 2.0 / (1u32 << basis.len()) as f64;
    // The ports count nine taps whatever the kernel.
    let counts = [kernel[0] * kernel[1] * outputs, 9 * outputs];
    counts.into_iter().any(|n| doubles_from(first(n), basis))
}

/// Whether each element of the basis is twice the one before, starting with `first`.
fn doubles_from(first: f64, basis: &[f32]) -> bool {
    let expected = (0..basis.len()).map(|j| first * f64::from(1u32 << j));
    basis.iter().zip(expected).all(|(&v, e)| (f64::from(v) - e).abs() <= CLOSE * e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formulas_of_the_sources() {
        assert!(is_of_activations(&[0.6745 * 2.0 / 3.0, 0.6745 * 4.0 / 3.0]), "the original");
        assert!(is_of_activations(&[0.6745 / 2.0, 0.6745]), "a port");
        assert!(!is_of_activations(&[0.6745 * 2.0 / 3.0, 0.9]));
        // sqrt(2 / n) is 1 / 12 for 32 channels of nine taps, and 1 / 4 for 32 of one.
        assert!(is_of_weights(&[0.6745 / 24.0, 0.6745 / 12.0], [3, 3], 32));
        assert!(is_of_weights(&[0.6745 / 8.0, 0.6745 / 4.0], [1, 1], 32), "the original");
        assert!(is_of_weights(&[0.6745 / 24.0, 0.6745 / 12.0], [1, 1], 32), "a port");
        assert!(!is_of_weights(&[0.6745 / 12.0, 0.6745 / 24.0], [3, 3], 32));
    }
}
