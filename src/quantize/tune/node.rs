//! The parameters of a layer while the network is tuned.

use super::adam::Parameter;
use crate::float::{Geometry, Layer, Ready};
use crate::graph::{Encoding, Ties};
use crate::quant::Levels;
use rayon::prelude::*;

/// A layer with parameters.
pub(super) struct Node {
    pub kind: Kind,
    pub parameters: Vec<Parameter>,
}

/// What its parameters are.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Real weights `[out, depth]` that are rounded to levels, bases `[out, bits]`, and a bias if it has one.
    Codes { geometry: Geometry, bits: usize },
    /// Real weights, and a bias if it has one.
    Real { geometry: Geometry },
    /// Factor and summand of each channel.
    Affine,
    /// A basis.
    Levels { encoding: Encoding, ties: Ties },
}

impl Node {
    pub(super) fn ready(&self) -> Ready {
        let values = |at: usize| self.parameters[at].values.as_slice();
        match self.kind {
            Kind::Codes { geometry, bits } => {
                let rows = quantized(values(0), values(1), bits, |level, _| level);
                ready_conv(geometry, rows, self.parameters.get(2))
            }
            Kind::Real { geometry } => ready_conv(geometry, values(0).to_vec(), self.parameters.get(1)),
            Kind::Affine => Ready::of(Layer::Affine { factor: values(0).to_vec(), summand: values(1).to_vec() }),
            Kind::Levels { encoding, ties } => {
                Ready::of(Layer::Quantize(Levels::of_activations(values(0), encoding), ties))
            }
        }
    }

    /// The gradients of the parameters, from those of the weights in a convolution's own order, and of the rest.
    ///
    /// A rounded weight passes its gradient on to the real weight, unless that lies beyond the levels, and to the basis
    /// through its code.
    pub(super) fn gradients(&self, mut raw: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
        let (Kind::Codes { geometry, .. } | Kind::Real { geometry }) = self.kind else { return raw };
        let weights = in_rows(geometry, &raw[0]);
        let Kind::Codes { bits, .. } = self.kind else {
            raw[0] = weights;
            return raw;
        };
        let (real, bases) = (&self.parameters[0].values, &self.parameters[1].values);
        let codes = quantized(real, bases, bits, |_, code| code);
        let (depth, mut latent) = (geometry.depth(), weights.clone());
        let mut basis = vec![0f32; bases.len()];
        for (output, basis) in basis.chunks_exact_mut(bits).enumerate() {
            let top: f32 = bases[output * bits..][..bits].iter().map(|v| v.abs()).sum();
            for at in output * depth..(output + 1) * depth {
                let sign = |j: usize| if codes[at] >> j & 1 == 1 { 1.0 } else { -1.0 };
                basis.iter_mut().enumerate().for_each(|(j, b)| *b += weights[at] * sign(j));
                if real[at].abs() > top {
                    latent[at] = 0.0;
                }
            }
        }
        raw[0] = latent;
        raw.insert(1, basis);
        raw
    }

    /// Lengths of the gradients that a pass over a picture gives.
    pub(super) fn raw_lengths(&self) -> Vec<usize> {
        let skipped = matches!(self.kind, Kind::Codes { .. }).then_some(1);
        let kept = self.parameters.iter().enumerate().filter(|(at, _)| Some(*at) != skipped);
        kept.map(|(_, parameter)| parameter.values.len()).collect()
    }
}

fn ready_conv(geometry: Geometry, rows: Vec<f32>, bias: Option<&Parameter>) -> Ready {
    Ready::conv(geometry, rows, bias.map_or_else(|| vec![0.0; geometry.to.c], |bias| bias.values.clone()))
}

/// The level and the code of each weight, as `pick` takes them.
pub(super) fn quantized<T: Send>(
    real: &[f32],
    bases: &[f32],
    bits: usize,
    pick: impl Fn(f32, u8) -> T + Sync,
) -> Vec<T> {
    let depth = real.len() * bits / bases.len().max(1);
    let row = |(real, basis): (&[f32], &[f32])| {
        let levels = Levels::of_weights(basis);
        let one = |&w: &f32| {
            let rank = levels.rank(w, Ties::Below);
            pick(levels.values[rank], levels.codes[rank] as u8)
        };
        real.iter().map(one).collect::<Vec<T>>()
    };
    real.par_chunks_exact(depth).zip(bases.par_chunks_exact(bits)).flat_map_iter(row).collect()
}

/// Weights `[groups, depth, outputs of a group]` as `[out, depth]`.
fn in_rows(geometry: Geometry, weights: &[f32]) -> Vec<f32> {
    let (depth, outputs) = (geometry.depth(), geometry.outputs());
    let at = |output: usize, k: usize| (output / outputs * depth + k) * outputs + output % outputs;
    (0..geometry.to.c).flat_map(|output| (0..depth).map(move |k| weights[at(output, k)])).collect()
}
