//! The stages of a network as launches.

use super::places::Places;
use crate::backend::gpu::train::{
    ActivationBasis, BufferId, ConvLayer, Descent, Into, Loss, Member, NormPlaces, Norms, PointwiseLayer, Pool,
    Recorder, Tensor, WeightBasis, row,
};
use crate::float::{Geometry, Move};
use crate::graph::{Graph, Ties};
use crate::tensor::Window;
use crate::train::network::Network;
use crate::train::parameter::Part;
use crate::train::stages::{Kind, Layout, Quantizer, Stage, stages};

/// Channels of a vector on the device.
const VECTOR: usize = 4;

/// A network as launches.
pub(super) struct Recorded {
    pub recorder: Recorder,
    /// What is kept, on the host.
    pub host: Network<f32>,
    pub places: Places,
    pub stages: Vec<Stage>,
    /// The buffers of the stages' results.
    pub values: Vec<BufferId>,
    /// How many launches inference takes, and how long on a slow GPU. Those of a step of training follow.
    pub inference: (usize, f64),
    pub training: Option<StepBuffers>,
}

/// What a step of training is given, and what it gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepBuffers {
    pub labels: BufferId,
    /// The teacher's logits.
    pub advice: BufferId,
    /// Loss and number right.
    pub total: BufferId,
}

impl Recorded {
    /// Records inference, and a step of training if that is wanted.
    pub(super) fn new(mut recorder: Recorder, graph: &Graph, ties: Ties, for_training: bool) -> Result<Self, String> {
        let layout = Layout { gradients: for_training, codes: false, channels: VECTOR };
        let (stages, words) = stages(graph, layout)?;
        let mut host = Network::new(graph, ties, 0, false)?;
        let places = Places::new(&mut recorder, &mut host, for_training);
        let network = Stages::new(&mut recorder, &stages, &words, &places, ties, for_training);
        network.forward(&mut recorder, false);
        let inference = (recorder.len(), recorder.seconds());
        let training = network.gradient(stages.len() - 1).map(|gradient| network.step(&mut recorder, gradient.buffer));
        let values = (0..stages.len()).map(|at| network.value(at).buffer).collect();
        Ok(Recorded { recorder, host, places, stages, values, inference, training })
    }
}

/// Records the stages of a network.
struct Stages<'a> {
    stages: &'a [Stage],
    places: &'a Places,
    /// The buffer of each slot.
    slots: Vec<BufferId>,
    /// The buffers of each stage alone.
    own: Vec<Own>,
    /// Levels of all quantized weights.
    quantized: BufferId,
    ties: Ties,
}

/// What a stage keeps between its passes.
#[derive(Clone, Copy, Debug, Default)]
struct Own {
    affine: BufferId,
    means: BufferId,
    levels: BufferId,
    taken: Option<BufferId>,
}

impl<'a> Stages<'a> {
    /// Asks for the buffers of all stages, whose slots have so many words for each picture.
    fn new(
        recorder: &mut Recorder,
        stages: &'a [Stage],
        words: &[usize],
        places: &'a Places,
        ties: Ties,
        for_training: bool,
    ) -> Self {
        let user = |slot: usize| stages.iter().find(|s| s.value == Some(slot) || s.gradient == Some(slot));
        let slots = words.iter().enumerate().map(|(slot, &words)| {
            let layer = user(slot).and_then(|stage| stage.layers.first()).map_or("input", String::as_str);
            recorder.batch_buffer(&format!("{layer} in this batch"), words)
        });
        let slots = slots.collect();
        let own = stages.iter().map(|stage| Own::new(recorder, stage, for_training)).collect();
        let has_bits = stages.iter().any(|stage| matches!(stage.kind, Kind::Conv { bits: Some(_), .. }));
        let quantized = recorder.buffer("levels of all weights", if has_bits { places.parameters[1] } else { 0 });
        Stages { stages, places, slots, own, quantized, ties }
    }

    /// Records a step of training, of which `gradient` is for the gradient of the logits.
    fn step(&self, recorder: &mut Recorder, gradient: BufferId) -> StepBuffers {
        let logits = self.value(self.stages.len() - 1);
        let labels = recorder.batch_buffer("labels", 1);
        let advice = recorder.batch_buffer("the teacher's logits", logits.shape.pixels() * row(logits.shape.c));
        let worth = recorder.batch_buffer("losses", 2);
        let total = recorder.buffer("loss", 2);
        self.forward(recorder, true);
        recorder.layer("loss").loss(&Loss { logits, gradient, labels, advice, worth, total });
        self.backward(recorder);
        let Places { values, gradients, averages, parameters: [count, decayed], .. } = *self.places;
        recorder.layer("descent").descend(&Descent { values, gradients, averages, count, decayed, total });
        StepBuffers { labels, advice, total }
    }

    /// The tensor that a stage gives.
    fn value(&self, at: usize) -> Tensor {
        let stage = &self.stages[at];
        Tensor { buffer: self.slots[stage.value.unwrap_or(0)], shape: stage.to }
    }

    /// The gradient of a stage's result, if it is wanted.
    fn gradient(&self, at: usize) -> Option<Tensor> {
        let stage = &self.stages[at];
        stage.gradient.map(|slot| Tensor { buffer: self.slots[slot], shape: stage.to })
    }

    /// Records the pass forward of all stages.
    fn forward(&self, recorder: &mut Recorder, training: bool) {
        for (at, stage) in self.stages.iter().enumerate().skip(1) {
            recorder.layer(&stage.layers[0]);
            let (x, to) = (self.value(stage.inputs[0]), self.value(at));
            match &stage.kind {
                Kind::Input => {}
                Kind::Conv { geometry, bits, bias } => {
                    if let Some(bits) = bits {
                        recorder.quantize_weights(&self.weight_basis(stage, *bits, geometry.depth()));
                    }
                    recorder.conv(&self.conv(stage, *geometry, bits.is_some(), *bias), x, to.buffer);
                }
                Kind::Pointwise { norm, relu, quantizer, .. } => {
                    let layer = self.pointwise(at, *norm, *relu, *quantizer);
                    recorder.pointwise(&layer, &self.norms(), x, to.buffer, training);
                }
                Kind::Move(layer) => self.forward_move(recorder, at, *layer, to),
            }
        }
    }

    /// Records the pass backward of all stages.
    fn backward(&self, recorder: &mut Recorder) {
        for (at, stage) in self.stages.iter().enumerate().skip(1).rev() {
            let Some(gradient) = self.gradient(at) else { continue };
            recorder.layer(&stage.layers[0]);
            let x = self.value(stage.inputs[0]);
            match &stage.kind {
                Kind::Input => {}
                Kind::Conv { geometry, bits, bias } => {
                    let conv = self.conv(stage, *geometry, bits.is_some(), *bias);
                    let part = |part| (self.places.gradients, self.places.of(&stage.layers[0], part));
                    if let Some(into) = self.into(stage, 0) {
                        recorder.conv_back(&conv, gradient, into);
                    }
                    recorder.conv_weights(&conv, x, gradient, part(Part::Weight));
                    if *bias {
                        recorder.bias_back(gradient, part(Part::Bias));
                    }
                }
                Kind::Pointwise { norm, relu, quantizer, .. } => {
                    let (layer, into) = (self.pointwise(at, *norm, *relu, *quantizer), self.into(stage, 0));
                    recorder.pointwise_back(&layer, &self.norms(), x, gradient.buffer, into);
                }
                Kind::Move(layer) => self.backward_move(recorder, at, *layer, gradient),
            }
        }
    }

    /// Where the gradient of an input goes, if it is wanted.
    fn into(&self, stage: &Stage, input: usize) -> Option<Into> {
        let (slot, adds) = stage.into.get(input).copied().flatten()?;
        let shape = self.stages[stage.inputs[input]].to;
        Some(Into { tensor: Tensor { buffer: self.slots[slot], shape }, adds })
    }

    fn forward_move(&self, recorder: &mut Recorder, at: usize, layer: Move, to: Tensor) {
        let inputs = &self.stages[at].inputs;
        let x = self.value(inputs[0]);
        match layer {
            Move::Add => recorder.sum(x, self.value(inputs[1]).buffer, to.buffer),
            Move::MaxPool(_) | Move::AvgPool(_) => recorder.pool(&self.pool(at, layer), x, to),
            Move::Pad { before } => recorder.put(x, to, Member { first: before, alone: true, last: true }),
            Move::Concat => {
                for (input, first, last) in self.members(at) {
                    recorder.put(self.value(inputs[input]), to, Member { first, alone: false, last });
                }
            }
        }
    }

    fn backward_move(&self, recorder: &mut Recorder, at: usize, layer: Move, gradient: Tensor) {
        let stage = &self.stages[at];
        let into = |input| self.into(stage, input);
        match layer {
            Move::Add => {
                (0..2).filter_map(into).for_each(|into| recorder.pass_on(gradient, into));
            }
            Move::MaxPool(_) | Move::AvgPool(_) => {
                into(0).into_iter().for_each(|into| recorder.pool_back(&self.pool(at, layer), gradient, into));
            }
            Move::Pad { before } => into(0).into_iter().for_each(|into| recorder.take(gradient, into, before)),
            Move::Concat => {
                for (input, first, _) in self.members(at) {
                    into(input).into_iter().for_each(|into| recorder.take(gradient, into, first));
                }
            }
        }
    }

    /// Number and first channel of each input of a concatenation, and whether it is the last.
    fn members(&self, at: usize) -> Vec<(usize, usize, bool)> {
        let (inputs, mut first) = (&self.stages[at].inputs, 0);
        let each = inputs.iter().enumerate().map(|(input, &stage)| {
            let own = first;
            first += self.stages[stage].to.c;
            (input, own, input + 1 == inputs.len())
        });
        each.collect()
    }

    fn pool(&self, at: usize, layer: Move) -> Pool {
        match layer {
            Move::MaxPool(window) => Pool { window, max: Some(self.own[at].taken) },
            Move::AvgPool(window) => Pool { window, max: None },
            _ => Pool { window: Window::valid(1, 1), max: None },
        }
    }

    fn norms(&self) -> Norms {
        let Places { values, gradients, statistics, .. } = *self.places;
        Norms { values, gradients, statistics }
    }

    fn conv(&self, stage: &Stage, geometry: Geometry, quantized: bool, bias: bool) -> ConvLayer {
        let (layer, values) = (&stage.layers[0], self.places.values);
        let buffer = if quantized { self.quantized } else { values };
        ConvLayer {
            geometry,
            weights: (buffer, self.places.of(layer, Part::Weight)),
            bias: bias.then(|| (values, self.places.of(layer, Part::Bias))),
        }
    }

    fn weight_basis(&self, stage: &Stage, bits: usize, depth: usize) -> WeightBasis {
        let (layer, places) = (&stage.layers[0], self.places);
        WeightBasis {
            bits,
            ties: self.ties,
            outputs: stage.to.c,
            depth,
            values: (places.values, places.of(layer, Part::Weight)),
            quantized: self.quantized,
            bases: (places.bases, places.of(layer, Part::Basis)),
        }
    }

    fn pointwise(&self, at: usize, norm: Option<f64>, relu: bool, quantizer: Option<Quantizer>) -> PointwiseLayer {
        let (stage, own, places) = (&self.stages[at], &self.own[at], self.places);
        let (first, last) = (&stage.layers[0], &stage.layers[stage.layers.len() - 1]);
        let norm = norm.map(|epsilon| NormPlaces {
            epsilon,
            gamma: places.of(first, Part::Gamma),
            beta: places.of(first, Part::Beta),
            mean: places.of(first, Part::Mean),
            variance: places.of(first, Part::Variance),
            affine: own.affine,
            means: own.means,
        });
        let basis = quantizer.map(|Quantizer { bits, encoding, ties }| ActivationBasis {
            bits,
            encoding,
            ties,
            bases: (places.bases, places.of(last, Part::Basis)),
            levels: own.levels,
        });
        PointwiseLayer { norm, relu, basis }
    }
}

impl Own {
    fn new(recorder: &mut Recorder, stage: &Stage, for_training: bool) -> Self {
        let layer = &stage.layers[0];
        let mut own = Own::default();
        match &stage.kind {
            Kind::Pointwise { norm, quantizer, .. } => {
                if norm.is_some() {
                    let [affine, means] = NormPlaces::words(stage.to.c);
                    (own.affine, own.means) = (recorder.buffer(layer, affine), recorder.buffer(layer, means));
                }
                if let Some(quantizer) = quantizer {
                    own.levels = recorder.buffer(layer, ActivationBasis::level_words(quantizer.bits));
                }
            }
            Kind::Move(Move::MaxPool(_)) if for_training => {
                let words = stage.to.pixels() * row(stage.to.c);
                own.taken = Some(recorder.batch_buffer(&format!("{layer} in this batch"), words));
            }
            _ => {}
        }
        own
    }
}
