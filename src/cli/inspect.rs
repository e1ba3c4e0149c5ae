//! `lq-infer inspect`

use super::failure::Outcome;
use super::{open, output, table};
use crate::graph::Dtype;
use crate::graph::preprocess::{ChannelOrder, Filter, Normalize, Preprocess};
use crate::session::Model;
use crate::text::wrapped;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Most labels that are shown.
const LABELS: usize = 12;

/// One parameter, as `--json` prints it.
#[derive(Serialize)]
struct TensorLine<'a> {
    name: &'a str,
    dtype: &'static str,
    shape: &'a [usize],
    bytes: usize,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    header: &'a crate::format::Header,
    /// Size of the file.
    bytes: Option<u64>,
    /// Numbers that training learns.
    parameters: Option<u64>,
    /// Multiply-accumulates of one image.
    macs: Option<u64>,
    tensors: Vec<TensorLine<'a>>,
}

#[derive(Args, Debug)]
pub(super) struct InspectArgs {
    /// Packed model [default: the bundled one]
    model: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(args: &InspectArgs) -> Outcome {
    let model = open::model(args.model.as_ref())?;
    if args.json {
        let [parameters, macs] = numbers(&model);
        let bytes = file_bytes(&model, args.model.as_ref());
        return output::json(&Report { header: model.header(), bytes, parameters, macs, tensors: tensors(&model) });
    }
    describe(&model, args.model.as_ref())?;
    output::line("")?;
    layers(&model)?;
    output::line("")?;
    for golden in &model.header().golden {
        let kind = golden.input.name();
        fact("golden", &format!("{} x {kind}, seed {:#x}: {}", golden.images, golden.seed, golden.digest))?;
    }
    Ok(())
}

fn dtype(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F32 => "F32",
        Dtype::U32 => "U32",
    }
}

fn tensors(model: &Model) -> Vec<TensorLine<'_>> {
    let params = model.packed().params.tensors().iter();
    params
        .map(|(name, t)| TensorLine { name, dtype: dtype(t.dtype), shape: &t.shape, bytes: t.bytes().len() })
        .collect()
}

fn describe(model: &Model, path: Option<&PathBuf>) -> Outcome {
    let h = model.header();
    let tensors = tensors(model);
    let total: usize = tensors.iter().map(|t| t.bytes).sum();
    let bytes = file_bytes(model, path).map_or("unknown".to_owned(), |n| output::bytes(n as usize));
    let [parameters, macs] = numbers(model).map(|n| n.map_or("unknown".to_owned(), output::count));
    let facts = [
        ("name", h.name.clone()),
        ("network", format!("{}, W/A {}, format version {}", h.network, h.graph.widths(), h.version)),
        (
            "size",
            format!("{bytes}: {} in {} tensors, the rest describes the network", output::bytes(total), tensors.len()),
        ),
        ("counts", format!("{parameters} parameters, {macs} multiply-accumulates (MACs) for an image")),
        ("source", format!("{} {}, SHA-256 {:.16}...", h.source.kind, h.source.file, h.source.sha256)),
        ("made by", h.source.converter.clone()),
        ("input", h.graph.input_shape().to_string()),
        ("pictures", pictures(&h.preprocess)),
        ("labels", labels(&h.labels)),
    ];
    facts.iter().try_for_each(|(name, value)| fact(name, value))
}

/// Prints a name and a value, which continues below itself.
fn fact(name: &str, value: &str) -> Outcome {
    const NAME: usize = 9;
    let lines = wrapped(value, "", table::room().saturating_sub(NAME));
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    lines.iter().zip(names).try_for_each(|(line, name)| output::line(&format!("{name:<NAME$}{line}")))
}

/// Bytes of the model's file.
fn file_bytes(model: &Model, path: Option<&PathBuf>) -> Option<u64> {
    match path {
        Some(path) => std::fs::metadata(path).ok().map(|file| file.len()),
        None => model.to_bytes().ok().map(|bytes| bytes.len() as u64),
    }
}

/// Learned numbers, and multiply-accumulates of one image.
fn numbers(model: &Model) -> [Option<u64>; 2] {
    let graph = &model.header().graph;
    [graph.learned_numbers().ok(), graph.macs().ok()]
}

/// How pictures become the first layer's tensor.
pub(super) fn pictures(preprocess: &Preprocess) -> String {
    let resize = &preprocess.resize;
    let filter = match resize.filter {
        Filter::PillowBicubic => "bicubic as Pillow computes it",
        Filter::PillowBilinear => "bilinear as Pillow and torchvision compute it",
        Filter::OpencvCubic => "cubic as OpenCV computes it",
    };
    let order = match preprocess.channels {
        ChannelOrder::Rgb => "RGB",
        ChannelOrder::Bgr => "BGR",
    };
    let [height, width] = resize.crop;
    let size = match resize.stretch {
        Some([height, width]) => format!("stretched to {width}x{height}"),
        None => format!("shorter edge to {}", resize.shorter_edge),
    };
    let steps = format!("{size} ({filter}), centre crop {width}x{height}, {order}");
    match &preprocess.normalize {
        Normalize::Channel { mean, std } => format!("{steps}, (p / 255 - {mean:?}) / {std:?}"),
        Normalize::MeanImage { divide } => format!("{steps}, (p - mean image) / {divide}"),
        Normalize::TensorOnly { range } => {
            format!("not accepted: takes the first layer's tensor only, |x| around {range}")
        }
    }
}

/// The first labels.
fn labels(labels: &[String]) -> String {
    if labels.is_empty() {
        return "none".into();
    }
    let more = if labels.len() > LABELS { format!(" and {} more", labels.len() - LABELS) } else { String::new() };
    format!("{}{more}", labels.iter().take(LABELS).cloned().collect::<Vec<_>>().join(", "))
}

fn layers(model: &Model) -> Outcome {
    let graph = &model.header().graph;
    let Ok(facts) = graph.facts() else { return Ok(()) };
    let mut rows = vec![["layer", "operation", "result", "reads", "bytes"].map(str::to_owned).to_vec()];
    for (node, fact) in graph.nodes().iter().zip(facts) {
        let inputs: Vec<&str> = node.inputs.iter().map(|&i| graph.nodes()[i].name.as_str()).collect();
        let own = |name: &str| name.rsplit_once('/').is_some_and(|(layer, _)| layer == node.name);
        let bytes: usize = tensors(model).iter().filter(|t| own(t.name)).map(|t| t.bytes).sum();
        let bytes = if bytes > 0 { output::bytes(bytes) } else { String::new() };
        rows.push(vec![node.name.clone(), node.op.to_string(), fact.to_string(), inputs.join(", "), bytes]);
    }
    output::table(&rows).iter().try_for_each(|line| output::line(line))
}
