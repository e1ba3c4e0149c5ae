//! How a picture becomes the tensor that the first layer receives. The packed file stores this, because a mismatch with
//! training would silently cost accuracy.

use serde::{Deserialize, Serialize};

/// Longest edge of a resized picture or a crop, in pixels.
pub const MAX_EDGE: usize = 1 << 15;

/// The steps from a decoded 8-bit RGB picture to network pixels, then to the first layer's tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// Resize and crop.
    pub resize: Resize,
    /// Channel order that the network expects.
    pub channels: ChannelOrder,
    /// From 8-bit pixels to real numbers.
    pub normalize: Normalize,
}

/// Resize so that the shorter edge has `shorter_edge` pixels, then crop the centre to `crop`.
///
/// The longer edge becomes `floor(shorter_edge * longer / shorter)` and the crop starts at
/// `round_half_even((size - crop) / 2)`, as in torchvision. A picture whose shorter edge already matches is not
/// resampled.
///
/// With `stretch`, every picture is resized to that height and width instead, whatever its shape, as by
/// `Resize((height, width))` of torchvision. The crop is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Shorter edge of the resized picture, in pixels; also where `stretch` gives both edges.
    pub shorter_edge: usize,
    /// Resampling filter.
    pub filter: Filter,
    /// Height and width of the crop: the network's input size.
    pub crop: [usize; 2],
    /// Height and width to which pictures are stretched or squashed, if their shape is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stretch: Option<[usize; 2]>,
}

impl Resize {
    /// Checks that every resized picture is as large as the crop.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), String> {
        let Resize { shorter_edge, crop: [height, width], stretch, .. } = *self;
        let edges = stretch.unwrap_or([shorter_edge; 2]);
        if stretch.is_some_and(|[height, width]| height.min(width) != shorter_edge) {
            return Err(format!("pictures are resized to {edges:?}, but the shorter edge is {shorter_edge}"));
        }
        if let Some(edge) = edges.iter().find(|edge| !(1..=MAX_EDGE).contains(*edge)) {
            return Err(format!("pictures are resized to {edge}, supported are 1 to {MAX_EDGE}"));
        }
        if height == 0 || width == 0 {
            return Err(format!("pictures are cropped to {height} x {width}; each edge must be at least 1"));
        }
        match stretch {
            Some([h, w]) if h < height || w < width => {
                Err(format!("pictures are resized to {h} x {w}, less than their crop of {height} x {width}"))
            }
            None if shorter_edge < height.max(width) => {
                Err(format!("pictures are resized to {shorter_edge}, less than their crop of {height} x {width}"))
            }
            _ => Ok(()),
        }
    }
}

/// Resampling filter, named by the program whose integer arithmetic it reproduces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Filter {
    /// Pillow's `BICUBIC` before version 12.2: a = -0.5, widened when shrinking (antialiased), rows first, rounded to
    /// 8 bits between the passes.
    PillowBicubic,
    /// Pillow's `BILINEAR` before version 12.2, the default of torchvision's `Resize` for pictures: a triangle, widened
    /// and computed as for [`Filter::PillowBicubic`].
    PillowBilinear,
    /// OpenCV's `INTER_CUBIC`: a = -0.75, four taps at any scale (no antialiasing), as OpenCV's own code computes it on
    /// x86-64 (`cv2.ipp.setUseIPP(False)`; the proprietary IPP path differs by 1 in a few per cent of samples).
    OpencvCubic,
}

/// Channel order of the first layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

/// The step from 8-bit pixels p to the first layer's numbers x.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Normalize {
    /// x = (p / 255 - mean) / std, per channel in the network's order.
    Channel {
        /// Mean of p / 255.
        mean: [f64; 3],
        /// Standard deviation of p / 255.
        std: [f64; 3],
    },
    /// x = (p - m) / divide with a mean image m [height, width, 3] (tensor `preprocess/mean_image` of the file).
    MeanImage {
        /// What the difference is divided by.
        divide: f64,
    },
    /// The model does not accept pixels, only the first layer's tensor.
    TensorOnly {
        /// Bound of |x|.
        range: f64,
    },
}

impl Normalize {
    /// The number for a pixel of one channel with [`Normalize::Channel`], in the order of operations of the original code.
    pub fn of_pixel(pixel: u8, mean: f64, std: f64) -> f32 {
        ((f64::from(pixel) / 255.0 - mean) / std) as f32
    }

    /// Whether the model accepts pictures.
    pub fn takes_pixels(&self) -> bool {
        !matches!(self, Normalize::TensorOnly { .. })
    }
}
