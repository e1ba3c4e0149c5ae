//! The first picture of a TIFF file.
//!
//! The decoder reads samples; what they mean is decided here, because it knows fewer colour models than files have.

use super::containers;
use super::limits::{check_size, one_line, too_much};
use super::pixels::Pixels;
use super::tags::{self, Directory};
use std::io::{Cursor, Read, Seek, SeekFrom};
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::{ColorType, TiffError};

/// JPEG, as TIFF files number it.
const JPEG: u64 = 7;

/// What the samples of a pixel mean: a value of the tag PhotometricInterpretation.
#[derive(Clone, Copy, PartialEq)]
enum Model {
    WhiteIsZero,
    BlackIsZero,
    Rgb,
    Palette,
    Cmyk,
    YCbCr,
}

/// Samples of 8 bits, or of fewer if they are indices of a palette, interleaved.
struct Samples {
    bytes: Vec<u8>,
    channels: usize,
}

/// Decodes the first picture as Pillow does, except that 16-bit grey keeps its high byte.
pub(super) fn decode(bytes: &[u8], allowed: u64) -> Result<Pixels, String> {
    let directory = Directory::first(bytes).ok_or("it has no directory")?;
    let first = |tag| directory.numbers(tag).first().copied();
    let compression = first(tags::COMPRESSION).unwrap_or(1);
    let model = model(first(tags::PHOTOMETRIC).ok_or("it does not say what its colours mean")?, compression)?;
    if first(tags::FILL_ORDER) == Some(2) {
        return Err("its bits are stored in reverse order, which is not supported".into());
    }
    let describe = |error: TiffError| match error {
        TiffError::LimitsExceeded => too_much(allowed),
        TiffError::UnsupportedError(error) => format!("{}; convert it to PNG first", one_line(&error)),
        other => one_line(&other),
    };
    let mut decoder = Decoder::new(Overlay::new(bytes, &directory)?).map_err(describe)?;
    let mut limits = Limits::default();
    limits.decoding_buffer_size = usize::try_from(allowed).unwrap_or(usize::MAX);
    limits.intermediate_buffer_size = limits.decoding_buffer_size;
    decoder = decoder.with_limits(limits);
    let (width, height) = decoder.dimensions().map_err(describe)?;
    let (bits, channels) = match decoder.colortype().map_err(describe)? {
        ColorType::Gray(bits) => (bits, 1),
        ColorType::Multiband { bit_depth, num_samples } => (bit_depth, usize::from(num_samples)),
        other => return Err(format!("colour type {other:?} is not supported")),
    };
    let row = width as usize * channels;
    check_size(width, height, (row as u64 * u64::from(bits)).div_ceil(8) * u64::from(height), allowed)?;
    if compression == JPEG {
        check_jpeg(bytes, &directory, decoder.chunk_dimensions())?;
    }
    let mut buffer = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut buffer).map_err(describe)?;
    if buffer.as_buffer(0).as_bytes().len() < layout.complete_len {
        return Err(too_much(allowed));
    }
    let planes = layout.planes.max(1);
    let flat = to_bytes(buffer, bits, row / planes, model == Model::Palette)?;
    let samples = Samples { bytes: interleaved(flat, planes), channels };
    let rgb = to_rgb(&samples, model, &directory)?;
    Ok(Pixels { height: height as usize, width: width as usize, rgb })
}

fn model(photometric: u64, compression: u64) -> Result<Model, String> {
    Ok(match photometric {
        0 => Model::WhiteIsZero,
        1 => Model::BlackIsZero,
        2 => Model::Rgb,
        3 => Model::Palette,
        5 => Model::Cmyk,
        6 if compression == JPEG => Model::YCbCr,
        6 => return Err("its colours are stored as YCbCr without JPEG, which is not supported".into()),
        8..=10 => return Err("its colours are stored as L*a*b*, which is not supported".into()),
        other => return Err(format!("photometric interpretation {other} is not supported")),
    })
}

/// Checks that JPEG data inside the file are no larger than their strips or tiles: the decoder believes them.
fn check_jpeg(bytes: &[u8], directory: &Directory<'_>, (width, height): (u32, u32)) -> Result<(), String> {
    let pieces = |offsets, lengths| directory.numbers(offsets).into_iter().zip(directory.numbers(lengths));
    let strips = pieces(tags::STRIP_OFFSETS, tags::STRIP_LENGTHS);
    let all = strips.chain(pieces(tags::TILE_OFFSETS, tags::TILE_LENGTHS)).map(|(start, length)| {
        let rest = usize::try_from(start).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
        rest.get(..usize::try_from(length).unwrap_or(usize::MAX).min(rest.len())).unwrap_or_default()
    });
    for piece in all.chain(directory.raw(tags::JPEG_TABLES)) {
        for (_, frame) in containers::jpeg(piece).filter(|(marker, _)| containers::is_frame(*marker)) {
            let [_, high, low, wide, narrow, ..] = frame else { return Err("its JPEG data are damaged".into()) };
            let found = [u16::from_be_bytes([*wide, *narrow]), u16::from_be_bytes([*high, *low])].map(u32::from);
            if found[0] > width || found[1] > height {
                return Err(format!(
                    "its JPEG data are {} x {}, expected at most {width} x {height}",
                    found[0], found[1]
                ));
            }
        }
    }
    Ok(())
}

/// One byte per sample; `row` is the number of samples in a row of one plane. Samples of few bits fill rows of whole
/// bytes and are stretched to 0..=255, unless they are `indices`.
fn to_bytes(buffer: DecodingResult, bits: u8, row: usize, indices: bool) -> Result<Vec<u8>, String> {
    match (buffer, bits) {
        (DecodingResult::U8(bytes), 8) => Ok(bytes),
        (DecodingResult::U8(bytes), 1 | 2 | 4) => {
            let (bits, most) = (usize::from(bits), (1u8 << bits) - 1);
            let stretch = if indices { 1 } else { 255 / most };
            let sample = |row: &[u8], x: usize| row[x * bits / 8] >> (8 - bits - x * bits % 8) & most;
            let rows = bytes.chunks_exact((row * bits).div_ceil(8).max(1));
            Ok(rows.flat_map(|bytes| (0..row).map(move |x| sample(bytes, x) * stretch)).collect())
        }
        (DecodingResult::U16(words), 16) if !indices => Ok(words.iter().map(|w| w.to_be_bytes()[0]).collect()),
        (DecodingResult::F16(_) | DecodingResult::F32(_) | DecodingResult::F64(_), _) => {
            Err(format!("its samples are floats of {bits} bits; expected integers of 1 to 16 bits"))
        }
        _ => Err(format!("its samples have {bits} bits; expected unsigned integers of 1, 2, 4, 8 or 16 bits")),
    }
}

/// Samples of one plane after the other as samples pixel by pixel.
fn interleaved(bytes: Vec<u8>, planes: usize) -> Vec<u8> {
    if planes == 1 {
        return bytes;
    }
    let pixels = bytes.len() / planes;
    (0..pixels).flat_map(|pixel| (0..planes).map(move |plane| plane * pixels + pixel)).map(|at| bytes[at]).collect()
}

fn to_rgb(samples: &Samples, model: Model, directory: &Directory<'_>) -> Result<Vec<u8>, String> {
    let needed = match model {
        Model::WhiteIsZero | Model::BlackIsZero | Model::Palette => 1,
        Model::Rgb | Model::YCbCr => 3,
        Model::Cmyk => 4,
    };
    let channels = samples.channels;
    if channels < needed {
        return Err(format!("its pixels have {channels} samples; their colours need {needed}"));
    }
    let palette = directory.numbers(tags::COLOR_MAP);
    let colors = palette.len() / 3;
    let look_up = |index: usize| [0, 1, 2].map(|c| palette.get(c * colors + index).map_or(0, |v| (v >> 8) as u8));
    // Alpha that the colours were multiplied by.
    let premultiplied =
        model == Model::Rgb && channels > 3 && directory.numbers(tags::EXTRA_SAMPLES).first() == Some(&1);
    let pixel = |p: &[u8]| match model {
        Model::WhiteIsZero => [255 - p[0]; 3],
        Model::BlackIsZero => [p[0]; 3],
        Model::Palette => look_up(usize::from(p[0])),
        Model::Rgb if premultiplied => [p[0], p[1], p[2]].map(|v| divided(v, p[3])),
        Model::Rgb => [p[0], p[1], p[2]],
        Model::Cmyk => [p[0], p[1], p[2]].map(|ink| without_ink(ink, p[3])),
        Model::YCbCr => from_ycbcr([p[0], p[1], p[2]]),
    };
    Ok(samples.bytes.chunks_exact(channels).flat_map(pixel).collect())
}

/// As Pillow's `unpackRGBa`.
fn divided(value: u8, alpha: u8) -> u8 {
    u32::from(value).wrapping_mul(255).checked_div(alpha.into()).unwrap_or(0).min(255) as u8
}

/// As Pillow's `cmyk2rgb`: the white that black leaves, less the share that the ink takes, rounded.
fn without_ink(ink: u8, black: u8) -> u8 {
    let white = 255 - black;
    let product = u32::from(ink) * u32::from(white) + 128;
    white - ((product + (product >> 8)) >> 8) as u8
}

/// As libjpeg converts: the full range of JFIF, rounded.
fn from_ycbcr([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let fixed = |factor: f64| (factor * 65536.0 + 0.5) as i32;
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let red = y + ((fixed(1.402) * cr + 32768) >> 16);
    let green = y + ((-fixed(0.344_136_286) * cb - fixed(0.714_136_286) * cr + 32768) >> 16);
    let blue = y + ((fixed(1.772) * cb + 32768) >> 16);
    [red, green, blue].map(|v| v.clamp(0, 255) as u8)
}

/// The file with its colour model replaced by grey, so that the decoder leaves the samples as they are.
struct Overlay<'a> {
    file: Cursor<&'a [u8]>,
    /// Where the number of the colour model is.
    at: usize,
    number: Vec<u8>,
}

impl<'a> Overlay<'a> {
    fn new(bytes: &'a [u8], directory: &Directory<'a>) -> Result<Self, String> {
        let (at, number) =
            directory.replacement(tags::PHOTOMETRIC, 1).ok_or("it does not say what its colours mean")?;
        Ok(Overlay { file: Cursor::new(bytes), at, number })
    }
}

impl Read for Overlay<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let start = self.file.position();
        let read = self.file.read(buffer)?;
        for (at, byte) in (self.at as u64..).zip(&self.number) {
            let place = at.checked_sub(start).filter(|&place| place < read as u64);
            if let Some(place) = place.and_then(|place| buffer.get_mut(place as usize)) {
                *place = *byte;
            }
        }
        Ok(read)
    }
}

impl Seek for Overlay<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }
}
