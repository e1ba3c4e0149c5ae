//! Binding: variables of a checkpoint become the parameters of a graph.

use super::checkpoint::Checkpoint;
use super::layout::Kernel;
use super::names::NameRules;
use super::report::{ConversionReport, Gatherer, QuantizedWeights};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, Op, ParamSpec, Params, Role, Tensor};
use crate::quant::{self, WeightQuantizer, WeightRule};
use crate::zoo::Definition;
use std::collections::{BTreeMap, HashMap};

/// A variable that a network needs, with the shapes it may have (the usual one first).
pub struct Requirement {
    pub variable: String,
    pub shapes: Vec<Vec<usize>>,
}

impl Requirement {
    /// The shapes, for people.
    pub fn expected(&self) -> String {
        self.shapes.iter().map(|shape| format!("{shape:?}")).collect::<Vec<_>>().join(" or ")
    }
}

/// A parameter with what binding must know about its layer.
struct Bound {
    spec: ParamSpec,
    /// Of a convolution.
    kernel: Kernel,
}

fn bounds(definition: &Definition) -> Result<Vec<Bound>, String> {
    let copies = |layer: &str| definition.copies.filter(|c| c.layer == layer).map_or(1, |c| c.count);
    let bound = |(spec, kernel): (ParamSpec, Kernel)| {
        let kernel = Kernel { copies: copies(&spec.layer), ..kernel };
        Bound { spec, kernel }
    };
    Ok(kernels(&definition.graph)?.into_iter().map(bound).collect())
}

/// All parameters of `graph`, those of convolutions with their kernels.
pub fn kernels(graph: &Graph) -> Result<Vec<(ParamSpec, Kernel)>, String> {
    let facts = graph.facts()?;
    let nodes: HashMap<&str, &Node> = graph.nodes().iter().map(|n| (n.name.as_str(), n)).collect();
    let with_kernel = |spec: ParamSpec| {
        let mut kernel = Kernel { outputs: 0, size: [0; 2], inputs: 0, dense: false, copies: 1 };
        if let Some(Node { op: Op::Conv { outputs, window, groups, .. }, inputs, .. }) = nodes.get(&*spec.layer) {
            let input = facts[inputs[0]].shape;
            let dense = window.kernel == [input.h, input.w] && *groups == 1;
            kernel = Kernel { outputs: *outputs, size: window.kernel, inputs: input.c / groups, dense, copies: 1 };
        }
        (spec, kernel)
    };
    Ok(graph.parameters()?.into_iter().map(with_kernel).collect())
}

/// The variables that `definition` needs from a source with these rules; `exists` tells which there are.
pub fn requirements(
    definition: &Definition,
    rules: &NameRules,
    exists: &dyn Fn(&str) -> bool,
) -> Result<Vec<Requirement>, String> {
    let mut all = Vec::new();
    for Bound { spec, kernel } in bounds(definition)? {
        let shapes = shapes(&spec, &kernel, rules);
        let variables = rules.variables(spec.role, &spec.layer, exists);
        all.extend(variables.into_iter().map(|variable| Requirement { variable, shapes: shapes.clone() }));
    }
    check_names(&all)?;
    Ok(all)
}

/// Layers "a/b" and "a.b" are two, and may have one name in a source.
fn check_names(all: &[Requirement]) -> Result<(), String> {
    let mut seen = std::collections::HashSet::new();
    match all.iter().find(|r| !seen.insert(r.variable.as_str())) {
        None => Ok(()),
        Some(twice) => Err(format!("two layers would read the variable '{}'", twice.variable)),
    }
}

/// Shapes in which a source saves the variables of a parameter.
fn shapes(spec: &ParamSpec, kernel: &Kernel, rules: &NameRules) -> Vec<Vec<usize>> {
    let s = &spec.shape;
    match spec.role {
        Role::Weight | Role::Planes => rules.layout.kernel_shapes(kernel),
        Role::WeightBasis => vec![rules.layout.weight_basis_shape(s[0], s[1])],
        Role::Bias => vec![s.clone()],
        Role::BatchNorm if rules.may_share_statistics(&spec.layer) => vec![vec![s[1]], vec![1]],
        Role::BatchNorm => vec![vec![s[1]]],
        Role::ActivationBasis => rules.layout.activation_basis_shapes(s[0]),
    }
}

/// Reads, reorders and quantizes all parameters of `definition`, and reports on what became of them; `progress` is told
/// (done, total) numbers.
pub fn bind(
    checkpoint: &Checkpoint,
    definition: &Definition,
    rules: &NameRules,
    progress: &dyn Fn(usize, usize),
) -> Result<(Params, ConversionReport)> {
    let bad = |problem: String| Error::bad_checkpoint(checkpoint.path(), problem);
    let bounds = bounds(definition).map_err(bad)?;
    let mut binding =
        Binding { checkpoint, definition, rules, quantized: BTreeMap::new(), progress, done: 0, total: 0 };
    binding.total = bounds.iter().flat_map(|bound| binding.names(&bound.spec)).map(|name| binding.len(&name)).sum();
    let mut tensors = BTreeMap::new();
    for bound in &bounds {
        tensors.insert(bound.spec.name(), binding.parameter(bound)?);
    }
    let params = Params::new(&definition.graph, tensors).map_err(bad)?;
    let report = ConversionReport::new(&definition.graph, &params, binding.quantized).map_err(bad)?;
    Ok((params, report))
}

struct Binding<'a> {
    checkpoint: &'a Checkpoint,
    definition: &'a Definition,
    rules: &'a NameRules,
    /// What was seen of the layers with quantized weights.
    quantized: BTreeMap<String, QuantizedWeights>,
    progress: &'a dyn Fn(usize, usize),
    /// Numbers read, and to be read.
    done: usize,
    total: usize,
}

impl Binding<'_> {
    fn names(&self, spec: &ParamSpec) -> Vec<String> {
        self.rules.variables(spec.role, &spec.layer, &|name| self.checkpoint.variables().contains_key(name))
    }

    fn shape(&self, name: &str) -> &[usize] {
        self.checkpoint.variables().get(name).map_or(&[], |variable| &variable.shape)
    }

    fn len(&self, name: &str) -> usize {
        self.shape(name).iter().product()
    }

    fn parameter(&mut self, bound: &Bound) -> Result<Tensor> {
        let ParamSpec { role, layer, shape, .. } = &bound.spec;
        let names = self.names(&bound.spec);
        let data = match role {
            Role::Weight => self.weights(bound, &names[0])?,
            Role::Planes => {
                // Checked and counted as a parameter of its own.
                let basis = self.checkpoint.read_f32(&self.rules.name(self.rules.weight_basis, layer))?;
                return Ok(Tensor::from_u32(shape.clone(), self.planes(bound, &names[0], basis)?));
            }
            Role::BatchNorm => {
                let parts = names.iter().map(|name| self.whole(name)).collect::<Result<Vec<_>>>()?;
                batch_norm_rows(&parts, shape[1])
            }
            Role::WeightBasis => self.rules.layout.weight_basis(self.whole(&names[0])?, shape[1]),
            Role::Bias | Role::ActivationBasis => self.whole(&names[0])?,
        };
        Ok(Tensor::from_f32(shape.clone(), data))
    }

    /// Weights in the order `[out, kh, kw, in]`, the sum of all copies of each.
    fn weights(&mut self, bound: &Bound, name: &str) -> Result<Vec<f32>> {
        let rows = bound.kernel.rows();
        let mut weights = vec![0f32; bound.kernel.outputs * rows];
        if bound.kernel.copies == 1 {
            self.each_weight(bound, name, |output, row, weight| weights[output * rows + row] = weight)?;
        } else {
            let mut sums = vec![0f64; weights.len()];
            self.each_weight(bound, name, |output, row, weight| sums[output * rows + row] += f64::from(weight))?;
            weights.iter_mut().zip(sums).for_each(|(weight, sum)| *weight = sum as f32);
        }
        Ok(weights)
    }

    /// Packed codes of weights, which are reported on as they pass.
    fn planes(&mut self, bound: &Bound, name: &str, basis: Vec<f32>) -> Result<Vec<u32>> {
        let (shape, Kernel { outputs, inputs, size, .. }) = (&bound.spec.shape, bound.kernel);
        let basis = self.rules.layout.weight_basis(basis, outputs);
        let rule = WeightRule { ties: self.definition.weight_ties, flushes_subnormals: self.rules.flushes_subnormals };
        let quantizer = WeightQuantizer::new(&basis, outputs, rule);
        let mut gatherer = Gatherer::new(&basis, outputs, size);
        let (taps, tap_words, planes) = (bound.kernel.taps(), shape[3] * shape[4], shape[4]);
        let mut words = vec![0u32; outputs * taps * tap_words];
        self.each_weight(bound, name, |output, row, weight| {
            let (tap, channel) = (row / inputs, row % inputs);
            let packed = &mut words[(output * taps + tap) * tap_words..][..tap_words];
            let level = quantizer.level(output, weight);
            quant::put_code(packed, channel, planes, level.code);
            gatherer.add(output, weight, level);
        })?;
        self.quantized.insert(bound.spec.layer.clone(), gatherer.finish());
        Ok(words)
    }

    /// Tells `put` the output, the row and the value of every weight.
    fn each_weight(&mut self, bound: &Bound, name: &str, mut put: impl FnMut(usize, usize, f32)) -> Result<()> {
        let (layout, shape) = (self.rules.layout, self.shape(name).to_vec());
        let unit = layout.kernel_unit(&bound.kernel).max(1);
        let mut units = 0;
        self.each_piece(name, unit, |piece| {
            layout.each_weight(&bound.kernel, &shape, units, piece, &mut put);
            units += piece.len() / unit;
        })
    }

    /// All numbers of a small variable.
    fn whole(&mut self, name: &str) -> Result<Vec<f32>> {
        let mut all = Vec::with_capacity(self.len(name));
        self.each_piece(name, 1, |piece| all.extend_from_slice(piece))?;
        Ok(all)
    }

    /// Passes a variable on in pieces of whole units. All its numbers must be finite.
    fn each_piece(&mut self, name: &str, unit: usize, mut take: impl FnMut(&[f32])) -> Result<()> {
        let (mut at, mut odd) = (0, None);
        self.checkpoint.stream_f32(name, unit, &mut |piece| {
            odd = odd.or_else(|| piece.iter().position(|v| !v.is_finite()).map(|i| (at + i, piece[i])));
            take(piece);
            at += piece.len();
            (self.progress)(self.done + at, self.total);
            Ok(())
        })?;
        self.done += at;
        let Some((i, value)) = odd else { return Ok(()) };
        Err(Error::bad_checkpoint(self.checkpoint.path(), format!("variable '{name}' has {value} at {i}")))
    }
}

/// gamma, beta, mean and variance of every channel from all four, or from mean and variance.
fn batch_norm_rows(parts: &[Vec<f32>], channels: usize) -> Vec<f32> {
    let mut rows = if parts.len() < 4 { [vec![1.0; channels], vec![0.0; channels]].concat() } else { Vec::new() };
    for part in parts {
        match part[..] {
            [same] => rows.resize(rows.len() + channels, same),
            _ => rows.extend_from_slice(part),
        }
    }
    rows
}
