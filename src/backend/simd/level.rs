//! Instruction sets: which this processor has, and running work with one of them.

#[cfg(target_arch = "x86_64")]
use super::lanes::avx512::Avx512;
use super::lanes::portable::Portable;
use super::lanes::{Lanes, Work};

/// An instruction set of this processor.
#[derive(Clone, Copy)]
pub enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    Portable(Portable),
}

impl Level {
    /// Those that this processor has, fastest first.
    pub fn all() -> Vec<Level> {
        let mut levels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(Avx512::detect().map(Level::Avx512));
        }
        levels.push(Level::Portable(Portable));
        levels
    }

    /// The fastest.
    pub fn best() -> Level {
        Self::all()[0]
    }

    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => "avx512",
            Level::Portable(_) => "portable",
        }
    }

    /// Runs `work` with this instruction set.
    pub fn run<W: Work>(self, work: W) -> W::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(lanes) => lanes.run(work),
            Level::Portable(lanes) => work.run(lanes),
        }
    }

    /// Numbers in a register.
    pub fn lanes(self) -> usize {
        self.run(Constants).0
    }

    /// See `Lanes::DOT_FLIP`.
    pub fn dot_flip(self) -> u32 {
        self.run(Constants).1
    }
}

struct Constants;

impl Work for Constants {
    type Output = (usize, u32);

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> (usize, u32) {
        (L::LANES, L::DOT_FLIP)
    }
}
