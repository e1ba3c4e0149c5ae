//! Small networks that together use every kernel at its extremes, with any input that a program accepts, plausible or
//! not. They serve to compare backends with each other; `problem` has networks that the oracle can evaluate.

mod joined;
mod params;
mod plain;
mod real;

use super::rng::Rng;
use joined::{joined_values, mixed, segments};
use lq_infer::internals::fixed::{LIMB_LANES, VALUE_MAX, split_values};
use lq_infer::internals::graph::preprocess::Normalize;
use lq_infer::internals::graph::{Graph, GraphBuilder, NodeId, Op, Weights};
use lq_infer::internals::lower::{InputForm, InputKind, Logits, PIXEL_ALPHA, Program, lower};
use lq_infer::internals::quant::{Encoding, Ties};
use lq_infer::internals::tensor::Window;
use lq_infer::internals::zoo::{NETWORKS, Uniform};
pub use params::params;
pub use plain::{bits, pictures};
use plain::{residual, values};
pub use real::weight_only;
use real::{depthwise, grouped, plus_minus};

/// A network that several backends must agree on.
pub struct Problem {
    pub name: String,
    pub graph: Graph,
    pub input: InputKind,
    pub seed: u64,
}

impl Problem {
    /// The network's integer program.
    pub fn program(&self) -> Program {
        let normalize = match self.input {
            InputKind::Pixels => Normalize::Channel { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
            InputKind::Tensor => Normalize::TensorOnly { range: 4.0 },
        };
        let params = params(&self.graph, self.seed);
        lower(&self.graph, &params, &normalize, self.input).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }
}

fn planes_of(bits: usize) -> Weights {
    Weights::Planes { bits }
}

fn quantize(b: &mut GraphBuilder, name: &str, x: NodeId, bits: usize) -> NodeId {
    b.quantize(&format!("{name}/quant"), x, bits)
}

/// A quantizer as in the PyTorch ports: codes of +-1, ties above.
fn quantize_plus_minus(b: &mut GraphBuilder, name: &str, x: NodeId, bits: usize) -> NodeId {
    let op = Op::Quantize { bits, encoding: Encoding::PlusMinus, ties: Ties::Above };
    b.push(&format!("{name}/quant"), op, &[x])
}

fn grouped_conv(
    b: &mut GraphBuilder,
    name: &str,
    x: NodeId,
    (outputs, groups): (usize, usize),
    window: Window,
    weights: Weights,
) -> NodeId {
    b.push(name, Op::Conv { outputs, window, weights, bias: false, groups }, &[x])
}

/// The mean of all positions and a dense layer.
fn classify(b: &mut GraphBuilder, x: NodeId, size: [usize; 2]) {
    let x = b.push("pool", Op::AvgPool { window: Window::whole(size) }, &[x]);
    b.dense("dense", x, 5, [1, 1]);
}

fn finish(b: GraphBuilder, name: String, input: InputKind, seed: u64) -> Problem {
    Problem { graph: b.finish().unwrap_or_else(|e| panic!("{name}: {e}")), name, input, seed }
}

/// The CIFAR-10 ResNet-20 of the zoo.
pub fn resnet20(bits: usize) -> Problem {
    let widths = Uniform::bits(bits, bits);
    let network = NETWORKS.iter().find(|n| n.id == "cifar-resnet-20").unwrap();
    let graph = network.build(&widths).unwrap().graph;
    Problem { name: format!("resnet20 {bits} bits"), graph, input: InputKind::Pixels, seed: 20 }
}

/// All problems: every combination of weight and activation bits up to 4, some wider; odd channel counts, sizes,
/// strides and paddings; values and codes in all roles.
pub fn all() -> Vec<Problem> {
    let same = Window::same(3, 1, [5, 6]);
    let mut problems: Vec<Problem> = (1..=4)
        .flat_map(|w| (1..=4).map(move |a| (w, a)))
        .map(|(w, a)| bits(w, a, [[20, 33, 16], [3, 36, 20]][(w + a) % 2], [5, 6], same))
        .collect();
    let skewed = Window { kernel: [2, 3], stride: [3, 2], before: [1, 2], after: [0, 1], dilation: [1; 2] };
    problems.push(bits(8, 8, [33, 5, 3], [4, 5], same));
    problems.push(bits(5, 3, [64, 70, 3], [11, 13], skewed));
    problems.push(bits(2, 2, [70, 64, 33], [11, 13], skewed));
    problems.push(bits(1, 2, [128, 32, 64], [3, 3], Window::valid(1, 1)));
    problems.push(pictures(40, [10, 24], Window::same(7, 2, [10, 24])));
    problems.push(pictures(20, [11, 13], skewed));
    problems.push(pictures(7, [9, 9], Window { dilation: [1, 2], ..Window::padded(4, 1, 3) }));
    problems.push(pictures(17, [6, 5], Window::valid(1, 2)));
    // The window is as large as the picture, so every output pixel has a different set of taps inside the input.
    problems.push(pictures(3, [17, 18], Window::padded(17, 1, 16)));
    for input in [InputKind::Pixels, InputKind::Tensor] {
        problems.push(residual(input, [16, 20], 2, [9, 14]));
    }
    problems.push(residual(InputKind::Tensor, [33, 70], 3, [6, 10]));
    problems.push(values(3));
    problems.push(values(70));
    for n in 1..=8 {
        problems.push(weight_only(n, [[20, 33], [64, 7]][n % 2]));
        problems.push(plus_minus(n, [[33, 20], [3, 40]][n % 2]));
    }
    problems.extend([mixed([2, 1], 2), mixed([3, 5], 1), segments(20), joined_values()]);
    for inputs in [1, 5, 40] {
        problems.push(grouped(2 + 38 / inputs, inputs));
    }
    problems.push(depthwise(20));
    problems
}

/// Input words for `images` images: random numbers that a program accepts, including the extremes.
pub fn input(program: &Program, images: usize, seed: u64) -> Vec<u32> {
    let mut rng = Rng::new(seed);
    let spec = &program.tensors[0];
    let mut value = move || match rng.next() {
        r if r % 31 == 0 => VALUE_MAX,
        r if r % 31 == 1 => -VALUE_MAX,
        r => (r as i32) >> (3 + r % 5),
    };
    match program.input {
        InputForm::Values { .. } => (0..images * spec.image_words()).map(|_| value() as u32).collect(),
        InputForm::Pixels => {
            let pixel = |v: i32| (v as u32 & 0x00ff_ffff) | (PIXEL_ALPHA as u32) << 24;
            (0..images * spec.image_words()).map(|_| pixel(value())).collect()
        }
        InputForm::Limbs { .. } => {
            let channels = spec.shape.c;
            let mut words = Vec::new();
            for _ in 0..images * spec.shape.pixels() {
                let row: Vec<i32> = (0..channels).map(|_| value()).collect();
                words.extend(row.chunks(LIMB_LANES).flat_map(|group| split_values(group.iter().copied())));
            }
            words
        }
    }
}

/// Programs of the first `steps` steps, one for each tensor that the last of these completes, with that tensor as the
/// result.
pub fn truncated(program: &Program, steps: usize) -> Vec<Program> {
    let (steps, later) = program.steps.split_at(steps);
    let mut writes = steps.last().map_or(vec![], |s| s.kernel.writes());
    writes.retain(|tensor| !later.iter().any(|s| s.kernel.writes().contains(tensor)));
    let cut = |tensor| Program { steps: steps.to_vec(), logits: Logits::Values { tensor, frac: 0 }, ..program.clone() };
    writes.into_iter().map(cut).collect()
}
