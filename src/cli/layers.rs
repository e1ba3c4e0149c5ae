//! The table of layers that every conversion prints.

use super::failure::Outcome;
use super::output;
use crate::convert::report::{ConversionReport, LayerKind, LayerReport, QuantizedWeights, Totals};

/// Most levels that are listed one by one.
const SHOWN_LEVELS: usize = 4;
const HEADER: [&str; 7] = ["layer", "shape", "W/A", "levels", "error", "float", "packed"];
/// Columns with numbers, which are right-aligned.
const RIGHT: [usize; 3] = [4, 5, 6];

/// Prints the table.
pub(super) fn print(report: &ConversionReport) -> Outcome {
    let is_norm = |layer: &&LayerReport| matches!(layer.kind, LayerKind::BatchNorm { .. });
    let norms: Vec<&LayerReport> = report.layers.iter().filter(is_norm).collect();
    let mut rows = vec![HEADER.map(str::to_owned).to_vec()];
    rows.extend(report.layers.iter().filter(|layer| !is_norm(layer)).map(row));
    if !norms.is_empty() {
        rows.push(sum(&format!("{} batch norms", norms.len()), Totals::of(norms)));
    }
    let totals = report.totals();
    rows.push(sum(&format!("in all ({:.1} times smaller)", totals.ratio()), totals));
    output::table_of(&rows, &RIGHT).iter().try_for_each(|line| output::line(line))
}

fn row(layer: &LayerReport) -> Vec<String> {
    let (shape, widths, levels, error) = match &layer.kind {
        LayerKind::Conv { shape: [out, kh, kw, input], weight_bits, activation_bits, quantized, .. } => (
            format!("{kh}x{kw}x{input}->{out}"),
            format!("{weight_bits}/{}", joined(activation_bits)),
            quantized.as_ref().map(shares).unwrap_or_default(),
            quantized.as_ref().map(|q| format!("{:.3}", q.relative_error)).unwrap_or_default(),
        ),
        LayerKind::Quantizer { bits, levels, .. } => {
            (String::new(), format!("-/{bits}"), values(levels), String::new())
        }
        LayerKind::BatchNorm { .. } => Default::default(),
    };
    let (float, packed) = bytes(layer.float_bytes, layer.packed_bytes);
    vec![layer.layer.clone(), shape, widths, levels, error, float, packed]
}

fn sum(title: &str, totals: Totals) -> Vec<String> {
    let (float, packed) = bytes(totals.float_bytes, totals.packed_bytes);
    let mut row = vec![String::new(); HEADER.len()];
    (row[0], row[5], row[6]) = (title.to_owned(), float, packed);
    row
}

fn bytes(float: usize, packed: usize) -> (String, String) {
    let float = if float > 0 { output::bytes(float) } else { String::new() };
    (float, output::bytes(packed))
}

fn joined(bits: &[usize]) -> String {
    bits.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Shares of the weights at each level, lowest level first; for many levels only the extremes.
fn shares(weights: &QuantizedWeights) -> String {
    let shares = weights.level_shares();
    let percent = |share: f64| match 100.0 * share {
        p if share > 0.0 && p < 0.5 => "<1".to_owned(),
        p => format!("{p:.0}"),
    };
    if shares.len() <= SHOWN_LEVELS {
        return format!("{}%", shares.iter().map(|&s| percent(s)).collect::<Vec<_>>().join(" "));
    }
    let most = shares.iter().copied().fold(0.0, f64::max);
    let least = shares.iter().copied().fold(1.0, f64::min);
    let used = shares.len() - weights.dead_levels();
    format!("{used} of {}, {}-{}%", shares.len(), percent(least), percent(most))
}

/// Values of an activation quantizer's levels; for many levels only the extremes.
fn values(levels: &[f32]) -> String {
    let value = |&v: &f32| match v.abs() {
        0.0 => "0".to_owned(),
        ..1.0 => format!("{v:.2}"),
        _ => format!("{v:.1}"),
    };
    match levels {
        [first, .., last] if levels.len() > SHOWN_LEVELS => format!("{} .. {}", value(first), value(last)),
        _ => levels.iter().map(value).collect::<Vec<_>>().join(" "),
    }
}
