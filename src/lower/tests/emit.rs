//! From a graph to a program.

use super::*;

fn ends(b: &mut GraphBuilder, x: usize) {
    let x = b.global_avg_pool("pool", x);
    b.dense("dense", x, 3, [1, 1]);
}

/// Pixels are limbs with a fourth channel, alpha. The first convolution gives values, which the addition reads, and
/// their codes. The second one gives codes straight from its sums, because nothing else reads its result.
#[test]
fn a_residual_block_is_a_step_per_convolution() {
    let build = |b: &mut GraphBuilder| {
        let x = b.conv("stem", 0, 8, Window::same(3, 1, [4, 4]), Weights::Float);
        let stem = b.bn_relu("stem", x);
        let x = b.quantize("one/quant", stem, 2);
        let x = b.conv("one", x, 8, Window::same(3, 1, [4, 4]), bits(1));
        let x = b.bn_relu("one", x);
        let x = b.quantize("two/quant", x, 2);
        let x = b.conv("two", x, 8, Window::same(3, 1, [4, 4]), bits(2));
        let x = b.batch_norm("two", x);
        let x = b.add("sum", x, stem);
        ends(b, x);
    };
    let graph = graph(
        [4, 4, 3],
        build,
        "
        input  input 4x4x3  -> 4x4x3  <-
        stem  conv 3x3/1 pad 1,1,1,1 -> 8, float weights  -> 4x4x8  <- input
        stem/bn  batch norm, epsilon 1e-5  -> 4x4x8  <- stem
        stem/relu  relu  -> 4x4x8  <- stem/bn
        one/quant  quantize to 2 bits  -> 4x4x8 codes of 2 bits  <- stem/relu
        one  conv 3x3/1 pad 1,1,1,1 -> 8, 1-bit weights  -> 4x4x8  <- one/quant
        one/bn  batch norm, epsilon 1e-5  -> 4x4x8  <- one
        one/relu  relu  -> 4x4x8  <- one/bn
        two/quant  quantize to 2 bits  -> 4x4x8 codes of 2 bits  <- one/relu
        two  conv 3x3/1 pad 1,1,1,1 -> 8, 2-bit weights  -> 4x4x8  <- two/quant
        two/bn  batch norm, epsilon 1e-5  -> 4x4x8  <- two
        sum  add  -> 4x4x8  <- two/bn, stem/relu
        pool  average pool 4x4/1  -> 1x1x8  <- sum
        dense  conv 1x1/1 -> 3, float weights, bias  -> 1x1x3  <- pool
    ",
    );
    assert_text(&program(&graph, InputKind::Pixels).to_string(), "
        input %0:4x4x4 limbs(1, 2^-0) as Pixels
        stem  limbconv  %2:4x4x8 value(2^-25), %1:4x4x8 codes(2) <- %0:4x4x4 limbs(1, 2^-0)  3x3/1 pad 1,1,1,1, words 1, drop 0, relu
        one  bitconv  %3:4x4x8 codes(2) <- %1:4x4x8 codes(2)  3x3/1 pad 1,1,1,1, weight planes 1, part 8x2 at 0, codes of sums
        two  bitconv  %4:4x4x8 value(2^-25) <- %3:4x4x8 codes(2), %2:4x4x8 value(2^-25)  3x3/1 pad 1,1,1,1, weight planes 2, part 8x2 at 0, + %2
        pool  avgpool  %5:1x1x8 value(2^-25) <- %4:4x4x8 value(2^-25)  4x4/1
        pool  split  %6:1x1x8 limbs(4, 2^-25) <- %5:1x1x8 value(2^-25)
        dense  limbsum  %7:1x1x3 sums(6) <- %6:1x1x8 limbs(4, 2^-25)  1x1/1
        logits %7
    ");
}

/// The addition reads the missing channels as 0, so that they are never stored.
#[test]
fn padded_channels_of_an_addition_cost_nothing() {
    let build = |b: &mut GraphBuilder| {
        let small = b.conv("small", 0, 4, point(), Weights::Float);
        let small = b.batch_norm("small", small);
        let x = b.conv("wide", small, 8, point(), Weights::Float);
        let x = b.batch_norm("wide", x);
        let padded = b.pad_channels("pad", small, 8);
        let x = b.add("sum", x, padded);
        ends(b, x);
    };
    let graph = graph(
        [4, 4, 3],
        build,
        "
        input  input 4x4x3  -> 4x4x3  <-
        small  conv 1x1/1 -> 4, float weights  -> 4x4x4  <- input
        small/bn  batch norm, epsilon 1e-5  -> 4x4x4  <- small
        wide  conv 1x1/1 -> 8, float weights  -> 4x4x8  <- small/bn
        wide/bn  batch norm, epsilon 1e-5  -> 4x4x8  <- wide
        pad  pad with zero channels to 8  -> 4x4x8  <- small/bn
        sum  add  -> 4x4x8  <- wide/bn, pad
        pool  average pool 4x4/1  -> 1x1x8  <- sum
        dense  conv 1x1/1 -> 3, float weights, bias  -> 1x1x3  <- pool
    ",
    );
    assert_text(&program(&graph, InputKind::Tensor).to_string(), "
        input %0:4x4x3 limbs(4, 2^-27) as Limbs { frac: 27 }
        small  limbconv  %1:4x4x4 value(2^-25) <- %0:4x4x3 limbs(4, 2^-27)  1x1/1, words 1, drop 1
        small/bn  split  %2:4x4x4 limbs(4, 2^-25) <- %1:4x4x4 value(2^-25)
        wide  limbconv  %3:4x4x8 value(2^-25) <- %2:4x4x4 limbs(4, 2^-25), %1:4x4x4 value(2^-25)  1x1/1, words 1, drop 1, + %1
        pool  avgpool  %4:1x1x8 value(2^-25) <- %3:4x4x8 value(2^-25)  4x4/1
        pool  split  %5:1x1x8 limbs(4, 2^-25) <- %4:1x1x8 value(2^-25)
        dense  limbsum  %6:1x1x3 sums(6) <- %5:1x1x8 limbs(4, 2^-25)  1x1/1
        logits %6
    ");
}

/// Whoever else reads them needs them in memory.
#[test]
fn padded_channels_are_stored_for_other_readers() {
    let build = |b: &mut GraphBuilder| {
        let small = b.conv("small", 0, 4, point(), Weights::Float);
        let small = b.batch_norm("small", small);
        let padded = b.pad_channels("pad", small, 8);
        let x = b.max_pool("max", padded, Window::valid(2, 2));
        ends(b, x);
    };
    assert_text(
        &program(&unseen([4, 4, 3], build), InputKind::Tensor).to_string(),
        "
        input %0:4x4x3 limbs(4, 2^-27) as Limbs { frac: 27 }
        small  limbconv  %1:4x4x4 value(2^-26) <- %0:4x4x3 limbs(4, 2^-27)  1x1/1, words 1, drop 1
        pad  pointwise %2:4x4x8 value(2^-26) <- %1:4x4x4 value(2^-26)
        max  maxpool  %3:2x2x8 value(2^-26) <- %2:4x4x8 value(2^-26)  2x2/2
        pool  avgpool  %4:1x1x8 value(2^-26) <- %3:2x2x8 value(2^-26)  2x2/1
        pool  split  %5:1x1x8 limbs(4, 2^-26) <- %4:1x1x8 value(2^-26)
        dense  limbsum  %6:1x1x3 sums(6) <- %5:1x1x8 limbs(4, 2^-26)  1x1/1
        logits %6
    ",
    );
}

/// Float activations become bits for one reader and limbs for another; codes become values for the pool. Each form is
/// made once, when it is first needed.
#[test]
fn forms_are_made_for_their_readers() {
    let build = |b: &mut GraphBuilder| {
        let x = b.quantize("quant", 0, 2);
        let pooled = b.max_pool("max", x, Window::valid(2, 2));
        let y = b.conv("bits", pooled, 4, point(), bits(1));
        let z = b.conv("limbs", pooled, 4, point(), Weights::Float);
        let x = b.add("sum", y, z);
        ends(b, x);
    };
    assert_text(&program(&unseen([4, 4, 3], build), InputKind::Tensor).to_string(), "
        input %0:4x4x3 value(2^-27) as Values { frac: 27 }
        quant  quantize  %1:4x4x3 codes(2) <- %0:4x4x3 value(2^-27)
        quant  levels  %2:4x4x3 value(2^-29) <- %1:4x4x3 codes(2)
        max  maxpool  %3:2x2x3 value(2^-29) <- %2:4x4x3 value(2^-29)  2x2/2
        max  slice  %4:2x2x3 bits(32, 2^-29) <- %3:2x2x3 value(2^-29)
        bits  bitconv  %5:2x2x4 value(2^-29) <- %4:2x2x3 bits(32, 2^-29)  1x1/1, weight planes 1, part 3x32 at 0
        max  split  %6:2x2x3 limbs(4, 2^-29) <- %3:2x2x3 value(2^-29)
        limbs  limbconv  %7:2x2x4 value(2^-29) <- %6:2x2x3 limbs(4, 2^-29), %5:2x2x4 value(2^-29)  1x1/1, words 1, drop 1, + %5
        pool  avgpool  %8:1x1x4 value(2^-29) <- %7:2x2x4 value(2^-29)  2x2/1
        pool  split  %9:1x1x4 limbs(4, 2^-29) <- %8:1x1x4 value(2^-29)
        dense  limbsum  %10:1x1x3 sums(6) <- %9:1x1x4 limbs(4, 2^-29)  1x1/1
        logits %10
    ");
}

/// Members are copied to their places in a common row, once for all concatenations.
#[test]
fn concatenations_are_copies_into_a_row() {
    let build = |b: &mut GraphBuilder| {
        let one = b.quantize("one", 0, 1);
        let two = b.quantize("two", 0, 1);
        let both = b.concat("both", &[one, two]);
        let x = b.conv("conv", both, 8, point(), bits(1));
        let three = b.quantize("three", x, 1);
        let all = b.concat("all", &[both, three]);
        let x = b.conv("last", all, 4, point(), bits(1));
        ends(b, x);
    };
    assert_text(&program(&unseen([2, 2, 8], build), InputKind::Tensor).to_string(), "
        input %0:2x2x8 value(2^-27) as Values { frac: 27 }
        one  quantize  %1:2x2x8 codes(1) <- %0:2x2x8 value(2^-27)
        two  quantize  %2:2x2x8 codes(1) <- %0:2x2x8 value(2^-27)
        one  join  %3:2x2x24 rows(3) <- %1:2x2x8 codes(1)  at 0
        two  join  %3:2x2x24 rows(3) <- %2:2x2x8 codes(1)  at 1
        conv  bitconv  %4:2x2x8 codes(1) <- %3:2x2x24 rows(3)  1x1/1, weight planes 1, part 8x1 at 0, part 8x1 at 1, codes of sums
        three  join  %3:2x2x24 rows(3) <- %4:2x2x8 codes(1)  at 2
        last  bitconv  %5:2x2x4 value(2^-28) <- %3:2x2x24 rows(3)  1x1/1, weight planes 1, part 8x1 at 0, part 8x1 at 1, part 8x1 at 2
        pool  avgpool  %6:1x1x4 value(2^-28) <- %5:2x2x4 value(2^-28)  2x2/1
        pool  split  %7:1x1x4 limbs(4, 2^-28) <- %6:1x1x4 value(2^-28)
        dense  limbsum  %8:1x1x3 sums(6) <- %7:1x1x4 limbs(4, 2^-28)  1x1/1
        logits %8
    ");
}
