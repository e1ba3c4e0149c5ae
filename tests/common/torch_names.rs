//! Converts checkpoints in the form of the original code to the names and dimension order of PyTorch code.

use super::tensorpack::Variables;
use lq_infer::internals::graph::{Graph, Op};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A naming scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Plain names.
    Plain,
    /// The names of ports with quantizers inside convolutions.
    Port,
}

/// The same variables under new names.
pub fn renamed(variables: &Variables, graph: &Graph, names: Names) -> Variables {
    let rename = |(name, (shape, data)): (&String, &(Vec<usize>, Vec<f32>))| {
        let (layer, kind, name) = new_name(name, names);
        let (shape, data) = match kind {
            "/W" => output_major(shape, data),
            "/weight_quant/basis" => transposed(shape, data),
            "/ActivationQuantization/basis" if names == Names::Port => (vec![1, shape[0]], data.clone()),
            "/ActivationQuantization/basis" => (vec![shape[0]], data.clone()),
            // One number for all channels becomes one for each channel.
            _ if shape[..] == [1] => (vec![channels(graph, layer)], vec![data[0]; channels(graph, layer)]),
            _ => (shape.clone(), data.clone()),
        };
        (name, (shape, data))
    };
    variables.iter().map(rename).collect()
}

/// Writes a state dict with elements of type `F32`, or `BF16`, which drops their last 16 bits.
pub fn write_safetensors(variables: &Variables, dtype: Dtype, folder: &Path) -> PathBuf {
    let kept = if dtype == Dtype::BF16 { 2.. } else { 0.. };
    let bytes = |data: &[f32]| data.iter().flat_map(|v| v.to_le_bytes()[kept.clone()].to_vec()).collect::<Vec<u8>>();
    let bytes: BTreeMap<_, _> = variables.iter().map(|(name, (_, data))| (name, bytes(data))).collect();
    let view =
        |(name, (shape, _)): (&String, &(Vec<usize>, Vec<f32>))| TensorView::new(dtype, shape.clone(), &bytes[name]);
    let views = variables.iter().map(|entry| (entry.0, view(entry).unwrap()));
    let path = folder.join(format!("{dtype}.safetensors"));
    std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    path
}

/// Layer, suffix in the original code, and new name.
fn new_name(name: &str, names: Names) -> (&str, &'static str, String) {
    let quantizer = if names == Names::Plain { ".basis" } else { ".weight_quantizer.basis" };
    let suffixes = [
        ("/W", ".weight"),
        ("/weight_quant/basis", quantizer),
        ("/ActivationQuantization/basis", quantizer),
        ("/b", ".bias"),
        ("/gamma", ".weight"),
        ("/beta", ".bias"),
        ("/mean/EMA", ".running_mean"),
        ("/variance/EMA", ".running_var"),
    ];
    let found = suffixes.into_iter().find_map(|(old, new)| Some((name.strip_suffix(old)?, old, new)));
    let (layer, old, new) = found.unwrap_or_else(|| panic!("{name} has no new name"));
    (layer, old, layer.replace('/', ".") + new)
}

/// Channels of the input of a batch norm, which must be a convolution.
fn channels(graph: &Graph, layer: &str) -> usize {
    let norm = graph.nodes().iter().find(|n| n.name == layer).unwrap();
    match graph.nodes()[norm.inputs[0]].op {
        Op::Conv { outputs, .. } => outputs,
        ref other => panic!("{layer} reads {other}"),
    }
}

/// `[kh, kw, in, out]` as `[out, in, kh, kw]`, and `[in, out]` as `[out, in]`.
fn output_major(shape: &[usize], data: &[f32]) -> (Vec<usize>, Vec<f32>) {
    let &[kh, kw, inputs, outputs] = shape else { return transposed(shape, data) };
    let mut out = Vec::with_capacity(data.len());
    for o in 0..outputs {
        for c in 0..inputs {
            out.extend((0..kh * kw).map(|tap| data[(tap * inputs + c) * outputs + o]));
        }
    }
    (vec![outputs, inputs, kh, kw], out)
}

fn transposed(shape: &[usize], data: &[f32]) -> (Vec<usize>, Vec<f32>) {
    let &[rows, columns] = shape else { panic!("{shape:?} is no matrix") };
    let column = |c: usize| data.iter().skip(c).step_by(columns).copied();
    (vec![columns, rows], (0..columns).flat_map(column).collect())
}
