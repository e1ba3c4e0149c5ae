//! Decoding and exact resizing of pictures. Fixtures come from the scripts in tests/fixtures/image.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use crate::common::pictures::problem;
use image::{DynamicImage, ImageFormat, RgbImage};
use lq_infer::internals::error::ErrorKind;
use lq_infer::internals::graph::preprocess::{Filter, Resize};
use lq_infer::internals::image::{MAX_SIDE, Pixels, decode, resize_and_crop};
use sha2::{Digest, Sha256};

const FILTERS: [Filter; 3] = [Filter::PillowBicubic, Filter::PillowBilinear, Filter::OpencvCubic];
const FORMATS: [ImageFormat; 5] =
    [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Gif];
/// TIFF files of `pillow.txt` that stand for the ways to store one.
const TIFFS: [&str; 6] =
    ["tiff-tiff_lzw", "tiff-palette-of-4-bits", "tiff-jpeg", "tiff-tiles", "tiff-planes", "bigtiff"];

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/image").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The test pattern; the same formula is in make_resize_fixtures.py.
fn pattern(height: usize, width: usize) -> Pixels {
    let value = |y: usize, x: usize, c: usize| {
        ((x * x * 7 + y * y * 13 + x * y * 5 + c * 89 + ((x * 31) ^ (y * 17)) * 3) >> 1) as u8
    };
    let row = |y| (0..width).flat_map(move |x| (0..3).map(move |c| value(y, x, c)));
    Pixels { height, width, rgb: (0..height).flat_map(row).collect() }
}

fn dynamic(height: usize, width: usize) -> DynamicImage {
    let pixels = pattern(height, width);
    RgbImage::from_raw(width as u32, height as u32, pixels.rgb).unwrap().into()
}

fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn decoded(bytes: &[u8]) -> Pixels {
    decode(bytes, Path::new("sample")).unwrap()
}

#[test]
fn lossless_formats_give_the_pixels_back() {
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp] {
        assert_eq!(decoded(&encode(&dynamic(19, 23), format)), pattern(19, 23), "{format:?}");
    }
}

#[test]
fn lossy_formats_come_close() {
    // A smooth picture: the compression is not what is tested.
    let smooth = RgbImage::from_fn(32, 24, |x, y| image::Rgb([x as u8 * 4, y as u8 * 4, 128]));
    // The encoder of GIF looks for 256 colours, which is coarser than JPEG.
    for (format, tolerance) in [(ImageFormat::Jpeg, 16), (ImageFormat::Gif, 96)] {
        let pixels = decoded(&encode(&smooth.clone().into(), format));
        assert_eq!((pixels.height, pixels.width), (24, 32), "{format:?}");
        let worst = pixels.rgb.iter().zip(smooth.as_raw()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst <= tolerance, "{format:?}: {worst}");
    }
}

#[test]
fn colour_types_become_rgb() {
    let rgb = dynamic(11, 13);
    let grey = DynamicImage::from(rgb.to_luma8());
    let greys: Vec<u8> = grey.as_bytes().iter().flat_map(|&g| [g; 3]).collect();
    assert_eq!(decoded(&encode(&grey, ImageFormat::Png)).rgb, greys);
    assert_eq!(decoded(&encode(&grey.to_luma_alpha8().into(), ImageFormat::Png)).rgb, greys);
    assert_eq!(decoded(&encode(&grey.to_luma16().into(), ImageFormat::Png)).rgb, greys);
    assert_eq!(decoded(&encode(&grey.to_luma_alpha16().into(), ImageFormat::Png)).rgb, greys);
    assert_eq!(decoded(&encode(&rgb.to_rgb16().into(), ImageFormat::Png)).rgb, rgb.as_bytes());
    assert_eq!(decoded(&encode(&rgb.to_rgba16().into(), ImageFormat::Png)).rgb, rgb.as_bytes());
    assert_eq!(decoded(&encode(&grey, ImageFormat::Bmp)).rgb, greys);
    let grey_jpeg = decoded(&encode(&grey, ImageFormat::Jpeg));
    assert!(grey_jpeg.rgb.chunks(3).all(|p| p[0] == p[1] && p[1] == p[2]));
}

#[test]
fn alpha_is_discarded() {
    let mut picture = dynamic(9, 9).to_rgba8();
    picture.pixels_mut().enumerate().for_each(|(i, p)| p.0[3] = (i * 3) as u8);
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::WebP] {
        assert_eq!(decoded(&encode(&picture.clone().into(), format)), pattern(9, 9), "{format:?}");
    }
}

/// 16 x 32, quadrants red, green, blue, grey, each sample within `tolerance`.
fn assert_quadrants(name: &str, tolerance: u8) {
    let pixels = decoded(&fixture(name));
    assert_eq!((pixels.height, pixels.width), (16, 32), "{name}");
    for (i, pixel) in pixels.rgb.chunks(3).enumerate() {
        let wanted = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [64, 64, 64]][i / 32 / 8 * 2 + i % 32 / 16];
        let near = pixel.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= tolerance);
        assert!(near, "{name}: row {} column {}: {pixel:?}, not {wanted:?}", i / 32, i % 32);
    }
}

#[test]
fn files_of_other_programs() {
    for exact in ["palette.png", "palette.bmp", "deep.png", "animated.gif", "exif-6.png", "exif-6.webp"] {
        assert_quadrants(exact, 0);
    }
    for lossy in ["cmyk.jpg", "progressive.jpg"] {
        assert_quadrants(lossy, 6);
    }
    let lossy = decoded(&fixture("lossy.webp"));
    assert_eq!((lossy.height, lossy.width), (16, 32));
}

#[test]
fn exif_orientations_turn_the_picture_upright() {
    for orientation in 1..=8 {
        assert_quadrants(&format!("exif-{orientation}.jpg"), 6);
    }
}

#[test]
fn unknown_formats_are_named() {
    for bytes in [b"hello".as_slice(), b"P6 1 1 255 abc", b"%PDF-1.4"] {
        let message = problem(bytes);
        assert!(message.contains("PNG, JPEG, WebP, BMP, GIF, TIFF"), "{message}");
    }
}

#[test]
fn oversized_pictures_are_refused_by_their_header() {
    let mut png = encode(&dynamic(3, 3), ImageFormat::Png);
    // Width and height of IHDR, and its checksum.
    png[16..24].copy_from_slice(&[0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0]);
    let checksum = crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&checksum);
    let message = problem(&png);
    assert!(message.contains("100000 x 100000") && message.contains(&MAX_SIDE.to_string()), "{message}");

    let mut gif = encode(&dynamic(3, 3), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[0xff; 4]);
    assert!(problem(&gif).contains("65535 x 65535"));
    let mut bmp = encode(&dynamic(3, 3), ImageFormat::Bmp);
    bmp[18..26].copy_from_slice(&[0xff, 0x7f, 0, 0, 0xff, 0x7f, 0, 0]);
    assert!(problem(&bmp).contains("32767 x 32767"));
    let mut jpeg = encode(&dynamic(3, 3), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    assert!(problem(&jpeg).contains("65535 x 65535"));
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, b| (0..8).fold(crc ^ u32::from(*b), step))
}

fn samples() -> Vec<(String, Vec<u8>)> {
    let encoded = FORMATS.map(|format| (format!("{format:?}"), encode(&dynamic(12, 10), format)));
    let names = ["progressive.jpg", "cmyk.jpg", "exif-6.webp", "lossy.webp", "palette.bmp", "animated.gif", "deep.png"];
    let pillow = String::from_utf8(fixture("pillow.txt")).unwrap();
    let wanted = pillow.lines().filter_map(|line| {
        let mut parts = line.split(' ');
        let name = parts.next().filter(|name| TIFFS.contains(name))?;
        let digits = parts.next()?.as_bytes().as_chunks::<2>().0;
        let bytes = digits.iter().map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap());
        Some((name.to_owned(), bytes.collect()))
    });
    let files = names.map(|name| (name.to_owned(), fixture(name)));
    encoded.into_iter().chain(files).chain(wanted).collect()
}

#[test]
fn truncated_files_are_errors() {
    for (name, bytes) in samples() {
        let whole = decoded(&bytes);
        for length in 0..bytes.len() {
            let result = decode(&bytes[..length], Path::new("sample"));
            // Without what a TIFF file says last, its pixels may still be complete.
            let complete = TIFFS.contains(&name.as_str()) && result.as_ref().is_ok_and(|found| *found == whole);
            assert!(result.is_err() || complete, "{name}: {length} of {} bytes are accepted", bytes.len());
        }
    }
}

/// xorshift64*: the same mutations in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    /// One to four changed bytes, and sometimes a piece removed or doubled.
    fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..1 + self.below(4) {
            // Headers decide the most, so half of the changes go there.
            let reach = if self.below(2) == 0 { bytes.len().min(64) } else { bytes.len() };
            let at = self.below(reach);
            bytes[at] = [0, 0xff, bytes[at] ^ (1 << self.below(8)), self.below(256) as u8][self.below(4)];
        }
        if self.below(8) == 0 {
            let at = self.below(bytes.len());
            let end = (at + self.below(16)).min(bytes.len());
            let piece: Vec<u8> = bytes.drain(at..end).collect();
            if self.below(2) == 0 {
                let twice = [&piece[..], &piece[..]].concat();
                bytes.splice(at..at, twice);
            }
        }
        // The checksums would hide the decoder from most changes of a PNG.
        if bytes.starts_with(b"\x89PNG") { with_checksums(bytes) } else { bytes }
    }
}

/// The PNG with the right checksum on each chunk that can still be found.
fn with_checksums(mut png: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while at + 12 <= png.len() {
        let length = u32::from_be_bytes([png[at], png[at + 1], png[at + 2], png[at + 3]]) as usize;
        let Some(end) = at.checked_add(length + 8).filter(|end| end + 4 <= png.len()) else { break };
        let checksum = crc32(&png[at + 4..end]).to_be_bytes();
        png[end..end + 4].copy_from_slice(&checksum);
        at = end + 4;
    }
    png
}

#[test]
fn mutated_files_never_panic_nor_take_much_memory() {
    // Mutations of each sample; every format has at least 3,000, and most more than one sample.
    const ROUNDS: usize = 20_000;
    let mut most = 0;
    for (i, (name, bytes)) in samples().into_iter().enumerate() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 + i as u64);
        for round in 0..ROUNDS {
            let mutated = random.mutate(&bytes);
            let (outcome, peak) =
                crate::alloc::peak_of(|| std::panic::catch_unwind(|| decode(&mutated, Path::new("sample"))));
            most = most.max(peak);
            assert!(peak <= mutated.len() + (64 << 20), "{name}: round {round}: {peak} bytes for {mutated:02x?}");
            match outcome {
                Ok(Ok(pixels)) => assert_eq!(pixels.rgb.len(), pixels.height * pixels.width * 3),
                Ok(Err(error)) => assert_eq!(error.kind(), ErrorKind::BadInput),
                Err(_) => panic!("{name}: round {round}: the decoder panicked on {mutated:02x?}"),
            }
        }
    }
    println!("at most {most} bytes at once");
}

fn rule(filter: Filter, edge: usize, crop: [usize; 2]) -> Resize {
    Resize { shorter_edge: edge, filter, crop, stretch: None }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn assert_equal_to_recorded(filter: Filter, name: &str) {
    let lines = String::from_utf8(fixture(&format!("{name}.txt"))).unwrap();
    assert!(lines.lines().count() >= 40);
    for line in lines.lines() {
        let (case, digest) = line.rsplit_once(' ').unwrap();
        let numbers: Vec<usize> = case.split(' ').map(|n| n.parse().unwrap()).collect();
        let [height, width, edge, crop_height, crop_width] = numbers[..] else { panic!("{line}") };
        let result = resize_and_crop(&pattern(height, width), &rule(filter, edge, [crop_height, crop_width])).unwrap();
        assert_eq!((result.height, result.width), (crop_height, crop_width));
        assert_eq!(hex(&Sha256::digest(&result.rgb)[..16]), digest, "{name}: {case}");
    }
    for (height, width, edge, crop) in [(2, 3, 20, [20, 20]), (13, 11, 29, [28, 27]), (97, 61, 40, [32, 32])] {
        let file = format!("{name}-{height}-{width}-{edge}-{}-{}.png", crop[0], crop[1]);
        let result = resize_and_crop(&pattern(height, width), &rule(filter, edge, crop)).unwrap();
        assert_eq!(result, decoded(&fixture(&file)), "{file}");
    }
}

#[test]
fn bicubic_equals_pillow() {
    assert_equal_to_recorded(Filter::PillowBicubic, "pillow-bicubic");
}

#[test]
fn bilinear_equals_pillow() {
    assert_equal_to_recorded(Filter::PillowBilinear, "pillow-bilinear");
}

#[test]
fn cubic_equals_opencv() {
    assert_equal_to_recorded(Filter::OpencvCubic, "opencv-cubic");
}

#[test]
fn extreme_shapes_need_only_the_crop() {
    for filter in FILTERS {
        for (height, width) in [(1, 30_000), (30_000, 1), (1, 1)] {
            let flat = Pixels { height, width, rgb: vec![77; height * width * 3] };
            let result = resize_and_crop(&flat, &rule(filter, 224, [224, 200])).unwrap();
            assert_eq!(result, Pixels { height: 224, width: 200, rgb: vec![77; 224 * 200 * 3] });
        }
    }
}

#[test]
fn matching_pictures_are_only_cropped() {
    for filter in FILTERS {
        let result = resize_and_crop(&pattern(5, 9), &rule(filter, 5, [3, 4])).unwrap();
        // Rows from 1; columns from 2.5, to even: 2.
        let rows = pattern(5, 9).rgb.chunks(9 * 3).skip(1).take(3).flat_map(|r| r[6..18].to_vec()).collect::<Vec<_>>();
        assert_eq!(result.rgb, rows);
    }
}

#[test]
fn impossible_rules_are_usage_errors() {
    let picture = pattern(6, 6);
    for (edge, crop) in [(0, [0, 0]), (4, [5, 4]), (4, [4, 5]), (4, [0, 4]), (usize::MAX, [4, 4])] {
        let error = resize_and_crop(&picture, &rule(Filter::PillowBicubic, edge, crop)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
    for (height, width) in [(6, 5), (0, 6), (usize::MAX, 6)] {
        let wrong = Pixels { height, width, rgb: picture.rgb.clone() };
        assert_eq!(
            resize_and_crop(&wrong, &rule(Filter::OpencvCubic, 4, [4, 4])).unwrap_err().kind(),
            ErrorKind::Usage
        );
    }
}
