//! Small networks that between them use every kernel at its extremes: what a program may be fed, plausible or not. For
//! comparing backends with each other; `problem` has networks that the oracle can follow.

use super::rng::Rng;
use lq_infer::fixed::{LIMB_LANES, VALUE_MAX, split_values};
use lq_infer::graph::preprocess::Normalize;
use lq_infer::graph::{Dtype, Graph, GraphBuilder, NodeId, Op, ParamSpec, Params, Role, Tensor, Weights};
use lq_infer::lower::{InputForm, InputKind, Logits, PIXEL_ALPHA, Program, lower};
use lq_infer::quant::{live_bits, words};
use lq_infer::tensor::{Shape, Window};
use lq_infer::zoo::{NETWORKS, Uniform};
use std::collections::BTreeMap;

fn real(rng: &mut Rng, low: f32, high: f32) -> f32 {
    rng.uniform(f64::from(low), f64::from(high)) as f32
}

fn reals(rng: &mut Rng, count: usize, low: f32, high: f32) -> Vec<f32> {
    (0..count).map(|_| real(rng, low, high)).collect()
}

/// A network that several backends must agree on.
pub struct Problem {
    pub name: String,
    pub graph: Graph,
    pub input: InputKind,
    pub seed: u64,
}

impl Problem {
    /// Its integer program.
    pub fn program(&self) -> Program {
        let normalize = match self.input {
            InputKind::Pixels => Normalize::Channel { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
            InputKind::Tensor => Normalize::TensorOnly { range: 4.0 },
        };
        let params = params(&self.graph, self.seed);
        lower(&self.graph, &params, &normalize, self.input).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }
}

/// Random parameters: unsorted bases with negative elements, gammas of both signs, variances near what sums really
/// have.
pub fn params(graph: &Graph, seed: u64) -> Params {
    let mut rng = Rng::new(seed);
    let specs = graph.parameters().unwrap();
    let tensors: BTreeMap<String, Tensor> =
        specs.iter().map(|spec| (spec.name(), tensor(graph, spec, &mut rng))).collect();
    Params::new(graph, tensors).unwrap()
}

fn tensor(graph: &Graph, spec: &ParamSpec, rng: &mut Rng) -> Tensor {
    let count = spec.shape.iter().product();
    if spec.dtype == Dtype::U32 {
        return Tensor::from_u32(spec.shape.clone(), planes(graph, spec, count, rng));
    }
    let data = match spec.role {
        Role::BatchNorm => batch_norm(graph, spec, rng),
        // The last element is large, the others may be negative and are in no order.
        Role::ActivationBasis => {
            (0..count).map(|i| if i % 2 == 0 { 0.4 + 0.1 * i as f32 } else { real(rng, -0.2, 0.9) }).collect()
        }
        Role::WeightBasis => reals(rng, count, -0.3, 1.0),
        _ => reals(rng, count, -0.5, 0.5),
    };
    Tensor::from_f32(spec.shape.clone(), data)
}

fn planes(graph: &Graph, spec: &ParamSpec, count: usize, rng: &mut Rng) -> Vec<u32> {
    let facts = graph.facts().unwrap();
    let node = graph.nodes().iter().find(|n| n.name == spec.layer).unwrap();
    let channels = facts[node.inputs[0]].shape.c;
    let (row, bits) = (words(channels), spec.shape[4]);
    (0..count).map(|i| rng.next() as u32 & live_bits(channels, i / bits % row)).collect()
}

fn batch_norm(graph: &Graph, spec: &ParamSpec, rng: &mut Rng) -> Vec<f32> {
    let channels = spec.shape[1];
    let node = graph.nodes().iter().find(|n| n.name == spec.layer).unwrap();
    let variance = match &graph.nodes()[node.inputs[0]] {
        n if matches!(n.op, Op::Conv { .. }) => {
            let Op::Conv { window, .. } = n.op else { unreachable!() };
            0.3 * (window.taps() * graph.facts().unwrap()[n.inputs[0]].shape.c) as f32
        }
        _ => 1.0,
    };
    let gammas = (0..channels).map(|c| if c % 5 == 3 { real(rng, -1.2, -0.2) } else { real(rng, 0.2, 1.2) });
    let mut data: Vec<f32> = gammas.collect();
    data.extend(reals(rng, channels, -0.5, 0.8));
    data.extend(vec![0.0; channels]);
    data.extend(reals(rng, channels, 0.5 * variance, 1.5 * variance));
    data
}

fn planes_of(bits: usize) -> Weights {
    Weights::Planes { bits }
}

fn quantize(b: &mut GraphBuilder, name: &str, x: NodeId, bits: usize) -> NodeId {
    b.quantize(&format!("{name}/quant"), x, bits)
}

fn finish(b: GraphBuilder, name: String, input: InputKind, seed: u64) -> Problem {
    Problem { graph: b.finish().unwrap_or_else(|e| panic!("{name}: {e}")), name, input, seed }
}

/// Two bit convolutions of `w` weight and `a` activation planes: one whose T goes straight to codes, one whose value
/// goes on.
pub fn bits(w: usize, a: usize, channels: [usize; 3], size: [usize; 2], window: Window) -> Problem {
    let name = format!("bits w{w}a{a} {channels:?} {size:?} {window}");
    let mut b = GraphBuilder::new(Shape { h: size[0], w: size[1], c: channels[0] });
    let x = quantize(&mut b, "in", 0, a);
    let x = b.conv("one", x, channels[1], window, planes_of(w));
    let x = b.bn_relu("one", x);
    let x = quantize(&mut b, "one", x, a);
    let size = window.output(size).unwrap();
    let x = b.conv("two", x, channels[2], Window::same(3, 2, size), planes_of(w));
    let x = b.batch_norm("two", x);
    let size = Window::same(3, 2, size).output(size).unwrap();
    let x = b.push("pool", Op::AvgPool { window: Window::whole(size) }, &[x]);
    b.dense("dense", x, 5, [1, 1]);
    finish(b, name, InputKind::Tensor, (w * 10 + a) as u64)
}

/// A float stem, a pre-activation block with a narrower shortcut, pools, a batch norm on its own and a dense layer.
pub fn residual(input: InputKind, c: [usize; 2], bits: usize, size: [usize; 2]) -> Problem {
    let name = format!("residual {input:?} {c:?} {bits} bits {size:?}");
    let mut b = GraphBuilder::new(Shape { h: size[0], w: size[1], c: 3 });
    let stem = Window { kernel: [3, 5], stride: [1, 2], before: [1, 0], after: [0, 3], dilation: [1; 2] };
    let x = b.conv("stem", 0, c[0], stem, Weights::Float);
    let stem = b.batch_norm("stem", x);
    let size = Window { kernel: [3, 5], stride: [1, 2], before: [1, 0], after: [0, 3], dilation: [1; 2] }
        .output(size)
        .unwrap();
    let x = b.bn_relu("act1", stem);
    let x = quantize(&mut b, "act1", x, bits);
    let x = b.conv("conv1", x, c[1], Window::same(3, 2, size), planes_of(bits));
    let x = b.bn_relu("act2", x);
    let x = quantize(&mut b, "act2", x, bits);
    let half = Window::same(3, 2, size).output(size).unwrap();
    let x = b.conv("conv2", x, c[1], Window::same(3, 1, half), planes_of(bits));
    let shortcut = b.push("shortcut", Op::MaxPool { window: Window::same(2, 2, size) }, &[stem]);
    let shortcut = b.push("wider", Op::PadChannels { channels: c[1] }, &[shortcut]);
    let sum = b.push("sum", Op::Add, &[shortcut, x]);
    let x = b.bn_relu("act3", sum);
    let x = quantize(&mut b, "act3", x, bits);
    let x = b.conv("conv3", x, c[1], Window::valid(1, 1), planes_of(bits));
    let x = b.push("sum2", Op::Add, &[sum, x]);
    let x = b.bn_relu("last", x);
    let pool = Window { kernel: [2, 2], stride: [1, 1], before: [0; 2], after: [0; 2], dilation: [1; 2] };
    let x = b.push("avg", Op::AvgPool { window: pool }, &[x]);
    let half = pool.output(half).unwrap();
    b.dense("dense", x, 7, half);
    finish(b, name, input, bits as u64)
}

/// A maximum over overlapping padded windows, a float convolution to codes, codes as the last word, values as logits.
pub fn values(channels: usize) -> Problem {
    let mut b = GraphBuilder::new(Shape { h: 9, w: 7, c: channels });
    let pool = Window { kernel: [3, 3], stride: [2, 3], before: [2, 1], after: [1, 2], dilation: [1; 2] };
    let x = b.push("max", Op::MaxPool { window: pool }, &[0]);
    let [h, w] = pool.output([9, 7]).unwrap();
    let x = b.conv("float", x, 34, Window::same(2, 1, [h, w]), Weights::Float);
    let x = b.bn_relu("float", x);
    let x = quantize(&mut b, "float", x, 2);
    let x = b.conv("bits", x, 6, Window::whole([h, w]), planes_of(2));
    let x = b.batch_norm("bits", x);
    b.push("relu", Op::Relu, &[x]);
    finish(b, format!("values {channels}"), InputKind::Tensor, channels as u64)
}

/// The CIFAR-10 ResNet-20 of the zoo.
pub fn resnet20(bits: usize) -> Problem {
    let widths = Uniform::bits(bits, bits);
    let network = NETWORKS.iter().find(|n| n.id == "cifar-resnet-20").unwrap();
    let graph = network.build(&widths).unwrap().graph;
    Problem { name: format!("resnet20 {bits} bits"), graph, input: InputKind::Pixels, seed: 20 }
}

/// All of them: every W x A up to 4, some wider, odd channels, sizes, strides and paddings.
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
    for input in [InputKind::Pixels, InputKind::Tensor] {
        problems.push(residual(input, [16, 20], 2, [9, 14]));
    }
    problems.push(residual(InputKind::Tensor, [33, 70], 3, [6, 10]));
    problems.push(values(3));
    problems.push(values(70));
    problems
}

/// Input words for `images` images: every number a program may be fed, with the extremes among them.
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

/// The first `steps` steps of a program, with a tensor of the last one as the result.
pub fn truncated(program: &Program, steps: usize) -> Vec<Program> {
    let steps = &program.steps[..steps];
    let writes = steps.last().map_or(vec![], |s| s.kernel.writes());
    let cut = |tensor| Program { steps: steps.to_vec(), logits: Logits::Values { tensor, frac: 0 }, ..program.clone() };
    writes.into_iter().map(cut).collect()
}
