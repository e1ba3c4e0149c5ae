//! Operations in random order on random earlier tensors.

use super::Net;
use lq_infer::internals::graph::NodeId;
use lq_infer::internals::tensor::Window;

/// Most channels of a concatenation.
const MAX_CHANNELS: usize = 150;

impl Net<'_> {
    /// Each step reads earlier tensors of this block: codes, reals or concatenations of both. At the end, all tensors
    /// that nothing has read are concatenated.
    pub(super) fn anything(&mut self, scope: &str, x: NodeId) -> NodeId {
        let codes = self.codes(&format!("{scope}/pre"), x);
        let mut tensors = vec![x, codes];
        let mut unread = vec![codes];
        for step in 0..self.rng.between(3, 7) {
            let scope = format!("{scope}/{step}");
            let mut inputs = [0; 2].map(|_| self.rng.pick(&tensors)).to_vec();
            let y = self.step(&scope, &mut inputs);
            unread.retain(|t| !inputs.contains(t));
            unread.push(y);
            tensors.push(y);
        }
        let joined = self.concat(scope, &unread);
        self.batch_norm(scope, joined)
    }

    /// A tensor with the inputs' height and width. `inputs` keeps the tensors that the step reads.
    fn step(&mut self, scope: &str, inputs: &mut Vec<NodeId>) -> NodeId {
        let (a, b) = (inputs[0], inputs[1]);
        let kind = self.rng.below(9);
        if kind == 0 && self.channels(a) + self.channels(b) <= MAX_CHANNELS {
            return self.concat(scope, inputs);
        }
        if kind == 1 {
            return self.padded_sum(scope, a, b);
        }
        inputs.truncate(1);
        match kind {
            2 | 3 => self.quantize(format!("{scope}/quant"), a),
            4 => self.relu(scope, a),
            5 => self.bn_relu(scope, a),
            6 => self.max_pool_over(scope, a, Window::same(3, 1, self.size(a))),
            _ => {
                let window = Window::same(self.rng.pick(&[1, 3]), 1, self.size(a));
                let outputs = self.outputs(a, &window);
                self.normalised(scope, a, outputs, window)
            }
        }
    }

    /// The sum of two tensors, of which the narrower one is padded with zero channels.
    fn padded_sum(&mut self, scope: &str, a: NodeId, b: NodeId) -> NodeId {
        let channels = self.channels(a).max(self.channels(b));
        let [a, b] = [("a", a), ("b", b)].map(|(side, x)| {
            if self.channels(x) == channels { x } else { self.pad_channels(format!("{scope}/pad_{side}"), x, channels) }
        });
        self.add(scope, a, b)
    }
}
