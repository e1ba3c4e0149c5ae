//! Quantized weights and activations: levels, thresholds and codes.

use super::{LevelValues, NodeResult, Quantized};
use lq_infer::internals::graph::{Encoding, Ties};

/// Weights `[out, kh, kw, in]` from packed planes `[out, kh, kw, word, plane]`: bit 1 is +basis, bit 0 is -basis.
/// `shape` is that of the weights, the basis is `[bits, out]`.
pub fn weights(planes: &[u32], basis: &[f32], shape: [usize; 4], bits: usize, levels: LevelValues) -> Vec<f64> {
    let [outputs, kh, kw, inputs] = shape;
    let words = inputs.div_ceil(32);
    let mut weights = Vec::new();
    for o in 0..outputs {
        let own: Vec<f32> = (0..bits).map(|i| basis[i * outputs + o]).collect();
        for tap in 0..kh * kw {
            for c in 0..inputs {
                let bit = |i: usize| planes[((o * kh * kw + tap) * words + c / 32) * bits + i] >> (c % 32) & 1;
                let code = (0..bits).map(|i| (bit(i) as usize) << i).sum();
                weights.push(sum(&terms(&own, code, Encoding::PlusMinus), levels));
            }
        }
    }
    weights
}

/// The learned activation quantizer, with levels and thresholds formed in `f32`.
pub fn activations(x: &NodeResult, basis: &[f32], encoding: Encoding, ties: Ties, levels: LevelValues) -> NodeResult {
    let table = level_table(basis, encoding);
    let thresholds: Vec<f64> = table.windows(2).map(|l| f64::from(0.5 * l[0].0 + 0.5 * l[1].0)).collect();
    let mut result = NodeResult { shape: x.shape, ..NodeResult::default() };
    let mut quantized = Quantized::default();
    for (&v, &unclamped) in x.values.iter().zip(&x.unclamped) {
        let code = code(v, &table, &thresholds, encoding, ties);
        let value = sum(&terms(basis, code, encoding), levels);
        result.values.push(value);
        result.unclamped.push(if value == 0.0 { f64::NEG_INFINITY } else { value });
        quantized.codes.push(code as u8);
        let change = |&t: &f64| error_across(v, unclamped, t, ties);
        quantized.distances.push(thresholds.iter().map(change).fold(f64::INFINITY, f64::min));
    }
    let squares: f64 = x.values.iter().map(|v| v * v).sum();
    quantized.scale = (squares / x.values.len() as f64).sqrt();
    result.quantized = Some(quantized);
    result
}

/// The code of the level above the highest threshold that `v` exceeds, or equals if ties go up.
fn code(v: f64, table: &[(f32, usize)], thresholds: &[f64], encoding: Encoding, ties: Ties) -> usize {
    let mut code = match encoding {
        // A number that is above no threshold becomes 0 with code 0, whatever the lowest level is.
        Encoding::ZeroOne => 0,
        Encoding::PlusMinus => table[0].1,
    };
    for (rank, &t) in thresholds.iter().enumerate() {
        let reached = match ties {
            Ties::Below => v > t,
            Ties::Above => v >= t,
        };
        if reached {
            code = table[rank + 1].1;
        }
    }
    code
}

/// Levels in ascending order with their codes. Of equal levels, the one with the larger code comes first.
fn level_table(basis: &[f32], encoding: Encoding) -> Vec<(f32, usize)> {
    let level = |code: usize| sum(&terms(basis, code, encoding), LevelValues::Float32) as f32;
    let mut table: Vec<(f32, usize)> = (0..1 << basis.len()).map(|code| (level(code), code)).collect();
    table.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap().then(b.1.cmp(&a.1)));
    table
}

/// What each bit of a code contributes to its level.
fn terms(basis: &[f32], code: usize, encoding: Encoding) -> Vec<f32> {
    let term = |(j, &v): (usize, &f32)| match (code >> j & 1, encoding) {
        (1, _) => v,
        (_, Encoding::ZeroOne) => 0.0,
        (_, Encoding::PlusMinus) => -v,
    };
    basis.iter().enumerate().map(term).collect()
}

/// The sum of basis elements, from element 0 up.
fn sum(terms: &[f32], levels: LevelValues) -> f64 {
    match levels {
        LevelValues::Exact => terms.iter().map(|&v| f64::from(v)).sum(),
        LevelValues::Float32 => f64::from(terms.iter().fold(0f32, |a, b| a + b)),
    }
}

/// How large an error of `v` would have to be to change its order with threshold `t`. A clamped 0 can only become
/// positive.
fn error_across(v: f64, unclamped: f64, t: f64, ties: Ties) -> f64 {
    let clamped = v == 0.0 && unclamped < 0.0;
    if clamped && (t < 0.0 || t == 0.0 && ties == Ties::Above) {
        return f64::INFINITY;
    }
    if clamped { t - unclamped } else { (v - t).abs() }
}
