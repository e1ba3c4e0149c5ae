//! Batch norms as per-channel gain and shift: y = gain * x + shift.

use crate::graph::{Graph, NodeId, Op, Params, Role};

/// Gain and shift per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// Factor of each channel.
    pub gain: Vec<f64>,
    /// Added to each channel after the gain.
    pub shift: Vec<f64>,
}

impl Affine {
    /// y = x on `channels` channels.
    pub fn identity(channels: usize) -> Self {
        Affine { gain: vec![1.0; channels], shift: vec![0.0; channels] }
    }

    /// Composes this with batch norm `node`, which is applied second.
    ///
    /// (x - mean) / sqrt(variance + eps) * gamma + beta = g x + (beta - mean g) with g = gamma / sqrt(variance + eps).
    pub fn then_batch_norm(&mut self, graph: &Graph, params: &Params, node: NodeId) -> Result<(), String> {
        let next = BatchNorm::of(graph, params, node)?.affine();
        for (c, (g, h)) in next.gain.into_iter().zip(next.shift).enumerate() {
            self.gain[c] *= g;
            self.shift[c] = self.shift[c] * g + h;
            if !self.gain[c].is_finite() || !self.shift[c].is_finite() {
                let name = &graph.nodes()[node].name;
                return Err(format!("layer '{name}': channel {c} of the batch norm is not finite"));
            }
        }
        Ok(())
    }
}

/// The parameters of one batch norm, per channel.
pub struct BatchNorm {
    /// Learned scale.
    pub gamma: Vec<f64>,
    /// Learned offset.
    pub beta: Vec<f64>,
    /// Mean of the inputs.
    pub mean: Vec<f64>,
    /// sqrt(variance + epsilon) of the inputs.
    pub deviation: Vec<f64>,
}

impl BatchNorm {
    /// Reads the parameters of batch norm `node`.
    pub fn of(graph: &Graph, params: &Params, node: NodeId) -> Result<Self, String> {
        let n = &graph.nodes()[node];
        let Op::BatchNorm { epsilon } = n.op else {
            return Err(format!("layer '{}' is no batch norm", n.name));
        };
        let tensor = params.get(&n.name, Role::BatchNorm)?;
        let channels = tensor.shape[1];
        let row = |r: usize| tensor.f32()[r * channels..][..channels].iter().map(|&v| f64::from(v));
        Ok(BatchNorm {
            gamma: row(0).collect(),
            beta: row(1).collect(),
            mean: row(2).collect(),
            deviation: row(3).map(|v| (v + epsilon).sqrt()).collect(),
        })
    }

    /// (x - mean) / sqrt(variance + epsilon) * gamma + beta = g x + (beta - mean g) with g = gamma / sqrt(variance +
    /// epsilon).
    pub fn affine(&self) -> Affine {
        let gain: Vec<f64> =
            self.gamma.iter().zip(&self.deviation).map(|(gamma, deviation)| gamma / deviation).collect();
        let shift = self.beta.iter().zip(&self.mean).zip(&gain).map(|((beta, mean), g)| beta - mean * g).collect();
        Affine { gain, shift }
    }
}
