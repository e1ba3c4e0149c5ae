//! What the logits lose if one layer is quantized and all others stay in float.
//!
//! Weights take the nearest levels, activations those of the basis that fits them best, and the constants keep the mean of
//! each output, as without tuning. The loss is the mean square of the change of the logits, as a share of their variance
//! from picture to picture. Weights and activations are tried by themselves; together they are taken to lose the sum.

use super::float::Float;
use crate::error::{Error, Result};
use crate::float::{Conv, Geometry, Layer, geometry, quantizer};
use crate::graph::{Encoding, NodeId, Ties};
use crate::quantize::agreement::spread;
use crate::quantize::bits::LayerBits;
use crate::quantize::layer::{Found, quantize};
use crate::quantize::moments::{Moments, Statistics};
use crate::quantize::options::Method;
use crate::quantize::problem::constants;
use crate::quantize::qem;
use crate::tensor::Shape;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// Numbers from which the basis of a quantizer is fitted.
const SAMPLES: usize = 1 << 16;
/// Weights of all variants of a layer that are in memory together, unless a single one has more.
const WEIGHTS: usize = 1 << 26;
/// Pictures whose statistics are added at once.
const TOGETHER: usize = 8;

/// A layer that is tried.
#[derive(Clone, Debug)]
pub(super) struct Subject<'a> {
    pub name: &'a str,
    pub id: NodeId,
    /// Its float weights.
    pub weights: &'a [f32],
    /// The kind of quantizer that it reads, if it reads one.
    pub quantizer: Option<(Encoding, Ties)>,
    /// Bits in which its weights and the activations that it reads are tried.
    pub bits: [Vec<usize>; 2],
}

/// The loss of a layer by the width of its weights, and of the activations that it reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Losses {
    weights: BTreeMap<usize, f64>,
    activations: BTreeMap<usize, f64>,
}

impl Losses {
    /// In both widths; what stays in float loses nothing.
    pub(super) fn of(&self, bits: LayerBits) -> f64 {
        let get =
            |all: &BTreeMap<usize, f64>, bits: Option<usize>| bits.and_then(|b| all.get(&b)).copied().unwrap_or(0.0);
        get(&self.weights, bits.weights) + get(&self.activations, bits.activations)
    }
}

/// The float network with the pictures on which it is tried.
pub(super) struct Trial<'a> {
    float: Float<'a>,
    name: &'a str,
    pictures: Vec<Vec<f32>>,
    /// The sum of squared differences of the logits from their means.
    spread: f64,
}

impl<'a> Trial<'a> {
    pub(super) fn new(float: Float<'a>, name: &'a str, pictures: Vec<Vec<f32>>) -> Result<Self> {
        let last = float.facts.len() - 1;
        let logits: Vec<Vec<f32>> =
            pictures.par_iter().map(|picture| float.run(picture, last).pop().unwrap_or_default()).collect();
        let spread = spread(&logits);
        if !spread.is_finite() {
            let problem = "its logits for the calibration pictures are not finite".to_owned();
            return Err(Error::bad_model(Path::new(name), problem));
        }
        Ok(Trial { float, name, pictures, spread })
    }

    /// Tries a layer in all widths.
    pub(super) fn losses(&self, subject: &Subject) -> Result<Losses> {
        let Trial { float, .. } = self;
        let source = float.graph.nodes()[subject.id].inputs[0];
        let results: Vec<[Vec<f32>; 2]> = self
            .pictures
            .par_iter()
            .map(|picture| {
                let mut results = float.run(picture, subject.id);
                let own = results.pop().unwrap_or_default();
                [results.swap_remove(source), own]
            })
            .collect();
        let at_layer = AtLayer {
            subject,
            geometry: geometry(&float.graph.nodes()[subject.id], &float.facts, subject.id),
            results,
        };
        if at_layer.results.iter().flatten().flatten().any(|x| !x.is_finite()) {
            let problem = format!("layer '{}' reads or gives numbers that are not finite", subject.name);
            return Err(Error::bad_model(Path::new(self.name), problem));
        }
        let [of_weights, of_activations] = &subject.bits;
        let statistics = at_layer.statistics(None);
        let weights = self.changes(subject, source, of_weights, &|bits| at_layer.with_weights(&statistics, bits));
        let mut losses = Losses { weights, activations: BTreeMap::new() };
        if let Some(kind) = subject.quantizer {
            let samples = at_layer.samples();
            let variant = |bits| at_layer.with_activations(&samples, bits, kind);
            losses.activations = self.changes(subject, source, of_activations, &variant);
        }
        Ok(losses)
    }

    /// The loss with the layer's `variant` of each number of bits.
    fn changes(
        &self,
        subject: &Subject,
        source: NodeId,
        bits: &[usize],
        variant: &dyn Fn(usize) -> Variant,
    ) -> BTreeMap<usize, f64> {
        let together = (WEIGHTS / subject.weights.len().max(1)).max(1);
        let some = |bits: &[usize]| {
            let variants: Vec<Variant> = bits.iter().map(|&bits| variant(bits)).collect();
            self.change(subject.id, source, &variants)
        };
        let losses: Vec<f64> = bits.chunks(together).flat_map(some).collect();
        bits.iter().copied().zip(losses).collect()
    }

    /// The loss with each of some variants of layer `id`, which reads `source`. Sums have the order of the pictures.
    fn change(&self, id: NodeId, source: NodeId, variants: &[Variant]) -> Vec<f64> {
        let Trial { float, .. } = self;
        let (from, to) = (float.facts[source].shape, float.facts[id].shape);
        let of_picture = |picture: &Vec<f32>| -> Vec<f64> {
            let results = float.run(picture, float.facts.len() - 1);
            let logits = &results[results.len() - 1];
            let change = |variant: &Variant| {
                let other = float.replaced(&results, id, variant.run(&results[source], from, to));
                other.iter().zip(logits).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
            };
            variants.iter().map(change).collect()
        };
        let all: Vec<Vec<f64>> = self.pictures.par_iter().map(of_picture).collect();
        let sum = |at: usize| all.iter().map(|of_picture| of_picture[at]).sum::<f64>();
        let share = |sum: f64| if self.spread > 0.0 { sum / self.spread } else { sum };
        (0..variants.len()).map(|at| share(sum(at))).collect()
    }
}

/// A layer in another width.
struct Variant {
    quantizer: Option<Layer>,
    conv: Layer,
}

impl Variant {
    fn run(&self, read: &[f32], from: Shape, to: Shape) -> Vec<f32> {
        let levels = self.quantizer.as_ref().map(|quantizer| {
            let mut levels = vec![0.0; read.len()];
            quantizer.picture(&[(read, from)], &mut levels, from);
            levels
        });
        let mut result = vec![0.0; to.elements()];
        self.conv.picture(&[(levels.as_deref().unwrap_or(read), from)], &mut result, to);
        result
    }
}

/// A layer with what it reads and gives for each picture.
struct AtLayer<'a> {
    subject: &'a Subject<'a>,
    geometry: Geometry,
    results: Vec<[Vec<f32>; 2]>,
}

impl AtLayer<'_> {
    /// Statistics of each group, if the layer reads what `quantizer` makes of its input.
    fn statistics(&self, quantizer: Option<&Layer>) -> Vec<Statistics> {
        let mut moments: Vec<Moments> =
            (0..self.geometry.groups).map(|group| Moments::new(self.geometry, group, false)).collect();
        for some in self.results.chunks(TOGETHER) {
            let read: Vec<f32> = some.iter().flat_map(|[read, _]| read).copied().collect();
            let read = match quantizer {
                Some(quantizer) => quantizer.run(&[(&read, self.geometry.from)], self.geometry.from),
                None => read,
            };
            let wanted: Vec<f32> = some.iter().flat_map(|[_, own]| own).copied().collect();
            moments.iter_mut().for_each(|moments| moments.add(&read, &wanted));
        }
        moments.into_iter().map(Moments::finish).collect()
    }

    /// Each group's statistics with its weights.
    fn groups<'b>(&'b self, statistics: &'b [Statistics]) -> impl Iterator<Item = (&'b Statistics, &'b [f32])> {
        statistics.iter().zip(self.subject.weights.chunks_exact(self.geometry.outputs() * self.geometry.depth()))
    }

    fn with_weights(&self, statistics: &[Statistics], bits: usize) -> Variant {
        let quantized = |(statistics, own): (&Statistics, &[f32])| quantize(statistics, own, bits, &Method::FAST);
        let found = Found::joined(self.groups(statistics).map(quantized).collect());
        self.variant(None, &found.weights, &found.constants)
    }

    fn with_activations(&self, samples: &[f32], bits: usize, (encoding, ties): (Encoding, Ties)) -> Variant {
        let basis = qem::of_activations(samples.to_vec(), bits, encoding).basis;
        let quantizer = quantizer(&basis, encoding, ties);
        let constants_of = |(statistics, own): (&Statistics, &[f32])| constants(statistics, own);
        let statistics = self.statistics(Some(&quantizer));
        let constants: Vec<f64> = self.groups(&statistics).flat_map(constants_of).collect();
        self.variant(Some(quantizer), self.subject.weights, &constants)
    }

    fn variant(&self, quantizer: Option<Layer>, weights: &[f32], constants: &[f64]) -> Variant {
        let constants = constants.iter().map(|&c| c as f32).collect();
        Variant { quantizer, conv: Layer::Conv(Conv::new(self.geometry, weights, constants)) }
    }

    /// Numbers that the layer reads, evenly from all pictures and positions.
    fn samples(&self) -> Vec<f32> {
        let all = self.results.iter().flat_map(|[read, _]| read);
        let step = qem::sample_step(self.results.len() * self.geometry.from.elements(), SAMPLES);
        all.step_by(step).copied().collect()
    }
}
