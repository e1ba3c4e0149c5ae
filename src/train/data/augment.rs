//! Pictures that are moved, cut and mirrored at random, by numbers that depend on the seed, the epoch and the picture alone.

use crate::error::Result;
use crate::graph::preprocess::Resize;
use crate::image::{Pixels, resize_and_crop};
use crate::random::Rng;
use serde::{Deserialize, Serialize};

/// How pictures are varied besides mirroring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Augment {
    /// Not at all.
    None,
    /// Moved by up to an eighth of their size each way, with black where nothing is left: for small pictures.
    Shift,
    /// A random part of 8 to 100 % of the picture, of a shape of 3:4 to 4:3, resized: for large pictures (Szegedy et al.
    /// 2015).
    Crop,
}

/// A random number from 0 to `most`.
fn below(rng: &mut Rng, most: usize) -> usize {
    (rng.next_u64() % (most as u64 + 1)) as usize
}

/// A picture of [height, width] moved by up to an eighth of its size.
pub(super) fn shifted(picture: &[u8], [height, width]: [usize; 2], rng: &mut Rng) -> Vec<u8> {
    let [down, right] = [height, width].map(|size| (below(rng, size / 8 * 2) as isize, (size / 8) as isize));
    let (dy, dx) = (down.0 - down.1, right.0 - right.1);
    let mut result = vec![0; picture.len()];
    for y in 0..height {
        let Some(from) = y.checked_add_signed(dy).filter(|&from| from < height) else { continue };
        // Columns that stay within the picture.
        let (first, last) = ((-dx).max(0) as usize, (width as isize - dx.max(0)) as usize);
        let start = first.wrapping_add_signed(dx);
        let count = last.saturating_sub(first);
        let row = &picture[(from * width + start) * 3..][..count * 3];
        result[(y * width + first) * 3..][..count * 3].copy_from_slice(row);
    }
    result
}

/// A random part of a picture, resized to what `rule` makes of pictures.
pub(super) fn cropped(picture: &Pixels, rule: &Resize, rng: &mut Rng) -> Result<Vec<u8>> {
    let (height, width) = (picture.height as f64, picture.width as f64);
    let [mut h, mut w] = [picture.height, picture.width];
    for _ in 0..10 {
        let area = height * width * rng.uniform(0.08, 1.0);
        let shape = rng.uniform((0.75f64).ln(), (4.0f64 / 3.0).ln()).exp();
        let size = [(area / shape).sqrt().round() as usize, (area * shape).sqrt().round() as usize];
        if (1..=picture.height).contains(&size[0]) && (1..=picture.width).contains(&size[1]) {
            [h, w] = size;
            break;
        }
    }
    let (top, left) = (below(rng, picture.height - h), below(rng, picture.width - w));
    let rows = (top..top + h).flat_map(|y| &picture.rgb[(y * picture.width + left) * 3..][..w * 3]);
    let part = Pixels { height: h, width: w, rgb: rows.copied().collect() };
    let shorter_edge = rule.crop[0].min(rule.crop[1]);
    Ok(resize_and_crop(&part, &Resize { shorter_edge, stretch: Some(rule.crop), ..*rule })?.rgb)
}

/// A picture with left and right exchanged.
pub(super) fn mirror(picture: &mut [u8], width: usize) {
    for row in picture.chunks_exact_mut(width * 3) {
        let (pixels, _) = row.as_chunks_mut::<3>();
        pixels.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::preprocess::Filter;

    #[test]
    fn shifts_keep_rows_and_columns_together() {
        let picture: Vec<u8> = (1..=64).flat_map(|p| [p, p, p]).collect();
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..60 {
            let moved = shifted(&picture, [8, 8], &mut Rng::new(seed));
            let at = |y: usize, x: usize| usize::from(moved[(y * 8 + x) * 3]);
            // Pixel (3, 3) tells how far it went.
            let (dy, dx) = ((at(3, 3) - 1) / 8, (at(3, 3) - 1) % 8);
            seen.insert((dy, dx));
            for (y, x) in (0..8).flat_map(|y| (0..8).map(move |x| (y, x))) {
                let inside = (3..11).contains(&(y + dy)) && (3..11).contains(&(x + dx));
                let expected = if inside { (y + dy - 3) * 8 + x + dx - 3 + 1 } else { 0 };
                assert_eq!(at(y, x), expected, "{y} {x} of {dy} {dx}");
            }
        }
        assert_eq!(seen.len(), 9, "one pixel each way");
    }

    #[test]
    fn parts_of_any_picture_have_the_networks_size() {
        let rule = Resize { shorter_edge: 8, filter: Filter::PillowBilinear, crop: [6, 6], stretch: None };
        for (height, width) in [(1, 1), (3, 50), (40, 30)] {
            let picture = Pixels { height, width, rgb: vec![9; height * width * 3] };
            for seed in 0..5 {
                assert_eq!(cropped(&picture, &rule, &mut Rng::new(seed)).unwrap(), vec![9; 108]);
            }
        }
        let mut picture: Vec<u8> = (0..12).collect();
        mirror(&mut picture, 2);
        assert_eq!(picture, [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]);
    }
}
