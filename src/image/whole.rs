//! Whether a file is complete. Decoders stop at the last pixel they need, or fill missing parts with grey (JPEG), so a
//! truncated download would be classified silently. Walking the container's pieces shows that its end is missing.

use super::containers;
use super::tags::{self, Directory};
use image::ImageFormat;

/// True if the container's end marker (PNG, JPEG, GIF), announced length (WebP, with every chunk inside it) or data
/// (TIFF) lie within `bytes`. BMP has neither; its decoder reads every row and fails by itself.
pub(super) fn is_whole(format: ImageFormat, bytes: &[u8]) -> bool {
    match format {
        ImageFormat::Png => containers::png(bytes).any(|(kind, _)| &kind == b"IEND"),
        ImageFormat::Jpeg => containers::jpeg(bytes).any(|(marker, _)| marker == containers::END_OF_IMAGE),
        ImageFormat::Gif => containers::gif(bytes).is_some(),
        ImageFormat::WebP => containers::webp(bytes).is_some(),
        ImageFormat::Tiff => {
            Directory::first(bytes).is_some_and(|directory| !directory.is_damaged() && tiff(&directory, bytes.len()))
        }
        _ => true,
    }
}

/// Whether all strips or tiles lie within the file.
fn tiff(directory: &Directory<'_>, length: usize) -> bool {
    let all = |offsets: u16, lengths: u16| {
        let (offsets, lengths) = (directory.numbers(offsets), directory.numbers(lengths));
        let within = |(start, bytes): (&u64, &u64)| start.checked_add(*bytes).is_some_and(|end| end <= length as u64);
        offsets.len() == lengths.len() && !offsets.is_empty() && offsets.iter().zip(&lengths).all(within)
    };
    all(tags::STRIP_OFFSETS, tags::STRIP_LENGTHS) || all(tags::TILE_OFFSETS, tags::TILE_LENGTHS)
}
