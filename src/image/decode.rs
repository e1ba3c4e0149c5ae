//! Picture files to 8-bit RGB.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};

use super::pixels::Pixels;
use super::whole;
use crate::error::{Error, Result};
use crate::files::read_file;

/// Largest picture file that is read.
pub const MAX_FILE: usize = 1 << 30;
/// Longest accepted edge of a picture file, in pixels.
pub const MAX_SIDE: usize = 1 << 15;
/// Most pixels accepted in one picture file.
pub const MAX_PIXELS: usize = 1 << 27;
/// Most bytes that a decoded picture may take in its file's own colour type.
pub const MAX_DECODED_BYTES: u64 = 512 << 20;
/// A file of n bytes may decode to `UNPACKED_BYTES + UNPACKED_BYTES_PER_BYTE * n` bytes. Deflate, the densest coding
/// of the accepted formats on real pictures, packs at most 1032 bytes into one, so a header that announces more is
/// wrong. With this limit, decoding a small file takes less than 64 MiB in all.
const UNPACKED_BYTES: u64 = 8 << 20;
const UNPACKED_BYTES_PER_BYTE: u64 = 1032;

/// The accepted formats, with their names in messages.
const FORMATS: [(ImageFormat, &str); 5] = [
    (ImageFormat::Png, "PNG"),
    (ImageFormat::Jpeg, "JPEG"),
    (ImageFormat::WebP, "WebP"),
    (ImageFormat::Bmp, "BMP"),
    (ImageFormat::Gif, "GIF"),
];

impl Pixels {
    /// Decodes a PNG, JPEG, WebP, BMP or GIF file that is in memory: its first frame, upright, without alpha.
    ///
    /// # Errors
    /// [`Error::BadInput`] for another format, a damaged or truncated file, and a picture that is too large.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        decode(bytes, "picture".as_ref())
    }

    /// Reads and decodes a file as [`Pixels::decode`] does; errors name the path.
    ///
    /// # Errors
    /// Those of [`Pixels::decode`], and [`Error::Io`] if the file cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        decode(&read_file(path, MAX_FILE)?, path)
    }
}

/// The pixels of a picture of the `image` crate.
impl From<RgbImage> for Pixels {
    fn from(picture: RgbImage) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        Pixels { height, width, rgb: picture.into_raw() }
    }
}

/// The pixels of a picture of the `image` crate: alpha is ignored, 16-bit channels and floats are scaled to 8 bits.
impl From<DynamicImage> for Pixels {
    fn from(picture: DynamicImage) -> Self {
        picture.into_rgb8().into()
    }
}

/// Decodes a PNG, JPEG, WebP, BMP or GIF file (recognized by content, not by name) to RGB pixels.
///
/// - Grey is repeated in the three channels; palettes are looked up; CMYK becomes RGB without a colour profile.
/// - Alpha is dropped and the stored colours are kept, as Pillow's `convert("RGB")` and OpenCV's `imread` do.
/// - 16-bit channels keep their high byte, as in Pillow and OpenCV.
/// - An animation gives its first frame.
/// - The Exif orientation of JPEG, PNG and WebP is applied: height and width are those of the upright picture.
///
/// # Errors
/// [`Error::BadInput`], which names `name`, for an unknown format, a damaged or truncated file, a picture over
/// [`MAX_SIDE`], [`MAX_PIXELS`] or [`MAX_DECODED_BYTES`], and one that is far larger than its file can hold.
pub fn decode(bytes: &[u8], name: &Path) -> Result<Pixels> {
    let (format, format_name) = recognize(bytes).ok_or_else(|| Error::bad_input(name, unknown_format()))?;
    if !whole::is_whole(format, bytes) {
        return Err(Error::bad_input(
            name,
            format!("the {format_name} file is truncated or damaged: its end is missing"),
        ));
    }
    read(bytes, format).map_err(|problem| Error::bad_input(name, format!("{format_name} file: {problem}")))
}

fn recognize(bytes: &[u8]) -> Option<(ImageFormat, &'static str)> {
    let guess = image::guess_format(bytes).ok()?;
    FORMATS.into_iter().find(|(format, _)| *format == guess)
}

fn unknown_format() -> String {
    let names = FORMATS.map(|(_, name)| name).join(", ");
    format!("not a picture in a known format; accepted: {names}")
}

/// Decodes a whole file of a known format. The error says what is wrong with the file.
fn read(bytes: &[u8], format: ImageFormat) -> std::result::Result<Pixels, String> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    // `check_size` checks the sides itself, to name them in its message. No decoder allocates by them before that.
    let mut limits = Limits::no_limits();
    let allowed = most_unpacked(bytes.len());
    limits.max_alloc = Some(allowed);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|e| describe(e, allowed))?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, decoder.total_bytes(), allowed)?;
    let orientation = decoder.orientation().map_err(|e| describe(e, allowed))?;
    let color = decoder.color_type();
    let mut samples = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut samples).map_err(|e| describe(e, allowed))?;
    let rgb = RgbImage::from_raw(width, height, to_rgb(samples, color)?).ok_or("fewer pixels than its header says")?;
    Ok(upright(rgb, orientation))
}

/// Most bytes that a file of `len` bytes may decode to.
fn most_unpacked(len: usize) -> u64 {
    (len as u64).saturating_mul(UNPACKED_BYTES_PER_BYTE).saturating_add(UNPACKED_BYTES).min(MAX_DECODED_BYTES)
}

fn check_size(width: u32, height: u32, bytes: u64, allowed: u64) -> std::result::Result<(), String> {
    let too_long = width.max(height) as usize > MAX_SIDE;
    if too_long || u64::from(width) * u64::from(height) > MAX_PIXELS as u64 {
        return Err(format!(
            "the picture is {width} x {height}; at most {MAX_SIDE} pixels on a side and {MAX_PIXELS} in all are allowed"
        ));
    }
    // Grey pictures become three times as large.
    if bytes.max(3 * u64::from(width) * u64::from(height)) > allowed {
        return Err(format!(
            "the picture is {width} x {height} and takes {bytes} bytes decoded; \
             at most {allowed} are allowed for a file of its size"
        ));
    }
    if width == 0 || height == 0 {
        return Err(format!("the picture is {width} x {height}; it has no pixels"));
    }
    Ok(())
}

/// A decoder's error on one line.
fn describe(error: ImageError, allowed: u64) -> String {
    match error {
        ImageError::Limits(_) => {
            format!("decoding it takes more memory than the {allowed} bytes allowed for a file of its size")
        }
        other => other.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// Interleaved samples of 1 to 4 channels of 8 or 16 bits to RGB bytes.
fn to_rgb(samples: Vec<u8>, color: ColorType) -> std::result::Result<Vec<u8>, String> {
    Ok(match color {
        ColorType::Rgb8 => samples,
        ColorType::Rgba8 => pick(&samples, 4, [0, 1, 2]),
        ColorType::L8 => pick(&samples, 1, [0, 0, 0]),
        ColorType::La8 => pick(&samples, 2, [0, 0, 0]),
        ColorType::Rgb16 => pick(&high_bytes(&samples), 3, [0, 1, 2]),
        ColorType::Rgba16 => pick(&high_bytes(&samples), 4, [0, 1, 2]),
        ColorType::L16 => pick(&high_bytes(&samples), 1, [0, 0, 0]),
        ColorType::La16 => pick(&high_bytes(&samples), 2, [0, 0, 0]),
        other => return Err(format!("colour type {other:?} is not supported")),
    })
}

/// The three `channels` of every pixel of `stride` bytes.
fn pick(samples: &[u8], stride: usize, channels: [usize; 3]) -> Vec<u8> {
    samples.chunks_exact(stride).flat_map(|pixel| channels.map(|c| pixel[c])).collect()
}

/// The high byte of each 16-bit sample; the decoders give samples in native byte order.
fn high_bytes(samples: &[u8]) -> Vec<u8> {
    samples.as_chunks::<2>().0.iter().map(|&pair| u16::from_ne_bytes(pair).to_be_bytes()[0]).collect()
}

fn upright(rgb: RgbImage, orientation: Orientation) -> Pixels {
    let mut picture = DynamicImage::ImageRgb8(rgb);
    picture.apply_orientation(orientation);
    picture.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn pictures_of_the_image_crate_become_pixels() {
        let rgb = RgbImage::from_raw(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let expected = Pixels { height: 1, width: 2, rgb: vec![1, 2, 3, 4, 5, 6] };
        assert_eq!(Pixels::from(rgb.clone()), expected);
        let rgba = DynamicImage::ImageRgb8(rgb).into_rgba8();
        assert_eq!(Pixels::from(DynamicImage::ImageRgba8(rgba)), expected);
    }

    #[test]
    fn files_are_decoded_with_and_without_a_name() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ship.png");
        assert_eq!(Pixels::open(path).unwrap(), Pixels::decode(&std::fs::read(path).unwrap()).unwrap());
        assert!(Pixels::decode(b"no picture").unwrap_err().to_string().starts_with("picture: "));
        assert!(Pixels::open("no/such.png").unwrap_err().to_string().starts_with("no/such.png: "));
        assert_eq!(Pixels::open(env!("CARGO_MANIFEST_DIR")).unwrap_err().kind(), ErrorKind::BadInput);
    }
}
