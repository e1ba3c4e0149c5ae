//! What one thread does at best in loops as obvious as those of the reference, and the memory that copies are timed with.

use crate::backend::{Peak, best_rate};
use crate::error::{Error, Result};
use std::hint::black_box;

/// 32-bit words of each of the two buffers of a copy: 64 MiB, which no cache of a few cores holds, and any machine has.
const COPIED: usize = 1 << 24;

/// One word, product or byte after the other.
pub fn rate(peak: Peak) -> Result<f64> {
    match peak {
        Peak::Words => best_rate(|words| {
            let add = |total: u32, word: u64| black_box(total).wrapping_add((word as u32 & 0x5a5a_1234).count_ones());
            black_box((0..words).fold(0, add));
            Ok(words)
        }),
        Peak::Macs => best_rate(|products| {
            let product = |n: u64| i32::from(n as i8) * i32::from((n >> 8) as i8);
            black_box((0..products).fold(0i32, |total, n| black_box(total).wrapping_add(product(n))));
            Ok(products)
        }),
        Peak::Bytes => Copy::new()?.rate(|to, from| to.iter_mut().zip(from).for_each(|(to, from)| *to = *from)),
    }
}

/// Two buffers that are far larger than caches.
pub struct Copy {
    from: Vec<u32>,
    to: Vec<u32>,
}

impl Copy {
    /// Buffers with something in them.
    pub fn new() -> Result<Self> {
        Ok(Copy { from: filled(1)?, to: filled(2)? })
    }

    /// Bytes per second that `copy` reads and writes when it copies one buffer to the other.
    pub fn rate(self, copy: impl Fn(&mut [u32], &[u32])) -> Result<f64> {
        let to = std::cell::RefCell::new(self.to);
        let once = 2 * size_of_val(&self.from[..]) as u64;
        best_rate(|bytes| {
            let times = bytes.div_ceil(once);
            for _ in 0..times {
                copy(&mut to.borrow_mut(), black_box(&self.from));
            }
            Ok(times * once)
        })
    }
}

fn filled(with: u32) -> Result<Vec<u32>> {
    let mut words = Vec::new();
    words.try_reserve_exact(COPIED).map_err(|_| Error::OutOfMemory {
        device: "cpu".into(),
        problem: format!("{} bytes to be copied", 4 * COPIED),
    })?;
    words.resize(COPIED, with);
    Ok(words)
}
