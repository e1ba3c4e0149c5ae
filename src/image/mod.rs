//! From a picture to the pixels that a network sees: decoding (with the feature `image`), then the resize and crop of
//! [`Resize`](crate::graph::preprocess::Resize). The results are the same on every CPU.

#[cfg(feature = "image")]
mod containers;
#[cfg(feature = "image")]
mod decode;
#[cfg(feature = "image")]
mod gif;
#[cfg(feature = "image")]
mod limits;
#[cfg(feature = "image")]
mod orientation;
#[cfg(feature = "image")]
mod other;
mod pixels;
mod resize;
mod separable;
#[cfg(feature = "image")]
mod tags;
mod taps;
#[cfg(feature = "image")]
mod tiff;
#[cfg(feature = "image")]
mod whole;

pub use crate::graph::preprocess::MAX_EDGE;
#[cfg(feature = "image")]
pub use decode::decode;
#[cfg(feature = "image")]
pub use limits::{MAX_DECODED_BYTES, MAX_FILE, MAX_PIXELS, MAX_SIDE};
#[cfg(feature = "image")]
pub use other::{EXTENSIONS, format_of_extension};
pub use pixels::Pixels;
pub use resize::resize_and_crop;
pub(crate) use separable::{Rounding, Separable};
pub(crate) use taps::{OPENCV_BITS, PILLOW_BITS, Taps};
