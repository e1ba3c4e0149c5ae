//! Blocks with concatenations.

use super::Net;
use lq_infer::internals::graph::{NodeId, Op, Weights};
use lq_infer::internals::tensor::Window;

/// Channels of branches; most do not fill whole words.
const WIDTHS: [usize; 7] = [3, 5, 8, 13, 20, 33, 40];

impl Net<'_> {
    /// As in GoogLeNet: branches with quantizers of their own are concatenated and read by several convolutions.
    pub(super) fn inception(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = self.codes(&format!("{scope}/pre"), x);
        let count = self.rng.between(2, 4);
        let branches: Vec<NodeId> = (0..count).map(|k| self.branch(&format!("{scope}/{k}"), codes)).collect();
        let joined = self.concat(scope, &branches);
        self.branches(scope, [joined; 2])
    }

    /// A convolution, sometimes after a 1x1 convolution, and sometimes pooled before the batch norm as at the end of a
    /// stage.
    fn branch(&mut self, scope: &str, codes: NodeId) -> NodeId {
        let mut codes = codes;
        if self.rng.chance(0.5) {
            let (scope, outputs) = (format!("{scope}/reduce"), self.rng.pick(&WIDTHS));
            let y = self.conv(scope.clone(), codes, outputs, Window::valid(1, 1));
            codes = self.codes(&scope, y);
        }
        let window = Window::same(self.rng.pick(&[1, 3, 5]), 1, self.size(codes));
        let outputs = self.rng.pick(&WIDTHS).min(self.outputs(codes, &window));
        let mut y = self.conv(format!("{scope}/conv"), codes, outputs, window);
        if self.rng.chance(0.2) {
            y = self.max_pool_over(scope, y, Window::same(3, 1, self.size(y)));
        }
        let y = self.bn_relu(scope, y);
        let bits = self.any_bits();
        self.quantize_to(format!("{scope}/quant"), y, bits)
    }

    /// As in DenseNet: the new channels of every layer, which are codes, are put before all older ones; the oldest are
    /// reals. A transition in between has no batch norm.
    pub(super) fn dense(&mut self, scope: &str, x: NodeId) -> NodeId {
        let mut x = x;
        for layer in 0..self.rng.between(2, 3) {
            x = self.dense_layer(&format!("{scope}/{layer}"), x);
        }
        if self.rng.chance(0.5) {
            let y = self.conv(format!("{scope}/transition"), x, self.channels(x).div_ceil(2), Window::valid(1, 1));
            let window = self.window(y, false);
            let y = self.avg_pool(format!("{scope}/transition/pool"), y, window);
            x = self.dense_layer(&format!("{scope}/after"), y);
        }
        self.bn_relu(&format!("{scope}/last"), x)
    }

    fn dense_layer(&mut self, scope: &str, x: NodeId) -> NodeId {
        let (narrow, wide) = (format!("{scope}/conv1x1"), format!("{scope}/conv3x3"));
        let outputs = self.rng.pick(&WIDTHS);
        let y = self.conv(narrow.clone(), x, outputs, Window::valid(1, 1));
        let y = self.bn_relu(&narrow, y);
        let y = self.quantize(format!("{narrow}/quant"), y);
        let growth = self.rng.pick(&[3, 5, 12, 20]);
        let y = self.conv(wide.clone(), y, growth, Window::same(3, 1, self.size(y)));
        let y = self.bn_relu(&wide, y);
        let y = self.quantize(format!("{wide}/quant"), y);
        self.concat(scope, &[y, x])
    }

    /// Real branches that are concatenated and share one batch norm.
    pub(super) fn joined_reals(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = self.codes(&format!("{scope}/pre"), x);
        let [a, b] = ["a", "b"].map(|branch| {
            let (branch, outputs) = (format!("{scope}/{branch}"), self.rng.pick(&WIDTHS));
            let y = self.conv(branch.clone(), codes, outputs, Window::same(3, 1, self.size(codes)));
            self.maybe_bn(&branch, y)
        });
        let parts = if self.rng.chance(0.5) { vec![a, b] } else { vec![a, b, x] };
        let joined = self.concat(scope, &parts);
        self.bn_relu(scope, joined)
    }

    /// Codes and reals in two concatenations, one nested in the other. Convolutions of both kinds, a batch norm and a
    /// quantizer read them.
    pub(super) fn joined_twice(&mut self, scope: &str, x: NodeId) -> NodeId {
        let name = |part: &str| format!("{scope}/{part}");
        let (codes, outputs) = (self.codes(&name("pre"), x), self.rng.pick(&WIDTHS));
        let parts = if self.rng.chance(0.5) { [codes, x] } else { [x, codes] };
        let inner = self.concat(&name("inner"), &parts);
        let outer = self.concat(&name("outer"), &[codes, inner]);
        let normal = self.bn_relu(&name("normal"), inner);
        let requantized = self.quantize(name("requantized"), outer);
        let read = [("a", inner), ("b", normal), ("c", outer), ("d", requantized)];
        let sums = read.map(|(part, from)| self.normalised(&name(part), from, outputs, Window::valid(1, 1)));
        let [a, b, c, d] = sums;
        let (left, right) = (self.add(&name("left"), a, b), self.add(&name("right"), c, d));
        self.add(scope, left, right)
    }

    /// A convolution of any kind and a batch norm.
    pub(super) fn normalised(&mut self, scope: &str, x: NodeId, outputs: usize, window: Window) -> NodeId {
        let weights = if self.rng.chance(0.25) { Weights::Float } else { self.planes() };
        let (bias, groups) = (self.rng.chance(0.2), self.groups(x, outputs));
        let op = Op::Conv { outputs, window, weights, bias, groups };
        let y = self.windowed(format!("{scope}/conv"), op, x, &window, outputs);
        self.batch_norm(scope, y)
    }
}
