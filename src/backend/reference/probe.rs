//! Peak rates of one thread in loops as simple as those of the reference.

use crate::backend::peak::{Copy, Peak, best_rate};
use crate::error::Result;
use std::hint::black_box;

/// Measures the peak rate of `peak`, one word, product or byte at a time.
pub(super) fn rate(peak: Peak) -> Result<f64> {
    match peak {
        Peak::Words => best_rate(|words| {
            let add = |total: u32, word: u64| black_box(total).wrapping_add((word as u32 & 0x5a5a_1234).count_ones());
            black_box((0..words).fold(0, add));
            Ok(words)
        }),
        Peak::ByteProducts => best_rate(|products| {
            let product = |n: u64| i32::from(n as i8) * i32::from((n >> 8) as i8);
            black_box((0..products).fold(0i32, |total, n| black_box(total).wrapping_add(product(n))));
            Ok(products)
        }),
        Peak::Bytes => Copy::new()?.rate(|to, from| to.iter_mut().zip(from).for_each(|(to, from)| *to = *from)),
    }
}
