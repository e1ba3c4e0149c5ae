//! A resize and crop as the numbers that the shaders read; `shaders/texture/picture.wgsl` says how they lie.

use crate::image::{Rounding, Separable, Taps};

/// Everything about the pictures of one size that the shaders need.
#[derive(Debug)]
pub(super) struct Table {
    pub words: Vec<i32>,
    /// Width and height of the picture, and of the crop.
    pub source: [u32; 2],
    pub crop: [u32; 2],
    /// Row of the picture that is needed first, and how many are.
    pub first_row: u32,
    pub needed_rows: u32,
    /// Whether sums are rounded as by Pillow, else as by OpenCV.
    pub pillow: bool,
    /// Samples of a row that OpenCV computes in f32.
    pub vector: u32,
}

impl Table {
    pub(super) fn new(how: &Separable) -> Self {
        let (columns, rows) = (&how.columns, &how.rows);
        let entries = 2 * (columns.len() + 1 + rows.len() + 1);
        let mut words = Vec::with_capacity(entries);
        let mut weights = Vec::new();
        for list in [columns, rows] {
            put(list, entries, &mut words, &mut weights);
        }
        words.append(&mut weights);
        let needed = how.needed_rows();
        let [height, width] = how.source.map(|n| n as u32);
        Table {
            words,
            source: [width, height],
            crop: [columns.len() as u32, rows.len() as u32],
            first_row: needed.start as u32,
            needed_rows: needed.len() as u32,
            pillow: how.rounding == Rounding::Pillow,
            vector: if let Rounding::Opencv { vector } = how.rounding { vector as u32 } else { 0 },
        }
    }
}

/// The entries of a list, whose weights follow `entries` numbers and those that are there already.
fn put(list: &[Taps], entries: usize, words: &mut Vec<i32>, weights: &mut Vec<i32>) {
    for taps in list {
        // Textures are at most some 10,000 pixels wide and high.
        words.extend([taps.first as i32, (entries + weights.len()) as i32]);
        weights.extend(&taps.weights);
    }
    words.extend([0, (entries + weights.len()) as i32]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::preprocess::{Filter, Resize};

    #[test]
    fn every_entry_has_its_weights() {
        let rule = Resize { shorter_edge: 9, crop: [6, 7], stretch: None, filter: Filter::PillowBicubic };
        let how = Separable::new([40, 23], &rule).unwrap();
        let table = Table::new(&how);
        assert_eq!((table.source, table.crop), ([23, 40], [7, 6]));
        let entries = how.columns.iter().map(Some).chain([None]).chain(how.rows.iter().map(Some));
        for (at, taps) in entries.enumerate() {
            let Some(taps) = taps else { continue };
            let [first, start, _, end] = [0, 1, 2, 3].map(|k| table.words[2 * at + k]);
            assert_eq!((i64::from(first), &table.words[start as usize..end as usize]), (taps.first, &taps.weights[..]));
        }
        let rows: Vec<usize> = how.rows.iter().flat_map(|taps| taps.positions(40)).collect();
        let (first, last) = (*rows.iter().min().unwrap(), *rows.iter().max().unwrap());
        assert_eq!((table.first_row as usize, table.needed_rows as usize), (first, last - first + 1));
    }
}
