//! The SIMD operations that kernels are written in: one trait, an implementation per instruction set.

#[cfg(target_arch = "x86_64")]
pub mod avx2;
#[cfg(target_arch = "x86_64")]
pub mod avx512;
#[cfg(target_arch = "aarch64")]
pub mod neon;
pub mod portable;
#[cfg(test)]
mod tests;

use bytemuck::Pod;

/// Lanes of the widest register.
pub const MOST_LANES: usize = 16;

/// Registers of [`Lanes::LANES`] 32-bit integers and of as many doubles. A value of an implementing type is the proof that
/// this processor has the instructions; it is made in `level.rs` only.
///
/// Doubles serve as integers below 2^53 here: sums and products of such are exact, whatever the order, fused or not.
pub trait Lanes: Copy + Send + Sync + 'static {
    /// Numbers in a register.
    const LANES: usize;
    /// Most sums of a tile: so many that they and what is added to them fit the registers.
    const SUMS: usize;
    /// Most calls of [`Lanes::count`] before its sums must go through [`Lanes::counted`].
    const COUNTS: usize;
    /// What [`Lanes::dot`] wants XORed to its first operand: 0x80808080 where it multiplies unsigned by signed bytes, hence
    /// adds 128 times the sum of the second operand's bytes; else 0.
    const DOT_FLIP: u32;
    /// Integers in a register.
    type Int: Copy;
    /// Doubles, as many.
    type Double: Copy;
    /// An [`Lanes::Int`] in memory: `[u32; LANES]`.
    type Words: Pod;
    /// A [`Lanes::Double`] in memory: `[f64; LANES]`.
    type Reals: Pod;

    /// The first LANES words; panics if there are fewer.
    fn words(from: &[u32]) -> &Self::Words;
    /// The first LANES words; panics if there are fewer.
    fn words_mut(from: &mut [u32]) -> &mut Self::Words;

    fn load(self, from: &Self::Words) -> Self::Int;
    fn store(self, v: Self::Int, to: &mut Self::Words);
    fn splat(self, v: i32) -> Self::Int;
    fn and(self, a: Self::Int, b: Self::Int) -> Self::Int;
    fn xor(self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// Wrapping.
    fn add(self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// Wrapping.
    fn sub(self, a: Self::Int, b: Self::Int) -> Self::Int;
    fn min(self, a: Self::Int, b: Self::Int) -> Self::Int;
    fn max(self, a: Self::Int, b: Self::Int) -> Self::Int;
    /// Copies the sign.
    fn shift_right<const BITS: u32>(self, a: Self::Int) -> Self::Int;
    /// Bit k is set where a > b in lane k.
    fn above(self, a: Self::Int, b: Self::Int) -> u32;
    /// Adds the ones of `x` to `sums`, whose form is the implementation's own (see [`Lanes::counted`]).
    fn count(self, sums: Self::Int, x: Self::Int) -> Self::Int;
    /// What at most [`Lanes::COUNTS`] calls of [`Lanes::count`] have counted, from 0 on, per lane.
    fn counted(self, sums: Self::Int) -> Self::Int;
    /// Adds the products of the four bytes of each lane (see [`Lanes::DOT_FLIP`]), wrapping.
    fn dot(self, sum: Self::Int, x: Self::Int, w: Self::Int) -> Self::Int;

    /// Bytes 0, 1 and 2 of each of four words, one after the other, XORed with those of `flip`, which are all the same; then four
    /// bytes of no meaning.
    fn without_fourths(self, from: &[u32; 4], flip: u32, to: &mut [u8; 16]);

    /// Sums of the even and of the odd lanes.
    fn sum_pairs(self, a: Self::Int) -> [u32; 2];

    fn load_reals(self, from: &Self::Reals) -> Self::Double;
    fn real(self, v: Self::Int) -> Self::Double;
    fn splat_real(self, v: f64) -> Self::Double;
    /// a * b + c, all of them integers below 2^53.
    fn multiply_add(self, a: Self::Double, b: Self::Double, c: Self::Double) -> Self::Double;
    /// Bit k is set where a > b in lane k.
    fn real_above(self, a: Self::Double, b: Self::Double) -> u32;
    /// floor(a * b), no smaller than -limit and no larger than limit, which is below 2^31. b is a power of two.
    fn floor_scaled(self, a: Self::Double, b: Self::Double, limit: f64) -> Self::Int;

    #[inline(always)]
    fn zero(self) -> Self::Int {
        self.splat(0)
    }
}

/// Work that runs with the instructions of one set.
pub trait Work {
    type Output;
    /// Must be `#[inline(always)]`, as everything it calls that uses `lanes`: only then do the instructions reach it.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}
