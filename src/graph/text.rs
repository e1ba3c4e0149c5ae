//! The graph as text: one line per node, for people, snapshots and error reports.

use super::{Encoding, Graph, Op, Ties, Weights};

impl std::fmt::Display for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let facts = self.facts().map_err(|_| std::fmt::Error)?;
        for (node, fact) in self.nodes().iter().zip(facts) {
            let inputs: Vec<&str> = node.inputs.iter().map(|&i| self.nodes()[i].name.as_str()).collect();
            writeln!(
                f,
                "{:<28} {:<44} -> {:<26} <- {}",
                node.name,
                node.op.to_string(),
                fact.to_string(),
                inputs.join(", ")
            )?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Op::Input { shape } => write!(f, "input {shape}"),
            Op::Conv { outputs, window, weights, bias, groups } => {
                write!(f, "conv {window} -> {outputs}, {weights}{}", if *bias { ", bias" } else { "" })?;
                if *groups == 1 { Ok(()) } else { write!(f, ", {groups} groups") }
            }
            Op::BatchNorm { epsilon } => write!(f, "batch norm, epsilon {epsilon:e}"),
            Op::Relu => f.write_str("relu"),
            Op::Quantize { bits, encoding, ties } => {
                write!(f, "quantize to {bits} bit{}", if *bits == 1 { "" } else { "s" })?;
                f.write_str(if *encoding == Encoding::PlusMinus { ", +-" } else { "" })?;
                f.write_str(if *ties == Ties::Above { ", ties up" } else { "" })
            }
            Op::MaxPool { window } => write!(f, "max pool {window}"),
            Op::AvgPool { window } => write!(f, "average pool {window}"),
            Op::Add => f.write_str("add"),
            Op::PadChannels { channels, before } => {
                write!(f, "pad with zero channels to {channels}")?;
                if *before == 0 { Ok(()) } else { write!(f, ", {before} of them first") }
            }
            Op::Concat => f.write_str("concat"),
        }
    }
}

impl std::fmt::Display for Weights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Weights::Float => f.write_str("float weights"),
            Weights::Planes { bits } => write!(f, "{bits}-bit weights"),
        }
    }
}
