//! Convolutions and poolings.

use super::NodeResult;
use lq_infer::internals::tensor::Window;

/// `shape` is the shape of the weights: output channels, rows, columns, and input channels of a group. Output channels
/// are split evenly among the groups of input channels.
pub fn conv(
    x: &NodeResult,
    images: usize,
    window: &Window,
    weights: &[f64],
    shape: [usize; 4],
    bias: &[f64],
) -> NodeResult {
    let [outputs, kh, kw, inputs] = shape;
    let groups = x.shape[2] / inputs;
    let value = |image: usize, at: [usize; 2], o: usize| {
        let group = o / (outputs / groups);
        let mut total = bias[o];
        for ky in 0..kh {
            for kx in 0..kw {
                let Some(from) = tap(window, at, [ky, kx], x.shape) else { continue };
                for c in 0..inputs {
                    let w = weights[((o * kh + ky) * kw + kx) * inputs + c];
                    total += w * x.values[x.index(image, from, group * inputs + c)];
                }
            }
        }
        total
    };
    let (shape, values) = slide(x, images, window, outputs, value);
    NodeResult::new(shape, values)
}

/// The largest value of every window. Padding never wins, but a window without any tap inside the input gives 0
/// (dilated taps may step over the input).
pub fn max_pool(x: &NodeResult, images: usize, window: &Window) -> NodeResult {
    let largest = |from: &[f64], taps: &[usize]| taps.iter().map(|&t| from[t]).fold(f64::NEG_INFINITY, f64::max);
    let value = |taps: &[usize]| if taps.is_empty() { 0.0 } else { largest(&x.values, taps) };
    let (shape, values) = pool(x, images, window, value);
    // A maximum of 0 becomes positive as soon as one of the numbers does.
    let (_, unclamped) = pool(x, images, window, |taps| largest(&x.unclamped, taps));
    NodeResult { shape, values, unclamped, quantized: None }
}

/// The mean of every window.
pub fn avg_pool(x: &NodeResult, images: usize, window: &Window) -> NodeResult {
    let mean = |taps: &[usize]| taps.iter().map(|&t| x.values[t]).sum::<f64>() / taps.len() as f64;
    let (shape, values) = pool(x, images, window, mean);
    // A mean of clamped zeros is a clamped zero.
    let (_, unclamped) = pool(x, images, window, |taps| match mean(taps) {
        0.0 => taps.iter().map(|&t| x.unclamped[t]).fold(f64::NEG_INFINITY, f64::max),
        mean => mean,
    });
    NodeResult { shape, values, unclamped, quantized: None }
}

/// Calls `reduce` with the indices in `x` that lie under the window, without padding.
fn pool(x: &NodeResult, images: usize, window: &Window, reduce: impl Fn(&[usize]) -> f64) -> ([usize; 3], Vec<f64>) {
    slide(x, images, window, x.shape[2], |image, at, c| {
        let [kh, kw] = window.kernel;
        let taps = (0..kh).flat_map(|ky| (0..kw).map(move |kx| [ky, kx]));
        let inside = taps.filter_map(|t| tap(window, at, t, x.shape));
        reduce(&inside.map(|from| x.index(image, from, c)).collect::<Vec<_>>())
    })
}

/// Shape and values of the tensor that `value` computes for each image, window position and channel.
fn slide(
    x: &NodeResult,
    images: usize,
    window: &Window,
    channels: usize,
    value: impl Fn(usize, [usize; 2], usize) -> f64,
) -> ([usize; 3], Vec<f64>) {
    let [height, width] = [0, 1].map(|d| positions(window, d, x.shape[d]));
    let mut values = Vec::with_capacity(images * height * width * channels);
    for image in 0..images {
        for y in 0..height {
            for x in 0..width {
                values.extend((0..channels).map(|c| value(image, [y, x], c)));
            }
        }
    }
    ([height, width, channels], values)
}

/// Number of window positions along dimension `d`, which has `size` rows or columns.
fn positions(window: &Window, d: usize, size: usize) -> usize {
    let span = (window.kernel[d] - 1) * window.dilation[d] + 1;
    (size + window.before[d] + window.after[d] - span) / window.stride[d] + 1
}

/// The input position under a tap, unless it lies in the padding.
fn tap(window: &Window, out: [usize; 2], tap: [usize; 2], shape: [usize; 3]) -> Option<[usize; 2]> {
    let at = [0, 1].map(|d| {
        let unpadded = out[d] * window.stride[d] + tap[d] * window.dilation[d];
        unpadded as isize - window.before[d] as isize
    });
    let inside = (0..2).all(|d| at[d] >= 0 && at[d] < shape[d] as isize);
    inside.then(|| at.map(|n| n as usize))
}
