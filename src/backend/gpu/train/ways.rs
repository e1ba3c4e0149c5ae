//! The ways through a convolution: forward, and back, where the gradients of the inputs are convolutions of the gradient of the
//! outputs. See `train/steps/conv.rs` for the derivation.

use crate::float::Geometry;
use crate::tensor::{Shape, Window};

/// A convolution that is run for a layer.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// What it reads, and the pixels that it computes.
    pub input: Shape,
    pub output: Shape,
    /// The padding before may be negative, and wraps.
    pub window: Window,
    /// Along each dimension, the first tap of the layer that it uses, and how far apart they are.
    pub taps: [(usize, isize); 2],
    /// Whether outputs and inputs of the layer's weights change places.
    pub back: bool,
    /// Which pixels of the layer's input it computes, if not all.
    pub spread: Option<Spread>,
}

/// Every so many pixels of a tensor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    pub first: [usize; 2],
    pub by: [usize; 2],
    pub of: Shape,
}

/// A dense layer reads its whole input: as a convolution of a single pixel it is the same, if rows have no padding.
pub(super) fn flat(geometry: Geometry) -> Geometry {
    let Geometry { from, to, window, groups } = geometry;
    let whole = window.kernel == [from.h, from.w] && window.before == [0; 2] && window.dilation == [1; 2];
    if groups > 1 || to.pixels() > 1 || !whole || !from.c.is_multiple_of(super::QUAD) {
        return geometry;
    }
    Geometry { from: Shape { h: 1, w: 1, c: from.elements() }, window: Window::valid(1, 1), ..geometry }
}

/// The way forward.
pub(super) fn forward(geometry: &Geometry) -> Way {
    let Geometry { from, to, window, .. } = *geometry;
    Way { input: from, output: to, window, taps: [(0, 1); 2], back: false, spread: None }
}

/// One dimension of a way back.
struct Phase {
    first: usize,
    count: usize,
    taps: usize,
    last: usize,
    apart: usize,
    dilation: usize,
    before: usize,
}

/// The pixels i of one dimension with i + b = m s + a, for stride s and padding b, and the taps k with k d = e s + a, for
/// dilation d: i gets the gradient of result m - e through k. Both are evenly spaced, so that this is a convolution of stride 1.
/// Its taps run backward, from the last k. `None` if there is no such pixel.
fn phase(geometry: &Geometry, dimension: usize, a: usize) -> Option<Phase> {
    let Window { kernel, stride, before, dilation, .. } = geometry.window;
    let [k, s, b, d] = [kernel, stride, before, dilation].map(|pair| pair[dimension]);
    let size = [geometry.from.h, geometry.from.w][dimension];
    let first = (a + s - b % s) % s;
    if first >= size {
        return None;
    }
    let taps: Vec<usize> = (0..k).filter(|k| k * d % s == a).collect();
    let last = taps.last().copied().unwrap_or(0);
    let apart = if taps.len() > 1 { taps[1] - taps[0] } else { 1 };
    Some(Phase {
        first,
        count: (size - first).div_ceil(s),
        taps: taps.len(),
        last,
        apart,
        dilation: (apart * d / s).max(1),
        before: (last * d / s).wrapping_sub((first + b) / s),
    })
}

/// The ways back, one for each position of a pixel within the stride, and whether there are pixels that no tap reads.
pub(super) fn back(geometry: &Geometry) -> (Vec<Way>, bool) {
    let stride = geometry.window.stride;
    let (mut ways, mut gaps) = (Vec::new(), false);
    for (a, b) in (0..stride[0]).flat_map(|a| (0..stride[1]).map(move |b| (a, b))) {
        let (Some(y), Some(x)) = (phase(geometry, 0, a), phase(geometry, 1, b)) else { continue };
        if y.taps * x.taps == 0 {
            gaps = true;
            continue;
        }
        let spread = Spread { first: [y.first, x.first], by: stride, of: geometry.from };
        let window = Window {
            kernel: [y.taps, x.taps],
            dilation: [y.dilation, x.dilation],
            before: [y.before, x.before],
            ..Window::valid(1, 1)
        };
        ways.push(Way {
            input: geometry.to,
            output: Shape { h: y.count, w: x.count, c: geometry.from.c },
            window,
            taps: [&y, &x].map(|d| (d.last, -(d.apart as isize))),
            back: true,
            spread: (stride != [1, 1]).then_some(spread),
        });
    }
    (ways, gaps)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which results and taps reach each pixel, by the ways back and by the window itself.
    #[test]
    fn every_pixel_gets_the_gradients_of_all_that_read_it() {
        for (kernel, stride, padding, dilation, size) in [
            (3, 1, 1, 1, 7),
            (3, 2, 1, 1, 8),
            (3, 2, 1, 1, 7),
            (1, 2, 0, 1, 8),
            (3, 2, 2, 2, 9),
            (4, 3, 1, 1, 11),
            (5, 2, 4, 3, 14),
            (2, 3, 0, 1, 9),
            (7, 4, 3, 1, 5),
        ] {
            let window = Window::padded(kernel, stride, padding).dilated(dilation);
            let [h, w] = window.output([size; 2]).unwrap();
            let geometry =
                Geometry { from: Shape { h: size, w: size, c: 1 }, to: Shape { h, w, c: 1 }, window, groups: 1 };
            let (ways, gaps) = back(&geometry);
            let mut found = vec![Vec::new(); size];
            let mut seen = vec![false; size];
            // Columns are the same as rows: those of the first row of each way.
            for way in
                ways.iter().filter(|way| way.spread.is_none_or(|s| s.first[1] == ways[0].spread.unwrap().first[1]))
            {
                for pixel in 0..way.output.h {
                    let at = way.spread.map_or(pixel, |s| s.first[0] + pixel * s.by[0]);
                    seen[at] = true;
                    for tap in 0..way.window.kernel[0] {
                        let from = (pixel + tap * way.window.dilation[0]).wrapping_sub(way.window.before[0]);
                        if from < h {
                            found[at].push((from, (way.taps[0].0 as isize + tap as isize * way.taps[0].1) as usize));
                        }
                    }
                    found[at].sort_unstable();
                }
            }
            assert!(gaps || seen.iter().all(|seen| *seen));
            for (at, found) in found.iter().enumerate() {
                let reads = (0..h).flat_map(|o| (0..kernel).map(move |k| (o, k)));
                let expected: Vec<_> = reads.filter(|&(o, k)| window.source(0, o, k, size) == Some(at)).collect();
                assert_eq!(*found, expected, "{window} at {at}");
            }
        }
    }
}
