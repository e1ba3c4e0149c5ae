//! Blocks in which convolutions with weight planes read reals, convolutions with float weights read codes, and other
//! operations read codes as reals; grouped convolutions of both kinds.

use super::Net;
use lq_infer::internals::graph::{NodeId, Op, Weights};
use lq_infer::internals::tensor::Window;

impl Net<'_> {
    /// A post-activation residual block without quantizers. Its shortcut is its input or a convolution of it.
    pub(super) fn weight_only(&mut self, scope: &str, x: NodeId) -> NodeId {
        let (first, second) = (format!("{scope}/conv1"), format!("{scope}/conv2"));
        let stride = self.rng.between(1, 2);
        let window = Window::same(3, stride, self.size(x));
        let plain = stride == 1 && self.rng.chance(0.5);
        let outputs = if plain { self.channels(x) } else { self.outputs(x, &window) };
        let y = self.conv(first.clone(), x, outputs, window);
        let y = self.bn_relu(&first, y);
        let y = self.conv(second.clone(), y, outputs, Window::same(3, 1, self.size(y)));
        let y = self.batch_norm(&second, y);
        let shortcut = if plain { x } else { self.real_shortcut(scope, x, outputs, stride) };
        let sum = self.add(scope, y, shortcut);
        self.relu(scope, sum)
    }

    fn real_shortcut(&mut self, scope: &str, x: NodeId, outputs: usize, stride: usize) -> NodeId {
        let scope = format!("{scope}/convshortcut");
        let y = self.conv(scope.clone(), x, outputs, Window::same(1, stride, self.size(x)));
        self.batch_norm(&scope, y)
    }

    /// A 1x1 convolution, then a grouped one (depthwise or not) that reads its result as codes or reals.
    pub(super) fn grouped(&mut self, scope: &str, x: NodeId) -> NodeId {
        let (codes, wide) = (self.codes(&format!("{scope}/pre"), x), format!("{scope}/expand"));
        let (groups, inputs) = self.rng.pick(&[(8, 1), (33, 1), (40, 1), (2, 5), (4, 2), (4, 8), (2, 33), (2, 40)]);
        let y = self.conv(wide.clone(), codes, groups * inputs, Window::valid(1, 1));
        let y = if self.rng.chance(0.5) { self.codes(&wide, y) } else { self.bn_relu(&wide, y) };
        let weights = if self.rng.chance(0.5) { Weights::Float } else { self.planes() };
        let outputs = groups * self.rng.pick(&[1, 1, 2, 5]);
        let window = self.window(y, true);
        let op = Op::Conv { outputs, window, weights, bias: self.rng.chance(0.2), groups };
        let y = self.windowed(format!("{scope}/conv"), op, y, &window, outputs);
        let y = self.batch_norm(scope, y);
        self.maybe_relu(scope, y)
    }

    /// Convolutions with float weights and with weight planes on the same codes.
    pub(super) fn float_on_codes(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = self.codes(&format!("{scope}/pre"), x);
        let window = self.window(codes, true);
        let (outputs, bias) = (self.outputs(codes, &window), self.rng.chance(0.3));
        let y = self.float_conv(format!("{scope}/float"), codes, outputs, window, bias);
        let y = self.batch_norm(&format!("{scope}/float"), y);
        if self.rng.chance(0.5) {
            return y;
        }
        let z = self.conv(format!("{scope}/planes"), codes, outputs, window);
        self.add(scope, y, z)
    }

    /// Codes that are pooled, sometimes normalised, and sometimes also read by a convolution.
    pub(super) fn pooled_codes(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = self.codes(&format!("{scope}/pre"), x);
        let y = self.pooled(scope, codes);
        let y = self.maybe_bn(scope, y);
        if self.rng.chance(0.5) {
            return y;
        }
        let size = self.size(y);
        let window = self.window_to(codes, size, 1).unwrap_or(Window::whole(self.size(codes)));
        let z = self.conv(format!("{scope}/conv"), codes, self.channels(y), window);
        if self.size(z) == size { self.add(scope, y, z) } else { z }
    }
}
