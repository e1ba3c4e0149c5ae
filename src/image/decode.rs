//! Picture files to 8-bit RGB.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};

use super::limits::{MAX_FILE, check_size, most_unpacked, one_line, too_much};
use super::pixels::Pixels;
use super::{gif, orientation, other, tiff, whole};
use crate::error::{Error, Result};
use crate::files::read_file;

/// The accepted formats, with their names in messages.
const FORMATS: [(ImageFormat, &str); 6] = [
    (ImageFormat::Png, "PNG"),
    (ImageFormat::Jpeg, "JPEG"),
    (ImageFormat::WebP, "WebP"),
    (ImageFormat::Bmp, "BMP"),
    (ImageFormat::Gif, "GIF"),
    (ImageFormat::Tiff, "TIFF"),
];

impl Pixels {
    /// Decodes a PNG, JPEG, WebP, BMP, GIF or TIFF file that is in memory: its first frame, upright, without alpha.
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

/// Decodes a PNG, JPEG, WebP, BMP, GIF or TIFF file (recognized by content, not by name) to RGB pixels.
///
/// - Grey is repeated in the three channels; palettes are looked up; CMYK becomes RGB without a colour profile.
/// - Alpha is dropped and the stored colours are kept, as Pillow's `convert("RGB")` and OpenCV's `imread` do.
/// - 16-bit channels keep their high byte, as in OpenCV, and in Pillow for colour. (Pillow's `convert("RGB")` makes
///   16-bit grey white above 255.)
/// - An animation gives its first frame, on its screen; a TIFF file its first picture.
/// - The Exif orientation of JPEG, PNG, WebP and TIFF is applied, as Pillow's `ImageOps.exif_transpose` does: height
///   and width are those of the upright picture.
///
/// # Errors
/// [`Error::BadInput`], which names `name`, for another format (it says which one), a damaged or truncated file, a
/// picture over [`MAX_SIDE`](super::MAX_SIDE), [`MAX_PIXELS`](super::MAX_PIXELS) or
/// [`MAX_DECODED_BYTES`](super::MAX_DECODED_BYTES), and one that is far larger than its file can hold.
pub fn decode(bytes: &[u8], name: &Path) -> Result<Pixels> {
    let (format, format_name) = recognize(bytes).map_err(|problem| Error::bad_input(name, problem))?;
    if !whole::is_whole(format, bytes) {
        return Err(Error::bad_input(
            name,
            format!("the {format_name} file is truncated or damaged: its end is missing"),
        ));
    }
    let bad = |problem| Error::bad_input(name, format!("{format_name} file: {problem}"));
    if format == ImageFormat::Jpeg
        && let Some(coding) = other::rare_jpeg(bytes)
    {
        return Err(bad(format!("{coding} is not supported; {CONVERT}")));
    }
    read(bytes, format).map_err(bad)
}

/// What to do with a picture that cannot be read.
const CONVERT: &str = "convert it to PNG or JPEG first";

/// The format of a file, or what is to be said about it.
fn recognize(bytes: &[u8]) -> std::result::Result<(ImageFormat, &'static str), String> {
    let guess = match bytes.get(..4) {
        // BigTIFF.
        Some(b"II\x2b\0" | b"MM\0\x2b") => Some(ImageFormat::Tiff),
        _ => image::guess_format(bytes).ok(),
    };
    let known = FORMATS.into_iter().find(|(format, _)| Some(*format) == guess);
    let raw = if guess == Some(ImageFormat::Tiff) { other::raw_in_tiff(bytes) } else { None };
    let foreign = raw.or_else(|| other::name(bytes));
    let names = FORMATS.map(|(_, name)| name).join(", ");
    match (foreign, known) {
        (None, Some(known)) => Ok(known),
        (Some(name), _) => Err(format!("it is {name}; {CONVERT} (accepted: {names})")),
        _ if bytes.is_empty() => Err("it is empty".into()),
        _ => Err(format!("not a picture in a known format; accepted: {names}")),
    }
}

/// Decodes a whole file of a known format. The error says what is wrong with the file.
fn read(bytes: &[u8], format: ImageFormat) -> std::result::Result<Pixels, String> {
    let allowed = most_unpacked(bytes.len());
    let stored = match format {
        ImageFormat::Gif => gif::decode(bytes, allowed)?,
        ImageFormat::Tiff => tiff::decode(bytes, allowed)?,
        _ => read_others(bytes, format, allowed)?,
    };
    upright(stored, orientation::find(format, bytes))
}

/// Decodes with the decoders of the `image` crate.
fn read_others(bytes: &[u8], format: ImageFormat, allowed: u64) -> std::result::Result<Pixels, String> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    // `check_size` checks the sides itself, to name them in its message. No decoder allocates by them before that.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(allowed);
    reader.limits(limits);
    let describe = |error| match error {
        ImageError::Limits(_) => too_much(allowed),
        other => one_line(&other),
    };
    let decoder = reader.into_decoder().map_err(describe)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, decoder.total_bytes(), allowed)?;
    let color = decoder.color_type();
    let mut samples = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut samples).map_err(describe)?;
    let rgb = RgbImage::from_raw(width, height, to_rgb(samples, color)?).ok_or("fewer pixels than its header says")?;
    Ok(rgb.into())
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

fn upright(stored: Pixels, orientation: Orientation) -> std::result::Result<Pixels, String> {
    if orientation == Orientation::NoTransforms {
        return Ok(stored);
    }
    let Pixels { height, width, rgb } = stored;
    let rgb = RgbImage::from_raw(width as u32, height as u32, rgb).ok_or("fewer pixels than its header says")?;
    let mut picture = DynamicImage::ImageRgb8(rgb);
    picture.apply_orientation(orientation);
    Ok(picture.into())
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
        assert_eq!(Pixels::open(env!("CARGO_MANIFEST_DIR")).unwrap_err().kind(), ErrorKind::Io);
    }
}
