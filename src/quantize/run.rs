//! The quantization of a whole network, in the order in which it runs.

use super::agreement::{Agreement, logits};
use super::bits::LayerBits;
use super::layer::{Found, fit, quantize as quantize_group};
use super::moments::Moments;
use super::network::{Pair, Tensors, chunks};
use super::options::QuantizeOptions;
use super::pictures::{Pictures, checked};
use super::place::{Placed, place};
use super::report::{LayerReport, QuantizeReport, QuantizerReport};
use super::tape::Tape;
use super::tune::Tuner;
use super::{qem, stored};
use crate::error::{Error, Result};
use crate::float::{Geometry, Layer, float_layer, geometry, quantizer};
use crate::format::Packed;
use crate::graph::{Encoding, Fact, Graph, Node, NodeId, Op, Params, Role, Tensor, Ties};
use crate::tensor::Shape;
use crate::threads;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Pictures that are decoded at the same time.
const DECODED: usize = 8;
/// Numbers from which the basis of a quantizer is fitted.
const SAMPLES: usize = 1 << 18;
/// Most weights of an output whose inputs' covariance is computed: 5120^2 float64 numbers are 200 MB.
const MOST_DEPTH: usize = 5120;
/// A batch norm's factor below which it does not tell what comes before it.
const LEAST_FACTOR: f64 = 1e-3;

/// What [`quantize`] tells `progress` instead of a layer's name while it tunes, in steps.
pub const ALL_LAYERS: &str = "all layers together";

/// A quantized network.
#[derive(Clone, Debug)]
pub struct Quantized {
    /// The model.
    pub packed: Packed,
    /// What became of each layer.
    pub report: QuantizeReport,
}

/// How many layers [`quantize`] would quantize.
///
/// # Errors
/// [`Error::Usage`] if the options do not suit the network.
pub fn count_layers(model: &Packed, options: &QuantizeOptions, kept: &BTreeSet<String>) -> Result<usize> {
    let placed = place(&model.header.graph, &options.bits, options.ends, kept).map_err(Error::Usage)?;
    Ok(placed.layers.len())
}

/// Quantizes a float model. `kept` are layers to leave in float unless the options name them. `progress` is told the
/// name of each layer before it is quantized, how many are done and how many there are; then, of [`ALL_LAYERS`], the steps.
///
/// # Errors
/// [`Error::Usage`] if the options do not suit the network; [`Error::BadModel`] or [`Error::BadInput`] if its activations
/// are not finite; what reading pictures or writing temporary files gives.
pub fn quantize(
    model: &Packed,
    pictures: &dyn Pictures,
    options: &QuantizeOptions,
    kept: &BTreeSet<String>,
    progress: &dyn Fn(&str, usize, usize),
) -> Result<Quantized> {
    threads::enter()?;
    let Placed { graph, layers } =
        place(&model.header.graph, &options.bits, options.ends, kept).map_err(Error::Usage)?;
    if pictures.count() == 0 {
        return Err(Error::Usage("no picture to calibrate with".into()));
    }
    let bad = |problem: String| Error::bad_model(Path::new(&model.header.name), problem);
    let facts = graph.facts().map_err(bad)?;
    let mut work = Work {
        options,
        name: &model.header.name,
        float: &model.params,
        graph: &graph,
        facts: &facts,
        layers: layers.iter().copied().collect(),
        result: stored::Parameters::new(&graph, &model.params),
        report: QuantizeReport::default(),
    };
    let input = Arc::new(work.input(pictures)?);
    let count = pictures.count() * if options.mirror { 2 } else { 1 };
    let mut last = work.all(&input, count, progress)?;
    let (mut report, result) = (work.report, work.result);
    let (graph, tensors) = result.finish().map_err(bad)?;
    let mut params = Params::new(&graph, tensors).map_err(bad)?;
    if let Some(tuning) = options.method.tuning {
        let mut tuner = Tuner::new(&graph, &facts, &params, &model.params, &tuning).map_err(bad)?;
        tuner.tune(&input, count, &tuning, options.seed, &|done, total| progress(ALL_LAYERS, done, total))?;
        params = Params::new(&graph, tuner.finish(&params).map_err(bad)?).map_err(bad)?;
        last.low = logits((&graph, &facts, &params), &input, pictures.count(), &model.header.name)?;
    }
    // The mirror images come after the pictures.
    report.agreement = Agreement::of(&last, pictures.count())?;
    let mut header = model.header.clone();
    header.graph = graph;
    header.golden = Vec::new();
    let packed = Packed { header, params, mean_image: model.mean_image.clone() };
    packed.check().map_err(bad)?;
    Ok(Quantized { packed, report })
}

struct Work<'a> {
    options: &'a QuantizeOptions,
    name: &'a str,
    /// Parameters of the float network.
    float: &'a Params,
    graph: &'a Graph,
    facts: &'a [Fact],
    layers: BTreeMap<NodeId, LayerBits>,
    result: stored::Parameters,
    report: QuantizeReport,
}

impl Work<'_> {
    fn bad(&self, problem: String) -> Error {
        Error::bad_model(Path::new(self.name), problem)
    }

    /// Quantizes all layers. Returns what both networks give in the end.
    fn all(&mut self, input: &Arc<Tape>, pictures: usize, progress: &dyn Fn(&str, usize, usize)) -> Result<Pair> {
        let graph = self.graph;
        let mut tensors = Tensors::new(graph, self.facts, input.clone(), pictures);
        let heavy: BTreeSet<NodeId> = self.layers.keys().copied().collect();
        let (mut done, total) = (0, heavy.len());
        while let Some(id) = tensors.next(&heavy) {
            let node = &graph.nodes()[id];
            if heavy.contains(&id) {
                progress(&node.name, done, total);
                done += 1;
            }
            let pair = match &node.op {
                Op::Quantize { bits, encoding, ties } => {
                    self.quantizer(&tensors, node, id, (*bits, *encoding, *ties))?
                }
                Op::Conv { .. } if self.is_changed(&tensors, id) => self.convolution(&tensors, node, id)?,
                _ => self.unchanged(&tensors, node, id)?,
            };
            tensors.put(id, pair);
        }
        progress("", total, total);
        let last = tensors.get(graph.nodes().len() - 1).cloned();
        last.ok_or_else(|| self.bad("gives nothing in the end".into()))
    }

    /// The pictures on a tape, and their mirror images after them if they are wanted.
    fn input(&self, pictures: &dyn Pictures) -> Result<Tape> {
        let tape = Tape::new(self.facts[0].shape.elements())?;
        let all: Vec<usize> = (0..pictures.count()).collect();
        for some in all.chunks(DECODED) {
            let tensors: Vec<Vec<f32>> = some.par_iter().map(|&index| pictures.tensor(index)).collect::<Result<_>>()?;
            for (&index, tensor) in some.iter().zip(tensors) {
                let tensor = checked(tensor, index, tape.length, self.name)?;
                tape.write(index, &tensor)?;
                if self.options.mirror {
                    tape.write(all.len() + index, &mirrored(&tensor, self.facts[0].shape))?;
                }
            }
        }
        Ok(tape)
    }

    /// A layer that is the same in both networks, with the parameters as they are stored by now.
    fn unchanged(&self, tensors: &Tensors, node: &Node, id: NodeId) -> Result<Pair> {
        let own = float_layer(self.graph, self.facts, id, self.float).map_err(|p| self.bad(p))?;
        let float = tensors.run(id, &own, |pair| &pair.float)?;
        let same = node.inputs.iter().all(|&input| tensors.get(input).is_some_and(Pair::is_same));
        let stored = self.result.batch_norm(&node.name, &node.op);
        if same && stored.is_none() {
            return Ok(Pair { low: float.clone(), float });
        }
        let low = tensors.run(id, stored.as_ref().unwrap_or(&own), |pair| &pair.low)?;
        Ok(Pair { float, low })
    }

    fn quantizer(
        &mut self,
        tensors: &Tensors,
        node: &Node,
        id: NodeId,
        (bits, encoding, ties): (usize, Encoding, Ties),
    ) -> Result<Pair> {
        let float = tensors.run(id, &Layer::Same, |pair| &pair.float)?;
        let source = &self.graph.nodes()[node.inputs[0]].name;
        let samples = self.samples(tensors, node.inputs[0])?;
        if let Some(odd) = samples.iter().find(|x| !x.is_finite()) {
            return Err(self.bad(format!("layer '{source}' gives {odd} for a calibration picture")));
        }
        let fit = qem::of_activations(samples, bits, encoding);
        let low = tensors.run(id, &quantizer(&fit.basis, encoding, ties), |pair| &pair.low)?;
        self.report.quantizers.push(QuantizerReport {
            layer: node.name.clone(),
            bits,
            error: fit.relative(),
            basis: fit.basis.clone(),
        });
        self.result.put(&node.name, Role::ActivationBasis, Tensor::from_f32(vec![bits], fit.basis));
        Ok(Pair { float, low })
    }

    /// Numbers that `id` makes in low precision, evenly from all pictures and positions.
    fn samples(&self, tensors: &Tensors, id: NodeId) -> Result<Vec<f32>> {
        let Some(Pair { low, .. }) = tensors.get(id) else { return Ok(Vec::new()) };
        let step = qem::sample_step(tensors.pictures * low.length, SAMPLES);
        let (mut samples, mut next) = (Vec::new(), 0);
        for (first, count) in chunks(tensors.pictures, low.length) {
            let (start, numbers) = (first * low.length, low.read(first, count)?);
            while next < start + numbers.len() {
                samples.push(numbers[next - start]);
                next += step;
            }
        }
        Ok(samples)
    }

    /// Whether a convolution is quantized, or reads what is not as in the float network.
    fn is_changed(&self, tensors: &Tensors, id: NodeId) -> bool {
        let quantized = self.layers.get(&id).is_some_and(|bits| bits.weights.is_some());
        let reads_same =
            self.graph.nodes()[id].inputs.iter().all(|&input| tensors.get(input).is_some_and(Pair::is_same));
        quantized || !reads_same
    }

    fn convolution(&mut self, tensors: &Tensors, node: &Node, id: NodeId) -> Result<Pair> {
        let bits = self.layers.get(&id).and_then(|bits| Some((*bits, bits.weights?)));
        let geometry = geometry(node, self.facts, id);
        let weights = self.float.get(&node.name, Role::Weight).map_err(|p| self.bad(p))?.f32();
        let float = {
            let own = float_layer(self.graph, self.facts, id, self.float).map_err(|p| self.bad(p))?;
            tensors.run(id, &own, |pair| &pair.float)?
        };
        let moments = self.moments(tensors, node, id, geometry, &float)?;
        let group = geometry.outputs() * geometry.depth();
        let mut found = Vec::new();
        for (moments, own) in moments.into_iter().zip(weights.chunks_exact(group)) {
            let statistics = moments.finish();
            if !statistics.power.is_finite() || statistics.read.iter().any(|m| !m.is_finite()) {
                return Err(self.bad(format!("layer '{}' reads or gives numbers that are not finite", node.name)));
            }
            found.push(match bits {
                Some((_, bits)) => quantize_group(&statistics, own, bits, &self.options.method),
                None => fit(&statistics, own, &self.options.method),
            });
        }
        if let Some((bits, _)) = bits {
            self.report.layers.push(LayerReport::new(&node.name, bits, geometry, weights, &found));
        }
        let low = self
            .result
            .put_conv(self.graph, self.float, id, geometry, Found::joined(found))
            .map_err(|p| self.bad(p))?;
        let low = tensors.run(id, &low, |pair| &pair.low)?;
        Ok(Pair { float, low })
    }

    /// The statistics of each group, with the float network's outputs as what is wanted; if something is added to the
    /// result before it is read otherwise, less what that is wrong by.
    fn moments(
        &self,
        tensors: &Tensors,
        node: &Node,
        id: NodeId,
        geometry: Geometry,
        float: &Tape,
    ) -> Result<Vec<Moments>> {
        let whole = self.options.method.full && geometry.depth() <= MOST_DEPTH;
        let mut moments: Vec<Moments> = (0..geometry.groups).map(|g| Moments::new(geometry, g, whole)).collect();
        let Some(Pair { low: read, .. }) = tensors.get(node.inputs[0]) else { return Ok(moments) };
        let added = if whole { self.added(tensors, id)? } else { None };
        for (first, count) in chunks(tensors.pictures, read.length.max(float.length)) {
            let (read, mut wanted) = (read.read(first, count)?, float.read(first, count)?);
            if let Some((other, factors)) = &added {
                let (float, low) = (other.float.read(first, count)?, other.low.read(first, count)?);
                let rows = wanted.chunks_exact_mut(factors.len()).zip(float.chunks_exact(factors.len()));
                for ((wanted, float), low) in rows.zip(low.chunks_exact(factors.len())) {
                    for (channel, wanted) in wanted.iter_mut().enumerate() {
                        *wanted += (float[channel] - low[channel]) * factors[channel];
                    }
                }
            }
            moments.iter_mut().for_each(|moments| moments.add(&read, &wanted));
        }
        Ok(moments)
    }

    /// What is added to the result of `id`, right away or after a batch norm, if it is known already; and by what a
    /// difference in it is multiplied to be one in what `id` gives.
    fn added(&self, tensors: &Tensors, id: NodeId) -> Result<Option<(Pair, Vec<f32>)>> {
        let channels = self.facts[id].shape.c;
        let (mut at, mut factors) = (id, vec![1.0; channels]);
        loop {
            let mut readers = self.graph.consumers(at);
            let (Some(reader), None) = (readers.next(), readers.next()) else { return Ok(None) };
            let node = &self.graph.nodes()[reader];
            match (&node.op, &node.inputs[..]) {
                (Op::BatchNorm { epsilon }, _) if at == id => {
                    let rows = self.float.get(&node.name, Role::BatchNorm).map_err(|p| self.bad(p))?.f32();
                    let row = |r: usize, c: usize| f64::from(rows[r * channels + c]);
                    for (c, factor) in factors.iter_mut().enumerate() {
                        let scale = row(0, c) / (row(3, c) + epsilon).sqrt();
                        *factor = if scale.abs() > LEAST_FACTOR { (1.0 / scale) as f32 } else { 0.0 };
                    }
                    at = reader;
                }
                (Op::Add, &[a, b]) if a != b => {
                    let other = tensors.get(if a == at { b } else { a }).cloned();
                    return Ok(other.filter(|pair| !pair.is_same()).map(|pair| (pair, factors)));
                }
                _ => return Ok(None),
            }
        }
    }
}

/// A picture with left and right exchanged.
fn mirrored(picture: &[f32], shape: Shape) -> Vec<f32> {
    let rows = picture.chunks_exact(shape.w * shape.c);
    rows.flat_map(|row| row.chunks_exact(shape.c).rev().flatten()).copied().collect()
}

impl Pair {
    fn is_same(&self) -> bool {
        Arc::ptr_eq(&self.float, &self.low)
    }
}
