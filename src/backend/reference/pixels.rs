//! Reference of `shaders/pixels.wgsl`: 8-bit pixels to the words of [`crate::lower::InputForm::Pixels`].

use crate::fixed::pack_lanes;
use crate::lower::{PIXEL_ALPHA, PIXEL_OFFSET};

/// One word for each pixel, whose three bytes are in the network's channel order.
pub fn run(pixels: impl Iterator<Item = [u8; 3]>) -> Vec<u32> {
    let signed = |v: u8| (i32::from(v) - PIXEL_OFFSET) as i8;
    pixels.map(|[a, b, c]| pack_lanes([signed(a), signed(b), signed(c), PIXEL_ALPHA])).collect()
}
