//! What the definitions have in common: layers on a graph that knows its shapes.

use super::definition::{Definition, Widths};
use crate::graph::preprocess::Preprocess;
use crate::graph::{ConvOptions, Encoding, GraphBuilder, NodeId, Op, Ties, Weights};
use crate::tensor::{Shape, Window};

/// A square window as training code writes it. TensorFlow's padding "SAME" depends on the size of what it slides over.
#[derive(Clone, Copy, Debug)]
pub enum Sliding {
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
pub fn same(kernel: usize, stride: usize) -> Sliding {
    Sliding::Same { kernel, stride }
}

/// A window without padding.
pub fn valid(kernel: usize, stride: usize) -> Sliding {
    Sliding::Valid { kernel, stride }
}

/// A window with half its size as padding, as PyTorch code has it.
pub fn centred(kernel: usize, stride: usize) -> Sliding {
    Sliding::Padded { kernel, stride, padding: kernel / 2 }
}

/// A network under construction, with the widths that it is to have.
pub struct NetworkBuilder<'a> {
    builder: GraphBuilder,
    widths: &'a dyn Widths,
}

impl<'a> NetworkBuilder<'a> {
    /// Starts with square pictures, usually of `size` pixels.
    pub fn new(widths: &'a dyn Widths, size: usize) -> Result<Self, String> {
        let size = widths.input_size(size);
        Ok(NetworkBuilder { builder: GraphBuilder::new(Shape::new(size, size, 3)?), widths })
    }

    /// Height and width of the pictures.
    pub fn size(&self) -> usize {
        self.builder.shape(self.builder.input()).h
    }

    /// The pictures.
    pub fn input(&self) -> NodeId {
        self.builder.input()
    }

    /// Channels of `x`.
    pub fn channels(&self, x: NodeId) -> usize {
        self.builder.shape(x).c
    }

    /// Output channels of the convolution `name`, which usually has `usual` ones.
    pub fn outputs(&self, name: &str, usual: usize) -> usize {
        self.widths.outputs(name, usual)
    }

    /// The first convolution, whose weights the paper leaves in float.
    pub fn first_conv(&mut self, name: &str, outputs: usize, sliding: Sliding) -> NodeId {
        let (x, outputs) = (self.builder.input(), self.widths.outputs(name, outputs));
        self.any_conv(name, x, outputs, self.window(x, sliding), Weights::Float, false)
    }

    /// A convolution with quantized weights and usually `outputs` channels.
    pub fn conv(&mut self, name: &str, x: NodeId, outputs: usize, sliding: Sliding) -> NodeId {
        self.conv_to(name, x, self.widths.outputs(name, outputs), sliding)
    }

    /// A convolution with quantized weights whose channels follow from those of other layers.
    pub fn conv_to(&mut self, name: &str, x: NodeId, outputs: usize, sliding: Sliding) -> NodeId {
        self.any_conv(name, x, outputs, self.window(x, sliding), self.widths.weights(name), false)
    }

    /// A convolution with a bias, and with quantized weights unless it is the first.
    pub fn conv_with_bias(&mut self, name: &str, x: NodeId, outputs: usize, sliding: Sliding) -> NodeId {
        let first = x == self.builder.input();
        let weights = if first { Weights::Float } else { self.widths.weights(name) };
        let outputs = self.widths.outputs(name, outputs);
        self.any_conv(name, x, outputs, self.window(x, sliding), weights, true)
    }

    /// A convolution over the whole of `x` with quantized weights and a bias: a dense layer of the original's AlexNet and VGG.
    pub fn conv_over_all(&mut self, name: &str, x: NodeId, outputs: usize) -> NodeId {
        let outputs = self.widths.outputs(name, outputs);
        self.any_conv(name, x, outputs, self.whole(x), self.widths.weights(name), true)
    }

    /// A float dense layer with usually `outputs` channels, before the last.
    pub fn dense(&mut self, name: &str, x: NodeId, outputs: usize) -> NodeId {
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
    pub fn classifier(&mut self, name: &str, x: NodeId, classes: usize) -> NodeId {
        self.builder.dense(name, x, self.widths.classes(name, classes), self.extent(x))
    }

    /// `<scope>/bn`.
    pub fn batch_norm(&mut self, scope: &str, x: NodeId) -> NodeId {
        self.builder.batch_norm(scope, x)
    }

    /// `<scope>/relu`.
    pub fn relu(&mut self, scope: &str, x: NodeId) -> NodeId {
        self.builder.relu(&format!("{scope}/relu"), x)
    }

    /// `<scope>/bn` and `<scope>/relu`.
    pub fn bn_relu(&mut self, scope: &str, x: NodeId) -> NodeId {
        self.builder.bn_relu(scope, x)
    }

    /// `<scope>/bn`, `<scope>/relu` and `<scope>/quant`.
    pub fn bn_relu_quant(&mut self, scope: &str, x: NodeId) -> NodeId {
        let x = self.bn_relu(scope, x);
        self.quantize(&format!("{scope}/quant"), x)
    }

    /// The quantizer `name`, or nothing where activations stay float.
    pub fn quantize(&mut self, name: &str, x: NodeId) -> NodeId {
        match self.widths.activation_bits(name) {
            Some(bits) => self.builder.quantize(name, x, bits),
            None => x,
        }
    }

    /// A quantizer to codes of +-1 whose ties go up, or nothing where activations stay float.
    pub fn quantize_plus_minus(&mut self, name: &str, x: NodeId) -> NodeId {
        match self.widths.activation_bits(name) {
            Some(bits) => self.builder.quantize_with(name, x, bits, Encoding::PlusMinus, Ties::Above),
            None => x,
        }
    }

    /// A node of any kind with one input.
    pub fn push(&mut self, name: &str, op: Op, x: NodeId) -> NodeId {
        self.builder.push(name, op, &[x])
    }

    /// Height and width of `x`.
    pub fn extent(&self, x: NodeId) -> [usize; 2] {
        let Shape { h, w, .. } = self.builder.shape(x);
        [h, w]
    }

    pub fn max_pool(&mut self, name: &str, x: NodeId, sliding: Sliding) -> NodeId {
        let window = self.window(x, sliding);
        self.builder.max_pool(name, x, window)
    }

    /// The mean over `factor` x `factor` squares; an odd last row or column is left out.
    pub fn shrink(&mut self, name: &str, x: NodeId, factor: usize) -> NodeId {
        self.builder.avg_pool(name, x, Window::valid(factor, factor))
    }

    /// The mean over all positions.
    pub fn global_average(&mut self, x: NodeId) -> NodeId {
        self.builder.global_avg_pool("gap", x)
    }

    pub fn add(&mut self, name: &str, a: NodeId, b: NodeId) -> NodeId {
        self.builder.add(name, a, b)
    }

    /// Zero channels after those of `x`, up to `channels`.
    pub fn pad_channels(&mut self, name: &str, x: NodeId, channels: usize) -> NodeId {
        self.builder.pad_channels(name, x, channels)
    }

    pub fn concat(&mut self, name: &str, parts: &[NodeId]) -> NodeId {
        self.builder.concat(name, parts)
    }

    /// The network with its preprocessing, as the original trains it.
    pub fn finish(self, preprocess: Preprocess) -> Result<Definition, String> {
        Ok(Definition { graph: self.builder.finish()?, preprocess, weight_ties: Ties::Below, copies: None })
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
