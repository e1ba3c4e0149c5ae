//! The numbers under a convolution's window, as rows of a matrix.

use crate::tensor::{Shape, Window};

/// Where a convolution reads and writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    pub from: Shape,
    pub to: Shape,
    pub window: Window,
    pub groups: usize,
}

impl Geometry {
    /// Input channels of a group.
    pub(crate) fn inputs(&self) -> usize {
        self.from.c / self.groups
    }

    /// Output channels of a group.
    pub(crate) fn outputs(&self) -> usize {
        self.to.c / self.groups
    }

    /// Weights of an output channel, in the order `[kh, kw, in]`.
    pub(crate) fn depth(&self) -> usize {
        self.window.taps() * self.inputs()
    }

    /// Puts what the output pixels of one picture from number `first` read of a group's channels at the start of `rows`,
    /// which are `stride` numbers apart. Padding is 0.
    pub(crate) fn fill(&self, picture: &[f32], group: usize, first: usize, rows: &mut [f32], stride: usize) {
        let (inputs, [_, kw]) = (self.inputs(), self.window.kernel);
        for (pixel, row) in (first..).zip(rows.chunks_mut(stride)) {
            let (y, x) = (pixel / self.to.w, pixel % self.to.w);
            for (tap, numbers) in row[..self.depth()].chunks_exact_mut(inputs).enumerate() {
                let from = self.window.source(0, y, tap / kw, self.from.h);
                match from.zip(self.window.source(1, x, tap % kw, self.from.w)) {
                    Some((y, x)) => {
                        let start = (y * self.from.w + x) * self.from.c + group * inputs;
                        numbers.copy_from_slice(&picture[start..start + inputs]);
                    }
                    None => numbers.fill(0.0),
                }
            }
        }
    }

    /// Adds numbers in the order of [`Geometry::fill`] to those of the picture from which it takes them.
    pub(crate) fn spread(&self, rows: &[f32], group: usize, first: usize, picture: &mut [f32], stride: usize) {
        let (inputs, [_, kw]) = (self.inputs(), self.window.kernel);
        for (pixel, row) in (first..).zip(rows.chunks(stride)) {
            let (y, x) = (pixel / self.to.w, pixel % self.to.w);
            for (tap, numbers) in row[..self.depth()].chunks_exact(inputs).enumerate() {
                let from = self.window.source(0, y, tap / kw, self.from.h);
                if let Some((y, x)) = from.zip(self.window.source(1, x, tap % kw, self.from.w)) {
                    let start = (y * self.from.w + x) * self.from.c + group * inputs;
                    picture[start..start + inputs].iter_mut().zip(numbers).for_each(|(p, n)| *p += n);
                }
            }
        }
    }
}
