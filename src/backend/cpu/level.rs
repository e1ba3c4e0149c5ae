//! Instruction sets: which ones this processor has, and how to run work with one of them.

#[cfg(target_arch = "aarch64")]
use super::lanes::neon::Neon;
use super::lanes::portable::Portable;
use super::lanes::{Lanes, Work};
#[cfg(target_arch = "x86_64")]
use super::lanes::{avx2::Avx2, avx512::Avx512};

/// Defines [`Level`] from a table of instruction sets, fastest first.
macro_rules! levels {
    ($($(#[$condition:meta])? $level:ident($lanes:ty) = $name:literal,)*) => {
        /// An instruction set that this processor has.
        #[derive(Clone, Copy)]
        pub enum Level {
            $($(#[$condition])? #[doc = $name] $level($lanes),)*
        }

        impl Level {
            /// All instruction sets that this processor has, fastest first.
            pub fn all() -> Vec<Level> {
                let mut levels = Vec::new();
                $($(#[$condition])? levels.extend(<$lanes>::detect().map(Level::$level));)*
                levels
            }

            /// The name for users.
            pub fn name(self) -> &'static str {
                match self {
                    $($(#[$condition])? Level::$level(_) => $name,)*
                }
            }

            /// See `Lanes::LANES`.
            pub fn lanes(self) -> usize {
                match self {
                    $($(#[$condition])? Level::$level(_) => <$lanes>::LANES,)*
                }
            }

            /// See `Lanes::DOT_FLIP`.
            pub fn dot_flip(self) -> u32 {
                match self {
                    $($(#[$condition])? Level::$level(_) => <$lanes>::DOT_FLIP,)*
                }
            }

            /// Runs `work` with this instruction set.
            pub fn run<W: Work>(self, work: W) -> W::Output {
                match self {
                    $($(#[$condition])? Level::$level(lanes) => lanes.run(work),)*
                }
            }
        }
    };
}

levels! {
    #[cfg(target_arch = "x86_64")] Avx512(Avx512) = "avx512",
    #[cfg(target_arch = "x86_64")] AvxVnni(Avx2<true>) = "avx-vnni",
    #[cfg(target_arch = "x86_64")] Avx2(Avx2<false>) = "avx2",
    #[cfg(target_arch = "aarch64")] NeonDot(Neon<true>) = "neon-dot",
    #[cfg(target_arch = "aarch64")] Neon(Neon<false>) = "neon",
    Portable(Portable) = "portable",
}

impl Level {
    /// The fastest instruction set.
    pub fn best() -> Level {
        Self::all()[0]
    }
}
