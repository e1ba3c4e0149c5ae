//! The last pass: groups of nodes become steps on integer tensors.

use super::affine::Affine;
use super::chain::{Chain, Group, QuantChain, group};
use super::program::*;
use super::{bitconv, limbconv, pointwise, range, thresholds};
use crate::fixed::{VALUE_LIMBS, VALUE_MAX, WEIGHT_LIMBS, scale_by_power};
use crate::graph::preprocess::Normalize;
use crate::graph::{Fact, Graph, Kind, NodeId, Op, Params, Role, Weights};
use crate::quant::Levels;
use crate::tensor::{Shape, Window};

/// What the caller will feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InputKind {
    /// 8-bit pixels at network size.
    Pixels,
    /// The tensor the first layer receives.
    Tensor,
}

/// Lowers `graph` for one kind of input. Errors name the layer and what about it cannot be done exactly.
///
/// With [`InputKind::Pixels`] and a per-channel mean, mean and deviation are folded into the first convolution; with a mean
/// image the host subtracts it, so the program is that of [`InputKind::Tensor`].
pub fn lower(graph: &Graph, params: &Params, normalize: &Normalize, kind: InputKind) -> Result<Program, String> {
    let facts = graph.facts()?;
    let scales = range::scales(graph, params, input_range(normalize))?;
    let pixels = match (kind, normalize) {
        (InputKind::Pixels, Normalize::Channel { mean, std })
            if graph.input_shape().c == 3 && feeds_convs(graph, 0) =>
        {
            Some((*mean, *std))
        }
        _ => None,
    };
    let count = facts.len();
    let mut emitter = Emitter {
        graph,
        params,
        facts,
        scales,
        pixels,
        groups: group(graph),
        tensors: Vec::new(),
        steps: Vec::new(),
        values: vec![None; count],
        codes: vec![None; count],
        limbs: vec![None; count],
    };
    let input = emitter.input();
    let logits = emitter.run()?;
    Ok(Program { tensors: emitter.tensors, steps: emitter.steps, input, logits })
}

/// Twice the largest magnitude that preprocessing produces, so that tensors prepared a little differently still fit.
fn input_range(normalize: &Normalize) -> f64 {
    let most = match normalize {
        Normalize::Channel { mean, std } => {
            mean.iter().zip(std).map(|(m, s)| (m / s).abs().max(((1.0 - m) / s).abs())).fold(0.0, f64::max)
        }
        Normalize::MeanImage { divide } => 255.0 / divide,
        Normalize::TensorOnly { range } => *range,
    };
    2.0 * most
}

fn feeds_convs(graph: &Graph, id: NodeId) -> bool {
    graph.consumers(id).all(|c| matches!(graph.nodes()[c].op, Op::Conv { weights: Weights::Float, .. }))
}

/// Logits are given as `f32`.
fn need_finite(mut bounds: impl Iterator<Item = f64>) -> Result<(), String> {
    if bounds.all(|most| most < f64::from(f32::MAX)) {
        Ok(())
    } else {
        Err("its logits may exceed 32-bit floats".into())
    }
}

struct Emitter<'a> {
    graph: &'a Graph,
    params: &'a Params,
    facts: Vec<Fact>,
    /// Fractional bits per node.
    scales: Vec<i32>,
    /// Mean and deviation, if pixels are folded into the first layer.
    pixels: Option<([f64; 3], [f64; 3])>,
    groups: Vec<Group>,
    tensors: Vec<TensorSpec>,
    steps: Vec<Step>,
    values: Vec<Option<TensorId>>,
    codes: Vec<Option<TensorId>>,
    limbs: Vec<Option<TensorId>>,
}

/// What a float convolution multiplies.
struct LimbWeights {
    /// `[out][tap * lanes]`
    rows: Vec<Vec<f64>>,
    lanes: usize,
    input: TensorId,
    limbs: usize,
    frac: i32,
}

impl Emitter<'_> {
    fn input(&mut self) -> InputForm {
        let shape = self.facts[0].shape;
        let frac = self.scales[0];
        if self.pixels.is_some() {
            let repr = Repr::Limbs { limbs: 1, frac: 0 };
            self.limbs[0] = Some(self.tensor("input", Shape { c: shape.c + 1, ..shape }, repr));
            InputForm::Pixels
        } else if feeds_convs(self.graph, 0) {
            self.limbs[0] = Some(self.tensor("input", shape, Repr::Limbs { limbs: VALUE_LIMBS, frac }));
            InputForm::Limbs { frac }
        } else {
            self.values[0] = Some(self.tensor("input", shape, Repr::Value { frac }));
            InputForm::Values { frac }
        }
    }

    fn run(&mut self) -> Result<Logits, String> {
        let last = self.facts.len() - 1;
        let Fact { shape, kind } = self.facts[last];
        if (shape.h, shape.w) != (1, 1) || kind != Kind::Real {
            return Err(format!(
                "layer '{}' gives {}, but the last layer must give 1x1 logits",
                self.name(last),
                self.facts[last]
            ));
        }
        for index in 0..self.groups.len() {
            let group = self.groups[index].clone();
            let end = group.end();
            let result = match &group {
                Group::Conv(chain) if end == last && self.is_plain_float(chain) => return self.logits(chain),
                Group::Conv(chain) => self.conv(chain),
                Group::Pointwise(chain) => self.pointwise(chain),
                Group::Quantize { head, chain } => self.quantize(*head, chain),
                Group::Single(id) => self.single(*id),
            };
            result.map_err(|problem| format!("layer '{}': {problem}", self.name(end)))?;
        }
        let tensor = self.values[last].ok_or("the graph has no output")?;
        need_finite(std::iter::once(scale_by_power(f64::from(VALUE_MAX), -self.scales[last])))?;
        Ok(Logits::Values { tensor, frac: self.scales[last] })
    }

    fn name(&self, id: NodeId) -> &str {
        &self.graph.nodes()[id].name
    }

    fn tensor(&mut self, name: &str, shape: Shape, repr: Repr) -> TensorId {
        self.tensors.push(TensorSpec { name: name.to_owned(), shape, repr });
        self.tensors.len() - 1
    }

    fn new_value(&mut self, id: NodeId) -> TensorId {
        let (name, shape) = (self.name(id).to_owned(), self.facts[id].shape);
        let tensor = self.tensor(&name, shape, Repr::Value { frac: self.scales[id] });
        self.values[id] = Some(tensor);
        tensor
    }

    fn new_codes(&mut self, id: NodeId) -> Result<TensorId, String> {
        let Kind::Codes { bits } = self.facts[id].kind else { return Err("does not give codes".into()) };
        let (name, shape) = (self.name(id).to_owned(), self.facts[id].shape);
        let tensor = self.tensor(&name, shape, Repr::Codes { planes: bits });
        self.codes[id] = Some(tensor);
        Ok(tensor)
    }

    fn push(&mut self, id: NodeId, kernel: Kernel) {
        self.steps.push(Step { name: self.name(id).to_owned(), kernel });
    }

    /// The value tensor of `id`.
    fn value(&self, id: NodeId) -> Result<TensorId, String> {
        self.values[id].ok_or_else(|| format!("reads '{}', which is not available as a value", self.name(id)))
    }

    /// The value tensor that is added for node `id`. Appended zero channels are not stored: kernels read missing channels
    /// as 0.
    fn residual(&self, id: Option<NodeId>) -> Result<Option<TensorId>, String> {
        let Some(id) = id else { return Ok(None) };
        match self.graph.nodes()[id].op {
            Op::PadChannels { .. } if self.values[id].is_none() => {
                self.residual(Some(self.graph.nodes()[id].inputs[0]))
            }
            _ => self.value(id).map(Some),
        }
    }

    /// The limbs of node `id`, split off its value if they do not exist yet.
    fn limbs_of(&mut self, id: NodeId) -> Result<TensorId, String> {
        if let Some(tensor) = self.limbs[id] {
            return Ok(tensor);
        }
        let input = self.value(id)?;
        let name = format!("{}/limbs", self.name(id));
        let repr = Repr::Limbs { limbs: VALUE_LIMBS, frac: self.scales[id] };
        let output = self.tensor(&name, self.facts[id].shape, repr);
        self.push(id, Kernel::Split(Split { input, output }));
        self.limbs[id] = Some(output);
        Ok(output)
    }

    fn is_plain_float(&self, chain: &Chain) -> bool {
        let op = &self.graph.nodes()[chain.head].op;
        let float = matches!(op, Op::Conv { weights: Weights::Float, .. });
        float && chain.residual.is_none() && !chain.relu && self.facts[chain.end].shape.c > 0
    }

    /// `affine` followed by batch norms.
    fn batch_norms(&self, mut affine: Affine, batch_norms: &[NodeId]) -> Result<Affine, String> {
        for &bn in batch_norms {
            affine.then_batch_norm(self.graph, self.params, bn)?;
        }
        Ok(affine)
    }

    /// Gain and shift of a convolution's chain: its bias, then its batch norms.
    fn affine(&self, chain: &Chain) -> Result<Affine, String> {
        let mut affine = Affine::identity(self.facts[chain.end].shape.c);
        let head = &self.graph.nodes()[chain.head];
        if let Op::Conv { bias: true, .. } = head.op {
            let bias = self.params.get(&head.name, Role::Bias)?.f32();
            affine.shift = bias.iter().map(|&b| f64::from(b)).collect();
        }
        self.batch_norms(affine, &chain.batch_norms)
    }

    fn levels(&self, quantize: NodeId) -> Result<Levels, String> {
        Ok(Levels::of_activations(self.params.get(self.name(quantize), Role::ActivationBasis)?.f32()))
    }

    fn ranks(&self, head: NodeId, chain: &QuantChain) -> Result<Ranks, String> {
        let affine = self.batch_norms(Affine::identity(self.facts[head].shape.c), &chain.batch_norms)?;
        Ok(thresholds::on_values(&self.levels(chain.quantize)?, &affine, chain.relu, self.scales[head]))
    }

    fn conv(&mut self, chain: &Chain) -> Result<(), String> {
        match self.graph.nodes()[chain.head].op {
            Op::Conv { weights: Weights::Planes { .. }, .. } => self.bit_conv(chain),
            _ => self.limb_conv(chain),
        }
    }

    fn bit_conv(&mut self, chain: &Chain) -> Result<(), String> {
        let node = &self.graph.nodes()[chain.head];
        let Op::Conv { outputs, window, weights: Weights::Planes { bits }, .. } = node.op else {
            return Err("is no bit convolution".into());
        };
        let source = node.inputs[0];
        let input = self.codes[source].ok_or("its input codes do not exist")?;
        let affine = self.affine(chain)?;
        let direct = self.direct_quantizer(chain);
        let u = self.params.get(self.name(source), Role::ActivationBasis)?.f32();
        let v = self.params.get(&node.name, Role::WeightBasis)?.f32();
        let product = |c: usize, i: usize, j: usize| affine.gain[c] * f64::from(v[i * outputs + c]) * f64::from(u[j]);
        let products: Vec<Vec<f64>> = (0..outputs)
            .map(|c| (0..bits).flat_map(|i| (0..u.len()).map(move |j| (i, j))).map(|(i, j)| product(c, i, j)).collect())
            .collect();
        let taps = window.taps() * self.facts[source].shape.c;
        let shift = if direct.is_some() { vec![0.0; outputs] } else { affine.shift.clone() };
        let sums = bitconv::sums(&products, &shift, taps, |low_bits| self.max_frac(chain, direct.is_some(), low_bits))?;
        let kernel = BitConv {
            input,
            window,
            weights: self.params.get(&node.name, Role::Planes)?.u32().to_vec(),
            weight_planes: bits,
            activation_planes: u.len(),
            coefficients: sums.coefficients,
            epilogue: self.epilogue(chain, direct, &affine, &sums.frac, sums.low_bits)?,
        };
        self.push(chain.head, Kernel::BitConv(kernel));
        Ok(())
    }

    /// Real weights `[out][tap * lanes]` with the gain, and the pixel offset and mean, folded in; and the lanes per tap.
    fn float_weights(&self, chain: &Chain, affine: &Affine) -> Result<(Vec<Vec<f64>>, usize), String> {
        let node = &self.graph.nodes()[chain.head];
        let weights = self.params.get(&node.name, Role::Weight)?;
        let channels = weights.shape[3];
        let row_length = weights.shape[1..].iter().product::<usize>();
        let pixels = if node.inputs[0] == 0 { self.pixels } else { None };
        let tap = |w: &[f32], gain: f64| -> Vec<f64> {
            let w = w.iter().map(|&w| f64::from(w) * gain);
            let Some((mean, std)) = pixels else { return w.collect() };
            // x = (p / 255 - mean) / std with p = s + 128 is s / (255 std) + (128 / 255 - mean) / std; the second term is
            // carried by the alpha lane, which is 0 where the picture is padded.
            let w: Vec<f64> = w.collect();
            let offset = f64::from(PIXEL_OFFSET) / 255.0;
            let alpha: f64 = (0..w.len()).map(|k| w[k] * (offset - mean[k]) / std[k]).sum();
            let scaled = w.iter().zip(std).map(|(w, s)| w / (255.0 * s));
            scaled.chain([alpha / f64::from(PIXEL_ALPHA)]).collect()
        };
        let rows = weights.f32().chunks(row_length).zip(&affine.gain);
        let rows = rows.map(|(row, &gain)| row.chunks(channels).flat_map(|w| tap(w, gain)).collect()).collect();
        Ok((rows, if pixels.is_some() { channels + 1 } else { channels }))
    }

    /// Real weights of a float convolution with the lanes per tap, its limb input and the input's limb count and
    /// fractional bits.
    fn limb_weights(&mut self, chain: &Chain, affine: &Affine) -> Result<LimbWeights, String> {
        let (rows, lanes) = self.float_weights(chain, affine)?;
        if rows.iter().flatten().any(|w| !w.is_finite()) {
            return Err("its weights times the batch norm are not finite".into());
        }
        let input = self.limbs_of(self.graph.nodes()[chain.head].inputs[0])?;
        let Repr::Limbs { limbs, frac } = self.tensors[input].repr else { return Err("its input has no limbs".into()) };
        limbconv::check_diagonals(rows.first().map_or(0, Vec::len), limbs)?;
        Ok(LimbWeights { rows, lanes, input, limbs, frac })
    }

    fn limb_conv(&mut self, chain: &Chain) -> Result<(), String> {
        let window = self.window(chain.head)?;
        let affine = self.affine(chain)?;
        let direct = self.direct_quantizer(chain);
        let max_frac = self.max_frac(chain, direct.is_some(), limbconv::LOW_BITS);
        let LimbWeights { rows, lanes, input, limbs, frac } = self.limb_weights(chain, &affine)?;
        let drop = limbconv::drop(&rows, limbs)?;
        // With a direct quantizer the shift is in the thresholds, not in T.
        let bias = |c: usize| if direct.is_some() { 0.0 } else { affine.shift[c] };
        let cap = |c: usize| limbconv::cap(&rows[c], bias(c), (limbs, frac), drop, max_frac);
        let fixed = limbconv::fix(&rows, lanes, &(0..rows.len()).map(cap).collect::<Vec<_>>());
        let fracs: Vec<i32> = fixed.frac.iter().map(|e| e + frac - 8 * drop as i32).collect();
        let epilogue = self.epilogue(chain, direct, &affine, &fracs, limbconv::LOW_BITS)?;
        let kernel = LimbConv { input, window, weights: fixed.packed, drop, epilogue };
        self.push(chain.head, Kernel::LimbConv(kernel));
        Ok(())
    }

    fn logits(&mut self, chain: &Chain) -> Result<Logits, String> {
        let context = |problem: String, name: &str| format!("layer '{name}': {problem}");
        let name = self.name(chain.end).to_owned();
        let window = self.window(chain.head)?;
        let affine = self.affine(chain)?;
        let LimbWeights { rows, lanes, input, limbs, frac } =
            self.limb_weights(chain, &affine).map_err(|p| context(p, &name))?;
        // The bias has to fit an i64.
        let room = |h: f64| if h == 0.0 { bitconv::MAX_FRAC } else { 62 - crate::fixed::ceil_log2(h.abs()) };
        let caps: Vec<i32> = affine.shift.iter().map(|&h| room(h).min(bitconv::MAX_FRAC) - frac).collect();
        let fixed = limbconv::fix(&rows, lanes, &caps);
        // A bound for each logit: all inputs at the end of their range.
        let input_most = scale_by_power(limbconv::input_max(limbs) as f64, -frac);
        let most = |(row, h): (&Vec<f64>, &f64)| row.iter().map(|w| w.abs()).sum::<f64>() * input_most + h.abs();
        need_finite(rows.iter().zip(&affine.shift).map(most)).map_err(|p| context(p, &name))?;
        let repr = Repr::Sums { diagonals: limbs + WEIGHT_LIMBS - 1 };
        let output = self.tensor(&name, self.facts[chain.end].shape, repr);
        self.push(chain.head, Kernel::LimbSum(LimbSum { input, window, weights: fixed.packed, output }));
        let frac: Vec<i32> = fixed.frac.iter().map(|e| e + frac).collect();
        let bias = affine.shift.iter().zip(&frac).map(|(&h, &f)| crate::fixed::to_fixed(h, f)).collect();
        Ok(Logits::Sums { tensor: output, bias, frac })
    }

    /// Most fractional bits of a chain's T, if a value is made of it.
    fn max_frac(&self, chain: &Chain, direct: bool, low_bits: u32) -> i32 {
        if direct { bitconv::MAX_FRAC } else { self.scales[chain.end] + low_bits as i32 + bitconv::HALF_BITS }
    }

    fn window(&self, id: NodeId) -> Result<Window, String> {
        match self.graph.nodes()[id].op {
            Op::Conv { window, .. } | Op::MaxPool { window } | Op::AvgPool { window } => Ok(window),
            _ => Err("has no window".into()),
        }
    }

    /// The quantizer that can read T itself: nobody else reads the chain's result, nothing is added to it, and no batch
    /// norm stands between.
    fn direct_quantizer(&self, chain: &Chain) -> Option<QuantChain> {
        let alone = self.graph.consumers(chain.end).count() == 1 && chain.residual.is_none();
        self.quantizer_of(chain.end).filter(|q| alone && q.batch_norms.is_empty())
    }

    /// The first quantizer of the value of `head`.
    fn quantizer_of(&self, head: NodeId) -> Option<QuantChain> {
        self.groups.iter().find_map(|g| match g {
            Group::Quantize { head: h, chain } if *h == head => Some(chain.clone()),
            _ => None,
        })
    }

    fn epilogue(
        &mut self,
        chain: &Chain,
        direct: Option<QuantChain>,
        affine: &Affine,
        frac: &[i32],
        low_bits: u32,
    ) -> Result<Epilogue, String> {
        let Some(quant) = direct else { return self.value_epilogue(chain, affine, frac, low_bits) };
        let levels = self.levels(quant.quantize)?;
        let relu = chain.relu || quant.relu;
        let per_channel = affine.shift.iter().zip(frac);
        let thresholds = per_channel.flat_map(|(&h, &f)| thresholds::on_sums(&levels, h, relu, f, low_bits)).collect();
        let output = self.new_codes(quant.quantize)?;
        let finish = Finish::Codes { thresholds, codes_of_ranks: levels.codes, output };
        Ok(Epilogue { low_bits, bias: vec![[0, 0]; frac.len()], finish })
    }

    fn value_epilogue(
        &mut self,
        chain: &Chain,
        affine: &Affine,
        frac: &[i32],
        low_bits: u32,
    ) -> Result<Epilogue, String> {
        let to = self.scales[chain.end];
        let shifts: Vec<i32> = frac.iter().map(|f| f - to).collect();
        bitconv::check_shifts(&shifts, low_bits)?;
        let biases = affine.shift.iter().zip(frac).zip(&shifts);
        let bias = biases.map(|((&h, &f), &s)| bitconv::bias(h, f, bitconv::rounding_half(s), low_bits)).collect();
        let residual = self.residual(chain.residual)?;
        let quant = self.quantizer_of(chain.end);
        let readers = self.graph.consumers(chain.end).count();
        let stored = readers != usize::from(quant.is_some());
        let codes = match quant {
            Some(q) => Some((self.ranks(chain.end, &q)?, self.new_codes(q.quantize)?)),
            None => None,
        };
        let output = if stored || codes.is_none() { Some(self.new_value(chain.end)) } else { None };
        Ok(Epilogue { low_bits, bias, finish: Finish::Value { shifts, residual, relu: chain.relu, output, codes } })
    }

    fn quantize(&mut self, head: NodeId, chain: &QuantChain) -> Result<(), String> {
        if self.codes[chain.quantize].is_some() {
            return Ok(()); // fused into the convolution before it
        }
        let input = self.value(head)?;
        let ranks = self.ranks(head, chain)?;
        let output = self.new_codes(chain.quantize)?;
        self.push(chain.quantize, Kernel::Quantize(Quantize { input, ranks, output }));
        Ok(())
    }

    fn pointwise(&mut self, chain: &Chain) -> Result<(), String> {
        let input = self.value(chain.head)?;
        let residual = self.residual(chain.residual)?;
        // Not `affine`: if the head is a convolution, its bias is in its value already.
        let affine = self.batch_norms(Affine::identity(self.facts[chain.end].shape.c), &chain.batch_norms)?;
        let fixed = pointwise::fix(&affine, self.scales[chain.head], self.scales[chain.end])?;
        let (gains, biases, shifts) = (fixed.gains, fixed.biases, fixed.shifts);
        let output = self.new_value(chain.end);
        let kernel = Pointwise { input, residual, gains, biases, shifts, relu: chain.relu, output };
        self.push(chain.end, Kernel::Pointwise(kernel));
        Ok(())
    }

    fn single(&mut self, id: NodeId) -> Result<(), String> {
        let source = self.graph.nodes()[id].inputs[0];
        match self.graph.nodes()[id].op {
            Op::PadChannels { .. } => {
                if self
                    .groups
                    .iter()
                    .any(|g| matches!(g, Group::Conv(c) | Group::Pointwise(c) if c.residual == Some(id)))
                    && self.graph.consumers(id).count() == 1
                {
                    return Ok(()); // read as missing channels by the addition
                }
                let identity = Chain { head: source, batch_norms: vec![], residual: None, relu: false, end: id };
                self.pointwise(&identity)
            }
            Op::MaxPool { window } => {
                let (input, output) = (self.value(source)?, self.new_value(id));
                self.push(id, Kernel::MaxPool(MaxPool { input, window, output }));
                Ok(())
            }
            Op::AvgPool { window } => {
                let (input, output) = (self.value(source)?, self.new_value(id));
                self.push(id, Kernel::AvgPool(AvgPool { input, window, output }));
                Ok(())
            }
            _ => Err("cannot be lowered".into()),
        }
    }
}
