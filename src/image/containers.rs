//! The pieces that picture files are made of: segments of JPEG, chunks of PNG and WebP.

fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

fn four(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok()
}

/// Marker of JPEG's end of image.
pub(super) const END_OF_IMAGE: u8 = 0xd9;
/// Marker of JPEG's start of scan, which entropy-coded bytes follow.
pub(super) const START_OF_SCAN: u8 = 0xda;

/// Whether a JPEG's marker begins a frame: its segment has the size of the picture, its marker says how it is coded.
pub(super) fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf | 0xf7) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

/// JPEG's markers with the bytes of their segments: FF, marker, length, data. After SOS (DA) come entropy-coded bytes
/// up to the next marker that is neither stuffing (00) nor a restart (D0 to D7); the last marker is EOI (D9). The
/// sequence ends there, or where the file does.
pub(super) fn jpeg(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut at = 2usize;
    std::iter::from_fn(move || {
        loop {
            at += bytes.get(at..)?.iter().position(|&b| b == 0xff)?;
            match byte(bytes, at + 1)? {
                END_OF_IMAGE => {
                    at = bytes.len();
                    return Some((END_OF_IMAGE, [].as_slice()));
                }
                0xff => at += 1,
                0x00 | 0x01 | 0xd0..=0xd8 => at += 2,
                marker => {
                    let length = u16::from_be_bytes([byte(bytes, at + 2)?, byte(bytes, at + 3)?]);
                    let start = at + 4;
                    at += 2 + usize::from(length);
                    return Some((marker, bytes.get(start..at).unwrap_or_default()));
                }
            }
        }
    })
}

/// PNG's chunks of type and data: length, type, data, checksum, after an 8-byte signature. The last one is IEND; the
/// sequence ends there, or before the first one that the file does not hold as a whole.
pub(super) fn png(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut at = 8usize;
    std::iter::from_fn(move || {
        let length = u32::from_be_bytes(four(bytes, at)?) as usize;
        let kind = four(bytes, at + 4)?;
        let data = bytes.get(at + 8..)?.get(..length)?;
        at = at.checked_add(length)?.checked_add(12)?;
        if at > bytes.len() {
            return None;
        }
        if &kind == b"IEND" {
            at = bytes.len();
        }
        Some((kind, data))
    })
}

/// WebP's chunks of type and data, if all of them are there: RIFF, its length, WEBP, then type, length, data, padded to
/// even lengths.
pub(super) fn webp(bytes: &[u8]) -> Option<Vec<([u8; 4], &[u8])>> {
    let end = (u32::from_le_bytes(four(bytes, 4)?) as usize).checked_add(8)?;
    let mut rest = bytes.get(12..end)?;
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(four(rest, 4)?) as usize;
        let data = rest.get(8..)?;
        chunks.push((four(rest, 0)?, data.get(..length)?));
        rest = data.get(length..)?;
        rest = rest.get(length % 2..).unwrap_or_default();
    }
    Some(chunks)
}

/// Whether a GIF is complete: a 13-byte header with its colour table, then extensions (21) and frames (2C) up to the
/// trailer (3B).
pub(super) fn gif(bytes: &[u8]) -> Option<()> {
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
