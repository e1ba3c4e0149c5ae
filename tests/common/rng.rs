//! A small deterministic generator: the same seed gives the same problem on every machine.

/// The library's generator, with more ways to draw numbers.
#[derive(Clone, Debug)]
pub struct Rng(lq_infer::internals::random::Rng);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Rng(lq_infer::internals::random::Rng::new(seed))
    }

    pub fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// An integer in 0..n.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// An integer in from..=to.
    pub fn between(&mut self, from: usize, to: usize) -> usize {
        from + self.below(to - from + 1)
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [from, to).
    pub fn uniform(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.unit()
    }

    /// Approximately normal with standard deviation 1: the sum of twelve uniform numbers. It needs no logarithm (in
    /// whose last bit platforms differ) and never leaves +-6.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}
