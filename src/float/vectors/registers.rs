//! Vectors of several registers, from one intrinsic of the processor for each operation.

/// Implements [`super::Vectors`] for a type that is the proof of an instruction set. `registers` numbers the registers of a
/// vector; what follows the sums are operations on one register. Operations in braces replace those that the trait has.
macro_rules! vectors {
    (
        impl Vectors<$number:ty> for $set:ty;
        registers = [$($k:literal),+] of $register:ty, $width:literal numbers each;
        sums = $sums:literal;
        splat = $splat:path;
        load = $load:path;
        store = $store:path;
        add = $add:path;
        sub = $sub:path;
        mul = $mul:path;
        multiply_add = |$a:ident, $b:ident, $c:ident| $multiply_add:expr;
        where_above = |$x:ident, $t:ident, $above:ident, $below:ident| $where_above:expr;
        { $($own:item)* }
    ) => {
        impl Vectors<$number> for $set {
            const SUMS: usize = $sums;
            type V = [$register; [$($k),+].len()];

            #[inline(always)]
            fn splat(self, x: $number) -> Self::V {
                // SAFETY: `self` is the proof that the processor has the instruction.
                unsafe { [$splat(x); [$($k),+].len()] }
            }

            #[inline(always)]
            unsafe fn load(self, from: *const $number) -> Self::V {
                // SAFETY: `self` is the proof that the processor has the instruction; the caller promises sixteen numbers.
                unsafe { [$($load(from.add($k * $width))),+] }
            }

            #[inline(always)]
            unsafe fn store(self, v: Self::V, to: *mut $number) {
                // SAFETY: `self` is the proof that the processor has the instruction; the caller promises room for sixteen
                // numbers.
                unsafe { $($store(to.add($k * $width), v[$k]);)+ }
            }

            #[inline(always)]
            fn add(self, a: Self::V, b: Self::V) -> Self::V {
                // SAFETY: `self` is the proof that the processor has the instruction.
                unsafe { [$($add(a[$k], b[$k])),+] }
            }

            #[inline(always)]
            fn sub(self, a: Self::V, b: Self::V) -> Self::V {
                // SAFETY: `self` is the proof that the processor has the instruction.
                unsafe { [$($sub(a[$k], b[$k])),+] }
            }

            #[inline(always)]
            fn mul(self, a: Self::V, b: Self::V) -> Self::V {
                // SAFETY: `self` is the proof that the processor has the instruction.
                unsafe { [$($mul(a[$k], b[$k])),+] }
            }

            #[inline(always)]
            fn multiply_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                // SAFETY: `self` is the proof that the processor has the instruction.
                unsafe { [$({ let ($a, $b, $c) = (a[$k], b[$k], c[$k]); $multiply_add }),+] }
            }

            #[inline(always)]
            fn where_above(self, x: Self::V, t: Self::V, a: Self::V, b: Self::V) -> Self::V {
                // SAFETY: `self` is the proof that the processor has the instructions.
                unsafe { [$({ let ($x, $t, $above, $below) = (x[$k], t[$k], a[$k], b[$k]); $where_above }),+] }
            }

            $($own)*
        }
    };
}
pub(super) use vectors;
