//! The first and the last layers.

use super::{Net, Source};
use lq_infer::internals::graph::NodeId;
use lq_infer::internals::tensor::Window;

impl Net<'_> {
    pub(super) fn stem(&mut self, source: Source) -> NodeId {
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
        let x = if source == Source::Tensor && self.rng.chance(0.3) {
            self.conv("conv0".into(), 0, outputs, window)
        } else {
            self.float_conv("conv0".into(), 0, outputs, window, bias)
        };
        match self.rng.below(4) {
            0 => self.max_pool("stem", x),
            1 => {
                let x = self.bn_relu("conv0", x);
                self.max_pool("stem", x)
            }
            _ => x,
        }
    }

    pub(super) fn tail(&mut self, x: NodeId) {
        let classes = self.rng.pick(&[2, 5, 10, 33]);
        match self.rng.below(10) {
            0 => {
                let x = self.bn_relu("last", x);
                let x = self.global(x);
                self.linear(x, classes, true)
            }
            1 => {
                let (x, bias) = (self.global(x), self.rng.chance(0.5));
                self.linear(x, classes, bias)
            }
            2 => {
                let x = self.bn_relu("last", x);
                self.linear(x, classes, true)
            }
            3 => {
                let x = self.max_pool("last", x);
                self.linear(x, classes, true)
            }
            4 => {
                let codes = self.codes("last", x);
                let y = self.classifier(codes, classes);
                self.maybe_bn("classifier", y)
            }
            5 => {
                let y = self.float_conv("classifier".into(), x, classes, Window::valid(1, 1), true);
                self.global(y)
            }
            6 => {
                let codes = self.codes("last", x);
                let y = self.conv("fc1".into(), codes, 20, Window::whole(self.size(codes)));
                let codes = self.codes("fc1", y);
                let y = self.conv("fc2".into(), codes, 16, Window::valid(1, 1));
                let y = self.bn_relu("fc2", y);
                self.linear(y, classes, true)
            }
            7 => {
                let x = self.bn_relu("last", x);
                let x = self.global(x);
                self.classifier(x, classes)
            }
            8 => {
                let joined = self.codes_and_reals(x);
                self.linear(joined, classes, true)
            }
            _ => {
                let joined = self.codes_and_reals(x);
                self.classifier(joined, classes)
            }
        };
    }

    fn global(&mut self, x: NodeId) -> NodeId {
        self.avg_pool("gap".into(), x, Window { stride: [1; 2], ..Window::whole(self.size(x)) })
    }

    /// A dense layer with float weights.
    fn linear(&mut self, x: NodeId, classes: usize, bias: bool) -> NodeId {
        self.float_conv("linear".into(), x, classes, Window::whole(self.size(x)), bias)
    }

    /// A dense layer with weight planes.
    fn classifier(&mut self, x: NodeId, classes: usize) -> NodeId {
        self.conv("classifier".into(), x, classes, Window::whole(self.size(x)))
    }

    fn codes_and_reals(&mut self, x: NodeId) -> NodeId {
        let codes = self.codes("last", x);
        self.concat("last", &[codes, x])
    }
}
