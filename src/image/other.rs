//! Formats that are not read, and the accepted ones, known by their first bytes or by the ends of files' names.

use super::containers;
use super::tags::{self, Directory};

/// Ends of the names of picture files that can be read.
pub const EXTENSIONS: &[&str] = &["png", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "dib", "gif", "tif", "tiff"];

/// Ends of the names of picture files that cannot be read, with the names of their formats.
const OTHERS: &[(&[&str], &str)] = &[
    (&["heic", "heif", "hif"], "HEIC"),
    (&["avif", "avifs"], "AVIF"),
    (&["jxl"], "JPEG XL"),
    (&["jp2", "j2k", "jpf", "jpx", "jpm", "j2c", "jpc"], "JPEG 2000"),
    (&["jxr", "wdp", "hdp"], "JPEG XR"),
    (&["psd", "psb"], "Photoshop"),
    (&["svg", "svgz"], "SVG"),
    (&["pdf"], "PDF"),
    (&["cr2", "cr3", "crw", "nef", "nrw", "dng", "arw", "sr2", "raf", "orf", "rw2", "pef", "srw"], "camera raw"),
    (&["ico", "cur"], "ICO"),
    (&["ppm", "pgm", "pbm", "pnm", "pam"], "PNM"),
    (&["tga"], "TGA"),
    (&["qoi"], "QOI"),
    (&["exr"], "OpenEXR"),
    (&["hdr"], "Radiance HDR"),
    (&["dds"], "DDS"),
    (&["eps", "ps", "ai"], "PostScript"),
    (&["xcf"], "GIMP"),
    (&["mp4", "mov", "avi", "mkv", "webm", "m4v"], "video"),
];

/// First bytes of files that cannot be read, at an offset, with what they are.
const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
    (0, b"II\xbc", "a JPEG XR picture"),
    (0, b"8BPS", "a Photoshop picture"),
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (8, b"CR\x02", "a camera raw file (CR2)"),
    (0, b"IIRO", "a camera raw file (ORF)"),
    (0, b"IIRS", "a camera raw file (ORF)"),
    (0, b"MMOR", "a camera raw file (ORF)"),
    (0, b"IIU\0", "a camera raw file (RW2)"),
    (0, b"FUJIFILMCCD-RAW", "a camera raw file (RAF)"),
    (0, b"\0\0\x01\0", "an ICO picture"),
    (0, b"qoif", "a QOI picture"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (0, b"#?RADIANCE", "a Radiance HDR picture"),
    (0, b"DDS ", "a DDS picture"),
    (0, b"gimp xcf", "a GIMP picture"),
    (0, b"\x8aMNG", "an MNG animation"),
    (0, b"AT&TFORM", "a DjVu document"),
    (0, b"\x1a\x45\xdf\xa3", "a video"),
    (8, b"AVI ", "a video"),
    (0, b"\0\x05\x16\x07", "an AppleDouble file of macOS, which only describes a picture"),
    (0, b"\0\x05\x16\0", "an AppleSingle file of macOS"),
    (0, b"\x93NUMPY", "a NumPy array: its name must end in .npy"),
    (0, b"version https://git-lfs", "a Git LFS pointer: run `git lfs pull` to get the picture"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
];

/// Brands of files made of ISO boxes (`ftyp`), with what they are.
const BRANDS: &[(&[&[u8; 4]], &str)] = &[
    (&[b"avif", b"avis"], "an AVIF picture"),
    (&[b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"], "a HEIC picture"),
    (&[b"crx "], "a camera raw file (CR3)"),
    (&[b"jxl "], "a JPEG XL picture"),
    (&[b"jp2 "], "a JPEG 2000 picture"),
    (&[b"mif1", b"msf1", b"mif2", b"miaf"], "a HEIF picture"),
];

/// The name of the format that a file's extension, in lower case, stands for, if it is not read.
pub fn format_of_extension(extension: &str) -> Option<&'static str> {
    OTHERS.iter().find(|(ends, _)| ends.contains(&extension)).map(|(_, name)| *name)
}

/// What a file is that is no picture in an accepted format, with an article.
pub(super) fn name(bytes: &[u8]) -> Option<&'static str> {
    let starts = |(at, magic, _): &&(usize, &[u8], &str)| bytes.get(*at..).is_some_and(|b| b.starts_with(magic));
    let signature = || SIGNATURES.iter().find(starts).map(|(.., name)| *name);
    signature().or_else(|| iso_boxes(bytes)).or_else(|| pnm(bytes)).or_else(|| markup(bytes))
}

/// The brands of a box `ftyp` at the start: the major one first, a version, then the compatible ones.
fn iso_boxes(bytes: &[u8]) -> Option<&'static str> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
    let brands = bytes.get(4..)?.strip_prefix(b"ftyp")?;
    let brands = brands.get(..length.saturating_sub(8)).unwrap_or(brands).as_chunks::<4>().0;
    let major = brands.first()?;
    let known = |brand: &[u8; 4]| BRANDS.iter().find(|(all, _)| all.contains(&brand)).map(|(_, name)| *name);
    // `mif1` says only that there is a picture; what coded it may be among the compatible brands.
    let (last, specific) = BRANDS.split_last()?;
    let compatible = || specific.iter().find(|(all, _)| brands.iter().skip(2).take(64).any(|b| all.contains(&b)));
    match known(major) {
        Some(name) if name != last.1 => Some(name),
        generic => compatible().map(|(_, name)| *name).or(generic).or(Some("a video")),
    }
}

fn pnm(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [b'P', b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n', ..] => Some("a PNM picture"),
        _ => None,
    }
}

fn markup(bytes: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(4096))?).to_ascii_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with('<') {
        return None;
    }
    let svg = text.contains("<svg");
    let html = text.starts_with("<!doctype html") || text.contains("<html");
    if html {
        Some("a web page, perhaps an error message that was saved in place of a picture")
    } else {
        svg.then_some("an SVG drawing")
    }
}

/// Why a JPEG of a rare kind cannot be read: its frame header says how it is coded.
pub(super) fn rare_jpeg(bytes: &[u8]) -> Option<String> {
    let (marker, data) = containers::jpeg(bytes).find(|(marker, _)| containers::is_frame(*marker))?;
    let kind = match marker {
        0xc9..=0xcb => "arithmetic coding",
        0xc3 => "lossless coding",
        0xc5..=0xc7 | 0xcd..=0xcf => "hierarchical coding",
        0xf7 => "JPEG-LS coding",
        _ => match data.first()? {
            8 => return None,
            bits => return Some(format!("samples of {bits} bits")),
        },
    };
    Some(kind.to_owned())
}

/// What a TIFF file is that holds no plain picture. Cameras store raw files as TIFF, with a small preview in the first
/// directory.
pub(super) fn raw_in_tiff(bytes: &[u8]) -> Option<&'static str> {
    let directory = Directory::first(bytes)?;
    // 32803: colour filter array; 34892: linear raw.
    let raw = |d: &Directory<'_>| matches!(d.numbers(tags::PHOTOMETRIC).first(), Some(32803 | 34892));
    let preview = directory.numbers(tags::SUBFILE).first().is_some_and(|kind| kind & 1 == 1);
    let dng = directory.has(tags::DNG_VERSION);
    let camera = dng || raw(&directory) || directory.children().any(|child| raw(&child));
    if camera || (preview && directory.has(tags::SUB_DIRECTORIES)) {
        return Some(if dng { "a camera raw file (DNG)" } else { "a camera raw file" });
    }
    None
}
