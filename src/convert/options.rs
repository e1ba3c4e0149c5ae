//! Options of a conversion.

use crate::quant::Encoding;
use std::path::PathBuf;

/// What a checkpoint does not say.
#[derive(Clone, Debug, Default)]
pub struct ConvertOptions {
    /// Id of the network; recognised from names and shapes if absent.
    pub arch: Option<String>,
    /// What the names of the network's variables start with, such as "model."; found if absent.
    pub prefix: Option<String>,
    /// What the bits of activation codes mean, if not what the network's own code or the checkpoint says.
    pub encoding: Option<Encoding>,
    /// One label per class; those of the network's usual data set if absent and of the right count.
    pub labels: Option<Vec<String>>,
    /// `.npy` file with the per-pixel mean of the training pictures, `[height, width, 3]` RGB, for networks that use
    /// one.
    pub mean_image: Option<PathBuf>,
    /// Height and width of the pictures; those of the original network if absent.
    pub input_size: Option<usize>,
    /// Name of the model; network and bit widths if absent.
    pub name: Option<String>,
    /// Whether a checkpoint without quantizers is converted, instead of being refused.
    pub allow_float: bool,
}
