//! Kernels that convert each pixel on its own from one representation to another.

use super::cells::Cells;
use super::lanes::Lanes;
use super::level::Level;
use super::tiles::{TileWork, Tiles};
use crate::backend::arena::{Arena, Output};
use crate::fixed::{LIMB_LANES, VALUE_LIMBS, VALUE_PLANES, split_values};
use crate::lower::{Join, Kernel, Levels};
use crate::quant::{WORD_BITS, live_bits, words};
use std::ops::Range;

/// Which conversion to run.
enum Conversion<'a> {
    /// Values to limbs.
    Split,
    /// Values to the bit planes of their limbs.
    Slice,
    /// Codes to values.
    Levels(&'a Levels),
    /// Words to their place in a concatenation.
    Join(&'a Join),
}

/// Runs the kernel if it is one of these. Returns whether it was.
pub(super) fn run(kernel: &Kernel, level: Level, arena: &Arena, out: &mut Output, tiles: &Tiles) -> bool {
    let (conversion, input) = match kernel {
        Kernel::Split(k) => (Conversion::Split, k.input),
        Kernel::Slice(k) => (Conversion::Slice, k.input),
        Kernel::Levels(k) => (Conversion::Levels(k), k.input),
        Kernel::Join(k) => (Conversion::Join(k), k.input),
        _ => return false,
    };
    let shape = out.spec.shape;
    let work = ConversionWork {
        conversion,
        input: arena.slack(input),
        input_words: arena.spec(input).pixel_words(),
        channels: arena.spec(input).shape.c,
        planes: arena.spec(input).planes().max(out.spec.planes()),
        output_words: out.spec.pixel_words(),
        output: Cells::new(out.data),
    };
    // As if there were only one group of channels: each pixel is converted as a whole.
    tiles.run(level, &work, shape.pixels(), WORD_BITS, 0);
    true
}

/// A conversion with its tensors.
struct ConversionWork<'a> {
    conversion: Conversion<'a>,
    input: &'a [u32],
    input_words: usize,
    channels: usize,
    /// Planes of the input or of the output, whichever has them.
    planes: usize,
    output_words: usize,
    output: Cells<'a>,
}

impl TileWork for ConversionWork<'_> {
    #[inline(always)]
    fn tile<L: Lanes>(&self, lanes: L, pixels: Range<usize>, _: Range<usize>, _: &mut [u32]) {
        for pixel in pixels {
            let input = &self.input[pixel * self.input_words..];
            let start = pixel * self.output_words;
            // SAFETY: only one thread computes this pixel.
            let out = unsafe { self.output.words(start..start + self.output_words) };
            match &self.conversion {
                Conversion::Split => split(&input[..self.channels], out),
                Conversion::Slice => slice(lanes, input, self.channels, self.planes, out),
                Conversion::Levels(k) => levels(&input[..self.input_words], self.planes, &k.values, out),
                Conversion::Join(k) => out[k.at..][..self.input_words].copy_from_slice(&input[..self.input_words]),
            }
        }
    }
}

/// Splits values into limbs.
#[inline(always)]
fn split(values: &[u32], out: &mut [u32]) {
    for (group, words) in values.chunks(LIMB_LANES).zip(out.as_chunks_mut::<VALUE_LIMBS>().0) {
        *words = split_values(group.iter().map(|&v| v as i32));
    }
}

/// Extracts the planes from the top: comparing with 0 gives the top bit of every value, and adding a value to itself
/// moves the next bit there. See `fixed::limb_bytes` for the limbs. The last register may run past the pixel.
#[inline(always)]
fn slice<L: Lanes>(lanes: L, values: &[u32], channels: usize, planes: usize, out: &mut [u32]) {
    let halves = lanes.splat(0x8080_8080_u32 as i32);
    for group in 0..words(channels) {
        let out = &mut out[group * planes..][..planes];
        out.fill(0);
        let live = live_bits(channels, group);
        for first in (group * WORD_BITS..channels.min((group + 1) * WORD_BITS)).step_by(L::LANES) {
            let mut bytes = lanes.xor(lanes.add(lanes.load(L::words(&values[first..])), halves), halves);
            for word in out[..VALUE_PLANES].iter_mut().rev() {
                *word |= lanes.above(lanes.zero(), bytes) << (first % WORD_BITS) & live;
                bytes = lanes.add(bytes, bytes);
            }
        }
    }
}

/// Looks up the value of each code, 32 channels at a time.
#[inline(always)]
fn levels(codes: &[u32], planes: usize, values: &[i32], out: &mut [u32]) {
    for (words, out) in codes.chunks_exact(planes).zip(out.chunks_mut(WORD_BITS)) {
        let mut group = [0; WORD_BITS];
        for (j, word) in words.iter().enumerate() {
            for (bit, code) in group.iter_mut().enumerate() {
                *code |= (word >> bit & 1) << j;
            }
        }
        for (value, code) in out.iter_mut().zip(group) {
            *value = values[code as usize] as u32;
        }
    }
}
