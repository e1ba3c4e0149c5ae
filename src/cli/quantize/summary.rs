//! What `quantize` prints.

use super::auto::Automatic;
use crate::cli::eval::Accuracy;
use crate::cli::failure::Outcome;
use crate::cli::output;
use crate::format::Provenance;
use crate::quantize::{LayerReport, QuantizeReport};
use serde::Serialize;
use std::path::Path;

/// Error of a layer's outputs from which on it is named in a warning, and most layers that are.
const COSTLY: f64 = 0.25;
const NAMED: usize = 3;

/// The result, as `--json` prints it.
#[derive(Serialize)]
pub(super) struct Summary<'a> {
    pub(super) name: &'a str,
    pub(super) network: &'a str,
    pub(super) source: &'a Provenance,
    /// Calibration pictures.
    pub(super) pictures: usize,
    /// Time of the quantization, with decoding and without evaluation.
    pub(super) seconds: f64,
    /// How bits were chosen, if they were.
    pub(super) automatic: Option<&'a Automatic>,
    #[serde(flatten)]
    pub(super) report: &'a QuantizeReport,
    pub(super) warnings: Vec<String>,
    pub(super) evaluation: Option<Evaluation>,
    pub(super) notes: &'a [String],
    pub(super) output: &'a Path,
}

/// Both networks on the same pictures.
#[derive(Serialize)]
pub(super) struct Evaluation {
    pub(super) float: Accuracy,
    pub(super) quantized: Accuracy,
}

/// Which layers cost most, and what can be done.
pub(super) fn warnings(report: &QuantizeReport) -> Vec<String> {
    let mut costly: Vec<&LayerReport> = report.layers.iter().filter(|layer| layer.outputs.last >= COSTLY).collect();
    costly.sort_by(|a, b| b.outputs.last.total_cmp(&a.outputs.last));
    let worst: Vec<String> = costly
        .iter()
        .take(NAMED)
        .map(|layer| format!("'{}' ({:.0}%)", layer.layer, 100.0 * layer.outputs.last))
        .collect();
    let Some(first) = costly.first() else { return Vec::new() };
    vec![format!(
        "the outputs of {} layers are off by a quarter of their variance or more, most those of {}; more bits there \
         (--bits {},{}=4/4), or more pictures, help",
        costly.len(),
        worst.join(", "),
        first.bits,
        first.layer
    )]
}

impl Summary<'_> {
    /// Notes and warnings.
    pub(super) fn tell(&self) {
        self.notes.iter().for_each(|note| output::note(&format!("note: {note}")));
        self.warnings.iter().for_each(|warning| output::note(&format!("warning: {warning}")));
    }

    pub(super) fn print(&self) -> Outcome {
        self.automatic.map_or(Ok(()), Automatic::print)?;
        let head =
            ["layer", "W/A", "weights", "inputs", "nearest", "fitted", "feedback", "outputs", "levels", "packed"];
        let share = |x: f64| if x.is_nan() { String::new() } else { format!("{x:.4}") };
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for LayerReport { layer, bits, weights, outputs: e, levels_used, bytes } in &self.report.layers {
            let mut row = vec![layer.clone(), bits.clone()];
            row.extend([*weights, e.inputs, e.nearest, e.fitted, e.feedback, e.last].map(share));
            row.extend([format!("{:.0}%", 100.0 * levels_used), output::bytes(*bytes)]);
            rows.push(row);
        }
        output::table_of(&rows, &[2, 3, 4, 5, 6, 7, 8, 9]).iter().try_for_each(|line| output::line(line))?;
        if let Some(Evaluation { float, quantized }) = &self.evaluation {
            let percent = |share: f64| format!("{:.2}%", 100.0 * share);
            output::line(&format!("{} pictures: float top-1 {}", float.images, percent(float.top1)))?;
            output::line(&format!("{} pictures: quantized top-1 {}", quantized.images, percent(quantized.top1)))?;
        }
        let (output, pictures) = (self.output.display(), self.pictures);
        output::line(&format!("{output}: {}, from {pictures} pictures in {:.1} s", self.name, self.seconds))
    }
}
