//! The report on the layers of a network.

use super::weights::QuantizedWeights;
use serde::Serialize;

/// Bits that stand for float in [`LayerKind`].
pub const FLOAT_BITS: usize = 32;

/// A report on all layers that have parameters, in order of the graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ConversionReport {
    /// The layers.
    pub layers: Vec<LayerReport>,
}

/// The report on one layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerReport {
    /// Name in the graph.
    pub layer: String,
    /// What it is.
    #[serde(flatten)]
    pub kind: LayerKind,
    /// Bytes of its parameters in a float network: 32 bits a number, and no bases.
    pub float_bytes: usize,
    /// Bytes of its tensors in the packed file.
    pub packed_bytes: usize,
}

/// The kind of a layer, with facts about its parameters.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum LayerKind {
    /// A convolution or a dense layer.
    Conv {
        /// `[out, kh, kw, in]`; `in` are the input channels of one group.
        shape: [usize; 4],
        /// [`FLOAT_BITS`] if its weights are float.
        weight_bits: usize,
        /// Bits of its input, each width once: several if it reads a concatenation; [`FLOAT_BITS`] for reals.
        activation_bits: Vec<usize>,
        /// Output channels whose weights all have the same value: one level, a basis of zeros, or float zeros.
        constant_channels: usize,
        /// The most values of any output channel, if its float weights have so few that they must have been quantized
        /// before they were saved.
        few_values: Option<usize>,
        /// None if its weights are float.
        quantized: Option<QuantizedWeights>,
    },
    /// An activation quantizer.
    Quantizer {
        /// Bits of a code.
        bits: usize,
        /// One element for each bit.
        basis: Vec<f32>,
        /// Ascending.
        levels: Vec<f32>,
        /// Whether its basis is the one that training starts with.
        initial_basis: bool,
        /// Levels below 0 that it never gives, because it reads what a ReLU made, unless it is certain that its codes
        /// are meant so: a sign that its codes are 0 and 1 instead of -1 and 1.
        unreachable_levels: usize,
    },
    /// A batch norm.
    BatchNorm {
        /// All channels.
        channels: usize,
        /// Channels whose gain is 0: their output is constant.
        zero_gains: usize,
        /// Channels whose variance is below a thousandth of epsilon: their input hardly varied in training.
        still_channels: usize,
    },
}

/// Sums over layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// As in [`LayerReport`].
    pub float_bytes: usize,
    /// As in [`LayerReport`].
    pub packed_bytes: usize,
}

impl Totals {
    /// The sums over some layers.
    pub fn of<'a>(layers: impl IntoIterator<Item = &'a LayerReport>) -> Self {
        layers.into_iter().fold(Totals::default(), |sum, layer| Totals {
            float_bytes: sum.float_bytes + layer.float_bytes,
            packed_bytes: sum.packed_bytes + layer.packed_bytes,
        })
    }

    /// How many times smaller the packed parameters are.
    pub fn ratio(&self) -> f64 {
        self.float_bytes as f64 / self.packed_bytes.max(1) as f64
    }
}

impl ConversionReport {
    /// Notes that the codes of all quantizers are what they are meant to be.
    pub(in crate::convert) fn trust_codes(&mut self) {
        for layer in &mut self.layers {
            if let LayerKind::Quantizer { unreachable_levels, .. } = &mut layer.kind {
                *unreachable_levels = 0;
            }
        }
    }

    /// Bytes of all layers.
    pub fn totals(&self) -> Totals {
        Totals::of(&self.layers)
    }
}
