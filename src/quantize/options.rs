//! What can be chosen about a quantization.

use super::bits::Bits;
use super::tune::Tuning;

/// How a network is quantized.
#[derive(Clone, Debug)]
pub struct QuantizeOptions {
    /// Bits of each layer.
    pub bits: Bits,
    /// Whether the first and the last layer are quantized too.
    pub ends: bool,
    /// How codes are found.
    pub method: Method,
    /// Whether the mirror images of the pictures are used as well.
    pub mirror: bool,
    /// Orders the pictures of the tuning.
    pub seed: u64,
}

/// How codes are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Method {
    /// Whether weights are fitted to the outputs of the float network, instead of each by itself.
    pub full: bool,
    /// How much weights are held near the float network's, as a share of their inputs' mean variance.
    pub ridge: f64,
    /// How the network is tuned as a whole in the end, if it is.
    pub tuning: Option<Tuning>,
}

impl Method {
    /// Every step. The settings were chosen on training pictures of CIFAR-10.
    pub const FULL: Method = Method { full: true, ridge: 0.08, tuning: None };
    /// Each weight at the nearest level, and means matched.
    pub const FAST: Method = Method { full: false, ridge: 0.08, tuning: None };
}
