//! Checkpoints as the original code saves them, written from a graph's parameters. This is conversion in reverse, in a
//! few lines of its own, so that a mistake in conversion cannot hide in shared code.

use super::rng::Rng;
use super::writers::{ZipEntry, bundle_entry, bundle_header, f32_bytes, npy, push_block, push_footer, zip};
use lq_infer::internals::graph::{Fact, Graph, Op, ParamSpec, Params, Role, Tensor};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Shape and numbers of each variable.
pub type Variables = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Batch norms without gamma and beta and with one mean and variance for all channels: those of the dense layers of
/// AlexNet and VGG.
const PLAIN: [&str; 3] = ["fc5/bn", "fc6/bn", "fc7/bn"];

/// Names and shapes of the variables that the original code has for `graph`.
pub fn shapes(graph: &Graph) -> BTreeMap<String, Vec<usize>> {
    let layers = Layers::of(graph);
    graph.parameters().unwrap().iter().flat_map(|spec| layers.entries(spec)).collect()
}

/// A checkpoint that converts to `params`. Float weights are drawn at random such that they quantize to the given
/// codes; of equal levels, conversion may choose another code.
pub fn variables(graph: &Graph, params: &Params, rng: &mut Rng) -> Variables {
    let layers = Layers::of(graph);
    let mut variables = Variables::new();
    for spec in graph.parameters().unwrap() {
        let entries = layers.entries(&spec);
        let tensor = params.get(&spec.layer, spec.role).unwrap();
        let parts = match spec.role {
            Role::Weight => vec![layers.saved_order(&spec, tensor.f32())],
            Role::Planes => {
                let basis = params.get(&spec.layer, Role::WeightBasis).unwrap().f32();
                vec![layers.saved_order(&spec, &layers.near_levels(&spec, tensor, basis, rng))]
            }
            Role::BatchNorm if entries.len() == 2 => {
                tensor.f32().chunks(spec.shape[1]).skip(2).map(|r| vec![r[0]]).collect()
            }
            Role::BatchNorm => tensor.f32().chunks(spec.shape[1]).map(<[f32]>::to_vec).collect(),
            Role::WeightBasis | Role::Bias | Role::ActivationBasis => vec![tensor.f32().to_vec()],
        };
        variables.extend(entries.into_iter().zip(parts).map(|((name, shape), data)| (name, (shape, data))));
    }
    variables
}

/// `params` with the batch norms that the original code saves without gamma and beta changed to match: no scale or
/// offset, and one mean and variance for all channels.
pub fn with_plain_batch_norms(graph: &Graph, params: &Params) -> Params {
    let mut tensors = params.tensors().clone();
    for layer in PLAIN {
        let Some(tensor) = tensors.get_mut(&format!("{layer}/batch_norm")) else { continue };
        let channels = tensor.shape[1];
        let mean = |row: usize| tensor.f32()[row * channels..][..channels].iter().sum::<f32>() / channels as f32;
        let rows = [1.0, 0.0, mean(2), mean(3)].into_iter().flat_map(|v| vec![v; channels]).collect();
        *tensor = Tensor::from_f32(tensor.shape.clone(), rows);
    }
    Params::new(graph, tensors).unwrap()
}

/// Writes an archive. `suffix` is appended to every name; tensorpack appends ":0".
pub fn write_npz(variables: &Variables, suffix: &str, folder: &Path) -> PathBuf {
    let entry = |(name, (shape, data)): (&String, &(Vec<usize>, Vec<f32>))| {
        let dims: String = shape.iter().map(|d| format!("{d},")).collect();
        ZipEntry::deflated(&format!("{name}{suffix}.npy"), &npy("<f4", false, &format!("({dims})"), &f32_bytes(data)))
    };
    let path = folder.join("params.npz");
    std::fs::write(&path, zip(&variables.iter().map(entry).collect::<Vec<_>>(), false)).unwrap();
    path
}

/// Writes a TensorFlow V2 checkpoint with one shard.
pub fn write_bundle(variables: &Variables, folder: &Path) -> PathBuf {
    let mut data = Vec::new();
    let mut entries = vec![(Vec::new(), bundle_header(1))];
    for (name, (shape, values)) in variables {
        let shape: Vec<u64> = shape.iter().map(|&d| d as u64).collect();
        entries.push((name.clone().into_bytes(), bundle_entry(1, &shape, 0, &mut data, &f32_bytes(values))));
    }
    let mut index = Vec::new();
    let handle = push_block(&mut index, &super::writers::block(&entries), 0);
    let handle = push_block(&mut index, &super::writers::block(&[(vec![0xff], handle)]), 0);
    push_footer(&mut index, &handle);
    std::fs::write(folder.join("model-1.index"), index).unwrap();
    std::fs::write(folder.join("model-1.data-00000-of-00001"), data).unwrap();
    folder.join("model-1")
}

/// What is needed of a graph's layers to name and order their variables.
struct Layers<'a> {
    input_channels: BTreeMap<&'a str, usize>,
    /// The last layer, which is dense.
    dense: &'a str,
}

impl<'a> Layers<'a> {
    fn of(graph: &'a Graph) -> Self {
        let facts: Vec<Fact> = graph.facts().unwrap();
        let convs = graph.nodes().iter().filter(|n| matches!(n.op, Op::Conv { .. }));
        let input_channels = convs.map(|n| (n.name.as_str(), facts[n.inputs[0]].shape.c)).collect();
        Layers { input_channels, dense: &graph.nodes().last().unwrap().name }
    }

    /// Names and shapes of the variables that hold a parameter.
    fn entries(&self, spec: &ParamSpec) -> Vec<(String, Vec<usize>)> {
        let s = &spec.shape;
        let named = |names: &[&str], shape: Vec<usize>| -> Vec<(String, Vec<usize>)> {
            names.iter().map(|name| (format!("{}/{name}", spec.layer), shape.clone())).collect()
        };
        match spec.role {
            Role::Weight | Role::Planes => {
                let inputs = self.input_channels[spec.layer.as_str()];
                let dense = vec![inputs * s[1] * s[2], s[0]];
                named(&["W"], if spec.layer == self.dense { dense } else { vec![s[1], s[2], inputs, s[0]] })
            }
            Role::WeightBasis => named(&["weight_quant/basis"], s.clone()),
            Role::Bias => named(&["b"], s.clone()),
            Role::ActivationBasis => named(&["ActivationQuantization/basis"], vec![s[0], 1]),
            Role::BatchNorm if PLAIN.contains(&spec.layer.as_str()) => named(&["mean/EMA", "variance/EMA"], vec![1]),
            Role::BatchNorm => named(&["gamma", "beta", "mean/EMA", "variance/EMA"], vec![s[1]]),
        }
    }

    /// Weights `[out, tap, in]` as `[tap, in, out]`. The dense layer flattens its input in the order C, H, W, so its
    /// weights become `[in, tap, out]`.
    fn saved_order(&self, spec: &ParamSpec, weights: &[f32]) -> Vec<f32> {
        let (outputs, taps) = (spec.shape[0], spec.shape[1] * spec.shape[2]);
        let inputs = self.input_channels[spec.layer.as_str()];
        let mut saved = vec![0.0; weights.len()];
        for (i, &w) in weights.iter().enumerate() {
            let (o, tap, c) = (i / inputs / taps, i / inputs % taps, i % inputs);
            let row = if spec.layer == self.dense { c * taps + tap } else { tap * inputs + c };
            saved[row * outputs + o] = w;
        }
        saved
    }

    /// Floats `[out, tap, in]` that quantize to the packed codes: each is nearest to its own level.
    fn near_levels(&self, spec: &ParamSpec, planes: &Tensor, basis: &[f32], rng: &mut Rng) -> Vec<f32> {
        let &[outputs, kh, kw, words, bits] = &spec.shape[..] else { panic!("planes of shape {:?}", spec.shape) };
        let mut weights = Vec::new();
        for o in 0..outputs {
            let near = intervals(&(0..bits).map(|i| basis[i * outputs + o]).collect::<Vec<_>>());
            for tap in 0..kh * kw {
                for c in 0..self.input_channels[spec.layer.as_str()] {
                    let word = |i: usize| planes.u32()[((o * kh * kw + tap) * words + c / 32) * bits + i];
                    let code = (0..bits).map(|i| ((word(i) >> (c % 32) & 1) as usize) << i).sum::<usize>();
                    weights.push(rng.uniform(near[code][0], near[code][1]) as f32);
                }
            }
        }
        weights
    }
}

/// For each code, an interval around its level that stays clear of the midpoints to other levels.
fn intervals(basis: &[f32]) -> Vec<[f64; 2]> {
    let level = |code: usize| -> f64 {
        basis.iter().enumerate().map(|(j, &v)| f64::from(if code >> j & 1 == 1 { v } else { -v })).sum()
    };
    let levels: Vec<f64> = (0..1 << basis.len()).map(level).collect();
    let near = |&own: &f64| {
        let below = levels.iter().copied().filter(|&l| l < own).fold(own - 1.0, f64::max);
        let above = levels.iter().copied().filter(|&l| l > own).fold(own + 1.0, f64::min);
        [own - 0.45 * (own - below), own + 0.45 * (above - own)]
    };
    levels.iter().map(near).collect()
}
