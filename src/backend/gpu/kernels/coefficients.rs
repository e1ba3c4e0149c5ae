//! Coefficients of bit convolutions as rows of a table.

use super::super::table::Table;
use crate::lower::BitConv;

/// For each pass the high, then the low coefficients of its pairs.
pub(super) fn coefficient_rows<'a>(table: &mut Table<'a>, k: &'a BitConv, planes: usize) {
    let all = k.channel_pairs();
    let mut part_at = 0;
    for part in &k.parts {
        for pass in 0..part.planes / planes {
            for word in 0..2 {
                for i in 0..k.weight_planes {
                    for j in 0..planes {
                        let pair = part_at + i * part.planes + pass * planes + j;
                        table.row(0, move |c| k.coefficients[c * all + pair][word]);
                    }
                }
            }
        }
        part_at += k.weight_planes * part.planes;
    }
}
