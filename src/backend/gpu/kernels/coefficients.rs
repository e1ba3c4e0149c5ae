//! Coefficients of bit convolutions as rows of a table.

use super::super::table::Table;
use crate::lower::BitConv;

/// For each pass the high, then the low coefficients of its pairs. `added` is added to the high ones.
pub(super) fn coefficient_rows<'a>(table: &mut Table<'a>, k: &'a BitConv, planes: usize, added: i32) {
    let all = k.channel_pairs();
    let mut part_at = 0;
    for part in &k.parts {
        for pass in 0..part.planes / planes {
            for (word, added) in [(0, added), (1, 0)] {
                for i in 0..k.weight_planes {
                    for j in 0..planes {
                        let pair = part_at + i * part.planes + pass * planes + j;
                        table.row(0, move |c| k.coefficients[c * all + pair][word].wrapping_add(added));
                    }
                }
            }
        }
        part_at += k.weight_planes * part.planes;
    }
}
