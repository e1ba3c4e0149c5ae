//! Float convolutions with more weights than a shader may be able to bind: the dense layers of a VGG have 300 MB of limbs,
//! where WebGPU promises 128 MiB. Their output channels are computed in parts, each with weights of its own, and joined. A
//! channel's numbers do not depend on the others, so they are the same as those of a whole convolution.

use super::emitter::Emitter;
use crate::graph::NodeId;
use crate::lower::kernels::{Epilogue, Finish, Join, Kernel, LimbConv};
use crate::lower::tensors::{Repr, TensorId, TensorSpec};
use crate::tensor::Shape;
use std::ops::Range;

/// Most words of weights of one kernel: 128 MiB, the limit `maxStorageBufferBindingSize` of WebGPU.
pub(super) const MOST_WORDS: usize = (128 << 20) / size_of::<u32>();

/// Parts have a multiple of this many channels, if possible.
const TOGETHER: usize = 64;

/// How many channels, of `outputs`, have weights that fit into `most` words if each takes `words`; at least one.
fn together(outputs: usize, words: usize, most: usize) -> usize {
    let fitting = (most / words.max(1)).clamp(1, outputs.max(1));
    if fitting > TOGETHER { fitting / TOGETHER * TOGETHER } else { fitting }
}

impl Emitter<'_> {
    /// Adds `kernel` for node `id` in parts. Its epilogue gives values and adds nothing to them.
    pub(super) fn push_in_parts(&mut self, id: NodeId, kernel: LimbConv) -> Result<(), String> {
        let Finish::Value { shifts, residual: None, relu, output: Some(whole), codes: None } = kernel.epilogue.finish
        else {
            return Err("has too many weights for one kernel, and more than values to give".into());
        };
        let (outputs, low_bits) = (shifts.len(), kernel.epilogue.low_bits);
        let each = kernel.weights.len() / outputs.max(1);
        let step = together(outputs, each, self.most_words);
        let LimbConv { input, window, words, drop, mut weights, .. } = kernel;
        // From the end, so that what a part has taken is given back: there is no room for all weights twice.
        for at in (0..outputs).step_by(step).rev() {
            let range = at..outputs.min(at + step);
            let (name, shape, repr) = self.part_of(whole, &range);
            let part = self.tensor(name, shape, repr);
            let shifts = shifts[range.clone()].to_vec();
            let finish = Finish::Value { shifts, residual: None, relu, output: Some(part), codes: None };
            let epilogue = Epilogue { low_bits, bias: kernel.epilogue.bias[range].to_vec(), finish };
            let own = weights.split_off(at * each);
            weights.shrink_to_fit();
            let kernel = LimbConv { input, window, weights: own, words, first_words: None, drop, epilogue };
            self.push(id, Kernel::LimbConv(kernel));
            self.push(id, Kernel::Join(Join { input: part, at, output: whole }));
        }
        Ok(())
    }

    /// Name, shape and form of some channels of a tensor.
    fn part_of(&self, whole: TensorId, channels: &Range<usize>) -> (String, Shape, Repr) {
        let TensorSpec { name, shape, repr } = &self.tensors[whole];
        (format!("{name}/{}", channels.start), Shape { c: channels.len(), ..*shape }, *repr)
    }
}

#[cfg(test)]
mod tests {
    use super::together;

    #[test]
    fn parts_fit_and_are_round() {
        assert_eq!(together(4096, 18_816, super::MOST_WORDS), 1728);
        assert_eq!(together(100, 10, 10_000), 64);
        assert_eq!(together(10, 10, 10_000), 10);
        assert_eq!(together(10, 10, 35), 3);
        assert_eq!(together(10, 10, 5), 1);
    }
}
