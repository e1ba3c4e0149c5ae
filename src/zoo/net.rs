//! What the definitions have in common: layers in the original code's spelling, on a graph that knows its shapes.

use super::{Definition, Widths};
use crate::graph::preprocess::Preprocess;
use crate::graph::{GraphBuilder, NodeId, Op, Weights};
use crate::tensor::{Shape, Window};

/// A square window as the original writes it. TensorFlow's padding "SAME" depends on the size of what it slides over.
#[derive(Clone, Copy, Debug)]
pub enum Sliding {
    Same { kernel: usize, stride: usize },
    Valid { kernel: usize, stride: usize },
}

/// A window with padding "SAME".
pub fn same(kernel: usize, stride: usize) -> Sliding {
    Sliding::Same { kernel, stride }
}

/// A window without padding.
pub fn valid(kernel: usize, stride: usize) -> Sliding {
    Sliding::Valid { kernel, stride }
}

/// A network under construction, with the widths that it is to have.
pub struct Net<'a> {
    builder: GraphBuilder,
    widths: &'a dyn Widths,
}

impl<'a> Net<'a> {
    /// Starts with square pictures, usually of `size` pixels.
    pub fn new(widths: &'a dyn Widths, size: usize) -> Result<Self, String> {
        let size = widths.input_size(size);
        Ok(Net { builder: GraphBuilder::new(Shape::new(size, size, 3)?), widths })
    }

    /// Height and width of the pictures.
    pub fn size(&self) -> usize {
        self.builder.shape(self.builder.input()).h
    }

    /// Channels of `x`.
    pub fn channels(&self, x: NodeId) -> usize {
        self.builder.shape(x).c
    }

    /// The first convolution, whose weights the paper leaves in float.
    pub fn first_conv(&mut self, name: &str, outputs: usize, sliding: Sliding) -> NodeId {
        let outputs = self.widths.outputs(name, outputs);
        let (input, window) = (self.builder.input(), self.window(self.builder.input(), sliding));
        self.builder.conv(name, input, outputs, window, Weights::Float)
    }

    /// A convolution with quantized weights and usually `outputs` channels.
    pub fn conv(&mut self, name: &str, x: NodeId, outputs: usize, sliding: Sliding) -> NodeId {
        self.conv_to(name, x, self.widths.outputs(name, outputs), sliding)
    }

    /// A convolution with quantized weights whose channels follow from those of other layers.
    pub fn conv_to(&mut self, name: &str, x: NodeId, outputs: usize, sliding: Sliding) -> NodeId {
        let window = self.window(x, sliding);
        self.builder.conv(name, x, outputs, window, self.widths.weights(name))
    }

    /// A convolution over the whole of `x` with quantized weights and a bias: a dense layer of the original's AlexNet and VGG.
    pub fn conv_over_all(&mut self, name: &str, x: NodeId, outputs: usize) -> NodeId {
        let (outputs, weights) = (self.widths.outputs(name, outputs), self.widths.weights(name));
        let window = self.whole(x);
        self.builder.push(name, Op::Conv { outputs, window, weights, bias: true, groups: 1 }, &[x])
    }

    /// The last layer: dense, float, usually with `classes` classes.
    pub fn classifier(&mut self, name: &str, x: NodeId, classes: usize) -> NodeId {
        let Shape { h, w, .. } = self.builder.shape(x);
        self.builder.dense(name, x, self.widths.classes(name, classes), [h, w])
    }

    /// `<scope>/bn`.
    pub fn batch_norm(&mut self, scope: &str, x: NodeId) -> NodeId {
        self.builder.batch_norm(scope, x)
    }

    /// `<scope>/relu`.
    pub fn relu(&mut self, scope: &str, x: NodeId) -> NodeId {
        self.builder.push(&format!("{scope}/relu"), Op::Relu, &[x])
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

    pub fn max_pool(&mut self, name: &str, x: NodeId, sliding: Sliding) -> NodeId {
        let window = self.window(x, sliding);
        self.builder.push(name, Op::MaxPool { window }, &[x])
    }

    /// The mean over `factor` x `factor` squares; an odd last row or column is left out.
    pub fn shrink(&mut self, name: &str, x: NodeId, factor: usize) -> NodeId {
        self.builder.push(name, Op::AvgPool { window: Window::valid(factor, factor) }, &[x])
    }

    /// The mean over all positions.
    pub fn global_average(&mut self, x: NodeId) -> NodeId {
        let window = self.whole(x);
        self.builder.push("gap", Op::AvgPool { window }, &[x])
    }

    pub fn add(&mut self, name: &str, a: NodeId, b: NodeId) -> NodeId {
        self.builder.push(name, Op::Add, &[a, b])
    }

    /// Zero channels after those of `x`, up to `channels`.
    pub fn pad_channels(&mut self, name: &str, x: NodeId, channels: usize) -> NodeId {
        self.builder.push(name, Op::PadChannels { channels }, &[x])
    }

    pub fn concat(&mut self, name: &str, parts: &[NodeId]) -> NodeId {
        self.builder.push(name, Op::Concat, parts)
    }

    /// The network with its preprocessing.
    pub fn finish(self, preprocess: Preprocess) -> Result<Definition, String> {
        Ok(Definition { graph: self.builder.finish()?, preprocess })
    }

    fn window(&self, x: NodeId, sliding: Sliding) -> Window {
        let Shape { h, w, .. } = self.builder.shape(x);
        match sliding {
            Sliding::Same { kernel, stride } => Window::same(kernel, stride, [h, w]),
            Sliding::Valid { kernel, stride } => Window::valid(kernel, stride),
        }
    }

    fn whole(&self, x: NodeId) -> Window {
        let Shape { h, w, .. } = self.builder.shape(x);
        Window::whole([h, w])
    }
}
