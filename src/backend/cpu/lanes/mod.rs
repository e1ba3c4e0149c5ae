//! The SIMD operations that kernels are written in: one trait, and an implementation for each instruction set.

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
pub(super) mod portable;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use bytemuck::Pod;

/// Lanes of the widest register.
pub(super) const MOST_LANES: usize = 16;

/// Registers of [`Lanes::LANES`] 32-bit integers and of as many doubles. A value of an implementing type is the proof
/// that this processor has the instructions: only the type's `detect` makes one.
///
/// Doubles hold integers below 2^53 here, so sums and products are exact in any order, fused or not.
pub trait Lanes: Copy + Send + Sync + 'static {
    /// Lanes of a register: how many 32-bit integers, or doubles, one operation handles.
    const LANES: usize;
    /// The most accumulators that fit in registers together with their operands.
    const SUMS: usize;
    /// The most calls of [`Lanes::count`] before [`Lanes::counted`] must widen the sums.
    const COUNTS: usize;
    /// What the first operand of [`Lanes::dot`] must be XORed with. It is 0x80808080 where the instruction multiplies
    /// unsigned by signed bytes, which adds 128 times the sum of the second operand's bytes; otherwise 0.
    const DOT_FLIP: u32;
    /// A register of `LANES` 32-bit integers.
    type Int: Copy;
    /// A register, or a pair of them, of `LANES` doubles.
    type Double: Copy;
    /// An [`Lanes::Int`] in memory: `[u32; LANES]`.
    type Words: Pod;
    /// A [`Lanes::Double`] in memory: `[f64; LANES]`.
    type Reals: Pod;

    /// The first LANES words; panics if there are fewer.
    fn words(from: &[u32]) -> &Self::Words;
    /// The first LANES words; panics if there are fewer.
    fn words_mut(from: &mut [u32]) -> &mut Self::Words;

    /// Reads a register from memory.
    fn load(self, from: &Self::Words) -> Self::Int;
    /// Writes a register to memory.
    fn store(self, v: Self::Int, to: &mut Self::Words);
    /// `v` in every lane.
    fn splat(self, v: i32) -> Self::Int;
    /// a & b.
    fn and(self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// a ^ b.
    fn xor(self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// a + b, wrapping.
    fn add(self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// a - b, wrapping.
    fn sub(self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// The smaller of a and b, as signed integers.
    fn min(self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// The larger of a and b, as signed integers.
    fn max(self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// a >> BITS, arithmetic.
    fn shift_right<const BITS: u32>(self, a: Self::Int) -> Self::Int;
    /// Bit k is set where a > b in lane k.
    fn above(self, a: Self::Int, b: Self::Int) -> u32;
    /// Adds the number of ones in `x` to `sums`, whose format is private to the implementation (see
    /// [`Lanes::counted`]).
    fn count(self, sums: Self::Int, x: Self::Int) -> Self::Int;
    /// The ones in each lane that up to [`Lanes::COUNTS`] calls of [`Lanes::count`] have counted, starting from 0.
    fn counted(self, sums: Self::Int) -> Self::Int;
    /// Adds the products of the four bytes of each lane to `sum`, wrapping (see [`Lanes::DOT_FLIP`]).
    fn dot(self, sum: Self::Int, x: Self::Int, w: Self::Int) -> Self::Int;

    /// Bytes 0, 1 and 2 of each of four words, packed together and XORed with a byte of `flip`, whose bytes are all
    /// equal. The last four bytes of `to` are undefined.
    fn without_fourths(self, from: &[u32; 4], flip: u32, to: &mut [u8; 16]);

    /// The sum of the even lanes and the sum of the odd lanes, wrapping.
    fn sum_pairs(self, a: Self::Int) -> [u32; 2];

    /// Reads doubles from memory.
    fn load_reals(self, from: &Self::Reals) -> Self::Double;
    /// Converts signed integers to doubles.
    fn real(self, v: Self::Int) -> Self::Double;
    /// `v` in every lane.
    fn splat_real(self, v: f64) -> Self::Double;
    /// a * b + c, all of them integers below 2^53.
    fn multiply_add(self, a: Self::Double, b: Self::Double, c: Self::Double) -> Self::Double;
    /// Bit k is set where a > b in lane k.
    fn real_above(self, a: Self::Double, b: Self::Double) -> u32;
    /// floor(a * b), clamped to -limit..=limit. `limit` is below 2^31, and b a power of two.
    fn floor_scaled(self, a: Self::Double, b: Self::Double, limit: f64) -> Self::Int;

    /// 0 in every lane.
    #[inline(always)]
    fn zero(self) -> Self::Int {
        self.splat(0)
    }
}

/// Work that is compiled once for each instruction set.
pub trait Work {
    /// The result.
    type Output;
    /// Must be `#[inline(always)]`, and so must everything it calls that uses `lanes`: the compiler only uses the
    /// instruction set in code that is inlined into the function that enables it.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}
