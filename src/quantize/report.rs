//! What a quantization did to each layer.

use super::agreement::Agreement;
use super::bits::LayerBits;
use super::layer::{Errors, Found};
use crate::float::Geometry;
use serde::Serialize;

/// The report on a network.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct QuantizeReport {
    /// Layers with quantized weights, in the order in which they were quantized.
    pub layers: Vec<LayerReport>,
    /// Quantizers of activations.
    pub quantizers: Vec<QuantizerReport>,
    /// What the network gives in the end, against the float network.
    pub agreement: Agreement,
}

/// A layer with quantized weights.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerReport {
    /// Its name.
    pub layer: String,
    /// Its bits as text, such as "2/2".
    pub bits: String,
    /// Squared difference from the float weights, as a share of their squares.
    pub weights: f64,
    /// Errors of its outputs, the mean over its groups.
    pub outputs: Errors,
    /// Share of its channels' levels that some weight uses.
    pub levels_used: f64,
    /// Bytes of its codes, bases and constants.
    pub bytes: usize,
}

/// A quantizer of activations.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuantizerReport {
    /// Its name.
    pub layer: String,
    /// Bits of a code.
    pub bits: usize,
    /// Squared difference from the numbers that it reads, as a share of their squares.
    pub error: f64,
    /// The basis.
    pub basis: Vec<f32>,
}

impl LayerReport {
    pub(super) fn new(layer: &str, bits: LayerBits, geometry: Geometry, float: &[f32], found: &[Found]) -> Self {
        let channels = || found.iter().filter_map(|found| found.channels.as_ref()).flatten();
        let power: f64 = float.iter().map(|&w| f64::from(w).powi(2)).sum();
        let chosen = channels().flat_map(|channel| &channel.weights);
        let error: f64 = float.iter().zip(chosen).map(|(&w, q)| (f64::from(w) - q).powi(2)).sum();
        let planes = bits.weights.unwrap_or(1);
        let used = |codes: &[u8]| {
            let mut seen = vec![false; 1 << planes];
            codes.iter().for_each(|&code| seen[usize::from(code)] = true);
            seen.iter().filter(|&&seen| seen).count()
        };
        let outputs = channels().count();
        let all_used: usize = channels().map(|channel| used(&channel.codes)).sum();
        let words = outputs * geometry.window.taps() * crate::quant::words(geometry.inputs()) * planes;
        LayerReport {
            layer: layer.to_owned(),
            bits: bits.to_string(),
            weights: if power > 0.0 { error / power } else { 0.0 },
            outputs: Errors::mean(found.iter().map(|found| found.errors)),
            levels_used: all_used as f64 / (outputs << planes).max(1) as f64,
            bytes: 4 * (words + outputs * (planes + 1)),
        }
    }
}
