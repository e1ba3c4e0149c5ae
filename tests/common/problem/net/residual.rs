//! Blocks of residual networks and variations of them: convolutions of codes, and reals that are normalised, pooled and
//! added.

use super::Net;
use lq_infer::internals::graph::{NodeId, Op};
use lq_infer::internals::tensor::Window;

impl Net<'_> {
    pub(super) fn plain(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = self.codes(scope, x);
        let window = self.window(codes, true);
        let outputs = self.outputs(codes, &window);
        self.conv(format!("{scope}/conv"), codes, outputs, window)
    }

    /// Pools values before the next block normalises them, so that negative gains are applied to maxima.
    pub(super) fn plain_and_pooled(&mut self, scope: &str, x: NodeId) -> NodeId {
        let x = self.plain(scope, x);
        self.max_pool(scope, x)
    }

    /// bn-relu-quant-conv-bn-relu-quant-conv, plus the input of the block.
    pub(super) fn pre_activation(&mut self, scope: &str, x: NodeId) -> NodeId {
        let (codes, same) = (self.codes(&format!("{scope}/pre"), x), Window::same(3, 1, self.size(x)));
        let outputs = self.outputs(codes, &same);
        let y = self.conv(format!("{scope}/conv1"), codes, outputs, same);
        let codes = self.codes(&format!("{scope}/conv1"), y);
        let y = self.conv(format!("{scope}/conv2"), codes, self.channels(x), same);
        let y = self.maybe_bn(&format!("{scope}/conv2"), y);
        self.add(scope, y, x)
    }

    /// A strided block whose shortcut is an average pooling of the normalised values with zero channels appended.
    pub(super) fn type_a(&mut self, scope: &str, x: NodeId) -> NodeId {
        let [h, w] = self.size(x);
        let stride = self.rng.between(1, h.min(w).min(3));
        let x = self.bn_relu(&format!("{scope}/pre"), x);
        let shortcut = self.avg_pool(format!("{scope}/shortcut"), x, Window::valid(stride, stride));
        let channels = self.channels(x) + self.rng.pick(&[0, 1, 13]);
        let late = self.rng.chance(0.3);
        let pad = |net: &mut Self| net.pad_channels(format!("{scope}/shortcut/pad"), shortcut, channels);
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
    pub(super) fn conv_shortcut(&mut self, scope: &str, x: NodeId) -> NodeId {
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
    pub(super) fn post_activation(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = self.codes(&format!("{scope}/pre"), x);
        let y = self.conv(format!("{scope}/conv"), codes, self.channels(x), Window::same(3, 1, self.size(x)));
        let y = self.batch_norm(&format!("{scope}/conv"), y);
        let y = self.add(scope, y, x);
        self.relu(scope, y)
    }

    pub(super) fn two_quantizers(&mut self, scope: &str, x: NodeId) -> NodeId {
        let x = if self.rng.chance(0.5) { self.bn_relu(scope, x) } else { x };
        let codes = ["a", "b"].map(|branch| self.quantize(format!("{scope}/quant_{branch}"), x));
        self.branches(scope, codes)
    }

    pub(super) fn shared_codes(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = self.codes(scope, x);
        self.branches(scope, [codes; 2])
    }

    pub(super) fn two_batch_norms(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = ["a", "b"].map(|branch| {
            let branch = format!("{scope}/{branch}");
            let y = self.batch_norm(&branch, x);
            let y = self.maybe_relu(&branch, y);
            self.quantize(format!("{branch}/quant"), y)
        });
        self.branches(scope, codes)
    }

    /// A convolution of each of two code tensors of one shape, added.
    pub(super) fn branches(&mut self, scope: &str, codes: [NodeId; 2]) -> NodeId {
        let window = self.window(codes[0], true);
        let outputs = self.outputs(codes[0], &window);
        let [a, b] = [0, 1].map(|k| {
            let branch = format!("{scope}/conv_{}", ["a", "b"][k]);
            let y = self.conv(branch.clone(), codes[k], outputs, window);
            self.maybe_bn(&branch, y)
        });
        self.add(scope, a, b)
    }

    /// A float convolution of values inside the network. A batch norm always follows: without one, the range of a
    /// convolution is a loose bound, and a few of these in a row leave too few bits for a tight comparison.
    pub(super) fn float_middle(&mut self, scope: &str, x: NodeId) -> NodeId {
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

    pub(super) fn pooled(&mut self, scope: &str, x: NodeId) -> NodeId {
        if self.rng.chance(0.5) {
            return self.max_pool(scope, x);
        }
        let window = self.window(x, false);
        self.avg_pool(format!("{scope}/avg_pool"), x, window)
    }

    /// A convolution with bias whose result has two readers, so that it must be stored as a value.
    pub(super) fn biased_and_shared(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = self.codes(&format!("{scope}/pre"), x);
        let window = self.window(codes, true);
        let outputs = self.outputs(codes, &window);
        let op = Op::Conv { outputs, window, weights: self.planes(), bias: true, groups: 1 };
        let y = self.windowed(format!("{scope}/conv"), op, codes, &window, outputs);
        let a = self.bn_relu(&format!("{scope}/a"), y);
        let b = if self.rng.chance(0.5) { self.relu(&format!("{scope}/b"), y) } else { y };
        self.add(scope, a, b)
    }
}
