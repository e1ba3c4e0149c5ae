//! From the bytes of a picture file to the pixels that a network sees: decoding, then the resize and crop of
//! [`Resize`](crate::graph::preprocess::Resize). The results are the same on every CPU.

mod decode;
mod resize;
mod taps;
mod whole;

pub use crate::graph::preprocess::MAX_EDGE;
pub use decode::{MAX_DECODED_BYTES, MAX_PIXELS, MAX_SIDE, decode};
pub use resize::fit;

/// An 8-bit RGB picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `[height, width, 3]`, row by row from the top, each pixel red, green, blue.
    pub rgb: Vec<u8>,
}
