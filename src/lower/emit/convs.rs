//! Lowering of convolutions: integer weights and coefficients from a layer's parameters.

use super::emitter::Emitter;
use super::tensors::Member;
use crate::fixed::{LIMB_LANES, VALUE_PLANES, WEIGHT_LIMBS, scale_by_power, to_fixed};
use crate::graph::{NodeId, Op, Role, Weights};
use crate::lower::affine::Affine;
use crate::lower::bitconv::{self, CARRY_PLANES, Digit, Term};
use crate::lower::chain::Chain;
use crate::lower::kernels::{BitConv, Kernel, LimbConv, LimbSum, Part};
use crate::lower::limbconv::{self, ScaledWeights};
use crate::lower::planes::{Arranged, Packing, arrange};
use crate::lower::program::Logits;
use crate::lower::tensors::{PIXEL_ALPHA, PIXEL_OFFSET, Repr, TensorId};
use crate::tensor::Window;

/// The fields of a convolution node.
#[derive(Clone, Copy)]
struct Conv {
    source: NodeId,
    outputs: usize,
    window: Window,
    weights: Weights,
    groups: usize,
    /// Input channels of one group.
    inputs: usize,
}

/// The operands of a float convolution.
struct LimbWeights<'a> {
    real: ScaledWeights<'a>,
    /// For grouped convolutions: the first word of four channels that each output channel reads.
    first_words: Option<Vec<u32>>,
    input: TensorId,
    /// Limbs and fractional bits of the input.
    limbs: usize,
    frac: i32,
}

impl<'a> Emitter<'a> {
    /// Emits a convolution with its chain.
    pub(super) fn conv(&mut self, chain: &Chain) -> Result<(), String> {
        let conv = self.conv_of(chain)?;
        match conv.weights {
            Weights::Planes { bits } => self.bit_conv(chain, conv, bits),
            Weights::Float => self.limb_conv(chain, conv),
        }
    }

    fn conv_of(&self, chain: &Chain) -> Result<Conv, String> {
        let node = &self.graph.nodes()[chain.head];
        let Op::Conv { outputs, window, weights, groups, .. } = node.op else { return Err("is no convolution".into()) };
        let source = node.inputs[0];
        Ok(Conv { source, outputs, window, weights, groups, inputs: self.facts[source].shape.c / groups })
    }

    /// Gain and shift of a convolution's chain: its bias followed by its batch norms.
    fn affine(&self, chain: &Chain) -> Result<Affine, String> {
        let mut affine = Affine::identity(self.facts[chain.end].shape.c);
        let head = &self.graph.nodes()[chain.head];
        if let Op::Conv { bias: true, .. } = head.op {
            let bias = self.params.get(&head.name, Role::Bias)?.f32();
            affine.shift = bias.iter().map(|&b| f64::from(b)).collect();
        }
        self.batch_norms(affine, &chain.batch_norms)
    }

    fn bit_conv(&mut self, chain: &Chain, conv: Conv, bits: usize) -> Result<(), String> {
        let Conv { outputs, window, inputs, groups, .. } = conv;
        let (input, members) = self.planes(conv.source)?;
        let affine = self.affine(chain)?;
        let direct = self.direct_quantizer(chain);
        let name = self.name(chain.head);
        let packed = self.params.get(name, Role::Planes)?.u32();
        let packing = Packing { outputs, taps: window.taps(), inputs, planes: bits, groups };
        let channels: Vec<usize> = members.iter().map(|m| m.channels).collect();
        let Arranged { weights, words, mask, channels: read } = arrange(packed, packing, &channels);
        let v = self.params.get(name, Role::WeightBasis)?.f32();
        let terms = |c: usize| -> Vec<Term> {
            let basis = |i: usize| affine.gain[c] * f64::from(v[i * outputs + c]);
            let member = |(p, m): (usize, &Member)| {
                let most = window.taps() * read[c * members.len() + p];
                let term = |i: usize, d: &Digit| Term { digit: Digit { unit: basis(i) * d.unit, ..*d }, most };
                (0..bits).flat_map(|i| m.digits.iter().map(move |d| term(i, d))).collect::<Vec<_>>()
            };
            members.iter().enumerate().flat_map(member).collect()
        };
        let terms: Vec<Vec<Term>> = (0..outputs).map(terms).collect();
        let shift = if direct.is_some() { vec![0.0; outputs] } else { affine.shift.clone() };
        let carried = |m: &Member| bits * window.taps() * m.channels.min(inputs) * carried_planes(m.planes);
        let low_bits = bitconv::low_bits(members.iter().map(carried).max().unwrap_or(0))?;
        let sums = bitconv::sums(&terms, &shift, low_bits, self.max_frac(chain, direct.is_some(), low_bits))?;
        let part = |(m, &words): (&Member, &usize)| Part { at: m.at, channels: m.channels, planes: m.planes, words };
        let kernel = BitConv {
            input,
            parts: members.iter().zip(&words).map(part).collect(),
            window,
            weights,
            weight_planes: bits,
            mask,
            coefficients: sums.coefficients,
            epilogue: self.epilogue(chain, direct, &affine, &sums.frac, sums.low_bits)?,
        };
        self.push(chain.head, Kernel::BitConv(kernel));
        Ok(())
    }

    /// Real weights of a float convolution. The gain is folded in, and for pixels also their offset, mean and
    /// deviation.
    fn limb_weights<'b>(&mut self, conv: Conv, name: &str, affine: &'b Affine) -> Result<LimbWeights<'b>, String>
    where
        'a: 'b,
    {
        let input = self.limbs(conv.source)?;
        let Repr::Limbs { limbs, frac } = self.tensors[input].repr else { return Err("its input has no limbs".into()) };
        let pixels = if conv.source == 0 { self.pixels } else { None };
        let channels = self.tensors[input].shape.c;
        // Output channel c reads the words with input channels [first(c), first(c) + lanes).
        let group_first = move |c: usize| c / (conv.outputs / conv.groups) * conv.inputs;
        let lanes = lanes(conv, channels);
        let first = move |c: usize| if conv.groups == 1 { 0 } else { first_lane(group_first(c), lanes, channels) };
        let weights = self.params.get(name, Role::Weight)?.f32();
        let row = move |c: usize| -> Vec<f64> {
            let row_length = conv.window.taps() * conv.inputs;
            let taps = weights[c * row_length..][..row_length].chunks(conv.inputs);
            let taps = taps.map(|tap| tap.iter().map(|&w| f64::from(w) * affine.gain[c]).collect());
            let place = GroupLanes { at: group_first(c) - first(c), first: group_first(c), lanes };
            taps.flat_map(|tap: Vec<f64>| place.lanes(&tap, pixels)).collect()
        };
        let real = ScaledWeights { outputs: conv.outputs, taps: conv.window.taps(), lanes, row: Box::new(row) };
        if real.rows().flatten().any(|w| !w.is_finite()) {
            return Err("its weights times the batch norm are not finite".into());
        }
        limbconv::check_diagonals(real.taps * lanes, limbs)?;
        let words = |c: usize| (first(c) / LIMB_LANES) as u32;
        let first_words = (conv.groups > 1).then(|| (0..conv.outputs).map(words).collect());
        Ok(LimbWeights { real, first_words, input, limbs, frac })
    }

    fn limb_conv(&mut self, chain: &Chain, conv: Conv) -> Result<(), String> {
        let affine = self.affine(chain)?;
        let in_parts = self.is_too_large(chain, conv);
        let direct = self.direct_quantizer(chain).filter(|_| !in_parts);
        let max_frac = self.max_frac(chain, direct.is_some(), limbconv::LOW_BITS);
        let LimbWeights { real, first_words, input, limbs, frac } =
            self.limb_weights(conv, self.name(chain.head), &affine)?;
        let drop = limbconv::dropped_limbs(&real, limbs)?;
        // With a direct quantizer the shift is in the thresholds, not in T.
        let bias = |c: usize| if direct.is_some() { 0.0 } else { affine.shift[c] };
        let fixed = limbconv::fix(&real, |c, row| limbconv::cap(row, bias(c), (limbs, frac), drop, max_frac));
        let fracs: Vec<i32> = fixed.frac.iter().map(|e| e + frac - 8 * drop as i32).collect();
        let epilogue = match in_parts {
            true => self.value_epilogue(chain, None, &affine, &fracs, limbconv::LOW_BITS),
            false => self.epilogue(chain, direct, &affine, &fracs, limbconv::LOW_BITS),
        }?;
        let words = real.lanes.div_ceil(LIMB_LANES);
        let kernel = LimbConv { input, window: conv.window, weights: fixed.packed, words, first_words, drop, epilogue };
        if in_parts {
            return self.push_in_parts(chain.head, kernel);
        }
        self.push(chain.head, Kernel::LimbConv(kernel));
        Ok(())
    }

    /// Whether a float convolution is computed in parts. Those with groups or an addition have few weights.
    fn is_too_large(&self, chain: &Chain, conv: Conv) -> bool {
        let words = conv.outputs * conv.window.taps() * conv.inputs.div_ceil(LIMB_LANES) * WEIGHT_LIMBS;
        conv.groups == 1 && chain.residual.is_none() && words > self.most_words
    }

    /// Whether a chain is an ungrouped float convolution followed by nothing but batch norms, so that the host can
    /// compute the logits from its diagonals.
    pub(super) fn is_plain_float(&self, chain: &Chain) -> bool {
        let op = &self.graph.nodes()[chain.head].op;
        let float = matches!(op, Op::Conv { weights: Weights::Float, groups: 1, .. });
        float && chain.residual.is_none() && !chain.relu
    }

    /// Emits the last layer as diagonal sums that the host turns into logits.
    pub(super) fn logits(&mut self, chain: &Chain) -> Result<Logits, String> {
        let conv = self.conv_of(chain)?;
        let affine = self.affine(chain)?;
        let LimbWeights { real, input, limbs, frac, .. } = self.limb_weights(conv, self.name(chain.head), &affine)?;
        // The bias has to fit in an `i64`.
        let room = |h: f64| if h == 0.0 { bitconv::MAX_FRAC } else { 62 - crate::fixed::ceil_log2(h.abs()) };
        let fixed = limbconv::fix(&real, |c, _| room(affine.shift[c]).min(bitconv::MAX_FRAC) - frac);
        // Bound of each logit: all inputs at the end of their range.
        let input_most = scale_by_power(limbconv::input_max(limbs) as f64, -frac);
        let most = |(row, h): (Vec<f64>, &f64)| row.iter().map(|w| w.abs()).sum::<f64>() * input_most + h.abs();
        need_finite(real.rows().zip(&affine.shift).map(most))?;
        let repr = Repr::Sums { diagonals: limbs + WEIGHT_LIMBS - 1 };
        let output = self.tensor(self.name(chain.end).to_owned(), self.facts[chain.end].shape, repr);
        self.push(chain.head, Kernel::LimbSum(LimbSum { input, window: conv.window, weights: fixed.packed, output }));
        let frac: Vec<i32> = fixed.frac.iter().map(|e| e + frac).collect();
        let bias = affine.shift.iter().zip(&frac).map(|(&h, &f)| to_fixed(h, f)).collect();
        Ok(Logits::Sums { tensor: output, bias, frac })
    }

    /// Most fractional bits of a chain's T: the general limit with a `direct` quantizer, otherwise few enough to shift
    /// T to a value.
    pub(super) fn max_frac(&self, chain: &Chain, direct: bool, low_bits: u32) -> i32 {
        if direct { bitconv::MAX_FRAC } else { self.scales[chain.end] + low_bits as i32 + bitconv::HALF_BITS }
    }
}

/// Checks bounds of logits, which are given as `f32`.
pub(super) fn need_finite(mut bounds: impl Iterator<Item = f64>) -> Result<(), String> {
    if bounds.all(|most| most < f64::from(f32::MAX)) {
        Ok(())
    } else {
        Err("its logits may exceed 32-bit floats".into())
    }
}

/// Planes of a member that are summed between two carries.
fn carried_planes(planes: usize) -> usize {
    if planes < VALUE_PLANES { planes } else { CARRY_PLANES }
}

/// Lanes that an output channel multiplies per tap: all `channels` of the input or, in a grouped convolution, those of
/// the words that its group may touch.
fn lanes(conv: Conv, channels: usize) -> usize {
    if conv.groups == 1 {
        return channels;
    }
    // The most words that a group touches, depending on where it starts. Pixels have one word, with the alpha lane in
    // it.
    let words = |g: usize| ((g + 1) * conv.inputs).div_ceil(LIMB_LANES) - g * conv.inputs / LIMB_LANES;
    (0..conv.groups).map(words).max().unwrap_or(0) * LIMB_LANES
}

/// First lane that is read for a group that begins at channel `start`, such that all words lie inside the input.
fn first_lane(start: usize, lanes: usize, channels: usize) -> usize {
    let last = (channels.div_ceil(LIMB_LANES) * LIMB_LANES).saturating_sub(lanes);
    (start / LIMB_LANES * LIMB_LANES).min(last)
}

/// The lanes of a tap that hold the weights of one group.
struct GroupLanes {
    /// Lane of the group's first channel.
    at: usize,
    /// The group's first channel.
    first: usize,
    /// Lanes of a tap.
    lanes: usize,
}

impl GroupLanes {
    /// The lanes of one tap for the weights `w` of one group; pixels if their mean and deviation are given.
    fn lanes(&self, w: &[f64], pixels: Option<([f64; 3], [f64; 3])>) -> Vec<f64> {
        let mut lanes = vec![0.0; self.lanes];
        match pixels {
            None => lanes[self.at..][..w.len()].copy_from_slice(w),
            Some((mean, std)) => {
                // With p = s + 128, x = (p / 255 - mean) / std = s / (255 std) + (128 / 255 - mean) / std. The alpha
                // lane adds the second term; it is 0 where the picture is padded.
                let offset = f64::from(PIXEL_OFFSET) / 255.0;
                let channels = || w.iter().zip(self.first..);
                for (w, k) in channels() {
                    lanes[self.at + k - self.first] = w / (255.0 * std[k]);
                }
                let alpha: f64 = channels().map(|(w, k)| w * (offset - mean[k]) / std[k]).sum();
                lanes[3] = alpha / f64::from(PIXEL_ALPHA);
            }
        }
        lanes
    }
}
