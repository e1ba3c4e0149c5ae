//! Picture files to 8-bit RGB.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};

use super::{Pixels, whole};
use crate::error::{Error, Result};

/// Longest accepted edge of a picture file, in pixels.
pub const MAX_SIDE: usize = 1 << 15;
/// Most pixels accepted in one picture file.
pub const MAX_PIXELS: usize = 1 << 27;
/// Most bytes that a decoded picture may take in its file's own colour type.
pub const MAX_DECODED_BYTES: u64 = 512 << 20;
/// What any file may unpack to, and by how much more for each byte it has: deflate, the densest of the formats' codings on
/// real pictures, packs 1032 bytes into one at best. Headers that promise more are lies; with this, decoding a small file
/// takes less than 64 MiB in all.
const UNPACKED_BYTES: u64 = 8 << 20;
const UNPACKED_BYTES_PER_BYTE: u64 = 1032;

/// The formats that are accepted, by their names in messages.
const FORMATS: [(ImageFormat, &str); 5] = [
    (ImageFormat::Png, "PNG"),
    (ImageFormat::Jpeg, "JPEG"),
    (ImageFormat::WebP, "WebP"),
    (ImageFormat::Bmp, "BMP"),
    (ImageFormat::Gif, "GIF"),
];

/// Decodes a PNG, JPEG, WebP, BMP or GIF file (told apart by content, not by name) to `[height, width, 3]` RGB.
///
/// - Grey is repeated in the three channels; palettes are looked up; CMYK becomes RGB without a colour profile.
/// - Alpha is discarded, as Pillow's `convert("RGB")` and OpenCV's `imread` do: colours under it stay as stored.
/// - 16-bit channels keep their high byte, as Pillow and OpenCV do.
/// - Of an animation the first frame is taken.
/// - The Exif orientation of JPEG, PNG and WebP is applied, so height and width are those of the upright picture.
///
/// # Errors
/// [`Error::BadInput`] naming `name` for an unknown format, a damaged or truncated file, and a picture over
/// [`MAX_SIDE`], [`MAX_PIXELS`] or [`MAX_DECODED_BYTES`], or far larger than a file of its size can hold.
pub fn decode(bytes: &[u8], name: &Path) -> Result<Pixels> {
    let (format, format_name) = recognise(bytes).ok_or_else(|| Error::bad_input(name, unknown_format()))?;
    if !whole::is_whole(format, bytes) {
        return Err(Error::bad_input(
            name,
            format!("the {format_name} file is truncated or damaged: its end is missing"),
        ));
    }
    read(bytes, format).map_err(|problem| Error::bad_input(name, format!("{format_name} file: {problem}")))
}

fn recognise(bytes: &[u8]) -> Option<(ImageFormat, &'static str)> {
    let guess = image::guess_format(bytes).ok()?;
    FORMATS.into_iter().find(|(format, _)| *format == guess)
}

fn unknown_format() -> String {
    let names = FORMATS.map(|(_, name)| name).join(", ");
    format!("not a picture in a known format; accepted: {names}")
}

/// The decoding proper; the error is what is wrong with the file.
fn read(bytes: &[u8], format: ImageFormat) -> std::result::Result<Pixels, String> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    // The sides are checked below, where the message can name them; until then no decoder allocates by them.
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

/// Bytes that a file of `len` bytes may unpack to.
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
            "the picture is {width} x {height} and takes {bytes} bytes decoded; at most {allowed} are allowed for a file of its size"
        ));
    }
    if width == 0 || height == 0 {
        return Err(format!("the picture is {width} x {height}; it has no pixels"));
    }
    Ok(())
}

/// One line for an error of the decoders.
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

/// The decoders hand 16-bit samples over in the machine's byte order.
fn high_bytes(samples: &[u8]) -> Vec<u8> {
    samples.as_chunks::<2>().0.iter().map(|&pair| u16::from_ne_bytes(pair).to_be_bytes()[0]).collect()
}

fn upright(rgb: RgbImage, orientation: Orientation) -> Pixels {
    let mut picture = DynamicImage::ImageRgb8(rgb);
    picture.apply_orientation(orientation);
    let (height, width) = (picture.height() as usize, picture.width() as usize);
    Pixels { height, width, rgb: picture.into_rgb8().into_raw() }
}
