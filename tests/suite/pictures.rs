//! Picture files against Pillow, and formats that are not read. The fixtures come from
//! tests/fixtures/image/make_pillow_fixtures.py.

use crate::common::pictures::problem;
use image::{DynamicImage, ImageFormat, RgbImage};
use lq_infer::internals::graph::preprocess::{Filter, Resize};
use lq_infer::internals::image::{decode, resize_and_crop};
use std::io::Cursor;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/image").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The lines of a fixture, split at spaces.
fn table(name: &str) -> Vec<Vec<String>> {
    let text = String::from_utf8(fixture(name)).unwrap();
    text.lines().map(|line| line.split(' ').map(String::from).collect()).collect()
}

fn from_hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

#[test]
fn pictures_are_what_pillow_makes_of_them() {
    let cases = table("pillow.txt");
    assert!(cases.len() > 60);
    let mut wrong = Vec::new();
    for case in cases {
        let [name, file, width, height, rgb, tolerance] = case.try_into().unwrap();
        let tolerance: u8 = tolerance.parse().unwrap();
        match decode(&from_hex(&file), name.as_ref()) {
            Err(error) => wrong.push(error.to_string()),
            Ok(found) => {
                let size = [found.width, found.height].map(|n| n.to_string());
                let most = found.rgb.iter().zip(from_hex(&rgb)).map(|(a, b)| a.abs_diff(b)).max().unwrap();
                if size != [width, height] || most > tolerance {
                    wrong.push(format!("{name}: {size:?}, differs by {most}"));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_type_of_orientation_is_what_pillow_makes_of_it() {
    // Two columns, three rows, all different.
    let upright = RgbImage::from_fn(2, 3, |x, y| image::Rgb([x as u8 * 100, y as u8 * 100, 7]));
    let mut png = Cursor::new(Vec::new());
    upright.write_to(&mut png, ImageFormat::Png).unwrap();
    let png = png.into_inner();
    let cases = table("orientations.txt");
    assert!(cases.len() >= 240);
    for [exif, orientation] in cases.into_iter().map(|case| <[String; 2]>::try_from(case).unwrap()) {
        let mut expected = DynamicImage::from(upright.clone());
        let orientation = orientation.parse().unwrap();
        expected.apply_orientation(image::metadata::Orientation::from_exif(orientation).unwrap());
        let found = decode(&with_exif(&png, &from_hex(&exif)), Path::new("sample")).unwrap();
        let expected = expected.into_rgb8();
        let size = (expected.width() as usize, expected.height() as usize);
        assert_eq!(((found.width, found.height), found.rgb), (size, expected.into_raw()), "{exif}: {orientation}");
    }
}

/// The PNG with a chunk `eXIf` after its first one, the header of 25 bytes.
fn with_exif(png: &[u8], exif: &[u8]) -> Vec<u8> {
    let (start, rest) = png.split_at(8 + 25);
    let body = [b"eXIf", exif].concat();
    let length = (exif.len() as u32).to_be_bytes();
    [start, &length, &body, &crc32(&body).to_be_bytes(), rest].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, b| (0..8).fold(crc ^ u32::from(*b), step))
}

#[test]
fn formats_that_are_not_read_are_named() {
    let heic = |major: &[u8; 4], compatible: &[u8]| {
        let length = (16 + compatible.len() as u32).to_be_bytes();
        [&length, &b"ftyp"[..], major, &[0; 4], compatible, &[0; 40]].concat()
    };
    let files: [(&[u8], &str); 26] = [
        (&heic(b"heic", b"mif1heic"), "is a HEIC picture"),
        (&heic(b"mif1", b"mif1heic"), "is a HEIC picture"),
        (&heic(b"mif1", b"mif1avif"), "is an AVIF picture"),
        (&heic(b"mif1", b"mif1"), "is a HEIF picture"),
        (&heic(b"avif", b"avifmif1miaf"), "is an AVIF picture"),
        (&heic(b"crx ", b"crx isom"), "camera raw file (CR3)"),
        (&heic(b"isom", b"isomavc1"), "is a video"),
        (b"\xff\x0a\x10\x20", "is a JPEG XL picture"),
        (b"\0\0\0\x0cJXL \r\n\x87\n\0\0", "is a JPEG XL picture"),
        (b"\0\0\0\x0cjP  \r\n\x87\n\0\0", "is a JPEG 2000 picture"),
        (b"\xff\x4f\xff\x51\0\x29", "is a JPEG 2000 picture"),
        (b"8BPS\0\x01", "is a Photoshop picture"),
        (b"%PDF-1.7", "is a PDF document"),
        (b"<?xml version='1.0'?>\n<!-- drawn --><svg xmlns='x'/>", "is an SVG drawing"),
        (b"\xef\xbb\xbf  <SVG width='3'>", "is an SVG drawing"),
        (b"<!DOCTYPE html><html><body><svg/>404", "is a web page"),
        (b"II*\0\x10\0\0\0CR\x02\0\0\0\0\0", "camera raw file (CR2)"),
        (b"IIRO\x08\0\0\0", "camera raw file (ORF)"),
        (b"IIU\0\x18\0\0\0", "camera raw file (RW2)"),
        (b"FUJIFILMCCD-RAW 0201", "camera raw file (RAF)"),
        (b"P6 1 1 255 abc", "is a PNM picture"),
        (b"\0\x05\x16\x07\0\x02\0\0Mac OS X", "is an AppleDouble file"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"\x93NUMPY\x01\0", ".npy"),
        (b"hello", "not a picture in a known format"),
        (b"", "is empty"),
    ];
    for (bytes, expected) in files {
        let message = problem(bytes);
        assert!(message.contains(expected), "{message}, not {expected}");
        let advice = bytes.is_empty() || message.contains("PNG, JPEG, WebP, BMP, GIF, TIFF");
        assert!(advice, "{message}");
    }
}

/// A TIFF file of one directory, whose entries are single numbers.
fn directory(entries: &[(u16, u32)], more: &[(u16, u32)]) -> Vec<u8> {
    let list = |entries: &[(u16, u32)]| {
        let entry =
            |&(tag, value): &(u16, u32)| [&tag.to_le_bytes()[..], &[4, 0, 1, 0, 0, 0], &value.to_le_bytes()].concat();
        let entries: Vec<u8> = entries.iter().flat_map(entry).collect();
        [&(entries.len() as u16 / 12).to_le_bytes()[..], &entries, &[0; 4]].concat()
    };
    [b"II*\0\x08\0\0\0", &list(entries)[..], &list(more)].concat()
}

#[test]
fn camera_raw_files_are_not_taken_for_their_previews() {
    let child = 8 + 2 + 12 * 2 + 4;
    let raw = "is a camera raw file";
    for (entries, more, expected) in [
        (vec![(254, 1), (330, child)], vec![(262, 32803)], raw),
        (vec![(262, 2), (330, child)], vec![(262, 34892)], raw),
        (vec![(262, 32803)], vec![], raw),
        (vec![(50706, 0x0401)], vec![], "is a camera raw file (DNG)"),
        (vec![(262, 2), (330, child)], vec![(262, 2)], "its end is missing"),
    ] {
        let message = problem(&directory(&entries, &more));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn rare_kinds_of_jpeg_are_named() {
    let arithmetic = fixture("arithmetic.jpg");
    assert!(problem(&arithmetic).contains("JPEG file: arithmetic coding is not supported; convert it"));
    let frame = arithmetic.windows(2).position(|w| w == [0xff, 0xc9]).unwrap();
    let with = |at: usize, value: u8| {
        let mut bytes = arithmetic.clone();
        bytes[frame + at] = value;
        bytes
    };
    assert!(problem(&with(1, 0xc3)).contains("lossless coding"));
    assert!(problem(&with(1, 0xf7)).contains("JPEG-LS coding"));
    let mut deep = with(1, 0xc1);
    deep[frame + 4] = 12;
    assert!(problem(&deep).contains("samples of 12 bits"));
}

#[test]
fn tiff_files_that_cannot_be_read_say_why() {
    let plain = |entries: &[(u16, u32)]| {
        let fixed = [(256, 2), (257, 2), (273, 8), (278, 2), (279, 4)];
        let mut all: Vec<(u16, u32)> =
            fixed.iter().filter(|(tag, _)| !entries.iter().any(|(t, _)| t == tag)).copied().collect();
        all.extend(entries);
        all.sort_unstable();
        directory(&all, &[])
    };
    for (entries, expected) in [
        (vec![(258, 8), (262, 8)], "L*a*b*"),
        (vec![(258, 8), (262, 6)], "YCbCr without JPEG"),
        (vec![(258, 8)], "does not say what its colours mean"),
        (vec![(258, 8), (262, 1), (266, 2)], "reverse order"),
        (vec![(258, 32), (262, 1), (339, 3), (279, 16)], "floats of 32 bits"),
        (vec![(258, 8), (262, 1), (279, 1_000_000)], "its end is missing"),
        (vec![(258, 8), (262, 2)], "pixels have 1 samples; their colours need 3"),
        (vec![(256, 1 << 20), (258, 8), (262, 1)], "1048576 x 2"),
        (vec![(256, 30_000), (257, 1000), (258, 8), (262, 1), (278, 1000)], "bytes decoded"),
    ] {
        let message = problem(&plain(&entries));
        assert!(message.contains("TIFF file") && message.contains(expected), "{message}, not {expected}");
    }
}

#[test]
fn stretched_pictures_equal_pillow() {
    let case = table("pillow.txt").into_iter().find(|case| case[0] == "tiff-raw").unwrap();
    let picture = decode(&from_hex(&case[1]), Path::new("sample")).unwrap();
    assert_eq!((picture.height, picture.width), (3, 5));
    let rule = |filter, crop| Resize { shorter_edge: 3, filter, crop, stretch: Some([4, 3]) };
    // Image.resize((3, 4), BILINEAR) and BICUBIC.
    let bilinear = [
        16, 113, 210, 74, 171, 69, 132, 229, 70, 62, 159, 96, 125, 186, 84, 188, 125, 126, 116, 172, 54, 164, 151, 123,
        158, 95, 138, 162, 149, 100, 179, 77, 174, 54, 151, 102,
    ];
    let bicubic = [
        9, 106, 225, 70, 170, 65, 130, 241, 60, 53, 164, 90, 123, 197, 77, 203, 116, 130, 121, 181, 38, 171, 151, 129,
        165, 81, 146, 171, 147, 101, 183, 60, 189, 40, 159, 99,
    ];
    for (filter, expected) in [(Filter::PillowBilinear, bilinear), (Filter::PillowBicubic, bicubic)] {
        let found = resize_and_crop(&picture, &rule(filter, [4, 3])).unwrap();
        assert_eq!((found.height, found.width, &found.rgb[..]), (4, 3, &expected[..]));
        let middle = resize_and_crop(&picture, &rule(filter, [2, 1])).unwrap();
        assert_eq!(middle.rgb, [&expected[12..15], &expected[21..24]].concat());
    }
    let wrong = resize_and_crop(&picture, &rule(Filter::PillowBilinear, [4, 4])).unwrap_err();
    assert!(wrong.to_string().contains("4 x 3, less than their crop of 4 x 4"), "{wrong}");
}
