//! Random networks, built node by node. The input and output of every block are real values.

mod anything;
mod ends;
mod joined;
mod real;
mod residual;

use super::super::rng::Rng;
use super::source::Source;
use lq_infer::internals::graph::{Encoding, Graph, GraphBuilder, NodeId, Op, Ties, Weights};
use lq_infer::internals::tensor::{Shape, Window};

/// Most multiplications of one convolution per image, so that hundreds of problems take little time.
const MAX_PRODUCTS: usize = 1_500_000;

/// A graph under construction.
pub struct Net<'a> {
    rng: &'a mut Rng,
    builder: GraphBuilder,
    /// Height, width and channels of every node.
    shapes: Vec<[usize; 3]>,
    /// Weight and activation bits of all layers; `None` for a random choice in each.
    bits: Option<[usize; 2]>,
    /// Encoding and ties of all quantizers; `None` for a random choice in each.
    codes: Option<(Encoding, Ties)>,
}

impl<'a> Net<'a> {
    pub fn new(rng: &'a mut Rng, shape: Shape, bits: Option<[usize; 2]>) -> Self {
        let codes = match rng.below(10) {
            0..6 => Some((Encoding::ZeroOne, Ties::Below)),
            6..8 => Some((Encoding::PlusMinus, Ties::Above)),
            _ => None,
        };
        Net { rng, builder: GraphBuilder::new(shape), shapes: vec![[shape.h, shape.w, shape.c]], bits, codes }
    }

    pub fn network(mut self, source: Source) -> Graph {
        let mut x = self.stem(source);
        for block in 1..=self.rng.between(1, 4) {
            x = self.block(&format!("block{block}"), x);
        }
        self.tail(x);
        self.builder.finish().unwrap_or_else(|problem| panic!("the generator made a bad graph: {problem}"))
    }

    fn block(&mut self, scope: &str, x: NodeId) -> NodeId {
        let blocks: [fn(&mut Self, &str, NodeId) -> NodeId; 21] = [
            Self::plain,
            Self::plain_and_pooled,
            Self::pre_activation,
            Self::type_a,
            Self::conv_shortcut,
            Self::post_activation,
            Self::two_quantizers,
            Self::float_middle,
            Self::shared_codes,
            Self::two_batch_norms,
            Self::pooled,
            Self::biased_and_shared,
            Self::inception,
            Self::dense,
            Self::joined_reals,
            Self::joined_twice,
            Self::weight_only,
            Self::grouped,
            Self::float_on_codes,
            Self::pooled_codes,
            Self::anything,
        ];
        self.rng.pick(&blocks)(self, scope, x)
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
        let groups = self.groups(x, outputs);
        self.windowed(name, Op::Conv { outputs, window, weights: Weights::Float, bias, groups }, x, &window, outputs)
    }

    /// A convolution with weight planes. A few have a bias, as in AlexNet's dense layers.
    fn conv(&mut self, name: String, x: NodeId, outputs: usize, window: Window) -> NodeId {
        let (weights, bias) = (self.planes(), self.rng.chance(0.15));
        let groups = self.groups(x, outputs);
        self.windowed(name, Op::Conv { outputs, window, weights, bias, groups }, x, &window, outputs)
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
        let bits = self.bits.map_or_else(|| self.any_bits(), |b| b[1]);
        self.quantize_to(name, x, bits)
    }

    fn quantize_to(&mut self, name: String, x: NodeId, bits: usize) -> NodeId {
        let (encoding, ties) = self.codes.unwrap_or_else(|| {
            let encoding = self.rng.pick(&[Encoding::ZeroOne, Encoding::PlusMinus]);
            (encoding, self.rng.pick(&[Ties::Below, Ties::Above]))
        });
        self.same_shape(name, Op::Quantize { bits, encoding, ties }, &[x])
    }

    fn add(&mut self, scope: &str, a: NodeId, b: NodeId) -> NodeId {
        let inputs = if self.rng.chance(0.5) { [a, b] } else { [b, a] };
        self.same_shape(format!("{scope}/add"), Op::Add, &inputs)
    }

    fn concat(&mut self, scope: &str, parts: &[NodeId]) -> NodeId {
        let ([h, w], c) = (self.size(parts[0]), parts.iter().map(|&p| self.channels(p)).sum());
        self.push(format!("{scope}/concat"), Op::Concat, parts, [h, w, c])
    }

    fn pad_channels(&mut self, name: String, x: NodeId, channels: usize) -> NodeId {
        let [h, w] = self.size(x);
        // Every other one has zero channels on both sides.
        let before = (channels - self.channels(x)) * (x % 2) / 2;
        self.push(name, Op::PadChannels { channels, before }, &[x], [h, w, channels])
    }

    fn max_pool(&mut self, scope: &str, x: NodeId) -> NodeId {
        let window = self.window(x, true);
        self.max_pool_over(scope, x, window)
    }

    fn max_pool_over(&mut self, scope: &str, x: NodeId, window: Window) -> NodeId {
        let channels = self.channels(x);
        self.windowed(format!("{scope}/max_pool"), Op::MaxPool { window }, x, &window, channels)
    }

    fn avg_pool(&mut self, name: String, x: NodeId, window: Window) -> NodeId {
        let channels = self.channels(x);
        self.windowed(name, Op::AvgPool { window }, x, &window, channels)
    }

    // Choices.

    fn any_bits(&mut self) -> usize {
        self.rng.pick(&[1, 2, 3, 4, 5, 8])
    }

    fn planes(&mut self) -> Weights {
        Weights::Planes { bits: self.bits.map_or_else(|| self.any_bits(), |b| b[0]) }
    }

    /// A common divisor of the channels of `x` and `outputs`, mostly 1.
    fn groups(&mut self, x: NodeId, outputs: usize) -> usize {
        let both = |&n: &usize| self.channels(x).is_multiple_of(n) && outputs.is_multiple_of(n);
        let divisors: Vec<usize> = (1..=outputs).filter(both).collect();
        if self.rng.chance(0.15) { self.rng.pick(&divisors) } else { 1 }
    }

    /// A window that can be applied to `x`: square or not, with strides 1 to 3, any padding (mostly different on each
    /// side), and a few dilated.
    fn window(&mut self, x: NodeId, padded: bool) -> Window {
        let size = self.size(x);
        if padded && self.rng.chance(0.3) {
            return Window::same(self.rng.pick(&[1, 3, 5]), self.rng.between(1, 3), size);
        }
        loop {
            let dilated = self.rng.chance(0.2);
            let mut draw = |from: &[usize]| [self.rng.pick(from), self.rng.pick(from)];
            let (kernel, stride) = (draw(&[1, 2, 3, 3, 3, 4, 5]), draw(&[1, 1, 1, 2, 2, 3]));
            let dilation = if dilated { draw(&[1, 2, 2, 3]) } else { [1; 2] };
            let bare = Window { kernel, stride, before: [0; 2], after: [0; 2], dilation };
            let mut pad = || if padded { bare.span().map(|n| self.rng.below(n.min(4))) } else { [0; 2] };
            let window = Window { before: pad(), after: pad(), ..bare };
            if window.output(size).is_ok() {
                return window;
            }
        }
    }

    /// A window over `x` with a result of size `to`, if a number of random tries finds one.
    fn window_to(&mut self, x: NodeId, to: [usize; 2], stride: usize) -> Option<Window> {
        (0..50).find_map(|_| {
            let kernel = [self.rng.between(1, 4), self.rng.between(1, 4)];
            let mut pad = || [0, 1].map(|d| self.rng.below(kernel[d]));
            let window = Window { kernel, stride: [stride; 2], before: pad(), after: pad(), dilation: [1; 2] };
            (window.output(self.size(x)) == Ok(to)).then_some(window)
        })
    }

    /// A number of output channels for which a convolution of `x` stays affordable.
    fn outputs(&mut self, x: NodeId, window: &Window) -> usize {
        let wanted = self.rng.pick(&[3, 5, 8, 16, 16, 20, 20, 33, 40, 64, 70]);
        let [h, w] = window.output(self.size(x)).unwrap();
        wanted.min((MAX_PRODUCTS / (h * w * window.taps() * self.channels(x))).max(3))
    }

    /// Codes of `x`, quantized after a batch norm, a ReLU, both or neither.
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

    fn maybe_relu(&mut self, scope: &str, x: NodeId) -> NodeId {
        if self.rng.chance(0.6) { self.relu(scope, x) } else { x }
    }
}
