//! `lq-infer inspect`

use super::failure::Outcome;
use super::{open, output};
use crate::graph::preprocess::Normalize;
use crate::session::Model;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// One parameter, as `--json` prints it.
#[derive(Serialize)]
struct TensorLine<'a> {
    name: &'a str,
    dtype: String,
    shape: &'a [usize],
    bytes: usize,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    header: &'a crate::format::Header,
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
        return output::json(&Report { header: model.header(), tensors: tensors(&model) });
    }
    describe(&model)?;
    output::line("")?;
    layers(&model)?;
    output::line("")?;
    for golden in &model.header().golden {
        let kind = format!("{:?}", golden.input).to_lowercase();
        output::line(&format!("golden   {} x {kind}, seed {:#x}: {}", golden.images, golden.seed, golden.digest))?;
    }
    Ok(())
}

fn tensors(model: &Model) -> Vec<TensorLine<'_>> {
    let params = model.packed().params.tensors().iter();
    params
        .map(|(name, t)| TensorLine { name, dtype: format!("{:?}", t.dtype), shape: &t.shape, bytes: t.bytes().len() })
        .collect()
}

fn describe(model: &Model) -> Outcome {
    let h = model.header();
    let total: usize = tensors(model).iter().map(|t| t.bytes).sum();
    output::line(&format!("name     {}", h.name))?;
    output::line(&format!("network  {}, W/A {}, format version {}", h.network, h.graph.widths(), h.version))?;
    output::line(&format!("source   {} {}, sha256 {}", h.source.kind, h.source.file, h.source.sha256))?;
    output::line(&format!("made by  {}", h.source.converter))?;
    output::line(&format!("input    {}", h.graph.input_shape()))?;
    let r = h.preprocess.resize;
    let pictures =
        format!("shorter edge to {} ({:?}), centre crop {}x{}", r.shorter_edge, r.filter, r.crop[0], r.crop[1]);
    let order = format!("{:?}", h.preprocess.channels).to_uppercase();
    match &h.preprocess.normalize {
        Normalize::Channel { mean, std } => {
            output::line(&format!("pictures {pictures}, {order}, (p / 255 - {mean:?}) / {std:?}"))?;
        }
        Normalize::MeanImage { divide } => {
            output::line(&format!("pictures {pictures}, {order}, (p - mean image) / {divide}"))?;
        }
        Normalize::TensorOnly { range } => {
            output::line(&format!("pictures not accepted: takes the first layer's tensor only, |x| around {range}"))?;
        }
    }
    let labels = if h.labels.is_empty() {
        "none".into()
    } else {
        h.labels.iter().take(12).cloned().collect::<Vec<_>>().join(", ")
    };
    let more = if h.labels.len() > 12 { format!(" and {} more", h.labels.len() - 12) } else { String::new() };
    output::line(&format!("labels   {labels}{more}"))?;
    output::line(&format!("size     {} in {} tensors", output::bytes(total), tensors(model).len()))
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
