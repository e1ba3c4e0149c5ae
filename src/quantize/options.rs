//! What can be chosen about a quantization.

use super::bits::Bits;

/// How a network is quantized.
#[derive(Clone, Debug)]
pub struct QuantizeOptions {
    /// Bits of each layer.
    pub bits: Bits,
    /// Whether the first and the last layer are quantized too.
    pub ends: bool,
    /// How codes are found.
    pub method: Method,
}

/// How codes are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Method {
    /// Whether weights are fitted to the outputs of the float network, instead of each by itself.
    pub full: bool,
    /// How much weights are held near the float network's, as a share of their inputs' mean variance.
    pub ridge: f64,
}

impl Method {
    /// Every step. The settings were chosen on training pictures of CIFAR-10.
    pub const FULL: Method = Method { full: true, ridge: 0.02 };
    /// Each weight at the nearest level, and means matched.
    pub const FAST: Method = Method { full: false, ridge: 0.02 };
}
