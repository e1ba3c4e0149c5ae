//! Test problems: small random networks with parameters that look trained, and inputs, all from one seed.

use super::oracle::{self, LevelValues, NodeResult};
use super::rng::Rng;
use lq_infer::graph::preprocess::Normalize;
use lq_infer::graph::{Encoding, Graph, GraphBuilder, NodeId, Op, ParamSpec, Params, Role, Tensor, Ties, Weights};
use lq_infer::lower::InputKind;
use lq_infer::tensor::{Shape, Window};
use std::collections::BTreeMap;

/// A network, its parameters and a batch of inputs.
#[derive(Clone, Debug)]
pub struct Problem {
    pub seed: u64,
    pub graph: Graph,
    pub params: Params,
    pub normalize: Normalize,
    /// What the network is lowered for.
    pub kind: InputKind,
    pub input: Input,
    pub images: usize,
}

/// What is fed, `[image, h, w, c]`.
#[derive(Clone, Debug)]
pub enum Input {
    /// 8-bit pixels whose mean and deviation the first layer takes care of.
    Pixels(Vec<u8>),
    /// The first layer's tensor.
    Tensor(Vec<f32>),
}

impl Problem {
    /// The problem of `seed`. Seeds 0 to 15 walk through weights and activations of 1 to 4 bits and so on, modulo 16; every
    /// fifth round of 16 has random widths up to 8 bits in every layer.
    pub fn random(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let bits = if seed / 16 % 5 == 4 { None } else { Some([1 + seed as usize % 4, 1 + seed as usize / 4 % 4]) };
        let images = rng.between(2, 4);
        let source = Source::random(&mut rng);
        let shape = source.shape(&mut rng);
        let graph = Net::new(&mut rng, shape, bits).network(source);
        let (input, normalize, kind) = source.fill(&mut rng, shape, images);
        let real = real_input(&input, &normalize);
        let params = calibrated(&graph, &real, images, &mut rng);
        Problem { seed, graph, params, normalize, kind, input, images }
    }

    /// What the first layer receives.
    pub fn real_input(&self) -> Vec<f64> {
        real_input(&self.input, &self.normalize)
    }

    /// The oracle's result of every node.
    pub fn evaluate(&self, levels: LevelValues) -> Vec<NodeResult> {
        oracle::evaluate(&self.graph, &self.params, &self.real_input(), self.images, levels)
    }

    /// Everything needed to see and to make this problem again.
    pub fn describe(&self) -> String {
        format!(
            "Problem::random({}): {} images as {:?}, {:?}\n{}",
            self.seed, self.images, self.kind, self.normalize, self.graph
        )
    }
}

fn real_input(input: &Input, normalize: &Normalize) -> Vec<f64> {
    match (input, normalize) {
        (Input::Tensor(x), _) => x.iter().map(|&v| f64::from(v)).collect(),
        (Input::Pixels(p), Normalize::Channel { mean, std }) => {
            p.iter().enumerate().map(|(i, &p)| (f64::from(p) / 255.0 - mean[i % 3]) / std[i % 3]).collect()
        }
        _ => panic!("only a per-channel mean is folded into the first layer"),
    }
}

/// Where the network's input comes from and what reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Pixels with a per-channel mean, folded into the first convolution.
    Pixels,
    /// The same model, fed with the tensor.
    PixelsAsTensor,
    /// Pixels minus a mean image.
    MeanImage,
    /// A tensor read by a float convolution.
    Tensor,
    /// A tensor read by a float convolution and a shortcut.
    TensorTwice,
    /// A tensor read by a quantizer.
    Quantized,
}

impl Source {
    fn random(rng: &mut Rng) -> Self {
        use Source::*;
        rng.pick(&[Pixels, Pixels, Pixels, PixelsAsTensor, MeanImage, Tensor, TensorTwice, Quantized, Quantized])
    }

    fn shape(self, rng: &mut Rng) -> Shape {
        let c = match self {
            Source::Pixels | Source::PixelsAsTensor | Source::MeanImage => 3,
            Source::Tensor | Source::TensorTwice => rng.pick(&[1, 3, 5, 16]),
            Source::Quantized => rng.pick(&[3, 5, 16, 20, 33, 64, 70]),
        };
        let most = if c > 16 { 7 } else { 13 };
        Shape::new(rng.between(4, most), rng.between(4, most), c).unwrap()
    }

    fn fill(self, rng: &mut Rng, shape: Shape, images: usize) -> (Input, Normalize, InputKind) {
        let count = images * shape.elements();
        let pixels: Vec<u8> = (0..count).map(|_| rng.below(256) as u8).collect();
        let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
        match self {
            Source::Pixels => (Input::Pixels(pixels), Normalize::Channel { mean, std }, InputKind::Pixels),
            Source::PixelsAsTensor => {
                let normal = |(i, &p): (usize, &u8)| ((f64::from(p) / 255.0 - mean[i % 3]) / std[i % 3]) as f32;
                let tensor = pixels.iter().enumerate().map(normal).collect();
                (Input::Tensor(tensor), Normalize::Channel { mean, std }, InputKind::Tensor)
            }
            Source::MeanImage => {
                let mean: Vec<f32> = (0..shape.elements()).map(|_| rng.uniform(100.0, 140.0) as f32).collect();
                let normal = |(i, &p): (usize, &u8)| (f32::from(p) - mean[i % mean.len()]) / 128.0;
                let tensor = pixels.iter().enumerate().map(normal).collect();
                (Input::Tensor(tensor), Normalize::MeanImage { divide: 128.0 }, InputKind::Pixels)
            }
            Source::Tensor | Source::TensorTwice | Source::Quantized => {
                let tensor = (0..count).map(|_| rng.normal() as f32).collect();
                (Input::Tensor(tensor), Normalize::TensorOnly { range: 6.0 }, InputKind::Tensor)
            }
        }
    }
}

/// Multiplications that one convolution may take per image, so that hundreds of problems stay quick.
const MAX_PRODUCTS: usize = 1_500_000;

/// A graph under construction.
struct Net<'a> {
    rng: &'a mut Rng,
    builder: GraphBuilder,
    /// Height, width and channels of every node.
    shapes: Vec<[usize; 3]>,
    /// Weight and activation bits of all layers, or random ones in each.
    bits: Option<[usize; 2]>,
}

impl<'a> Net<'a> {
    fn new(rng: &'a mut Rng, shape: Shape, bits: Option<[usize; 2]>) -> Self {
        Net { rng, builder: GraphBuilder::new(shape), shapes: vec![[shape.h, shape.w, shape.c]], bits }
    }

    fn network(mut self, source: Source) -> Graph {
        let mut x = self.stem(source);
        for block in 1..=self.rng.between(1, 4) {
            x = self.block(&format!("block{block}"), x);
        }
        self.tail(x);
        self.builder.finish().unwrap_or_else(|problem| panic!("the generator made a bad graph: {problem}"))
    }

    // Nodes.

    fn push(&mut self, name: String, op: Op, inputs: &[NodeId], shape: [usize; 3]) -> NodeId {
        self.shapes.push(shape);
        self.builder.push(&name, op, inputs)
    }

    fn size(&self, x: NodeId) -> [usize; 2] {
        [self.shapes[x][0], self.shapes[x][1]]
    }

    fn channels(&self, x: NodeId) -> usize {
        self.shapes[x][2]
    }

    fn windowed(&mut self, name: String, op: Op, x: NodeId, window: &Window, channels: usize) -> NodeId {
        let [h, w] = window.output(self.size(x)).unwrap();
        self.push(name, op, &[x], [h, w, channels])
    }

    fn float_conv(&mut self, name: String, x: NodeId, outputs: usize, window: Window, bias: bool) -> NodeId {
        self.windowed(name, Op::Conv { outputs, window, weights: Weights::Float, bias, groups: 1 }, x, &window, outputs)
    }

    /// A convolution with weight planes. Few of them have a bias, as in AlexNet's dense layers.
    fn conv(&mut self, name: String, x: NodeId, outputs: usize, window: Window) -> NodeId {
        let bits = self.bits.map_or_else(|| self.rng.pick(&[1, 2, 3, 4, 5, 8]), |b| b[0]);
        let bias = self.rng.chance(0.15);
        self.windowed(
            name,
            Op::Conv { outputs, window, weights: Weights::Planes { bits }, bias, groups: 1 },
            x,
            &window,
            outputs,
        )
    }

    fn same_shape(&mut self, name: String, op: Op, inputs: &[NodeId]) -> NodeId {
        self.push(name, op, inputs, self.shapes[inputs[0]])
    }

    fn batch_norm(&mut self, scope: &str, x: NodeId) -> NodeId {
        self.same_shape(format!("{scope}/bn"), Op::BatchNorm { epsilon: 1e-5 }, &[x])
    }

    fn relu(&mut self, scope: &str, x: NodeId) -> NodeId {
        self.same_shape(format!("{scope}/relu"), Op::Relu, &[x])
    }

    fn bn_relu(&mut self, scope: &str, x: NodeId) -> NodeId {
        let x = self.batch_norm(scope, x);
        self.relu(scope, x)
    }

    fn quantize(&mut self, name: String, x: NodeId) -> NodeId {
        let bits = self.bits.map_or_else(|| self.rng.pick(&[1, 2, 3, 4, 5, 8]), |b| b[1]);
        self.same_shape(name, Op::Quantize { bits, encoding: Encoding::ZeroOne, ties: Ties::Below }, &[x])
    }

    fn add(&mut self, scope: &str, a: NodeId, b: NodeId) -> NodeId {
        let inputs = if self.rng.chance(0.5) { [a, b] } else { [b, a] };
        self.same_shape(format!("{scope}/add"), Op::Add, &inputs)
    }

    fn max_pool(&mut self, scope: &str, x: NodeId) -> NodeId {
        let window = self.window(x, true);
        let channels = self.channels(x);
        self.windowed(format!("{scope}/max_pool"), Op::MaxPool { window }, x, &window, channels)
    }

    fn avg_pool(&mut self, name: String, x: NodeId, window: Window) -> NodeId {
        let channels = self.channels(x);
        self.windowed(name, Op::AvgPool { window }, x, &window, channels)
    }

    // Choices.

    /// A window that fits `x`: square or not, strides 1 to 3, padding of any kind, mostly unequal.
    fn window(&mut self, x: NodeId, padded: bool) -> Window {
        let size = self.size(x);
        if padded && self.rng.chance(0.3) {
            return Window::same(self.rng.pick(&[1, 3, 5]), self.rng.between(1, 3), size);
        }
        loop {
            let mut draw = |from: &[usize]| [self.rng.pick(from), self.rng.pick(from)];
            let (kernel, stride) = (draw(&[1, 2, 3, 3, 3, 4, 5]), draw(&[1, 1, 1, 2, 2, 3]));
            let mut pad = || if padded { [0, 1].map(|d| self.rng.below(kernel[d].min(4))) } else { [0; 2] };
            let window = Window { kernel, stride, before: pad(), after: pad(), dilation: [1; 2] };
            if window.output(size).is_ok() {
                return window;
            }
        }
    }

    /// A window of `x` that gives a result of `to`, or none if random padding does not find one.
    fn window_to(&mut self, x: NodeId, to: [usize; 2], stride: usize) -> Option<Window> {
        (0..50).find_map(|_| {
            let kernel = [self.rng.between(1, 4), self.rng.between(1, 4)];
            let mut pad = || [0, 1].map(|d| self.rng.below(kernel[d]));
            let window = Window { kernel, stride: [stride; 2], before: pad(), after: pad(), dilation: [1; 2] };
            (window.output(self.size(x)) == Ok(to)).then_some(window)
        })
    }

    /// Output channels that keep a convolution of `x` affordable.
    fn outputs(&mut self, x: NodeId, window: &Window) -> usize {
        let wanted = self.rng.pick(&[3, 5, 8, 16, 16, 20, 20, 33, 40, 64, 70]);
        let [h, w] = window.output(self.size(x)).unwrap();
        wanted.min((MAX_PRODUCTS / (h * w * window.taps() * self.channels(x))).max(3))
    }

    /// Codes of `x`, through a batch norm and a ReLU or not.
    fn codes(&mut self, scope: &str, x: NodeId) -> NodeId {
        let x = match self.rng.below(8) {
            0 => x,
            1 => self.relu(scope, x),
            2 => self.batch_norm(scope, x),
            _ => self.bn_relu(scope, x),
        };
        self.quantize(format!("{scope}/quant"), x)
    }

    fn maybe_bn(&mut self, scope: &str, x: NodeId) -> NodeId {
        if self.rng.chance(0.7) { self.batch_norm(scope, x) } else { x }
    }

    // Parts of networks. All take and give real values.

    fn stem(&mut self, source: Source) -> NodeId {
        if source == Source::Quantized {
            return 0;
        }
        if source == Source::TensorTwice {
            let window = Window::same(3, 1, self.size(0));
            let conv = self.float_conv("conv0".into(), 0, self.channels(0), window, false);
            let conv = self.maybe_bn("conv0", conv);
            return self.add("stem", conv, 0);
        }
        let window = self.window(0, true);
        let (outputs, bias) = (self.outputs(0, &window), self.rng.chance(0.3));
        let x = self.float_conv("conv0".into(), 0, outputs, window, bias);
        match self.rng.below(4) {
            0 => self.max_pool("stem", x),
            1 => {
                let x = self.bn_relu("conv0", x);
                self.max_pool("stem", x)
            }
            _ => x,
        }
    }

    fn block(&mut self, scope: &str, x: NodeId) -> NodeId {
        match self.rng.below(12) {
            0 => self.plain(scope, x),
            1 => {
                // The next block normalises the pooled values, so that negative gains meet maxima.
                let x = self.plain(scope, x);
                self.max_pool(scope, x)
            }
            2 => self.pre_activation(scope, x),
            3 => self.type_a(scope, x),
            4 => self.conv_shortcut(scope, x),
            5 => self.post_activation(scope, x),
            6 => self.two_quantizers(scope, x),
            7 => self.float_middle(scope, x),
            8 => self.shared_codes(scope, x),
            9 => self.two_batch_norms(scope, x),
            10 => self.pooled(scope, x),
            _ => self.biased_and_shared(scope, x),
        }
    }

    fn plain(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = self.codes(scope, x);
        let window = self.window(codes, true);
        let outputs = self.outputs(codes, &window);
        self.conv(format!("{scope}/conv"), codes, outputs, window)
    }

    /// bn-relu-quant-conv-bn-relu-quant-conv plus the raw input.
    fn pre_activation(&mut self, scope: &str, x: NodeId) -> NodeId {
        let (codes, same) = (self.codes(&format!("{scope}/pre"), x), Window::same(3, 1, self.size(x)));
        let outputs = self.outputs(codes, &same);
        let y = self.conv(format!("{scope}/conv1"), codes, outputs, same);
        let codes = self.codes(&format!("{scope}/conv1"), y);
        let y = self.conv(format!("{scope}/conv2"), codes, self.channels(x), same);
        let y = self.maybe_bn(&format!("{scope}/conv2"), y);
        self.add(scope, y, x)
    }

    /// A strided block whose shortcut is an average pool with zero channels appended, of the normalised float values.
    fn type_a(&mut self, scope: &str, x: NodeId) -> NodeId {
        let [h, w] = self.size(x);
        let stride = self.rng.between(1, h.min(w).min(3));
        let x = self.bn_relu(&format!("{scope}/pre"), x);
        let shortcut = self.avg_pool(format!("{scope}/shortcut"), x, Window::valid(stride, stride));
        let channels = self.channels(x) + self.rng.pick(&[0, 1, 13]);
        let padded = [self.shapes[shortcut][0], self.shapes[shortcut][1], channels];
        let late = self.rng.chance(0.3);
        let pad = |net: &mut Self| {
            net.push(format!("{scope}/shortcut/pad"), Op::PadChannels { channels }, &[shortcut], padded)
        };
        let early = if late { None } else { Some(pad(self)) };
        let codes = self.quantize(format!("{scope}/quant1"), x);
        let window = self.window_to(codes, self.size(shortcut), stride).unwrap_or(Window::valid(stride, stride));
        let outputs = self.outputs(codes, &window);
        let y = self.conv(format!("{scope}/conv1"), codes, outputs, window);
        let codes = self.codes(&format!("{scope}/conv1"), y);
        let y = self.conv(format!("{scope}/conv2"), codes, channels, Window::same(3, 1, self.size(codes)));
        let y = self.maybe_bn(&format!("{scope}/conv2"), y);
        let shortcut = early.unwrap_or_else(|| pad(self));
        self.add(scope, y, shortcut)
    }

    /// Two branches of convolutions on the same codes, added.
    fn conv_shortcut(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = self.codes(scope, x);
        let stride = self.rng.between(1, 2);
        let (wide, narrow) = (Window::same(3, stride, self.size(x)), Window::same(1, stride, self.size(x)));
        let outputs = self.outputs(codes, &wide);
        let y = self.conv(format!("{scope}/conv1"), codes, outputs, wide);
        let inner = self.codes(&format!("{scope}/conv1"), y);
        let y = self.conv(format!("{scope}/conv2"), inner, outputs, Window::same(3, 1, self.size(inner)));
        let y = self.maybe_bn(&format!("{scope}/conv2"), y);
        let shortcut = self.conv(format!("{scope}/convshortcut"), codes, outputs, narrow);
        let shortcut = self.maybe_bn(&format!("{scope}/convshortcut"), shortcut);
        self.add(scope, y, shortcut)
    }

    /// conv-bn-add-relu.
    fn post_activation(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = self.codes(&format!("{scope}/pre"), x);
        let y = self.conv(format!("{scope}/conv"), codes, self.channels(x), Window::same(3, 1, self.size(x)));
        let y = self.batch_norm(&format!("{scope}/conv"), y);
        let y = self.add(scope, y, x);
        self.relu(scope, y)
    }

    fn two_quantizers(&mut self, scope: &str, x: NodeId) -> NodeId {
        let x = if self.rng.chance(0.5) { self.bn_relu(scope, x) } else { x };
        let codes = ["a", "b"].map(|branch| self.quantize(format!("{scope}/quant_{branch}"), x));
        self.branches(scope, codes)
    }

    fn shared_codes(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = self.codes(scope, x);
        self.branches(scope, [codes; 2])
    }

    fn two_batch_norms(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = ["a", "b"].map(|branch| {
            let branch = format!("{scope}/{branch}");
            let y = self.batch_norm(&branch, x);
            let y = if self.rng.chance(0.6) { self.relu(&branch, y) } else { y };
            self.quantize(format!("{branch}/quant"), y)
        });
        self.branches(scope, codes)
    }

    /// A convolution of each of two code tensors of one shape, added.
    fn branches(&mut self, scope: &str, codes: [NodeId; 2]) -> NodeId {
        let window = self.window(codes[0], true);
        let outputs = self.outputs(codes[0], &window);
        let [a, b] = [0, 1].map(|k| {
            let branch = format!("{scope}/conv_{}", ["a", "b"][k]);
            let y = self.conv(branch.clone(), codes[k], outputs, window);
            self.maybe_bn(&branch, y)
        });
        self.add(scope, a, b)
    }

    /// A float convolution of values inside the network. It is always normalised: the range of a convolution that is not is
    /// the most its weights can give, and a few of those in a row leave too few bits for a tight comparison.
    fn float_middle(&mut self, scope: &str, x: NodeId) -> NodeId {
        let x = match self.rng.below(3) {
            0 => self.bn_relu(&format!("{scope}/pre"), x),
            1 => self.max_pool(scope, x),
            _ => x,
        };
        let window = self.window(x, true);
        let outputs = self.outputs(x, &window);
        let bias = self.rng.chance(0.5);
        let y = self.float_conv(format!("{scope}/float"), x, outputs, window, bias);
        self.batch_norm(&format!("{scope}/float"), y)
    }

    fn pooled(&mut self, scope: &str, x: NodeId) -> NodeId {
        if self.rng.chance(0.5) {
            return self.max_pool(scope, x);
        }
        let window = self.window(x, false);
        self.avg_pool(format!("{scope}/avg_pool"), x, window)
    }

    /// A convolution with bias whose result has two readers, so that it exists as a value.
    fn biased_and_shared(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = self.codes(&format!("{scope}/pre"), x);
        let window = self.window(codes, true);
        let outputs = self.outputs(codes, &window);
        let weights = Weights::Planes { bits: self.bits.map_or(2, |b| b[0]) };
        let op = Op::Conv { outputs, window, weights, bias: true, groups: 1 };
        let y = self.windowed(format!("{scope}/conv"), op, codes, &window, outputs);
        let a = self.bn_relu(&format!("{scope}/a"), y);
        let b = if self.rng.chance(0.5) { self.relu(&format!("{scope}/b"), y) } else { y };
        self.add(scope, a, b)
    }

    fn tail(&mut self, x: NodeId) {
        let classes = self.rng.pick(&[2, 5, 10, 33]);
        let global = |net: &mut Self, x: NodeId| {
            net.avg_pool("gap".into(), x, Window { stride: [1; 2], ..Window::whole(net.size(x)) })
        };
        match self.rng.below(7) {
            0 => {
                let x = self.bn_relu("last", x);
                let x = global(self, x);
                self.float_conv("linear".into(), x, classes, Window::valid(1, 1), true);
            }
            1 => {
                let x = global(self, x);
                let bias = self.rng.chance(0.5);
                self.float_conv("linear".into(), x, classes, Window::valid(1, 1), bias);
            }
            2 => {
                let x = self.bn_relu("last", x);
                let window = Window::whole(self.size(x));
                self.float_conv("linear".into(), x, classes, window, true);
            }
            3 => {
                let x = self.max_pool("last", x);
                let window = Window::whole(self.size(x));
                self.float_conv("linear".into(), x, classes, window, true);
            }
            4 => {
                let codes = self.codes("last", x);
                let window = Window::whole(self.size(codes));
                let y = self.conv("classifier".into(), codes, classes, window);
                self.maybe_bn("classifier", y);
            }
            5 => {
                let y = self.float_conv("classifier".into(), x, classes, Window::valid(1, 1), true);
                global(self, y);
            }
            _ => {
                let codes = self.codes("last", x);
                let y = self.conv("fc1".into(), codes, 20, Window::whole(self.size(codes)));
                let codes = self.codes("fc1", y);
                let y = self.conv("fc2".into(), codes, 16, Window::valid(1, 1));
                let y = self.bn_relu("fc2", y);
                self.float_conv("linear".into(), y, classes, Window::valid(1, 1), true);
            }
        }
    }
}

/// Parameters of `graph` that look trained: batch norms know the statistics of what they read and bases fit it, both found
/// by the oracle, node after node. Without this, values would leave the range that statistics promise.
fn calibrated(graph: &Graph, input: &[f64], images: usize, rng: &mut Rng) -> Params {
    let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
    for spec in graph.parameters().unwrap() {
        tensors.insert(spec.name(), initial(&spec, graph, rng));
    }
    let mut params = Params::new(graph, tensors.clone()).unwrap();
    let mut results: Vec<NodeResult> = Vec::new();
    for (id, node) in graph.nodes().iter().enumerate() {
        let fitted = match node.op {
            Op::BatchNorm { .. } => Some(("batch_norm", fit_batch_norm(&results[node.inputs[0]], rng))),
            Op::Quantize { bits, .. } => Some(("basis", fit_activation_basis(&results[node.inputs[0]], bits, rng))),
            _ => None,
        };
        if let Some((suffix, tensor)) = fitted {
            tensors.insert(format!("{}/{suffix}", node.name), tensor);
            params = Params::new(graph, tensors.clone()).unwrap();
        }
        results.push(oracle::node(graph, &params, id, &results, input, images, LevelValues::Exact));
    }
    params
}

/// Weights for good; batch norms and activation bases until they are fitted.
fn initial(spec: &ParamSpec, graph: &Graph, rng: &mut Rng) -> Tensor {
    let count = spec.shape.iter().product::<usize>();
    let floats = |data: Vec<f32>| Tensor::from_f32(spec.shape.clone(), data);
    match spec.role {
        Role::Weight => {
            let deviation = (2.0 / spec.shape[1..].iter().product::<usize>() as f64).sqrt();
            floats((0..count).map(|_| (deviation * rng.normal()) as f32).collect())
        }
        Role::Planes => Tensor::from_u32(spec.shape.clone(), random_planes(spec, graph, rng)),
        Role::WeightBasis => floats(weight_basis(spec.shape[0], spec.shape[1], rng)),
        Role::Bias => floats((0..count).map(|_| (0.5 * rng.normal()) as f32).collect()),
        Role::BatchNorm | Role::ActivationBasis => floats(vec![1.0; count]),
    }
}

/// Random bits in the places of channels, zeros in those past the last.
fn random_planes(spec: &ParamSpec, graph: &Graph, rng: &mut Rng) -> Vec<u32> {
    let node = graph.nodes().iter().find(|n| n.name == spec.layer).unwrap();
    let channels = graph.facts().unwrap()[node.inputs[0]].shape.c;
    let (words, bits) = (spec.shape[3], spec.shape[4]);
    let mask = |word: usize| (0..32).filter(|b| word * 32 + b < channels).fold(0u32, |m, b| m | 1 << b);
    let count = spec.shape.iter().product::<usize>();
    (0..count).map(|i| rng.next() as u32 & mask(i / bits % words)).collect()
}

/// `[bits, out]`: mostly falling by half, some negative, some equal.
fn weight_basis(bits: usize, outputs: usize, rng: &mut Rng) -> Vec<f32> {
    let mut basis = vec![0.0; bits * outputs];
    for o in 0..outputs {
        for i in 0..bits {
            let sign = if rng.chance(0.15) { -1.0 } else { 1.0 };
            basis[i * outputs + o] = (sign * 0.1 * rng.uniform(0.7, 1.3) * 0.5f64.powi(i as i32)) as f32;
        }
        if bits > 1 && rng.chance(0.1) {
            basis[outputs + o] = basis[o];
        }
    }
    basis
}

/// Rows gamma, beta, mean and variance for what is seen in `x`, with the slips of a moving average.
fn fit_batch_norm(x: &NodeResult, rng: &mut Rng) -> Tensor {
    let channels = x.shape[2];
    // A few numbers may agree by chance, and a constant channel has no variance at all. Dividing by next to nothing would only
    // blow up the rounding of what is divided.
    let least = x.values.iter().map(|v| v * v).sum::<f64>() / x.values.len() as f64 / 9.0;
    let mut rows = vec![0f32; 4 * channels];
    for c in 0..channels {
        let values: Vec<f64> = x.values.iter().skip(c).step_by(channels).copied().collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64;
        let variance = variance.max(least);
        rows[c] = gamma(rng) as f32;
        rows[channels + c] = (0.15 + 0.3 * rng.normal()) as f32;
        rows[2 * channels + c] = (mean + 0.05 * variance.sqrt() * rng.normal()) as f32;
        rows[3 * channels + c] = (variance * rng.uniform(0.8, 1.25)) as f32;
    }
    Tensor::from_f32(vec![4, channels], rows)
}

/// Mostly around 1; some negative, a few 0 or as good as 0, which is what weight decay makes of channels nobody needs.
fn gamma(rng: &mut Rng) -> f64 {
    let size = match rng.below(30) {
        0 => 0.0,
        1 => 10f64.powi(-(rng.between(4, 30) as i32)),
        _ => rng.uniform(0.6, 1.4),
    };
    if rng.chance(0.2) { -size } else { size }
}

/// A basis whose levels cover what is seen in `x`.
fn fit_activation_basis(x: &NodeResult, bits: usize, rng: &mut Rng) -> Tensor {
    let mean_square = x.values.iter().map(|v| v * v).sum::<f64>() / x.values.len() as f64;
    let reach = 2.5 * if mean_square > 0.0 { mean_square.sqrt() } else { 1.0 };
    let mut shape: Vec<f64> = (0..bits).map(|j| 2f64.powi(j as i32) * rng.uniform(0.85, 1.15)).collect();
    let last = bits - 1;
    match rng.below(8) {
        0 => shape.reverse(),
        1 => shape = (0..bits).map(|_| rng.uniform(0.2, 1.0)).collect(),
        2 => shape[rng.below(bits)] *= if bits > 1 { -0.4 } else { 1.0 },
        3 => shape[0] = shape[last],
        4 if bits > 2 => shape[1] = shape[0] + shape[2],
        5 if bits > 1 => shape[0] = 0.0,
        _ => {}
    }
    let total: f64 = shape.iter().map(|v| v.abs()).sum();
    Tensor::from_f32(vec![bits], shape.into_iter().map(|v| (v / total * reach) as f32).collect())
}
