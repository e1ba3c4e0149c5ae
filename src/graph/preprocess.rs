//! How a picture becomes the tensor that the first layer receives. Stored in the packed file, because a mismatch with
//! training costs accuracy silently.

use serde::{Deserialize, Serialize};

/// Longest edge that pictures are resized to, and of a crop.
pub const MAX_EDGE: usize = 1 << 15;

/// From a decoded 8-bit RGB picture to network pixels, then to the first layer's numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// Resampling before the crop.
    pub resize: Resize,
    /// Order in which the network wants the channels.
    pub channels: ChannelOrder,
    /// From 8-bit pixels to real numbers.
    pub normalize: Normalize,
}

/// Resize so that the shorter edge is `shorter_edge` pixels, then cut the centre `crop` = [height, width].
///
/// The longer edge becomes `floor(shorter_edge * longer / shorter)` and the crop starts at
/// `round_half_even((size - crop) / 2)`, as in torchvision. A picture whose shorter edge already matches is not resampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    pub shorter_edge: usize,
    pub filter: Filter,
    pub crop: [usize; 2],
}

/// Resampling filter, named by the program whose integer arithmetic it reproduces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Filter {
    /// Pillow's `BICUBIC` before version 12.2: a = -0.5, widened when shrinking (antialiased), rows first, 8-bit between
    /// the passes.
    PillowBicubic,
    /// Pillow's `BILINEAR` before version 12.2, which is what torchvision's `Resize` does to a picture by default: a
    /// triangle, widened and computed as for [`Filter::PillowBicubic`].
    PillowBilinear,
    /// OpenCV's `INTER_CUBIC`: a = -0.75, four taps at any scale (no antialiasing), as OpenCV's own code computes it on
    /// x86-64 (`cv2.ipp.setUseIPP(False)`; the closed IPP path differs by one level in a few per cent of samples).
    OpencvCubic,
}

/// Channel order of the first layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    Rgb,
    Bgr,
}

/// From 8-bit pixels p to the first layer's numbers x.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Normalize {
    /// x = (p / 255 - mean) / std, per channel in the network's order.
    Channel { mean: [f64; 3], std: [f64; 3] },
    /// x = (p - m) / divide with a mean image m [height, width, 3] (tensor `preprocess/mean_image` of the file).
    MeanImage { divide: f64 },
    /// Pixels cannot be used: the model takes the first layer's tensor only. `range` bounds |x|.
    TensorOnly { range: f64 },
}

impl Normalize {
    /// Whether pictures can be used at all.
    pub fn takes_pixels(&self) -> bool {
        !matches!(self, Normalize::TensorOnly { .. })
    }
}
