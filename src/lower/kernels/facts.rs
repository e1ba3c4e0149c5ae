//! The facts that every kernel gives about itself. Whoever checks, plans, records, times or explains a program asks
//! for them here, so that nothing outside has to know the list of kernels.

use crate::lower::tensors::{TensorId, Tensors};
use crate::tensor::Window;
use std::ops::Range;

/// The outcome of a check; the error says what is wrong with a kernel.
pub type Checked = Result<(), String>;

/// Facts about a kernel. Sizes and amounts are for one image.
pub trait KernelFacts {
    /// The kernel's name, which is also that of its reference and its shader.
    fn name(&self) -> &'static str;

    /// Tensors the kernel reads.
    fn reads(&self) -> Vec<TensorId>;

    /// Tensors the kernel writes.
    fn writes(&self) -> Vec<TensorId>;

    /// Checks everything that a backend's indices rely on: shapes and forms of its tensors, sizes of its tables. Shaders
    /// run without bounds checks because of it. All tensors that the kernel reads and writes exist.
    ///
    /// # Errors
    /// What does not match.
    fn check(&self, tensors: Tensors) -> Checked;

    /// The words that it reads of each pixel of tensor `id`: all, unless the kernel says otherwise.
    fn words_read(&self, id: TensorId, tensors: Tensors) -> Vec<Range<usize>> {
        std::iter::once(0..tensors.get(id).pixel_words()).collect()
    }

    /// The words that it writes of each pixel of tensor `id`: all, unless the kernel says otherwise.
    fn words_written(&self, id: TensorId, tensors: Tensors) -> Range<usize> {
        0..tensors.get(id).pixel_words()
    }

    /// Whether backends may fuse the next step into this one, which then has to keep its inputs for one step more.
    fn may_take_the_next(&self) -> bool {
        false
    }

    /// The window that it slides over its input, if any.
    fn window(&self) -> Option<&Window> {
        None
    }

    /// Planes of weights and of the input, if the kernel multiplies planes.
    fn planes(&self) -> Option<[usize; 2]> {
        None
    }

    /// 32-bit words that are ANDed and counted, with those of taps outside the input.
    fn counted_words(&self, _tensors: Tensors) -> usize {
        0
    }

    /// Products of bytes that are added up, with those of taps outside the input and of padding lanes.
    fn byte_products(&self, _tensors: Tensors) -> usize {
        0
    }

    /// Multiplications that the layer is by its definition: taps * input channels of a group * outputs. 0 for kernels
    /// that are neither convolutions nor dense layers.
    fn network_macs(&self, _tensors: Tensors) -> usize {
        0
    }

    /// Bytes of weights and tables.
    fn constant_bytes(&self) -> usize {
        0
    }

    /// What its line in a program's text says besides the tensors: window, planes, ReLU and the like.
    fn details(&self) -> String {
        self.window().map_or(String::new(), |window| window.to_string())
    }
}

/// Numbers that a kernel writing to `output` makes.
pub(super) fn outputs(output: Option<TensorId>, tensors: Tensors) -> usize {
    output.map_or(0, |id| tensors.get(id).shape.elements())
}

/// An error that says `otherwise` unless a condition `holds`.
pub(in crate::lower) fn need(holds: bool, otherwise: &str) -> Checked {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// The name and the tensors of a kernel that reads its field `input` and writes its field `output`.
macro_rules! input_to_output {
    ($name:literal) => {
        fn name(&self) -> &'static str {
            $name
        }

        fn reads(&self) -> Vec<TensorId> {
            vec![self.input]
        }

        fn writes(&self) -> Vec<TensorId> {
            vec![self.output]
        }
    };
}
pub(super) use input_to_output;
