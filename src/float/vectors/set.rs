//! Instruction sets: which ones this processor has, and how to run work with one of them.

#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512;
#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
use super::operations::{Scalar, Work};
use super::portable::Portable;
use std::sync::OnceLock;

/// An instruction set that this processor has.
#[derive(Clone, Copy)]
pub(crate) enum InstructionSet {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    Portable,
}

impl InstructionSet {
    /// All that this processor has, fastest first.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(Avx512::detect().map(Self::Avx512));
            all.extend(Avx2::detect().map(Self::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        all.extend(Neon::detect().map(Self::Neon));
        all.push(Self::Portable);
        all
    }

    /// The fastest.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<InstructionSet> = OnceLock::new();
        *BEST.get_or_init(|| Self::all()[0])
    }

    /// Its name.
    #[cfg(test)]
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "neon",
            Self::Portable => "portable",
        }
    }
}

/// A number for which work is compiled.
pub(crate) trait Number: Scalar {
    /// Runs `work` compiled for the instructions of `set`.
    fn run<W: Work<Self>>(set: InstructionSet, work: W) -> W::Output;
}

macro_rules! number {
    ($number:ty) => {
        impl Number for $number {
            #[inline(always)]
            fn run<W: Work<Self>>(set: InstructionSet, work: W) -> W::Output {
                match set {
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx512(vectors) => vectors.run(work),
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2(vectors) => vectors.run(work),
                    #[cfg(target_arch = "aarch64")]
                    InstructionSet::Neon(vectors) => vectors.run(work),
                    InstructionSet::Portable => work.run(Portable),
                }
            }
        }
    };
}
number!(f32);
number!(f64);
