//! The last pass: groups of nodes become steps on integer tensors. `emitter` is the state, `tensors` makes results
//! available in the form that a step asks for, `convs` emits convolutions, `finish` what follows them in the same
//! step, `large` convolutions in parts, `padding` zero channels before a tensor's own.

mod convs;
mod emitter;
mod finish;
mod large;
mod padding;
mod tensors;

use super::affine::Affine;
use super::chain::{Chain, Group, group};
use super::kernels::{AvgPool, Kernel, MaxPool, Pointwise};
use super::program::{Logits, Program};
use super::rows;
use super::tensors::{InputForm, Repr};
use super::{pointwise, range};
use crate::fixed::{VALUE_LIMBS, VALUE_MAX, scale_by_power};
use crate::graph::preprocess::Normalize;
use crate::graph::{Fact, Graph, Kind, NodeId, Op, Params, Weights};
use crate::tensor::Shape;
use emitter::{Emitter, Forms};

/// The kind of input that a program accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InputKind {
    /// 8-bit pixels at network size.
    Pixels,
    /// The tensor the first layer receives.
    Tensor,
}

/// Lowers `graph` for one kind of input. An error names the layer and says what about it cannot be computed exactly.
///
/// With [`InputKind::Pixels`] and a per-channel mean, mean and standard deviation are folded into the first
/// convolution. A mean image is subtracted by the host, so its program is the one for [`InputKind::Tensor`].
pub fn lower(graph: &Graph, params: &Params, normalize: &Normalize, kind: InputKind) -> Result<Program, String> {
    lower_within(graph, params, normalize, kind, large::MOST_WORDS)
}

/// [`lower`] with float convolutions in parts that have at most `most_words` words of weights each.
pub(super) fn lower_within(
    graph: &Graph,
    params: &Params,
    normalize: &Normalize,
    kind: InputKind,
    most_words: usize,
) -> Result<Program, String> {
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
    let rows = rows::rows(graph, &facts);
    let mut emitter = Emitter {
        graph,
        params,
        facts,
        scales,
        pixels,
        groups: group(graph),
        tensors: Vec::new(),
        steps: Vec::new(),
        forms: vec![Forms::default(); count],
        row_tensors: vec![None; rows.len()],
        rows,
        most_words,
    };
    let input = emitter.input();
    let logits = emitter.run()?;
    Ok(Program { tensors: emitter.tensors, steps: emitter.steps, input, logits })
}

/// Twice the largest magnitude that preprocessing produces, to leave room for tensors prepared a little differently.
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

impl<'a> Emitter<'a> {
    fn input(&mut self) -> InputForm {
        let shape = self.facts[0].shape;
        let frac = self.scales[0];
        if self.pixels.is_some() {
            let repr = Repr::Limbs { limbs: 1, frac: 0 };
            self.forms[0].limbs = Some(self.tensor("input".into(), Shape { c: shape.c + 1, ..shape }, repr));
            InputForm::Pixels
        } else if feeds_convs(self.graph, 0) {
            self.forms[0].limbs = Some(self.tensor("input".into(), shape, Repr::Limbs { limbs: VALUE_LIMBS, frac }));
            InputForm::Limbs { frac }
        } else {
            self.forms[0].value = Some(self.tensor("input".into(), shape, Repr::Value { frac }));
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
                Group::Conv(chain) if end == last && self.is_plain_float(chain) => {
                    return self.logits(chain).map_err(|problem| format!("layer '{}': {problem}", self.name(end)));
                }
                Group::Conv(chain) => self.conv(chain),
                Group::Pointwise(chain) => self.pointwise(chain),
                Group::Quantize { head, chain } => self.quantize(*head, chain),
                Group::Single(id) => self.single(*id),
            };
            result.map_err(|problem| format!("layer '{}': {problem}", self.name(end)))?;
        }
        let tensor = self.forms[last].value.ok_or("the graph has no output")?;
        convs::need_finite(std::iter::once(scale_by_power(f64::from(VALUE_MAX), -self.scales[last])))?;
        Ok(Logits::Values { tensor, frac: self.scales[last] })
    }

    fn pointwise(&mut self, chain: &Chain) -> Result<(), String> {
        let input = self.value(chain.head)?;
        let residual = self.residual(chain.residual)?;
        // Without the bias of the head: if the head is a convolution, its value already contains it.
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
            Op::PadChannels { before: before @ 1.., .. } => self.pad_before(id, before),
            Op::PadChannels { .. } => {
                if self.is_never_stored(id) {
                    return Ok(());
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
            // Created on demand, in the forms that its readers need.
            Op::Concat => Ok(()),
            _ => Err("cannot be lowered".into()),
        }
    }
}
