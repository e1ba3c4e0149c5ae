//! Which nodes are computed together.

use super::*;
use crate::graph::Op;
use crate::lower::chain::{Chain, Group, QuantChain, group};

/// A line per group: what it starts with, what it takes in, and the node whose value it computes.
fn groups(graph: &Graph) -> String {
    let name = |id: usize| graph.nodes()[id].name.as_str();
    let norms = |ids: &[usize]| ids.iter().map(|&id| format!(" | {}", name(id))).collect::<String>();
    let chain = |kind: &str, Chain { head, batch_norms, residual, relu, end }: &Chain| {
        let residual = residual.map_or(String::new(), |id| format!(" | + {}", name(id)));
        let relu = if *relu { " | relu" } else { "" };
        format!("{kind} {}{}{residual}{relu} -> {}", name(*head), norms(batch_norms), name(*end))
    };
    let line = |group: &Group| match group {
        Group::Conv(c) => chain("conv", c),
        Group::Pointwise(c) => chain("pointwise", c),
        Group::Quantize { head, chain: QuantChain { batch_norms, relu, quantize } } => {
            let relu = if *relu { " | relu" } else { "" };
            format!("quantize {}{}{relu} -> {}", name(*head), norms(batch_norms), name(*quantize))
        }
        Group::Single(id) => format!("single {}", name(*id)),
    };
    group(graph).iter().map(|g| line(g) + "\n").collect()
}

#[test]
fn a_convolution_takes_in_what_only_it_feeds() {
    let build = |b: &mut GraphBuilder| {
        let x = b.conv("conv", 0, 4, point(), Weights::Float);
        let x = b.bn_relu("conv", x);
        b.avg_pool("pool", x, Window::valid(2, 2));
    };
    let graph = graph(
        [2, 2, 4],
        build,
        "
        input  input 2x2x4  -> 2x2x4  <-
        conv  conv 1x1/1 -> 4, float weights  -> 2x2x4  <- input
        conv/bn  batch norm, epsilon 1e-5  -> 2x2x4  <- conv
        conv/relu  relu  -> 2x2x4  <- conv/bn
        pool  average pool 2x2/2  -> 1x1x4  <- conv/relu
    ",
    );
    assert_text(
        &groups(&graph),
        "
        conv conv | conv/bn | relu -> conv/relu
        single pool
    ",
    );
}

/// The value of the first convolution is read twice: its batch norm and ReLU belong to the second layer's quantizer.
#[test]
fn what_several_read_ends_a_chain() {
    let build = |b: &mut GraphBuilder| {
        let stem = b.conv("stem", 0, 4, point(), Weights::Float);
        let x = b.bn_relu("norm", stem);
        let x = b.quantize("quant", x, 1);
        let x = b.conv("conv", x, 4, point(), bits(1));
        b.add("sum", x, stem);
    };
    let graph = graph(
        [2, 2, 4],
        build,
        "
        input  input 2x2x4  -> 2x2x4  <-
        stem  conv 1x1/1 -> 4, float weights  -> 2x2x4  <- input
        norm/bn  batch norm, epsilon 1e-5  -> 2x2x4  <- stem
        norm/relu  relu  -> 2x2x4  <- norm/bn
        quant  quantize to 1 bit  -> 2x2x4 codes of 1 bit  <- norm/relu
        conv  conv 1x1/1 -> 4, 1-bit weights  -> 2x2x4  <- quant
        sum  add  -> 2x2x4  <- conv, stem
    ",
    );
    assert_text(
        &groups(&graph),
        "
        conv stem -> stem
        quantize stem | norm/bn | relu -> quant
        conv conv | + stem -> sum
    ",
    );
}

/// Of two convolutions that are added, the later one takes in the addition: the other one's value exists by then.
#[test]
fn the_later_of_two_convolutions_adds() {
    let build = |b: &mut GraphBuilder| {
        let main = b.conv("main", 0, 4, point(), Weights::Float);
        let main = b.batch_norm("main", main);
        let shortcut = b.conv("shortcut", 0, 4, point(), Weights::Float);
        let shortcut = b.batch_norm("shortcut", shortcut);
        let x = b.add("sum", main, shortcut);
        b.relu("relu", x);
    };
    let graph = graph(
        [2, 2, 4],
        build,
        "
        input  input 2x2x4  -> 2x2x4  <-
        main  conv 1x1/1 -> 4, float weights  -> 2x2x4  <- input
        main/bn  batch norm, epsilon 1e-5  -> 2x2x4  <- main
        shortcut  conv 1x1/1 -> 4, float weights  -> 2x2x4  <- input
        shortcut/bn  batch norm, epsilon 1e-5  -> 2x2x4  <- shortcut
        sum  add  -> 2x2x4  <- main/bn, shortcut/bn
        relu  relu  -> 2x2x4  <- sum
    ",
    );
    assert_text(
        &groups(&graph),
        "
        conv main | main/bn -> main/bn
        conv shortcut | shortcut/bn | + main/bn | relu -> relu
    ",
    );
}

/// A batch norm behind an addition cannot be folded into the convolution, and a chain holds one ReLU.
#[test]
fn a_chain_ends_before_what_it_cannot_hold() {
    let build = |b: &mut GraphBuilder| {
        let x = b.conv("conv", 0, 4, point(), Weights::Float);
        let x = b.push("add", Op::Add, &[x, 0]);
        let x = b.batch_norm("after", x);
        let x = b.relu("one", x);
        b.relu("two", x);
    };
    let graph = graph(
        [2, 2, 4],
        build,
        "
        input  input 2x2x4  -> 2x2x4  <-
        conv  conv 1x1/1 -> 4, float weights  -> 2x2x4  <- input
        add  add  -> 2x2x4  <- conv, input
        after/bn  batch norm, epsilon 1e-5  -> 2x2x4  <- add
        one  relu  -> 2x2x4  <- after/bn
        two  relu  -> 2x2x4  <- one
    ",
    );
    assert_text(
        &groups(&graph),
        "
        conv conv | + input -> add
        pointwise add | after/bn | relu -> one
        pointwise one | relu -> two
    ",
    );
}
