//! Layers whose sums are so long that a device may end the loops of an invocation early, as llvmpipe does after 65,535
//! rounds without a word. Every device gives the reference's bits all the same, or refuses.

use crate::common;
use crate::common::devices::gpus;
use crate::common::kernels::{Problem, input};
use lq_infer::internals::backend::gpu::record::Variant;
use lq_infer::internals::backend::{Backend, Control, Executable};
use lq_infer::internals::error::ErrorKind;
use lq_infer::internals::graph::preprocess::Normalize;
use lq_infer::internals::graph::{GraphBuilder, Op, Params, Weights};
use lq_infer::internals::lower::{InputKind, lower};
use lq_infer::internals::plan::Plan;
use lq_infer::internals::tensor::{Shape, Window};
use std::sync::Arc;

/// Images of a batch.
const IMAGES: usize = 2;

/// What the long layer reads.
#[derive(Clone, Copy, Debug)]
enum Reads {
    /// Real numbers, which have 32 planes.
    Reals,
    /// Codes of so many bits.
    Codes(usize),
}

/// A layer with a window of the size of its input, and a short one behind it.
fn long(reads: Reads, [h, w, c]: [usize; 3], weights: Weights) -> Problem {
    let mut b = GraphBuilder::new(Shape { h, w, c });
    let x = match reads {
        Reads::Reals => 0,
        Reads::Codes(bits) => b.quantize("in/quant", 0, bits),
    };
    let window = Window { kernel: [h, w], ..Window::valid(1, 1) };
    let x = b.conv("long", x, 43, window, weights);
    let x = b.bn_relu("long", x);
    // Codes that are searched for, not counted.
    let x = b.quantize("long/quant", x, 5);
    let x = b.conv("short", x, 20, Window::valid(1, 1), Weights::Planes { bits: 2 });
    let x = b.bn_relu("short", x);
    b.dense("dense", x, 5, [1, 1]);
    let name = format!("{weights:?} on {reads:?} of {h}x{w}x{c}");
    Problem { name, graph: b.finish().unwrap(), input: InputKind::Tensor, seed: 5 }
}

/// Compares all GPUs with the reference; says whether any device had to divide the work.
fn check(problem: &Problem) -> bool {
    let program = problem.program();
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    let words = input(&program, IMAGES, problem.seed);
    let expected = common::run(&program, &words, IMAGES, true);
    let mut divided = false;
    for gpu in gpus() {
        let net = gpu.prepare_net(&plan, IMAGES, &|_, _| Ok(())).unwrap();
        let most = gpu.most_rounds().unwrap();
        let longest = net.dispatches().iter().map(|d| d.rounds).max().unwrap();
        assert!(most.is_none_or(|most| longest <= most), "{}: {longest} rounds", problem.name);
        let general = |d: &&lq_infer::internals::backend::gpu::record::Dispatch| d.variant == Variant::General;
        divided |= net.dispatches().iter().filter(general).any(|d| d.source.contains("workgroupBarrier"));
        let found = net.run(&words, IMAGES, &Control::default()).unwrap();
        assert_eq!(found, expected, "{} on {:?}, which makes {most:?} rounds", problem.name, gpu.info().name);
    }
    divided
}

fn planes(bits: usize) -> Weights {
    Weights::Planes { bits }
}

/// Whether any device here ends loops early.
fn limited() -> bool {
    gpus().iter().any(|gpu| gpu.most_rounds().unwrap().is_some())
}

pub fn weights_on_reals() {
    let mut divided = false;
    for w in [5, 8] {
        divided |= check(&long(Reads::Reals, [10, 4, 2], planes(w)));
    }
    for size in [[5, 5, 40], [7, 7, 20], [3, 3, 512]] {
        divided |= check(&long(Reads::Reals, size, planes(8)));
    }
    for w in [1, 8] {
        divided |= check(&long(Reads::Reals, [7, 7, 512], planes(w)));
    }
    // Without a limit, work is divided where it keeps a device busier.
    assert!(divided || !limited());
}

pub fn weights_on_codes() {
    let mut divided = check(&long(Reads::Codes(8), [3, 3, 512], planes(8)));
    for (a, w) in [(8, 4), (8, 8), (5, 5), (4, 8), (2, 2), (1, 8)] {
        divided |= check(&long(Reads::Codes(a), [7, 7, 512], planes(w)));
    }
    // Without a limit, work is divided where it keeps a device busier.
    assert!(divided || !limited());
}

/// Limbs on limbs: a layer that the paper leaves in float, and the last layer.
pub fn floats_on_reals() {
    let mut divided = check(&long(Reads::Reals, [7, 7, 512], Weights::Float));
    let mut b = GraphBuilder::new(Shape { h: 7, w: 7, c: 512 });
    b.dense("dense", 0, 6, [7, 7]);
    let dense = Problem { name: "dense".into(), graph: b.finish().unwrap(), input: InputKind::Tensor, seed: 6 };
    divided |= check(&dense);
    // Without a limit, work is divided where it keeps a device busier.
    assert!(divided || !limited());
}

/// Large pools are divided among invocations; a device that cannot compute one all the same says so.
pub fn large_pools_are_right_or_refused() {
    let mut b = GraphBuilder::new(Shape { h: 200, w: 200, c: 32 });
    b.push("largest", Op::MaxPool { window: Window::whole([200, 200]) }, &[0]);
    let graph = b.finish().unwrap();
    let normalize = Normalize::TensorOnly { range: 1.0 };
    let program = lower(&graph, &Params::default(), &normalize, InputKind::Tensor).unwrap();
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    let words = input(&program, 1, 7);
    let expected = common::run(&program, &words, 1, true);
    for gpu in gpus() {
        match (gpu.prepare(plan.clone(), 1, &|_, _| Ok(())), gpu.most_rounds().unwrap()) {
            (Ok(net), _) => assert_eq!(net.run(&words, 1, &Control::default()).unwrap(), expected),
            (Err(error), Some(most)) => {
                assert_eq!(error.kind(), ErrorKind::DeviceLimit);
                let text = error.to_string();
                assert!(text.contains("'largest'") && text.contains(&most.to_string()), "{text}");
            }
            (Err(error), None) => panic!("{:?}: {error}", gpu.info().name),
        }
    }
}
