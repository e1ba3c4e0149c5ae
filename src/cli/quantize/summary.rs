//! What `quantize` prints.

use super::auto::Automatic;
use crate::cli::eval::Accuracy;
use crate::cli::failure::Outcome;
use crate::cli::output;
use crate::format::Provenance;
use crate::quantize::{Agreement, LayerReport, QuantizeReport};
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
    /// Of the packed model's file.
    pub(super) bytes: usize,
    /// Of the float network's parameters.
    pub(super) float_bytes: usize,
}

/// Both networks on the same pictures.
#[derive(Serialize)]
pub(super) struct Evaluation {
    pub(super) float: Accuracy,
    pub(super) quantized: Accuracy,
}

/// What the columns of the table mean.
const LEGEND: [[&str; 2]; 9] = [
    ["W/A", "bits of the weights, and of the activations that the layer reads"],
    ["weights", "error of the weights"],
    ["inputs", "error of the outputs, with the weights in float on what the quantized layers before it give"],
    ["nearest", "the same with each weight at the nearest level"],
    ["fitted", "with weights in float that were fitted to these inputs: about the least that can be reached"],
    ["feedback", "with codes, each of which makes up for the errors of those before"],
    ["outputs", "in the end, before all layers are tuned together"],
    ["levels", "share of the levels that some weight has"],
    ["packed", "bytes in the packed model"],
];

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
        output::line("")?;
        let legend: Vec<Vec<String>> = LEGEND.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        output::table(&legend).iter().try_for_each(|line| output::line(line))?;
        output::line("errors are shares of the variance: 0 is as in float, 1 as bad as always giving the mean")?;
        output::line("")?;
        worst(&self.report.layers).map_or(Ok(()), |line| output::line(&line))?;
        if let Some(Evaluation { float, quantized }) = &self.evaluation {
            output::line(&format!("{} pictures: float top-1 {}", float.images, percent(float.top1)))?;
            output::line(&format!("{} pictures: quantized top-1 {}", quantized.images, percent(quantized.top1)))?;
        }
        self.print_result()
    }

    /// What was written, whether it is good, and what to do with it.
    fn print_result(&self) -> Outcome {
        let (output, pictures) = (self.output.display(), self.pictures);
        output::line(&format!("{output}: {}, from {pictures} pictures in {:.1} s", self.name, self.seconds))?;
        output::line(&format!(
            "{output}: {} ({} in float); {}",
            output::bytes(self.bytes),
            output::bytes(self.float_bytes),
            agreement(&self.report.agreement)
        ))?;
        output::line(&format!("next: lq-infer --model {output} PICTURE, or lq-infer eval {output} DIR"))
    }
}

fn agreement(agreement: &Agreement) -> String {
    let Agreement { pictures, same_class, difference } = agreement;
    let logits = difference.map_or_else(String::new, |difference| {
        format!("the logits differ from those in float by {} of their variance, and ", percent(difference))
    });
    format!("on the calibration pictures, {logits}{same_class} of {pictures} have the same class as in float")
}

/// The layers that cost most: by their outputs, or by their weights if the outputs were not looked at.
fn worst(layers: &[LayerReport]) -> Option<String> {
    let is_known = |layer: &LayerReport| !layer.outputs.last.is_nan();
    let (what, error): (_, fn(&LayerReport) -> f64) = match layers.iter().any(is_known) {
        true => ("outputs", |layer| layer.outputs.last),
        false => ("weights", |layer| layer.weights),
    };
    let mut known: Vec<&LayerReport> = layers.iter().filter(|layer| !error(layer).is_nan()).collect();
    known.sort_by(|a, b| error(b).total_cmp(&error(a)));
    let named = |layer: &&LayerReport| format!("{} ({})", layer.layer, percent(error(layer)));
    let named: Vec<String> = known.iter().take(NAMED).map(named).collect();
    (!named.is_empty())
        .then(|| format!("the layers that cost most, by the error of their {what}: {}", named.join(", ")))
}

fn percent(share: f64) -> String {
    format!("{:.2}%", 100.0 * share)
}
