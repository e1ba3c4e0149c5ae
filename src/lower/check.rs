//! Checks that a program is consistent: that tensors exist, are written before they are read, and that every kernel's
//! tables match the shapes of its tensors.
//!
//! Lowering produces consistent programs. But the fields of a [`Program`] are public, and backends use them as indices
//! (in shaders without bounds checks), so [`crate::plan::Plan`] accepts only programs that pass this check.

use super::kernel::*;
use super::program::*;
use crate::fixed::{LIMB_LANES, VALUE_LIMBS, VALUE_PLANES, WEIGHT_LIMBS, shift_range};
use crate::quant::{MAX_BITS, words};
use crate::tensor::{MAX_EXTENT, Shape, Window};
use std::ops::Range;

type Checked = Result<(), String>;

/// Most planes of codes: their bits, and one more for codes of +-1.
const MAX_CODE_PLANES: usize = MAX_BITS + 1;
/// Most planes of the bits of values, whose number is rounded up to a multiple of the planes of codes in the same row.
const MAX_PLANES: usize = VALUE_PLANES + MAX_CODE_PLANES;
const WEIGHTS: &str = "has too few or too many weights";

impl Program {
    /// Checks all steps; an error names the layer.
    pub fn check(&self) -> Checked {
        for spec in &self.tensors {
            Shape::new(spec.shape.h, spec.shape.w, spec.shape.c)?;
        }
        // The words of each tensor's pixels that have been written so far.
        let mut written: Vec<Vec<Range<usize>>> = vec![Vec::new(); self.tensors.len()];
        let input = self.tensors.first().ok_or("the program has no tensors")?;
        written[0].push(0..input.pixel_words());
        for step in &self.steps {
            let context = |problem: String| format!("layer '{}': {problem}", step.name);
            self.kernel(&step.kernel).map_err(context)?;
            self.reads(&step.kernel, &written).map_err(context)?;
            self.writes(&step.kernel, &mut written).map_err(context)?;
        }
        let logits = self.tensors.get(self.logits.tensor()).ok_or("the logits do not exist")?;
        need(covered(&written[self.logits.tensor()], 0..logits.pixel_words()), "nothing writes the logits")
    }

    /// Checks that what a kernel reads has been written. Called after [`Program::kernel`].
    fn reads(&self, kernel: &Kernel, written: &[Vec<Range<usize>>]) -> Checked {
        for id in kernel.reads() {
            let row = 0..self.tensors[id].pixel_words();
            let parts = match kernel {
                Kernel::BitConv(k) if id == k.input => k
                    .parts
                    .iter()
                    .map(|p| p.at..p.at.saturating_add(words(p.channels).saturating_mul(p.planes)))
                    .collect(),
                _ => vec![row],
            };
            need(parts.into_iter().all(|p| covered(&written[id], p)), "reads a tensor that nothing has written")?;
        }
        Ok(())
    }

    /// Records what a kernel writes, which nothing may have written before. Called after [`Program::kernel`].
    fn writes(&self, kernel: &Kernel, written: &mut [Vec<Range<usize>>]) -> Checked {
        for id in kernel.writes() {
            let row = match kernel {
                Kernel::Join(k) => k.at..k.at + self.tensors[k.input].pixel_words(),
                _ => 0..self.tensors[id].pixel_words(),
            };
            let fresh = written[id].iter().all(|w| w.end <= row.start || row.end <= w.start);
            need(fresh, "writes a tensor that is written already")?;
            written[id].push(row);
        }
        Ok(())
    }

    fn kernel(&self, kernel: &Kernel) -> Checked {
        let exist = |ids: Vec<TensorId>| ids.into_iter().all(|id| id < self.tensors.len());
        need(exist(kernel.reads()) && exist(kernel.writes()), "uses a tensor that does not exist")?;
        match kernel {
            Kernel::BitConv(k) => self.bitconv(k),
            Kernel::LimbConv(k) => {
                let out = self.output(&k.epilogue)?;
                need(k.drop <= VALUE_LIMBS + WEIGHT_LIMBS, "drops too many limbs")?;
                self.limbs(k.input, &k.window, out)?;
                self.limb_weights(k, out)?;
                self.epilogue(&k.epilogue, out)
            }
            Kernel::LimbSum(k) => {
                let out = self.tensors[k.output].shape;
                let limbs = self.limbs(k.input, &k.window, out)?;
                let words = self.tensors[k.input].shape.c.div_ceil(LIMB_LANES);
                need(k.weights.len() == out.c * k.window.taps() * words * WEIGHT_LIMBS, WEIGHTS)?;
                let sums = Repr::Sums { diagonals: limbs + WEIGHT_LIMBS - 1 };
                need(self.tensors[k.output].repr == sums && out.pixels() == 1, "its sums have the wrong form")
            }
            Kernel::Quantize(k) => {
                need(self.value(k.input)? == self.tensors[k.output].shape, "its shapes differ")?;
                self.ranks(&k.ranks, k.output)
            }
            Kernel::Pointwise(k) => self.pointwise(k),
            Kernel::MaxPool(k) => self.pool(k.input, &k.window, k.output),
            Kernel::AvgPool(k) => {
                need(k.window.taps() < 1 << 16, "averages more than 65535 positions")?;
                self.pool(k.input, &k.window, k.output)
            }
            Kernel::Split(k) => {
                let out = &self.tensors[k.output];
                let limbs = matches!(out.repr, Repr::Limbs { limbs: VALUE_LIMBS, .. });
                need(limbs && self.value(k.input)? == out.shape, "its limbs have the wrong form")
            }
            Kernel::Slice(k) => {
                let out = &self.tensors[k.output];
                let bits = matches!(out.repr, Repr::Bits { planes: VALUE_PLANES..=MAX_PLANES, .. });
                need(bits && self.value(k.input)? == out.shape, "its bits have the wrong form")
            }
            Kernel::Levels(k) => {
                let spec = &self.tensors[k.input];
                let Repr::Codes { planes: planes @ 1..=MAX_CODE_PLANES } = spec.repr else {
                    return Err("needs codes".into());
                };
                need(
                    k.values.len() == 1 << planes && self.value(k.output)? == spec.shape,
                    "its levels have the wrong form",
                )
            }
            Kernel::Join(k) => self.join(k),
        }
    }

    fn bitconv(&self, k: &BitConv) -> Checked {
        let (input, out) = (&self.tensors[k.input], self.output(&k.epilogue)?);
        need(matches!(input.repr, Repr::Codes { .. } | Repr::Bits { .. } | Repr::Rows { .. }), "needs planes")?;
        need((1..=MAX_BITS).contains(&k.weight_planes) && !k.parts.is_empty(), "its planes have the wrong form")?;
        self.window(&k.window, input.shape, out)?;
        for part in &k.parts {
            self.part(k, part, input)?;
        }
        need(k.mask.as_ref().is_none_or(|m| m.len() == out.c * k.parts.len()), "its mask does not fit")?;
        let reaches =
            |(p, part): (usize, &Part)| (0..out.c).all(|c| k.first_word(c, p) + part.words <= words(part.channels));
        need(k.parts.iter().enumerate().all(reaches), "multiplies words that its input does not have")?;
        need(k.weights.len() == out.c * k.channel_words(), WEIGHTS)?;
        need(k.coefficients.len() == out.c * k.channel_pairs(), "has too few or too many coefficients")?;
        self.epilogue(&k.epilogue, out)
    }

    fn part(&self, k: &BitConv, part: &Part, input: &TensorSpec) -> Checked {
        let own = words(part.channels);
        let extents = (1..=MAX_PLANES).contains(&part.planes) && (1..=MAX_EXTENT).contains(&part.channels);
        need(extents && part.words <= own && part.at <= MAX_EXTENT, "a part of its input has the wrong form")?;
        need(k.mask.is_some() || part.words == own, "leaves out words of its input")?;
        need(part.at + own * part.planes <= input.pixel_words(), "a part of its input lies outside it")
    }

    /// Checks a limb convolution's input and window, and returns the limbs of its input.
    fn limbs(&self, input: TensorId, window: &Window, out: Shape) -> Result<usize, String> {
        let spec = &self.tensors[input];
        let Repr::Limbs { limbs: limbs @ (1 | VALUE_LIMBS), .. } = spec.repr else {
            return Err("its input is no tensor of one or four limbs".into());
        };
        self.window(window, spec.shape, out)?;
        Ok(limbs)
    }

    fn limb_weights(&self, k: &LimbConv, out: Shape) -> Checked {
        let words = self.tensors[k.input].shape.c.div_ceil(LIMB_LANES);
        let reach = match &k.first_words {
            Some(first) => first.len() == out.c && first.iter().all(|&f| f as usize + k.words <= words),
            None => k.words == words,
        };
        need(reach && k.words > 0, "multiplies words that its input does not have")?;
        need(k.weights.len() == out.c * k.window.taps() * k.words * WEIGHT_LIMBS, WEIGHTS)
    }

    fn join(&self, k: &Join) -> Checked {
        let (from, to) = (&self.tensors[k.input], &self.tensors[k.output]);
        let same = match from.repr {
            Repr::Value { .. } => matches!(to.repr, Repr::Value { .. }),
            Repr::Codes { .. } | Repr::Bits { .. } => matches!(to.repr, Repr::Rows { .. }),
            _ => false,
        };
        let size = (from.shape.h, from.shape.w) == (to.shape.h, to.shape.w);
        let fits = k.at.checked_add(from.pixel_words()).is_some_and(|end| end <= to.pixel_words());
        need(same && size && fits, "joins tensors that do not fit")
    }

    fn pointwise(&self, k: &Pointwise) -> Checked {
        let out = self.value(k.output)?;
        let lengths = [k.gains.len(), k.biases.len(), k.shifts.len()];
        need(lengths == [out.c; 3] && k.shifts.iter().all(|&s| s < 63), "its tables do not fit its channels")?;
        self.narrower(k.input, out)?;
        k.residual.map_or(Ok(()), |id| self.narrower(id, out))
    }

    fn pool(&self, input: TensorId, window: &Window, output: TensorId) -> Checked {
        let (from, to) = (self.value(input)?, self.value(output)?);
        need(from.c == to.c, "changes the number of channels")?;
        self.window(window, from, to)
    }

    fn window(&self, window: &Window, input: Shape, out: Shape) -> Checked {
        need(window.output([input.h, input.w])? == [out.h, out.w], "its window does not give its output")
    }

    fn value(&self, id: TensorId) -> Result<Shape, String> {
        let spec = &self.tensors[id];
        need(matches!(spec.repr, Repr::Value { .. }), "needs values").map(|()| spec.shape)
    }

    /// Checks that `id` is a value tensor with the height and width of `out` and at most as many channels.
    fn narrower(&self, id: TensorId, out: Shape) -> Checked {
        let shape = self.value(id)?;
        need((shape.h, shape.w) == (out.h, out.w) && shape.c <= out.c, "combines tensors that do not fit")
    }

    /// Shape of an epilogue's result.
    fn output(&self, epilogue: &Epilogue) -> Result<Shape, String> {
        let id = match &epilogue.finish {
            Finish::Codes { output, .. } => Some(*output),
            Finish::Value { output, codes, .. } => output.or(codes.as_ref().map(|c| c.1)),
        };
        id.map(|id| self.tensors[id].shape).ok_or("has no result".into())
    }

    fn epilogue(&self, epilogue: &Epilogue, out: Shape) -> Checked {
        need(epilogue.bias.len() == out.c, "its bias does not fit its channels")?;
        need((1..=24).contains(&epilogue.low_bits), "its low word is too wide")?;
        match &epilogue.finish {
            Finish::Codes { thresholds, codes_of_ranks, output } => {
                self.codes(codes_of_ranks, thresholds.len(), *output, out)
            }
            Finish::Value { shifts, residual, output, codes, .. } => {
                let range = shift_range(epilogue.low_bits);
                let shifts = shifts.len() == out.c && shifts.iter().all(|s| range.contains(s));
                need(shifts, "its shifts do not fit its channels")?;
                residual.map_or(Ok(()), |id| self.narrower(id, out))?;
                output.map_or(Ok(()), |id| need(self.value(id)? == out, "its results differ in shape"))?;
                match codes {
                    Some((ranks, id)) => need(self.tensors[*id].shape == out, "its results differ in shape")
                        .and_then(|()| self.ranks(ranks, *id)),
                    None => Ok(()),
                }
            }
        }
    }

    fn ranks(&self, ranks: &Ranks, output: TensorId) -> Checked {
        let out = self.tensors[output].shape;
        need(
            ranks.signs.len() == out.c && ranks.signs.iter().all(|s| s.abs() == 1),
            "its signs do not fit its channels",
        )?;
        self.codes(&ranks.codes_of_ranks, ranks.thresholds.len(), output, out)
    }

    /// Checks a quantizer that has `thresholds` thresholds, counted over all channels.
    fn codes(&self, codes_of_ranks: &[u16], thresholds: usize, output: TensorId, out: Shape) -> Checked {
        let spec = &self.tensors[output];
        let Repr::Codes { planes: planes @ 1..=MAX_CODE_PLANES } = spec.repr else {
            return Err("needs 1 to 8 bits".into());
        };
        let levels = codes_of_ranks.len();
        let bits = (1..=MAX_BITS).find(|b| 1 << b == levels).ok_or("its levels are no power of two")?;
        let legal = planes >= bits && codes_of_ranks.iter().all(|&code| u32::from(code) < 1 << planes);
        need(spec.shape == out && legal, "its codes have the wrong form")?;
        need(thresholds == out.c * (levels - 1), "has too few or too many thresholds")
    }
}

/// Whether the disjoint ranges `written` cover all of `wanted`.
fn covered(written: &[Range<usize>], wanted: Range<usize>) -> bool {
    let overlap = |w: &Range<usize>| w.end.min(wanted.end).saturating_sub(w.start.max(wanted.start));
    written.iter().map(overlap).sum::<usize>() >= wanted.len()
}

fn need(holds: bool, otherwise: &str) -> Checked {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
