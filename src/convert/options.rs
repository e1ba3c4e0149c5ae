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
    /// What becomes of a checkpoint without quantizers.
    pub unquantized: Unquantized,
}

/// What becomes of a checkpoint in which nothing is quantized, or less than it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unquantized {
    /// It is refused: somebody may believe that it is quantized.
    #[default]
    Refused,
    /// It is converted, and a note says so.
    Noted,
    /// It is converted; that nothing is quantized is what the caller expects.
    Expected,
}
