//! The scales of tensors. An input of magnitude 4 has ceil(log2 4) = 2 integer bits, and 30 - 2 = 28 fractional ones.

use super::*;
use crate::lower::range::scales;

/// A line per node: its fractional bits.
fn fracs(graph: &Graph) -> String {
    let scales = scales(graph, &params(graph), 4.0).unwrap();
    graph.nodes().iter().zip(scales).map(|(node, frac)| format!("{} 2^-{frac}\n", node.name)).collect()
}

/// 8 channels * 9 taps * weight 1/4 * magnitude 4 = 72, 7 bits. Sixteen deviations of independent inputs with a common
/// mean of 1 are less: 72 * 1/4 * 1 + sqrt(72 * (1/4)^2 * 4^2) = 26.5, 5 bits.
#[test]
fn a_convolution_has_the_least_of_its_bounds() {
    let build = |b: &mut GraphBuilder| {
        b.conv("conv", 0, 4, Window::same(3, 1, [3, 3]), Weights::Float);
    };
    let graph = graph(
        [3, 3, 8],
        build,
        "
        input  input 3x3x8  -> 3x3x8  <-
        conv  conv 3x3/1 pad 1,1,1,1 -> 4, float weights  -> 3x3x4  <- input
    ",
    );
    assert_text(
        &fracs(&graph),
        "
        input 2^-28
        conv 2^-25
    ",
    );
}

/// Gamma 1 and beta 0 bound the batch norm's result by 16, 4 bits. Mean 0 and variance 1 + epsilon bound what it reads
/// by a little more, 5 bits; by its weights alone it would have 13.
#[test]
fn batch_norms_tell_the_ranges_on_both_sides() {
    let build = |b: &mut GraphBuilder| {
        let x = b.conv("conv", 0, 4, Window::same(3, 1, [64, 64]), Weights::Float);
        b.batch_norm("conv", x);
    };
    let graph = graph(
        [64, 64, 512],
        build,
        "
        input  input 64x64x512  -> 64x64x512  <-
        conv  conv 3x3/1 pad 1,1,1,1 -> 4, float weights  -> 64x64x4  <- input
        conv/bn  batch norm, epsilon 1e-5  -> 64x64x4  <- conv
    ",
    );
    assert_text(
        &fracs(&graph),
        "
        input 2^-28
        conv 2^-25
        conv/bn 2^-26
    ",
    );
}

/// Both sides of an addition, what is pooled and what is clamped share the scale of the sum: 16 + 16 = 32, 5 bits.
#[test]
fn what_is_added_shares_a_scale() {
    let build = |b: &mut GraphBuilder| {
        let stem = b.conv("stem", 0, 4, point(), Weights::Float);
        let stem = b.batch_norm("stem", stem);
        let x = b.conv("conv", stem, 4, point(), Weights::Float);
        let x = b.batch_norm("conv", x);
        let x = b.add("sum", x, stem);
        let x = b.relu("relu", x);
        b.avg_pool("pool", x, Window::valid(2, 2));
    };
    let graph = graph(
        [2, 2, 4],
        build,
        "
        input  input 2x2x4  -> 2x2x4  <-
        stem  conv 1x1/1 -> 4, float weights  -> 2x2x4  <- input
        stem/bn  batch norm, epsilon 1e-5  -> 2x2x4  <- stem
        conv  conv 1x1/1 -> 4, float weights  -> 2x2x4  <- stem/bn
        conv/bn  batch norm, epsilon 1e-5  -> 2x2x4  <- conv
        sum  add  -> 2x2x4  <- conv/bn, stem/bn
        relu  relu  -> 2x2x4  <- sum
        pool  average pool 2x2/2  -> 1x1x4  <- relu
    ",
    );
    assert_text(
        &fracs(&graph),
        "
        input 2^-28
        stem 2^-28
        stem/bn 2^-25
        conv 2^-26
        conv/bn 2^-25
        sum 2^-25
        relu 2^-25
        pool 2^-25
    ",
    );
}

/// A concatenation that only bit convolutions read is no value tensor, and its members keep their scales.
#[test]
fn members_of_a_concatenation_share_a_scale_only_as_values() {
    let build = |weights: Weights| {
        move |b: &mut GraphBuilder| {
            let wide = b.conv("wide", 0, 4, point(), Weights::Float);
            let wide = b.batch_norm("wide", wide);
            let both = b.concat("both", &[wide, 0]);
            b.conv("conv", both, 4, point(), weights);
        }
    };
    assert_text(
        &fracs(&unseen([2, 2, 4], build(bits(1)))),
        "
        input 2^-28
        wide 2^-28
        wide/bn 2^-26
        both 2^-26
        conv 2^-26
    ",
    );
    assert_text(
        &fracs(&unseen([2, 2, 4], build(Weights::Float))),
        "
        input 2^-26
        wide 2^-28
        wide/bn 2^-26
        both 2^-26
        conv 2^-26
    ",
    );
}
