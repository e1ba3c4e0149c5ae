//! The layers that definitions are built of.

use super::definition::{Codes, Definition, Widths};
use crate::graph::preprocess::Preprocess;
use crate::graph::{ConvOptions, GraphBuilder, NodeId, Op, Ties, Weights};
use crate::tensor::{Shape, Window};

/// A square window as training code writes it. TensorFlow's padding "SAME" depends on the size of the input.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sliding {
    Same {
        kernel: usize,
        stride: usize,
    },
    Valid {
        kernel: usize,
        stride: usize,
    },
    /// With the same padding on all sides.
    Padded {
        kernel: usize,
        stride: usize,
        padding: usize,
    },
}

/// A window with padding "SAME".
pub(crate) fn same(kernel: usize, stride: usize) -> Sliding {
    Sliding::Same { kernel, stride }
}

/// A window without padding.
pub(crate) fn valid(kernel: usize, stride: usize) -> Sliding {
    Sliding::Valid { kernel, stride }
}

/// A window padded by half its size, as is usual in PyTorch code.
pub(crate) fn centred(kernel: usize, stride: usize) -> Sliding {
    Sliding::Padded { kernel, stride, padding: kernel / 2 }
}

/// A network under construction, with the widths it is to have.
pub(crate) struct NetworkBuilder<'a> {
    builder: GraphBuilder,
    widths: &'a dyn Widths,
}

impl<'a> NetworkBuilder<'a> {
    /// Starts with square pictures, usually of `size` pixels.
    pub(crate) fn new(widths: &'a dyn Widths, size: usize) -> Result<Self, String> {
        let size = widths.input_size(size);
        Ok(NetworkBuilder { builder: GraphBuilder::new(Shape::new(size, size, 3)?), widths })
    }

    /// Height and width of the pictures.
    pub(crate) fn size(&self) -> usize {
        self.builder.shape(self.builder.input()).h
    }

    /// The pictures.
    pub(crate) fn input(&self) -> NodeId {
        self.builder.input()
    }

    /// Channels of `x`.
    pub(crate) fn channels(&self, x: NodeId) -> usize {
        self.builder.shape(x).c
    }

    /// Output channels of the convolution `name`, which usually has `usual` ones.
    pub(crate) fn outputs(&self, name: &str, usual: usize) -> usize {
        self.widths.outputs(name, usual)
    }

    /// The first convolution, whose weights the paper leaves in float.
    pub(crate) fn first_conv(&mut self, name: &str, outputs: usize, sliding: Sliding) -> NodeId {
        let (x, outputs) = (self.builder.input(), self.widths.outputs(name, outputs));
        self.any_conv(name, x, outputs, self.window(x, sliding), Weights::Float, false)
    }

    /// A convolution with quantized weights and usually `outputs` channels.
    pub(crate) fn conv(&mut self, name: &str, x: NodeId, outputs: usize, sliding: Sliding) -> NodeId {
        self.conv_to(name, x, self.widths.outputs(name, outputs), sliding)
    }

    /// A convolution with quantized weights whose channels follow from those of other layers.
    pub(crate) fn conv_to(&mut self, name: &str, x: NodeId, outputs: usize, sliding: Sliding) -> NodeId {
        self.any_conv(name, x, outputs, self.window(x, sliding), self.widths.weights(name), false)
    }

    /// A convolution with a bias, and with quantized weights unless it is the first.
    pub(crate) fn conv_with_bias(&mut self, name: &str, x: NodeId, outputs: usize, sliding: Sliding) -> NodeId {
        let first = x == self.builder.input();
        let weights = if first { Weights::Float } else { self.widths.weights(name) };
        let outputs = self.widths.outputs(name, outputs);
        self.any_conv(name, x, outputs, self.window(x, sliding), weights, true)
    }

    /// A convolution over the whole of `x` with quantized weights and a bias: a dense layer of the original's AlexNet
    /// and VGG.
    pub(crate) fn conv_over_all(&mut self, name: &str, x: NodeId, outputs: usize) -> NodeId {
        let outputs = self.widths.outputs(name, outputs);
        self.any_conv(name, x, outputs, self.whole(x), self.widths.weights(name), true)
    }

    /// A float dense layer with usually `outputs` channels, before the last.
    pub(crate) fn dense(&mut self, name: &str, x: NodeId, outputs: usize) -> NodeId {
        let outputs = self.widths.outputs(name, outputs);
        self.any_conv(name, x, outputs, self.whole(x), Weights::Float, true)
    }

    fn any_conv(
        &mut self,
        name: &str,
        x: NodeId,
        outputs: usize,
        window: Window,
        weights: Weights,
        bias: bool,
    ) -> NodeId {
        self.builder.conv_with(name, x, outputs, window, ConvOptions { weights, bias, groups: 1 })
    }

    /// The last layer: dense, float, usually with `classes` classes.
    pub(crate) fn classifier(&mut self, name: &str, x: NodeId, classes: usize) -> NodeId {
        self.builder.dense(name, x, self.widths.classes(name, classes), self.extent(x))
    }

    /// `<scope>/bn`.
    pub(crate) fn batch_norm(&mut self, scope: &str, x: NodeId) -> NodeId {
        self.builder.batch_norm(scope, x)
    }

    /// `<scope>/relu`.
    pub(crate) fn relu(&mut self, scope: &str, x: NodeId) -> NodeId {
        self.builder.relu(&format!("{scope}/relu"), x)
    }

    /// `<scope>/bn` and `<scope>/relu`.
    pub(crate) fn bn_relu(&mut self, scope: &str, x: NodeId) -> NodeId {
        self.builder.bn_relu(scope, x)
    }

    /// `<scope>/bn`, `<scope>/relu` and `<scope>/quant`.
    pub(crate) fn bn_relu_quant(&mut self, scope: &str, x: NodeId) -> NodeId {
        let x = self.bn_relu(scope, x);
        self.quantize(&format!("{scope}/quant"), x)
    }

    /// The quantizer `name`, or nothing where activations stay float.
    pub(crate) fn quantize(&mut self, name: &str, x: NodeId) -> NodeId {
        self.quantize_to(name, x, Codes::ORIGINAL)
    }

    /// The same with other codes than the original's.
    pub(crate) fn quantize_to(&mut self, name: &str, x: NodeId, usual: Codes) -> NodeId {
        let Codes { encoding, ties } = self.widths.codes(name, usual);
        match self.widths.activation_bits(name) {
            Some(bits) => self.builder.quantize_with(name, x, bits, encoding, ties),
            None => x,
        }
    }

    /// A node of any kind with one input.
    pub(crate) fn push(&mut self, name: &str, op: Op, x: NodeId) -> NodeId {
        self.builder.push(name, op, &[x])
    }

    /// Height and width of `x`.
    pub(crate) fn extent(&self, x: NodeId) -> [usize; 2] {
        let Shape { h, w, .. } = self.builder.shape(x);
        [h, w]
    }

    pub(crate) fn max_pool(&mut self, name: &str, x: NodeId, sliding: Sliding) -> NodeId {
        let window = self.window(x, sliding);
        self.builder.max_pool(name, x, window)
    }

    /// The mean over `factor` x `factor` squares; an odd last row or column is left out.
    pub(crate) fn shrink(&mut self, name: &str, x: NodeId, factor: usize) -> NodeId {
        self.builder.avg_pool(name, x, Window::valid(factor, factor))
    }

    /// The mean over all positions.
    pub(crate) fn global_average(&mut self, x: NodeId) -> NodeId {
        self.builder.global_avg_pool("gap", x)
    }

    pub(crate) fn add(&mut self, name: &str, a: NodeId, b: NodeId) -> NodeId {
        self.builder.add(name, a, b)
    }

    /// Zero channels after those of `x`, up to `channels`.
    pub(crate) fn pad_channels(&mut self, name: &str, x: NodeId, channels: usize) -> NodeId {
        self.builder.pad_channels(name, x, channels)
    }

    /// As many zero channels before those of `x` as after them, up to `channels`.
    pub(crate) fn pad_channels_evenly(&mut self, name: &str, x: NodeId, channels: usize) -> NodeId {
        let before = channels.saturating_sub(self.channels(x)) / 2;
        self.builder.pad_channels_around(name, x, before, channels)
    }

    pub(crate) fn concat(&mut self, name: &str, parts: &[NodeId]) -> NodeId {
        self.builder.concat(name, parts)
    }

    /// The network with its preprocessing, as the original trains it.
    pub(crate) fn finish(self, preprocess: Preprocess) -> Result<Definition, String> {
        self.finish_with(preprocess, Ties::Below)
    }

    /// The same for code with its own rule for weights that equal a threshold.
    pub(crate) fn finish_with(self, preprocess: Preprocess, usual: Ties) -> Result<Definition, String> {
        let weight_ties = self.widths.weight_ties(usual);
        Ok(Definition { graph: self.builder.finish()?, preprocess, weight_ties, copies: None })
    }

    fn window(&self, x: NodeId, sliding: Sliding) -> Window {
        match sliding {
            Sliding::Same { kernel, stride } => Window::same(kernel, stride, self.extent(x)),
            Sliding::Valid { kernel, stride } => Window::valid(kernel, stride),
            Sliding::Padded { kernel, stride, padding } => Window::padded(kernel, stride, padding),
        }
    }

    fn whole(&self, x: NodeId) -> Window {
        Window::whole(self.extent(x))
    }
}
