//! How much work a step is.

use super::kernels::Kernel;
use super::program::Program;

/// The work of a step. All but the constants is for one image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// 32-bit words that are ANDed and counted. Taps outside the input count too.
    pub words: u64,
    /// Products of bytes that are added up. Those of padding lanes and of taps outside the input count too, those with
    /// a pixel's alpha do not: it is the same everywhere.
    pub byte_products: u64,
    /// Bytes of the tensors that are read and written, each once.
    pub tensors: u64,
    /// Bytes of weights and tables, which a batch reads at least once.
    pub constants: u64,
    /// Multiplications that the layer is by its definition: taps * input channels of a group * outputs. 0 for kernels
    /// that are neither convolutions nor dense layers.
    pub network_macs: u64,
}

impl std::ops::Add for Work {
    type Output = Work;

    fn add(self, other: Work) -> Work {
        Work {
            words: self.words + other.words,
            byte_products: self.byte_products + other.byte_products,
            tensors: self.tensors + other.tensors,
            constants: self.constants + other.constants,
            network_macs: self.network_macs + other.network_macs,
        }
    }
}

impl Work {
    /// The work of `kernel`, a step of `program`.
    pub fn of(program: &Program, kernel: &Kernel) -> Work {
        let (facts, tensors) = (kernel.facts(), program.view());
        let written = |id| tensors.get(id).shape.pixels() * facts.words_written(id, tensors).len();
        let written: usize = facts.writes().into_iter().map(written).sum();
        Work {
            words: facts.counted_words(tensors) as u64,
            byte_products: facts.byte_products(tensors) as u64,
            tensors: 4 * (tensors.words(&facts.reads()) + written) as u64,
            constants: facts.constant_bytes() as u64,
            network_macs: facts.network_macs(tensors) as u64,
        }
    }

    /// Bytes that a batch of `images` images reads and writes at least.
    pub fn bytes(&self, images: usize) -> u64 {
        images as u64 * self.tensors + self.constants
    }
}
