//! Which way up a picture is, as Pillow's `ImageOps.exif_transpose` finds it: the orientation tag of Exif data or of a
//! TIFF file, whatever type its number has; where there is no such tag, the one of XMP data.

use super::containers;
use super::tags::{self, Directory};
use flate2::read::ZlibDecoder;
use image::ImageFormat;
use image::metadata::Orientation;
use std::borrow::Cow;
use std::io::Read;

/// What precedes Exif data in JPEG, and sometimes elsewhere.
const EXIF: &[u8] = b"Exif\0\0";
/// What precedes XMP data in JPEG.
const XMP_IN_JPEG: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// Keyword of XMP data in PNG.
const XMP_IN_PNG: &[u8] = b"XML:com.adobe.xmp";
/// Keyword of Exif data that ImageMagick wrote as hexadecimal text.
const RAW_PROFILE: &[u8] = b"Raw profile type exif";
/// Longest text that is unpacked from a PNG.
const MAX_TEXT: u64 = 1 << 20;

/// What a file says about itself.
#[derive(Default)]
struct Metadata<'a> {
    exif: Option<Cow<'a, [u8]>>,
    xmp: Option<Cow<'a, [u8]>>,
}

/// The orientation of a picture file.
pub(super) fn find(format: ImageFormat, bytes: &[u8]) -> Orientation {
    let found = match format {
        ImageFormat::Jpeg => jpeg(bytes),
        ImageFormat::Png => png(bytes),
        ImageFormat::WebP => webp(bytes),
        ImageFormat::Tiff => Metadata { exif: Some(bytes.into()), xmp: None },
        _ => Metadata::default(),
    };
    read(&found).unwrap_or(Orientation::NoTransforms)
}

fn read(metadata: &Metadata<'_>) -> Option<Orientation> {
    let exif = metadata.exif.as_deref().map(without_prefix);
    let directory = exif.and_then(Directory::first);
    if let Some(directory) = directory.as_ref().filter(|directory| directory.has(tags::ORIENTATION)) {
        let number = directory.number(tags::ORIENTATION)?;
        return (1..=8).find(|&n| f64::from(n) == number).and_then(Orientation::from_exif);
    }
    let xmp = metadata.xmp.as_deref().or_else(|| directory.as_ref()?.raw(tags::XMP));
    xmp.and_then(orientation_in_xmp).and_then(Orientation::from_exif)
}

/// Pillow drops up to two prefixes.
fn without_prefix(exif: &[u8]) -> &[u8] {
    let once = exif.strip_prefix(EXIF).unwrap_or(exif);
    once.strip_prefix(EXIF).unwrap_or(once)
}

/// The digit of the first `tiff:Orientation="n` or `tiff:Orientation>n`.
fn orientation_in_xmp(xmp: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    let after = |at: usize| xmp.get(at + NAME.len()..);
    let mut names = (0..xmp.len()).filter(|&at| xmp[at..].starts_with(NAME)).filter_map(after);
    names.find_map(|rest| {
        let value = rest.strip_prefix(b"=\"").or_else(|| rest.strip_prefix(b">"))?;
        value.first().filter(|digit| digit.is_ascii_digit()).map(|digit| digit - b'0')
    })
}

/// Exif data of several segments are joined, so that the first header counts; of XMP data, the last ones count.
fn jpeg(bytes: &[u8]) -> Metadata<'_> {
    let mut found = Metadata::default();
    let before_scan = |(marker, _): &(u8, _)| *marker != containers::START_OF_SCAN;
    for (_, data) in containers::jpeg(bytes).take_while(before_scan).filter(|(marker, _)| *marker == 0xe1) {
        if let Some(exif) = data.strip_prefix(EXIF) {
            match &mut found.exif {
                Some(first) => first.to_mut().extend_from_slice(exif),
                none => *none = Some(data.into()),
            }
        } else if let Some(xmp) = data.strip_prefix(XMP_IN_JPEG) {
            found.xmp = Some(xmp.into());
        }
    }
    found
}

fn png(bytes: &[u8]) -> Metadata<'_> {
    let mut found = Metadata::default();
    let mut raw_profile = None;
    for (kind, data) in containers::png(bytes) {
        match &kind {
            b"eXIf" => found.exif = Some(data.into()),
            b"tEXt" | b"zTXt" | b"iTXt" => match text(kind, data) {
                Some((XMP_IN_PNG, xmp)) => found.xmp = Some(xmp),
                Some((RAW_PROFILE, profile)) => raw_profile = from_hex(&profile).map(Cow::from),
                _ => {}
            },
            _ => {}
        }
    }
    found.exif = found.exif.or(raw_profile);
    found
}

/// Keyword and text of a PNG's text chunk.
fn text(kind: [u8; 4], data: &[u8]) -> Option<(&[u8], Cow<'_, [u8]>)> {
    let (keyword, rest) = split(data)?;
    if keyword != XMP_IN_PNG && keyword != RAW_PROFILE {
        return None;
    }
    let (packed, text) = match &kind {
        b"zTXt" => (true, rest.get(1..)?),
        b"iTXt" => (*rest.first()? != 0, split(split(rest.get(2..)?)?.1)?.1),
        _ => (false, rest),
    };
    if !packed {
        return Some((keyword, text.into()));
    }
    let mut unpacked = Vec::new();
    ZlibDecoder::new(text).take(MAX_TEXT).read_to_end(&mut unpacked).ok()?;
    Some((keyword, unpacked.into()))
}

/// What is before and after the first zero byte.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&b| b == 0)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// The bytes after three lines (empty, a name, a length) of hexadecimal digits.
fn from_hex(profile: &[u8]) -> Option<Vec<u8>> {
    let digits = profile.split(|&b| b == b'\n').skip(3).flatten();
    let digits = digits.filter(|b| !b.is_ascii_whitespace()).map(|&b| char::from(b).to_digit(16));
    let digits: Vec<u8> = digits.map(|digit| digit.map(|d| d as u8)).collect::<Option<_>>()?;
    Some(digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect())
}

fn webp(bytes: &[u8]) -> Metadata<'_> {
    let chunks = containers::webp(bytes).unwrap_or_default();
    let first = |wanted: &[u8; 4]| chunks.iter().find(|(kind, _)| kind == wanted).map(|(_, data)| Cow::from(*data));
    Metadata { exif: first(b"EXIF"), xmp: first(b"XMP ") }
}
