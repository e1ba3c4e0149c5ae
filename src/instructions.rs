//! How code comes to use a processor's instruction sets.

/// Gives a type its `detect` and `run`. The features that are detected and those that `run` compiles for come from one list:
/// were they two, code could run on a processor that lacks its instructions. The trait is that of what is run; it may have a
/// parameter, for which the type must be what follows `where`.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! enable_features {
    (
        $vis:vis $set:ty: $work:path $(where <$number:ident: $bound:path> $needs:path)?,
        $is_detected:ident, [$($feature:tt),+]
    ) => {
        impl $set {
            /// The proof that this processor has all the instructions; None if it lacks any.
            $vis fn detect() -> Option<Self> {
                ($(std::arch::$is_detected!($feature))&&+).then_some(Self(()))
            }

            /// Runs `work`, compiled for these instructions.
            $vis fn run<$($number: $bound,)? W: $work>(self, work: W) -> W::Output
            $(where Self: $needs)?
            {
                $(#[target_feature(enable = $feature)])+
                fn with_features<$($number: $bound,)? W: $work>(set: $set, work: W) -> W::Output
                $(where $set: $needs)?
                {
                    work.run(set)
                }
                // SAFETY: `detect`, which alone makes a `Self`, has found each of these features.
                unsafe { with_features(self, work) }
            }
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) use enable_features;
