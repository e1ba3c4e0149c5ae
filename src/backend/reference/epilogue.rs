//! Reference of `shaders/include/epilogue.wgsl`: from the two-word sum T to values and codes.

use crate::backend::arena::{Arena, Output};
use crate::fixed::{VALUE_MAX, normalise, to_value};
use crate::lower::{Epilogue, Finish, Ranks, TensorId};
use crate::quant::pack_row;

/// Applies the epilogue of one convolution, pixel by pixel.
pub(super) struct Finisher<'a> {
    epilogue: &'a Epilogue,
    residual: Option<(&'a [u32], usize)>,
    codes: Vec<u16>,
}

impl<'a> Finisher<'a> {
    /// For a convolution of `channels` output channels.
    pub(super) fn new(epilogue: &'a Epilogue, arena: &'a Arena, channels: usize) -> Self {
        let residual = match epilogue.finish {
            Finish::Value { residual: Some(id), .. } => Some((arena.read(id), arena.spec(id).shape.c)),
            _ => None,
        };
        Finisher { epilogue, residual, codes: vec![0; channels] }
    }

    /// Finishes all channels of one pixel. `sum(c)` returns T of channel c without its bias, not normalised.
    pub(super) fn pixel(&mut self, pixel: usize, outputs: &mut [Output], mut sum: impl FnMut(usize) -> (i32, i32)) {
        for c in 0..self.codes.len() {
            let (hi, lo) = sum(c);
            let [bias_hi, bias_lo] = self.epilogue.bias[c];
            let (hi, lo) = normalise(hi.wrapping_add(bias_hi), lo + bias_lo, self.epilogue.low_bits);
            self.codes[c] = match &self.epilogue.finish {
                Finish::Codes { thresholds, codes_of_ranks, .. } => {
                    let row = row(thresholds, c, codes_of_ranks.len());
                    codes_of_ranks[row.iter().filter(|t| [hi, lo] > **t).count()]
                }
                Finish::Value { shifts, relu, output, codes, .. } => {
                    let v = to_value(hi, lo, self.epilogue.low_bits, shifts[c]);
                    let v = add(v, self.addend(pixel, c));
                    let v = if *relu { v.max(0) } else { v };
                    if let Some(out) = output.and_then(|id| find(outputs, id)) {
                        out.data[pixel * out.spec.shape.c + c] = v as u32;
                    }
                    codes.as_ref().map_or(0, |(ranks, _)| rank_value(ranks, c, v))
                }
            };
        }
        let target = match &self.epilogue.finish {
            Finish::Codes { output, .. } => Some(*output),
            Finish::Value { codes, .. } => codes.as_ref().map(|c| c.1),
        };
        if let Some(out) = target.and_then(|id| find(outputs, id)) {
            write_codes(out, pixel, &self.codes);
        }
    }

    fn addend(&self, pixel: usize, c: usize) -> i32 {
        match self.residual {
            Some((data, channels)) if c < channels => data[pixel * channels + c] as i32,
            _ => 0,
        }
    }
}

fn find<'a, 'b>(outputs: &'a mut [Output<'b>], id: TensorId) -> Option<&'a mut Output<'b>> {
    outputs.iter_mut().find(|o| o.id == id)
}

/// The thresholds of channel `c` of a quantizer with `levels` levels.
fn row<T>(thresholds: &[T], c: usize, levels: usize) -> &[T] {
    &thresholds[c * (levels - 1)..][..levels - 1]
}

/// Saturating sum of two values.
pub(super) fn add(a: i32, b: i32) -> i32 {
    (a + b).clamp(-VALUE_MAX, VALUE_MAX)
}

/// The code of value `v` in channel `c`.
pub(super) fn rank_value(ranks: &Ranks, c: usize, v: i32) -> u16 {
    let signed = v * ranks.signs[c];
    let row = row(&ranks.thresholds, c, ranks.codes_of_ranks.len());
    ranks.codes_of_ranks[row.iter().filter(|&&t| signed > t).count()]
}

/// Packs the codes of one pixel into its output tensor.
pub(super) fn write_codes(out: &mut Output, pixel: usize, codes: &[u16]) {
    let words = out.spec.pixel_words();
    pack_row(codes, out.spec.planes(), &mut out.data[pixel * words..][..words]);
}
