//! Plain Rust, for processors without vectors that this crate knows.

use super::operations::{LANES, Scalar, Vectors};
use std::array::from_fn;

/// An array of sixteen numbers.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl<R: Scalar> Vectors<R> for Portable {
    const SUMS: usize = 8;
    type V = [R; LANES];

    #[inline(always)]
    fn splat(self, x: R) -> [R; LANES] {
        [x; LANES]
    }

    #[inline(always)]
    unsafe fn load(self, from: *const R) -> [R; LANES] {
        // SAFETY: the caller promises sixteen numbers.
        unsafe { from.cast::<[R; LANES]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, v: [R; LANES], to: *mut R) {
        // SAFETY: the caller promises room for sixteen numbers.
        unsafe { to.cast::<[R; LANES]>().write_unaligned(v) }
    }

    #[inline(always)]
    fn add(self, a: [R; LANES], b: [R; LANES]) -> [R; LANES] {
        from_fn(|k| a[k] + b[k])
    }

    #[inline(always)]
    fn sub(self, a: [R; LANES], b: [R; LANES]) -> [R; LANES] {
        from_fn(|k| a[k] - b[k])
    }

    #[inline(always)]
    fn mul(self, a: [R; LANES], b: [R; LANES]) -> [R; LANES] {
        from_fn(|k| a[k] * b[k])
    }

    #[inline(always)]
    fn multiply_add(self, a: [R; LANES], b: [R; LANES], c: [R; LANES]) -> [R; LANES] {
        from_fn(|k| a[k].multiply_add(b[k], c[k]))
    }

    #[inline(always)]
    fn where_above(self, x: [R; LANES], t: [R; LANES], a: [R; LANES], b: [R; LANES]) -> [R; LANES] {
        from_fn(|k| if x[k] > t[k] { a[k] } else { b[k] })
    }
}
