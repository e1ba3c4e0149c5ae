//! Peak rates of a device, and how they are measured on CPUs.

use crate::error::{Error, Result};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// 32-bit words of each of the two buffers of a copy: 64 MiB, which no cache of a few cores holds, and any machine has.
const COPIED: usize = 1 << 24;

/// What a device is asked to do as fast as it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peak {
    /// ANDing 32-bit words, counting their ones and adding up: words. What bit convolutions do.
    Words,
    /// Multiplying bytes and adding up, four to a word: products. What limb convolutions do.
    Macs,
    /// Copying in memory, far beyond any cache: bytes that are read and bytes that are written, together.
    Bytes,
}

/// How much per second of what `work` does: it is asked to do about so much and says how much it was, and is asked for more
/// until it takes long enough to be timed. The best of three.
pub fn best_rate(work: impl Fn(u64) -> Result<u64>) -> Result<f64> {
    const LONG_ENOUGH: Duration = Duration::from_millis(15);
    let (mut amount, mut best) = (1 << 20, 0.0f64);
    let mut timed = 0;
    while timed < 3 {
        let start = Instant::now();
        let done = work(amount)?;
        let time = start.elapsed();
        if time < LONG_ENOUGH && amount < 1 << 40 {
            // What was done may be more than what was asked for, never less.
            amount = 2 * amount.max(done);
            continue;
        }
        best = best.max(done as f64 / time.as_secs_f64());
        timed += 1;
    }
    Ok(best)
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
