//! The constants that describe a window to a shader.

use super::super::header::Header;
use crate::tensor::{Shape, Window};

/// The whole window is read at run time, so that layers of different windows share a pipeline.
pub(crate) fn window(header: &mut Header, window: &Window, input: Shape, output: Shape) {
    rows(header, window, input, output);
    header.shape("KW", window.kernel[1]).shape("STRIDE_X", window.stride[1]).shape("DILATION_X", window.dilation[1]);
}

/// Rows of the window are read at run time, the taps of a row are constants: loops over them can be unrolled.
pub(crate) fn window_with_constant_rows(header: &mut Header, window: &Window, input: Shape, output: Shape) {
    rows(header, window, input, output);
    header.number("TAPS_X", window.kernel[1]);
    header.number("STRIDE_X", window.stride[1]).number("DILATION_X", window.dilation[1]);
}

fn rows(header: &mut Header, window: &Window, input: Shape, output: Shape) {
    header.shape("IN_H", input.h).shape("IN_W", input.w);
    header.shape("OUT_H", output.h).shape("OUT_W", output.w).shape("OUT_C", output.c);
    header.shape("KH", window.kernel[0]).shape("STRIDE_Y", window.stride[0]).shape("DILATION_Y", window.dilation[0]);
    header.shape("BEFORE_Y", window.before[0]).shape("BEFORE_X", window.before[1]);
}

/// Neighbouring pixels of the input under a row of the windows of `pixels` neighbouring output pixels.
pub(crate) fn columns(window: &Window, pixels: usize) -> usize {
    (pixels - 1) * window.stride[1] + (window.kernel[1] - 1) * window.dilation[1] + 1
}
