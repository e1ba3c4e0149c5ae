//! Shapes and windows. Activations are NHWC; a [`Shape`] is one image of a batch. Windows slide over height and width.

use serde::{Deserialize, Serialize};

/// Largest extent of any dimension. Keeps the index arithmetic of this file far from overflowing 64 bits.
pub const MAX_EXTENT: usize = 1 << 20;
/// Largest number of elements of one image's tensor.
pub const MAX_ELEMENTS: usize = 1 << 31;

/// Height, width and channels of one image's tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
    /// Channels.
    pub c: usize,
}

impl Shape {
    /// A shape, checked to be non-empty and small enough for exact index arithmetic.
    pub fn new(h: usize, w: usize, c: usize) -> Result<Self, String> {
        let shape = Shape { h, w, c };
        if [h, w, c].iter().any(|&d| d == 0 || d > MAX_EXTENT) || h * w > MAX_ELEMENTS / c {
            return Err(format!("shape {shape} is empty or too large"));
        }
        Ok(shape)
    }

    /// Pixels of one image.
    pub fn pixels(&self) -> usize {
        self.h * self.w
    }

    /// Elements of one image's tensor.
    pub fn elements(&self) -> usize {
        self.pixels() * self.c
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}x{}", self.h, self.w, self.c)
    }
}

/// A sliding window: the geometry of a convolution or a pooling. All pairs are [vertical, horizontal].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Rows and columns of the window.
    pub kernel: [usize; 2],
    /// Distance between neighbouring windows.
    pub stride: [usize; 2],
    /// Padding before the first row and column (top, left).
    pub before: [usize; 2],
    /// Padding after the last row and column (bottom, right).
    pub after: [usize; 2],
    /// Distance between neighbouring taps; 1 if there are no gaps.
    #[serde(default = "dense", skip_serializing_if = "is_dense")]
    pub dilation: [usize; 2],
}

fn dense() -> [usize; 2] {
    [1, 1]
}

fn is_dense(dilation: &[usize; 2]) -> bool {
    *dilation == dense()
}

impl Window {
    /// A window without padding ("VALID").
    pub fn valid(kernel: usize, stride: usize) -> Self {
        Window { kernel: [kernel; 2], stride: [stride; 2], before: [0; 2], after: [0; 2], dilation: [1; 2] }
    }

    /// A window with the same padding on all four sides, as in PyTorch.
    pub fn padded(kernel: usize, stride: usize, padding: usize) -> Self {
        Window { before: [padding; 2], after: [padding; 2], ..Window::valid(kernel, stride) }
    }

    /// The same window with its taps `dilation` apart and the same padding.
    pub fn dilated(self, dilation: usize) -> Self {
        Window { dilation: [dilation; 2], ..self }
    }

    /// A window with TensorFlow's "SAME" padding for an input of `size` = [h, w]: total = max((ceil(n/s)-1)*s + k - n,
    /// 0), the smaller half first. A stride of 0 counts as 1 here; [`Window::output`] refuses it.
    pub fn same(kernel: usize, stride: usize, size: [usize; 2]) -> Self {
        let step = stride.max(1);
        let total = size.map(|n| (n.div_ceil(step).saturating_sub(1) * step + kernel).saturating_sub(n));
        Window { before: total.map(|t| t / 2), after: total.map(|t| t - t / 2), ..Window::valid(kernel, stride) }
    }

    /// The window that covers an input of `size` = [h, w] completely, so that it has one position.
    pub fn whole(size: [usize; 2]) -> Self {
        Window { kernel: size, ..Window::valid(1, 1) }
    }

    /// Number of taps.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Extent of the taps along each dimension, gaps included.
    pub fn span(&self) -> [usize; 2] {
        [0, 1].map(|d| self.kernel[d].saturating_sub(1) * self.dilation[d] + 1)
    }

    /// Output [h, w] for an input of `size`, or an error that says why the window cannot be applied to it.
    pub fn output(&self, size: [usize; 2]) -> Result<[usize; 2], String> {
        let mut out = [0; 2];
        for d in 0..2 {
            let numbers = [self.kernel[d], self.stride[d], self.dilation[d]];
            if numbers.iter().any(|n| !(1..=MAX_EXTENT).contains(n)) || self.span()[d] > MAX_EXTENT {
                return Err(format!("window {self} needs kernel, stride and dilation from 1 to {MAX_EXTENT}"));
            }
            let (k, s, pad) = (self.span()[d], self.stride[d], [self.before[d], self.after[d]]);
            if pad.iter().any(|&p| p >= k) {
                return Err(format!("window {self} needs less padding than its {k} rows or columns"));
            }
            let padded = size[d] + pad[0] + pad[1];
            if padded < k {
                return Err(format!("window {self} is larger than its padded input {}x{}", size[0], size[1]));
            }
            out[d] = (padded - k) / s + 1;
        }
        Ok(out)
    }

    /// Input coordinate of tap `tap` at output position `out` along dimension `d`, if it lies inside `size`.
    pub fn source(&self, d: usize, out: usize, tap: usize, size: usize) -> Option<usize> {
        (out * self.stride[d] + tap * self.dilation[d]).checked_sub(self.before[d]).filter(|&i| i < size)
    }

    /// Input pixel and tap index of every tap that lies inside `input`, for output position (y, x).
    pub fn inside(&self, input: Shape, y: usize, x: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let [kh, kw] = self.kernel;
        (0..kh).flat_map(move |ky| (0..kw).map(move |kx| (ky, kx))).filter_map(move |(ky, kx)| {
            let iy = self.source(0, y, ky, input.h)?;
            let ix = self.source(1, x, kx, input.w)?;
            Some((iy * input.w + ix, ky * kw + kx))
        })
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ([kh, kw], [sh, sw]) = (self.kernel, self.stride);
        write!(f, "{kh}x{kw}/{sh}")?;
        if sw != sh {
            write!(f, "x{sw}")?;
        }
        if self.before != [0; 2] || self.after != [0; 2] {
            let ([t, l], [b, r]) = (self.before, self.after);
            write!(f, " pad {t},{l},{b},{r}")?;
        }
        if !is_dense(&self.dilation) {
            write!(f, " dilation {}x{}", self.dilation[0], self.dilation[1])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_puts_the_odd_row_last() {
        assert_eq!((Window::same(3, 2, [32, 32]).before, Window::same(3, 2, [32, 32]).after), ([0; 2], [1; 2]));
        assert_eq!((Window::same(7, 2, [224, 224]).before, Window::same(7, 2, [224, 224]).after), ([2; 2], [3; 2]));
        assert_eq!((Window::same(1, 2, [8, 7]).before, Window::same(1, 2, [8, 7]).after), ([0; 2], [0; 2]));
        assert_eq!(Window::same(3, 2, [7, 8]).output([7, 8]), Ok([4, 4]));
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() {
        assert!(Window::valid(5, 1).output([4, 9]).is_err());
        assert!(Window::valid(0, 1).output([4, 9]).is_err());
        assert!(Window { before: [3, 0], ..Window::valid(3, 1) }.output([9, 9]).is_err());
    }
}
