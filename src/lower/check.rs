//! The consistency of a program: every kernel's tables are as long as its tensors say.
//!
//! Lowering gives consistent programs. But a [`Program`]'s fields are public, and backends index with what they find there
//! (shaders without bounds checks), so [`crate::plan::Plan`] takes none that has not passed here.

use super::program::*;
use crate::fixed::{LIMB_LANES, VALUE_LIMBS, WEIGHT_LIMBS, shift_range};
use crate::quant::{MAX_BITS, words};
use crate::tensor::{Shape, Window};

type Checked = Result<(), String>;

impl Program {
    /// Checks all steps; an error names the layer.
    pub fn check(&self) -> Checked {
        let mut written = vec![false; self.tensors.len()];
        *written.first_mut().ok_or("the program has no tensors")? = true;
        for spec in &self.tensors {
            Shape::new(spec.shape.h, spec.shape.w, spec.shape.c)?;
        }
        for step in &self.steps {
            let context = |problem: String| format!("layer '{}': {problem}", step.name);
            let reads = step.kernel.reads();
            if reads.iter().any(|&id| !written.get(id).copied().unwrap_or(false)) {
                return Err(context("reads a tensor that nothing has written".into()));
            }
            for id in step.kernel.writes() {
                let fresh = written.get(id).is_some_and(|w| !w);
                need(fresh, "writes a tensor that does not exist or is written already").map_err(context)?;
                written[id] = true;
            }
            self.kernel(&step.kernel).map_err(context)?;
        }
        need(written.get(self.logits.tensor()) == Some(&true), "nothing writes the logits")
    }

    fn kernel(&self, kernel: &Kernel) -> Checked {
        match kernel {
            Kernel::BitConv(k) => self.bitconv(k),
            Kernel::LimbConv(k) => {
                let out = self.output(&k.epilogue)?;
                need(k.drop <= VALUE_LIMBS + WEIGHT_LIMBS, "drops too many limbs")?;
                self.limbs(k.input, &k.window, &k.weights, out)?;
                self.epilogue(&k.epilogue, out)
            }
            Kernel::LimbSum(k) => {
                let out = self.tensors[k.output].shape;
                let limbs = self.limbs(k.input, &k.window, &k.weights, out)?;
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
        }
    }

    fn bitconv(&self, k: &BitConv) -> Checked {
        let (input, out) = (&self.tensors[k.input], self.output(&k.epilogue)?);
        let (w, a) = (k.weight_planes, k.activation_planes);
        let planes = (1..=MAX_BITS).contains(&w) && (1..=MAX_BITS).contains(&a);
        need(planes && input.repr == Repr::Codes { planes: a }, "its planes have the wrong form")?;
        self.window(&k.window, input.shape, out)?;
        need(k.weights.len() == out.c * k.window.taps() * words(input.shape.c) * w, "has too few or too many weights")?;
        need(k.coefficients.len() == out.c * w * a, "has too few or too many coefficients")?;
        self.epilogue(&k.epilogue, out)
    }

    /// Checks a limb convolution and returns the limbs of its input.
    fn limbs(&self, input: TensorId, window: &Window, weights: &[u32], out: Shape) -> Result<usize, String> {
        let spec = &self.tensors[input];
        let Repr::Limbs { limbs: limbs @ (1 | VALUE_LIMBS), .. } = spec.repr else {
            return Err("its input is no tensor of one or four limbs".into());
        };
        self.window(window, spec.shape, out)?;
        let groups = spec.shape.c.div_ceil(LIMB_LANES);
        need(weights.len() == out.c * window.taps() * groups * WEIGHT_LIMBS, "has too few or too many weights")?;
        Ok(limbs)
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

    /// A value tensor of the same positions and at most as many channels.
    fn narrower(&self, id: TensorId, out: Shape) -> Checked {
        let shape = self.value(id)?;
        need((shape.h, shape.w) == (out.h, out.w) && shape.c <= out.c, "combines tensors that do not fit")
    }

    /// Shape of an epilogue's results.
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

    /// A quantizer with `thresholds` thresholds in all.
    fn codes(&self, codes_of_ranks: &[u8], thresholds: usize, output: TensorId, out: Shape) -> Checked {
        let spec = &self.tensors[output];
        let Repr::Codes { planes: planes @ 1..=MAX_BITS } = spec.repr else { return Err("needs 1 to 8 bits".into()) };
        let levels = 1 << planes;
        need(spec.shape == out && codes_of_ranks.len() == levels, "its codes have the wrong form")?;
        need(thresholds == out.c * (levels - 1), "has too few or too many thresholds")
    }
}

fn need(holds: bool, otherwise: &str) -> Checked {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
