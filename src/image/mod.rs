//! From a picture to the pixels that a network sees: decoding (with the feature `image`), then the resize and crop of
//! [`Resize`](crate::graph::preprocess::Resize). The results are the same on every CPU.

#[cfg(feature = "image")]
mod decode;
mod pixels;
mod resize;
mod taps;
#[cfg(feature = "image")]
mod whole;

pub use crate::graph::preprocess::MAX_EDGE;
#[cfg(feature = "image")]
pub use decode::{MAX_DECODED_BYTES, MAX_FILE, MAX_PIXELS, MAX_SIDE, decode};
pub use pixels::Pixels;
pub use resize::resize_and_crop;
