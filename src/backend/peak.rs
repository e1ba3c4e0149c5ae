//! Peak rates of a device, and how they are measured on CPUs.

use crate::error::{Error, Result};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// 32-bit words in each of a copy's two buffers. 64 MiB is more than the caches of a few cores hold, and little enough
/// for any machine.
const COPIED: usize = 1 << 24;

/// An operation whose peak rate can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peak {
    /// ANDing 32-bit words, counting their ones and adding these up, as bit convolutions do. Counts words.
    Words,
    /// Multiplying bytes, four per word, and adding up the products, as limb convolutions do. Counts products.
    ByteProducts,
    /// Copying memory far larger than any cache. Counts bytes read and bytes written.
    Bytes,
}

/// The best rate of three runs, per second. `work(n)` does about n units and returns how many it did; n is doubled
/// until a run takes 15 ms.
pub(super) fn best_rate(work: impl Fn(u64) -> Result<u64>) -> Result<f64> {
    const LONG_ENOUGH: Duration = Duration::from_millis(15);
    let (mut amount, mut best) = (1 << 20, 0.0f64);
    let mut timed = 0;
    while timed < 3 {
        let start = Instant::now();
        let done = work(amount)?;
        let time = start.elapsed();
        if time < LONG_ENOUGH && amount < 1 << 40 {
            // `done` may be more than `amount`, but never less.
            amount = 2 * amount.max(done);
            continue;
        }
        best = best.max(done as f64 / time.as_secs_f64());
        timed += 1;
    }
    Ok(best)
}

/// Two buffers far larger than caches.
pub(super) struct Copy {
    from: Vec<u32>,
    to: Vec<u32>,
}

impl Copy {
    /// Buffers whose pages are in memory.
    pub(super) fn new() -> Result<Self> {
        Ok(Copy { from: filled(1)?, to: filled(2)? })
    }

    /// Bytes per second that `copy` reads and writes while it copies one buffer to the other.
    pub(super) fn rate(self, copy: impl Fn(&mut [u32], &[u32])) -> Result<f64> {
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
