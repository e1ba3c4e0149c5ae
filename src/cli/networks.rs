//! `lq-infer networks`

use super::failure::Outcome;
use super::output;
use crate::error::Error;
use crate::graph::{Graph, Op};
use crate::zoo::{NETWORKS, Network, Uniform};
use clap::Args;
use serde::Serialize;

/// One line of `--json`.
#[derive(Serialize)]
struct Line {
    id: &'static str,
    /// Whose code its layers are named after.
    family: &'static str,
    /// Height, width and channels.
    input: [usize; 3],
    classes: usize,
    /// Whether its activations are quantized.
    activations: bool,
    parameters: u64,
    macs: u64,
}

#[derive(Args, Debug)]
pub(super) struct NetworksArgs {
    /// Print JSON, one object per network
    #[arg(long)]
    json: bool,
    /// Only networks whose ids contain this
    #[arg(value_name = "PART")]
    part: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &NetworksArgs) -> Outcome {
    let part = args.part.as_deref().unwrap_or_default().to_lowercase();
    let lines = NETWORKS.iter().filter(|network| network.id.contains(&part)).map(line);
    let lines = lines.collect::<Result<Vec<_>, _>>().map_err(Error::Usage)?;
    if lines.is_empty() {
        return Err(Error::Usage(format!("no network's id contains '{part}'; `lq-infer networks` lists all")).into());
    }
    if args.json {
        return lines.iter().try_for_each(output::json);
    }
    let header = ["id", "family", "input", "classes", "quantizes", "parameters", "MACs"].map(str::to_owned).to_vec();
    let row = |line: &Line| {
        let [h, w, c] = line.input;
        let quantized = if line.activations { "weights, activations" } else { "weights" };
        let numbers = [output::count(line.parameters), output::count(line.macs)];
        let mut row =
            vec![line.id.to_owned(), line.family.to_owned(), format!("{h}x{w}x{c}"), line.classes.to_string()];
        row.push(quantized.to_owned());
        row.extend(numbers);
        row
    };
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(lines.iter().map(row)).collect();
    output::table_of(&rows, &[3, 5, 6]).iter().try_for_each(|row| output::line(row))
}

fn line(network: &Network) -> Result<Line, String> {
    let graph: Graph = network.build(&Uniform::bits(2, 2))?.graph;
    let shape = graph.input_shape();
    Ok(Line {
        id: network.id,
        family: if network.id.starts_with("torch-") { "PyTorch" } else { "LQ-Nets" },
        input: [shape.h, shape.w, shape.c],
        classes: graph.classes(),
        activations: graph.nodes().iter().any(|node| matches!(node.op, Op::Quantize { .. })),
        parameters: graph.learned_numbers()?,
        macs: graph.macs()?,
    })
}
