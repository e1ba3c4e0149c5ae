//! Binding: variables of a checkpoint become the parameters of a graph.

use super::layout::WeightDims;
use super::names::NameRules;
use super::parameters::{Parameter, of_definition};
use super::scope::Scope;
use crate::convert::report::{ConversionReport, QuantizedWeights, WeightStatistics};
use crate::error::Result;
use crate::graph::{ParamSpec, Params, Role, Tensor};
use crate::quant::{self, WeightQuantizer, WeightRule};
use crate::zoo::Definition;
use std::collections::BTreeMap;

/// Reads, reorders and quantizes all parameters of `definition`, and reports on what became of them; `progress` is
/// told (done, total) numbers.
pub(crate) fn bind(
    scope: &Scope,
    definition: &Definition,
    rules: &NameRules,
    progress: &dyn Fn(usize, usize),
) -> Result<(Params, ConversionReport)> {
    let bad = |problem: String| scope.bad(problem);
    let parameters = of_definition(definition).map_err(bad)?;
    let mut binding = Binding { scope, definition, rules, quantized: BTreeMap::new(), progress, done: 0, total: 0 };
    binding.total =
        parameters.iter().flat_map(|parameter| binding.names(&parameter.spec)).map(|name| binding.len(&name)).sum();
    let mut tensors = BTreeMap::new();
    for parameter in &parameters {
        tensors.insert(parameter.spec.name(), binding.tensor(parameter)?);
    }
    let params = Params::new(&definition.graph, tensors).map_err(bad)?;
    let report = ConversionReport::new(&definition.graph, &params, binding.quantized).map_err(bad)?;
    Ok((params, report))
}

struct Binding<'a> {
    scope: &'a Scope<'a>,
    definition: &'a Definition,
    rules: &'a NameRules,
    /// Statistics of the layers with quantized weights.
    quantized: BTreeMap<String, QuantizedWeights>,
    progress: &'a dyn Fn(usize, usize),
    /// Numbers read, and to be read.
    done: usize,
    total: usize,
}

impl Binding<'_> {
    fn names(&self, spec: &ParamSpec) -> Vec<String> {
        self.rules.variables(spec.role, &spec.layer, &|name| self.scope.has(name))
    }

    fn shape(&self, name: &str) -> &[usize] {
        self.scope.shape(name).unwrap_or(&[])
    }

    fn len(&self, name: &str) -> usize {
        self.shape(name).iter().product()
    }

    fn tensor(&mut self, parameter: &Parameter) -> Result<Tensor> {
        let ParamSpec { role, layer, shape, .. } = &parameter.spec;
        let names = self.names(&parameter.spec);
        let data = match role {
            Role::Weight => self.weights(parameter, &names[0])?,
            Role::Planes => {
                // Read again as a parameter of its own, which checks it and counts it as progress.
                let basis = self.scope.read_f32(&self.rules.name(self.rules.weight_basis, layer))?;
                return Ok(Tensor::from_u32(shape.clone(), self.planes(parameter, &names[0], basis)?));
            }
            Role::BatchNorm => {
                let parts = names.iter().map(|name| self.whole(name)).collect::<Result<Vec<_>>>()?;
                batch_norm_rows(&parts, shape[1])
            }
            Role::WeightBasis => self.rules.bases.bits_first(self.whole(&names[0])?, shape[1]),
            Role::Bias | Role::ActivationBasis => self.whole(&names[0])?,
        };
        Ok(Tensor::from_f32(shape.clone(), data))
    }

    /// Weights in the order `[out, kh, kw, in]`, each the sum of its copies.
    fn weights(&mut self, parameter: &Parameter, name: &str) -> Result<Vec<f32>> {
        let rows = parameter.dims.rows();
        let mut weights = vec![0f32; parameter.dims.outputs * rows];
        if parameter.dims.copies == 1 {
            self.each_weight(parameter, name, |output, row, weight| weights[output * rows + row] = weight)?;
        } else {
            let mut sums = vec![0f64; weights.len()];
            self.each_weight(parameter, name, |output, row, weight| sums[output * rows + row] += f64::from(weight))?;
            weights.iter_mut().zip(sums).for_each(|(weight, sum)| *weight = sum as f32);
        }
        Ok(weights)
    }

    /// Packed codes of weights. Their statistics are gathered on the way.
    fn planes(&mut self, parameter: &Parameter, name: &str, basis: Vec<f32>) -> Result<Vec<u32>> {
        let (shape, WeightDims { outputs, inputs, size, .. }) = (&parameter.spec.shape, parameter.dims);
        let basis = self.rules.bases.bits_first(basis, outputs);
        let rule = WeightRule { ties: self.definition.weight_ties, flushes_subnormals: self.rules.flushes_subnormals };
        let quantizer = WeightQuantizer::new(&basis, outputs, rule);
        let mut statistics = WeightStatistics::new(&basis, outputs, size);
        let (taps, tap_words, planes) = (parameter.dims.taps(), shape[3] * shape[4], shape[4]);
        let mut words = vec![0u32; outputs * taps * tap_words];
        self.each_weight(parameter, name, |output, row, weight| {
            let (tap, channel) = (row / inputs, row % inputs);
            let packed = &mut words[(output * taps + tap) * tap_words..][..tap_words];
            let level = quantizer.level(output, weight);
            quant::put_code(packed, channel, planes, level.code);
            statistics.add(output, weight, level);
        })?;
        self.quantized.insert(parameter.spec.layer.clone(), statistics.finish());
        Ok(words)
    }

    /// Tells `put` the output, the row and the value of every weight.
    fn each_weight(&mut self, parameter: &Parameter, name: &str, mut put: impl FnMut(usize, usize, f32)) -> Result<()> {
        let (layout, shape) = (self.rules.layout, self.shape(name).to_vec());
        let unit = layout.weight_unit(&parameter.dims).max(1);
        let mut units = 0;
        self.each_piece(name, unit, |piece| {
            layout.each_weight(&parameter.dims, &shape, units, piece, &mut put);
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
        self.scope.stream_f32(name, unit, &mut |piece| {
            odd = odd.or_else(|| piece.iter().position(|v| !v.is_finite()).map(|i| (at + i, piece[i])));
            take(piece);
            at += piece.len();
            (self.progress)(self.done + at, self.total);
            Ok(())
        })?;
        self.done += at;
        let Some((i, value)) = odd else { return Ok(()) };
        Err(self.scope.bad(format!("variable '{name}' has {value} at {i}")))
    }
}

/// Rows gamma, beta, mean and variance, from all four or from mean and variance.
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
