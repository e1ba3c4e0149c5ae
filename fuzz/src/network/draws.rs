//! Decisions that fuzzed bytes make.

use lq_infer::internals::random::Rng;

/// Draws from bytes while there are any, then from a generator that they seed.
pub struct Draws<'a> {
    bytes: &'a [u8],
    rng: Rng,
}

impl<'a> Draws<'a> {
    /// Draws from these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Draws { bytes, rng: Rng::new(u64::from(crc32c::crc32c(bytes))) }
    }

    /// Whether all bytes have been drawn.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        match self.bytes.split_first() {
            Some((byte, rest)) => {
                self.bytes = rest;
                *byte
            }
            None => self.rng.bits() as u8,
        }
    }

    /// A number below `n`, which is 256 at most.
    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    /// A number in `from..=to`.
    pub fn between(&mut self, from: usize, to: usize) -> usize {
        from + self.below(to - from + 1)
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A word. There are too many of them for the bytes, so it comes from the generator.
    pub fn word(&mut self) -> u32 {
        self.rng.bits()
    }

    /// A number in `low..high`, from the generator.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        self.rng.uniform(low, high)
    }
}
