//! Pictures.

use crate::seals;
use crate::target::{checked, refused};
use lq_infer::Pixels;

/// A picture file of any format.
pub fn picture(data: &[u8]) {
    let mut file = data.to_vec();
    if file.starts_with(b"\x89PNG") && seals::repairs(data) {
        seals::png(&mut file);
    }
    decode(&file);
}

/// Decodes a file and, if it is one, makes a network's input of it.
fn decode(file: &[u8]) {
    let Some(pixels) = checked(Pixels::decode(file)) else { return };
    assert_eq!(pixels.rgb.len(), 3 * pixels.height * pixels.width);
    if pixels.rgb.len() > 1 << 16 {
        return;
    }
    let resize = r#"{"shorter_edge": 9, "filter": "pillow-bicubic", "crop": [8, 7]}"#;
    let resize = serde_json::from_str(resize).expect("it says how to resize");
    match lq_infer::internals::image::resize_and_crop(&pixels, &resize) {
        Ok(small) => assert_eq!((small.height, small.width), (8, 7)),
        Err(problem) => refused(problem),
    }
}

/// The Exif data of a JPEG, of a PNG or of a WebP that is otherwise right.
pub fn exif(data: &[u8]) {
    let data = &data[..data.len().min(0xff00)];
    decode(&jpeg_with(data));
    decode(&png_with(data));
}

fn jpeg_with(exif: &[u8]) -> Vec<u8> {
    let jpeg = include_bytes!("../../tests/fixtures/image/progressive.jpg");
    let len = (exif.len() as u16 + 8).to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &len, b"Exif\0\0", exif, &jpeg[2..]].concat()
}

/// The first chunk, of 25 bytes, is IHDR; eXIf may follow it.
fn png_with(exif: &[u8]) -> Vec<u8> {
    let png = include_bytes!("../../tests/fixtures/image/palette.png");
    let (start, rest) = png.split_at(8 + 25);
    let mut file = [start, &(exif.len() as u32).to_be_bytes(), b"eXIf", exif, &[0; 4], rest].concat();
    seals::png(&mut file);
    file
}
