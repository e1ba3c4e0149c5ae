//! Float convolutions in parts.

use super::*;
use crate::backend::reference::Reference;
use crate::backend::{Backend, Control};
use crate::graph::ParamSpec;
use crate::lower::emit::lower_within;
use crate::plan::Plan;
use std::sync::Arc;

/// Words of weights of four channels of the dense layer `wide`: four words of four inputs, three limbs each.
const MOST_WORDS: usize = 4 * 4 * 3;

/// A dense layer of 16 inputs and 10 outputs before the last one, with `between` them.
fn dense(between: impl FnOnce(&mut GraphBuilder, usize) -> usize) -> Graph {
    unseen([1, 1, 16], |b| {
        let x = b.conv("wide", 0, 10, point(), Weights::Float);
        let x = between(b, x);
        b.dense("last", x, 3, [1, 1]);
    })
}

/// As [`params`], but for float weights, which differ from each other.
fn varied(graph: &Graph) -> Params {
    let usual = params(graph);
    let tensor = |spec: &ParamSpec| {
        let tensor = usual.get(&spec.layer, spec.role).unwrap();
        let varied = |i: usize| (i * 37 % 101) as f32 / 64.0 - 0.7;
        match spec.role {
            Role::Weight => Tensor::from_f32(spec.shape.clone(), (0..tensor.f32().len()).map(varied).collect()),
            _ => tensor.clone(),
        }
    };
    let specs = graph.parameters().unwrap();
    Params::new(graph, specs.iter().map(|spec| (spec.name(), tensor(spec))).collect()).unwrap()
}

fn lowered(graph: &Graph, most_words: usize) -> Program {
    lower_within(graph, &varied(graph), &Normalize::TensorOnly { range: 4.0 }, InputKind::Tensor, most_words).unwrap()
}

fn logits(program: Program) -> Vec<u32> {
    let plan = Arc::new(Plan::new(program).unwrap());
    let input: Vec<u32> = (0..plan.input_words() as u32).map(|i| i.wrapping_mul(0x9e37_79b9)).collect();
    let net = Reference { parallel: false }.prepare(plan, 1, &|_, _| Ok(())).unwrap();
    net.run(&input, 1, &Control::default()).unwrap()
}

#[test]
fn parts_give_the_numbers_of_the_whole() {
    let graph = dense(|b, x| b.bn_relu("wide", x));
    let (whole, parts) = (lowered(&graph, usize::MAX), lowered(&graph, MOST_WORDS));
    assert_eq!((whole.steps.len(), parts.steps.len()), (3, 3 + 2 * 3 - 1));
    assert_eq!(logits(whole), logits(parts));
}

/// The quantizer, which would have been a part of the convolution, reads the joined values.
#[test]
fn a_quantizer_follows_the_parts() {
    let graph = dense(|b, x| {
        let x = b.bn_relu("wide", x);
        let x = b.quantize("middle/quant", x, 2);
        b.conv("middle", x, 8, point(), bits(1))
    });
    let text = "
        input %0:1x1x16 limbs(4, 2^-27) as Limbs { frac: 27 }
        wide limbconv %2:1x1x2 value(2^-26) <- %0:1x1x16 limbs(4, 2^-27) 1x1/1, words 4, drop 2, relu
        wide join %1:1x1x10 value(2^-26) <- %2:1x1x2 value(2^-26) at 8
        wide limbconv %3:1x1x4 value(2^-26) <- %0:1x1x16 limbs(4, 2^-27) 1x1/1, words 4, drop 2, relu
        wide join %1:1x1x10 value(2^-26) <- %3:1x1x4 value(2^-26) at 4
        wide limbconv %4:1x1x4 value(2^-26) <- %0:1x1x16 limbs(4, 2^-27) 1x1/1, words 4, drop 2, relu
        wide join %1:1x1x10 value(2^-26) <- %4:1x1x4 value(2^-26) at 0
        middle/quant quantize %5:1x1x10 codes(2) <- %1:1x1x10 value(2^-26)
        middle bitconv %6:1x1x8 value(2^-28) <- %5:1x1x10 codes(2) 1x1/1, weight planes 1, part 10x2 at 0
        middle split %7:1x1x8 limbs(4, 2^-28) <- %6:1x1x8 value(2^-28)
        last limbsum %8:1x1x3 sums(6) <- %7:1x1x8 limbs(4, 2^-28) 1x1/1
        logits %8
    ";
    assert_text(&lowered(&graph, MOST_WORDS).to_string(), text);
}
