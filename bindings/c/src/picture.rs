//! Pictures from C.

use crate::pointers::array;
use crate::status::usage;
use lq_infer::{Error, Pixels};

/// The order of a pixel's bytes, as a number that functions take.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// Red, green, blue.
    Rgb = 0,
    /// Red, green, blue, alpha, which is dropped.
    Rgba = 1,
    /// Blue, green, red, alpha, which is dropped.
    Bgra = 2,
}

impl PixelFormat {
    /// That of a number, which in C may be any.
    fn of(number: u32) -> Result<Self, Error> {
        let all = [PixelFormat::Rgb, PixelFormat::Rgba, PixelFormat::Bgra];
        let found = all.into_iter().find(|format| *format as u32 == number);
        found.ok_or_else(|| usage(format!("format is {number}, which is no lq_pixel_format")))
    }
}

/// A picture whose rows begin every `stride` bytes.
///
/// # Safety
/// `pixels` is NULL or valid for reads of such a picture.
pub(crate) unsafe fn picture(
    pixels: *const u8,
    format: u32,
    [width, height, stride]: [usize; 3],
) -> Result<Pixels, Error> {
    let format = PixelFormat::of(format)?;
    // SAFETY: by the promise above.
    let bytes = unsafe { array(pixels, picture_bytes(format, width, height, stride)?, "pixels")? };
    match format {
        PixelFormat::Rgb => Pixels::from_rgb(bytes, width, height, stride),
        PixelFormat::Rgba => Pixels::from_rgba(bytes, width, height, stride),
        PixelFormat::Bgra => Pixels::from_bgra(bytes, width, height, stride),
    }
}

/// A picture from the bytes of a file.
///
/// # Safety
/// `bytes` is NULL or valid for reads of `size` bytes.
#[cfg(feature = "image")]
pub(crate) unsafe fn decoded(bytes: *const u8, size: usize) -> Result<Pixels, Error> {
    // SAFETY: by the promise above.
    Pixels::decode(unsafe { array(bytes, size, "bytes")? })
}

/// Bytes of a picture, whose last row ends with its last pixel.
fn picture_bytes(format: PixelFormat, width: usize, height: usize, stride: usize) -> Result<usize, Error> {
    let of_pixel = if format == PixelFormat::Rgb { 3 } else { 4 };
    let rows = height.saturating_sub(1).checked_mul(stride);
    let bytes = rows.zip(width.checked_mul(of_pixel)).and_then(|(rows, last)| rows.checked_add(last));
    bytes.ok_or_else(|| usage(format!("there cannot be a picture of {width}x{height} with rows of {stride} bytes")))
}
