//! The first frame of a GIF on its screen.

use super::limits::{check_size, one_line, too_much};
use super::pixels::Pixels;
use gif::{ColorOutput, DecodeOptions, MemoryLimit};
use std::io::Read;
use std::num::NonZeroU64;

/// Decodes the first frame, as Pillow's `convert("RGB")` shows it: on a screen that is as large as announced, or larger
/// where the frame does not fit in it. Around the frame is the colour of its transparent index, else of index 0; the
/// background index is not used. Transparent pixels have the colour of their index.
pub(super) fn decode(bytes: &[u8], allowed: u64) -> Result<Pixels, String> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(NonZeroU64::new(allowed).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    let (head, palette, rest) = with_palette(bytes).ok_or("it has no screen")?;
    let mut decoder =
        options.read_info(head.as_slice().chain(&palette[..]).chain(rest)).map_err(|e| describe(&e, allowed))?;
    check_size(decoder.width().into(), decoder.height().into(), 0, allowed)?;
    let frame = decoder.next_frame_info().map_err(|e| describe(&e, allowed))?.ok_or("it has no frame")?;
    let [left, top, columns, rows] = [frame.left, frame.top, frame.width, frame.height].map(usize::from);
    let outside = frame.transparent.unwrap_or(0);
    let width = usize::from(decoder.width()).max(left + columns);
    let height = usize::from(decoder.height()).max(top + rows);
    check_size(width as u32, height as u32, (columns * rows) as u64, allowed)?;
    // Indices beyond the palette are black.
    let palette = decoder.palette().map(<[u8]>::to_vec).map_err(|e| describe(&e, allowed))?;
    let color = |index: u8| palette.as_chunks::<3>().0.get(usize::from(index)).copied().unwrap_or_default();
    let mut indices = vec![0; columns * rows];
    decoder.read_into_buffer(&mut indices).map_err(|e| describe(&e, allowed))?;
    let mut rgb = color(outside).repeat(width * height);
    for (row, indices) in indices.chunks(columns.max(1)).enumerate() {
        let start = 3 * ((top + row) * width + left);
        let pixels = rgb.get_mut(start..).unwrap_or_default().as_chunks_mut::<3>().0;
        pixels.iter_mut().zip(indices).for_each(|(pixel, &index)| *pixel = color(index));
    }
    Ok(Pixels { height, width, rgb })
}

/// The parts of a file: its header, a palette to put after it, the rest. A file without a palette for all frames, which
/// the decoder refuses, gets levels of grey.
fn with_palette(bytes: &[u8]) -> Option<([u8; 13], Vec<u8>, &[u8])> {
    let mut head: [u8; 13] = *bytes.first_chunk()?;
    let mut palette = Vec::new();
    if head[10] & 0x80 == 0 {
        head[10] |= 0x87;
        palette.extend((0..=255u8).flat_map(|level| [level; 3]));
    }
    Some((head, palette, &bytes[13..]))
}

fn describe(error: &gif::DecodingError, allowed: u64) -> String {
    match error {
        gif::DecodingError::OutOfMemory | gif::DecodingError::MemoryLimit => too_much(allowed),
        other => one_line(other),
    }
}
