//! The operations of a vector, of which each instruction set has an implementation.

use std::ops::{Add, AddAssign, Div, Mul, Sub};

/// Numbers of a vector.
pub(crate) const LANES: usize = 16;
/// Levels that [`Vectors::look_up`] knows.
pub(crate) const LEVELS: usize = 16;

/// `f32` or `f64`.
pub(crate) trait Scalar:
    Copy
    + Default
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
    + 'static
{
    /// The nearest number.
    fn of(x: f64) -> Self;
    /// The same as `f64`.
    fn double(self) -> f64;
    /// self * b + c, rounded once where the processor can.
    fn multiply_add(self, b: Self, c: Self) -> Self;
}

/// Operations on [`LANES`] numbers. A value of an implementing type is the proof that this processor has the instructions.
pub(crate) trait Vectors<R: Scalar>: Copy {
    /// Vectors that fit in registers as sums, together with their operands.
    const SUMS: usize;
    /// A vector.
    type V: Copy;

    /// `x` in every lane.
    fn splat(self, x: R) -> Self::V;
    /// The numbers from `from` on.
    ///
    /// # Safety
    /// There must be [`LANES`] of them.
    unsafe fn load(self, from: *const R) -> Self::V;
    /// Writes the numbers to `to`.
    ///
    /// # Safety
    /// There must be room for [`LANES`].
    unsafe fn store(self, v: Self::V, to: *mut R);
    /// a + b.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// a - b.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// a * b.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// a * b + c.
    fn multiply_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a` where x > t, else `b`.
    fn where_above(self, x: Self::V, t: Self::V, a: Self::V, b: Self::V) -> Self::V;

    /// Writes the numbers, which are codes from 0 to 255, as bytes.
    #[inline(always)]
    fn store_codes(self, v: Self::V, to: &mut [u8; LANES]) {
        *to = self.array(v).map(|code| code.double() as u8);
    }

    /// The level of each code, all of which are below [`LEVELS`].
    #[inline(always)]
    fn look_up(self, levels: &[R; LEVELS], codes: &[u8; LANES]) -> Self::V {
        self.read(&codes.map(|code| levels[usize::from(code) % LEVELS]))
    }

    /// The first numbers of a slice, which has at least [`LANES`].
    #[inline(always)]
    fn read(self, from: &[R]) -> Self::V {
        let from = &from[..LANES];
        // SAFETY: the slice has as many numbers.
        unsafe { self.load(from.as_ptr()) }
    }

    /// Writes the first numbers of a slice, which has at least [`LANES`].
    #[inline(always)]
    fn write(self, v: Self::V, to: &mut [R]) {
        let to = &mut to[..LANES];
        // SAFETY: the slice has room for as many numbers.
        unsafe { self.store(v, to.as_mut_ptr()) }
    }

    /// The numbers of a slice that may be shorter, and zeros after them.
    #[inline(always)]
    fn read_some(self, from: &[R]) -> Self::V {
        if from.len() >= LANES {
            return self.read(from);
        }
        let mut all = [R::default(); LANES];
        all[..from.len()].copy_from_slice(from);
        self.read(&all)
    }

    /// Writes as many numbers as a slice has, which may be shorter.
    #[inline(always)]
    fn write_some(self, v: Self::V, to: &mut [R]) {
        if to.len() >= LANES {
            return self.write(v, to);
        }
        let count = to.len();
        to.copy_from_slice(&self.array(v)[..count]);
    }

    /// The numbers as an array.
    #[inline(always)]
    fn array(self, v: Self::V) -> [R; LANES] {
        let mut all = [R::default(); LANES];
        self.write(v, &mut all);
        all
    }

    /// The sums of a tile as arrays, read from registers by loops so short that they are unrolled. If the vectors were read by
    /// a loop that is not, the compiler would keep them in memory from the start, and store each one after every addition.
    #[inline(always)]
    fn arrays<const M: usize, const N: usize>(self, sums: &[[Self::V; N]; M]) -> [[[R; LANES]; N]; M] {
        let mut arrays = [[[R::default(); LANES]; N]; M];
        for m in 0..M {
            for n in 0..N {
                arrays[m][n] = self.array(sums[m][n]);
            }
        }
        arrays
    }
}

/// Work that is compiled once for each instruction set.
pub(crate) trait Work<R: Scalar> {
    /// The result.
    type Output;
    /// Must be `#[inline(always)]`, and so must everything it calls that uses `vectors`: the compiler only uses the
    /// instruction set in code that is inlined into the function that enables it.
    fn run<S: Vectors<R>>(self, vectors: S) -> Self::Output;
}

impl Scalar for f32 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }

    #[inline(always)]
    fn double(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn multiply_add(self, b: Self, c: Self) -> Self {
        if cfg!(any(target_feature = "fma", target_arch = "aarch64")) { self.mul_add(b, c) } else { self * b + c }
    }
}

impl Scalar for f64 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }

    #[inline(always)]
    fn double(self) -> f64 {
        self
    }

    #[inline(always)]
    fn multiply_add(self, b: Self, c: Self) -> Self {
        self * b + c
    }
}

/// Multiples of [`LANES`] that are not less than `count`.
pub(crate) const fn rounded_up(count: usize) -> usize {
    count.next_multiple_of(LANES)
}
