//! How much work a step is.

use crate::lower::{BitConv, Kernel, Program};

/// 32-bit words that a bit convolution ANDs and counts for one image; 0 for other kernels. Taps outside the input count too.
pub fn bit_words(program: &Program, kernel: &Kernel) -> u64 {
    let Kernel::BitConv(k) = kernel else { return 0 };
    let outputs = kernel.writes().first().map_or(0, |&id| program.tensors[id].shape.elements());
    let words: usize = k.parts.iter().map(|p| p.words * p.planes).sum();
    (outputs * k.window.taps() * words * k.weight_planes) as u64
}

/// Whether `kernel` is a 3x3 bit convolution, which is where networks spend their time.
pub fn is_square_bitconv(kernel: &Kernel) -> bool {
    matches!(kernel, Kernel::BitConv(BitConv { window, .. }) if window.kernel == [3, 3])
}
