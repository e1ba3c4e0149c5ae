//! Peak rates of a device, and how they are measured on CPUs.

use crate::error::{Error, Result};
use crate::platform::Instant;
use std::hint::black_box;
use std::time::Duration;

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

/// Runs of which the best counts: many short ones, of which something else on the machine disturbs only some.
const RUNS: usize = 9;
/// How long a run must take at least.
const LONG_ENOUGH: Duration = Duration::from_millis(6);

/// The best rate of several runs, per second. `work(n)` does about n units and returns how many it did; n is doubled
/// until no run is too short. A single long run is not enough: it may have been interrupted, and too little work
/// measures only how long it takes to begin.
pub(super) fn best_rate(work: impl Fn(u64) -> Result<u64>) -> Result<f64> {
    rate(RUNS, LONG_ENOUGH, work)
}

/// A rate measured in a few milliseconds, for comparisons between operations that differ much.
pub(super) fn rough_rate(work: impl Fn(u64) -> Result<u64>) -> Result<f64> {
    rate(3, LONG_ENOUGH / 4, work)
}

fn rate(runs: usize, long_enough: Duration, work: impl Fn(u64) -> Result<u64>) -> Result<f64> {
    let (mut amount, mut best) = (1 << 20, 0.0f64);
    let mut timed = 0;
    while timed < runs {
        let start = Instant::now();
        let done = work(amount)?;
        let time = start.elapsed();
        if time < long_enough && amount < 1 << 40 {
            // `done` may be more than `amount`, but never less.
            amount = 2 * amount.max(done);
            (timed, best) = (0, 0.0);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A device that counts a billion per second after a delay, and whose first runs are interrupted.
    #[test]
    fn interruptions_do_not_lower_a_peak() {
        let runs = Cell::new(0);
        let rate = best_rate(|amount| {
            let run = runs.replace(runs.get() + 1);
            let interrupted = Duration::from_millis(if run < 6 || run % 3 == 0 { 20 } else { 0 });
            let work = Duration::from_micros(200) + Duration::from_nanos(amount);
            let end = Instant::now() + work + interrupted;
            while Instant::now() < end {
                std::hint::spin_loop();
            }
            Ok(amount)
        });
        let rate = rate.unwrap();
        assert!((0.7e9..=1.0e9).contains(&rate), "{rate:e}");
    }
}
