//! Whether a file is complete. Decoders stop at the last pixel they need, or fill missing parts with grey (JPEG), so a
//! truncated download would be classified silently. Walking the container's chunks shows that its end is missing.

use image::ImageFormat;

/// True if the container's end marker (PNG, JPEG, GIF) or announced length (WebP, with every chunk inside it) lies
/// within `bytes`. BMP has neither; its decoder reads every row and fails by itself.
pub(super) fn is_whole(format: ImageFormat, bytes: &[u8]) -> bool {
    let end = match format {
        ImageFormat::Png => png(bytes),
        ImageFormat::Jpeg => jpeg(bytes),
        ImageFormat::Gif => gif(bytes),
        ImageFormat::WebP => webp(bytes),
        _ => Some(()),
    };
    end.is_some()
}

fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

fn four(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok()
}

/// Chunks of length, type, data, checksum after an 8-byte signature; the last is IEND.
fn png(bytes: &[u8]) -> Option<()> {
    let mut at = 8usize;
    loop {
        let length = u32::from_be_bytes(four(bytes, at)?) as usize;
        let kind = four(bytes, at + 4)?;
        at = at.checked_add(length)?.checked_add(12)?;
        if at > bytes.len() {
            return None;
        }
        if &kind == b"IEND" {
            return Some(());
        }
    }
}

/// Segments FF xx length data; after SOS (DA) come entropy-coded bytes up to the next marker that is neither stuffing
/// (00) nor a restart (D0 to D7); the last marker is EOI (D9).
fn jpeg(bytes: &[u8]) -> Option<()> {
    let mut at = 2usize;
    loop {
        at += bytes.get(at..)?.iter().position(|&b| b == 0xff)?;
        let marker = byte(bytes, at + 1)?;
        match marker {
            0xd9 => return Some(()),
            0xff => at += 1,
            0x00 | 0x01 | 0xd0..=0xd8 => at += 2,
            _ => at += 2 + usize::from(u16::from_be_bytes([byte(bytes, at + 2)?, byte(bytes, at + 3)?])),
        }
    }
}

/// A 13-byte header with its colour table, then extensions (21) and frames (2C) up to the trailer (3B).
fn gif(bytes: &[u8]) -> Option<()> {
    let mut at = 13 + color_table(byte(bytes, 10)?);
    loop {
        at = match byte(bytes, at)? {
            0x3b => return Some(()),
            0x21 => sub_blocks(bytes, at + 2)?,
            0x2c => sub_blocks(bytes, at + 11 + color_table(byte(bytes, at + 9)?))?,
            _ => return None,
        };
    }
}

/// Bytes of the colour table that a GIF flags byte announces.
fn color_table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 6usize << (flags & 7) }
}

/// Offset after a GIF's chain of sub-blocks (length, data) that a zero length ends.
fn sub_blocks(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(byte(bytes, at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}

/// RIFF, its length, WEBP, then chunks of type, length, data, padded to even lengths.
fn webp(bytes: &[u8]) -> Option<()> {
    let end = (u32::from_le_bytes(four(bytes, 4)?) as usize).checked_add(8)?;
    let mut rest = bytes.get(12..end)?;
    while !rest.is_empty() {
        let length = u32::from_le_bytes(four(rest, 4)?) as usize;
        rest = rest.get(8..)?.get(length..)?;
        rest = rest.get(length % 2..).unwrap_or_default();
    }
    Some(())
}
