//! Convolutions without a matrix of patches: every pixel of the result reads runs of neighbouring numbers, which lie at the
//! same distances from a place of its own in a picture with its padding around it.
//!
//! With NHWC tensors, the taps of one row of a window are one run. Sums are kept in registers for some pixels and 16 or 32
//! columns (output channels) at a time; every sum is over the depth, or over the pixels, in their order, in one accumulator.

// Loops over registers count with constants, so that they are unrolled; iterators over several arrays would hide that.
#![expect(clippy::needless_range_loop)]

use super::vectors::{LANES, Number, Vectors, Work};

/// Where pixels read, and the runs of numbers that each reads.
#[derive(Debug)]
pub(crate) struct Sweep {
    /// Where each pixel reads, and where its first result is.
    pixels: Vec<[usize; 2]>,
    /// Distance from where a pixel reads, and length.
    runs: Vec<[usize; 2]>,
    /// Numbers that a pixel reads.
    depth: usize,
    /// Numbers up to the last that any pixel reads.
    reach: usize,
}

impl Sweep {
    /// A sweep over `pixels` that reads these runs, of which neighbours are joined.
    pub(crate) fn new(pixels: Vec<[usize; 2]>, all: impl Iterator<Item = [usize; 2]>) -> Self {
        let mut runs: Vec<[usize; 2]> = Vec::new();
        for [offset, length] in all {
            match runs.last_mut() {
                Some([start, joined]) if *start + *joined == offset => *joined += length,
                _ => runs.push([offset, length]),
            }
        }
        let depth = runs.iter().map(|run| run[1]).sum();
        let end = |pairs: &[[usize; 2]], of: fn(&[usize; 2]) -> usize| pairs.iter().map(of).max().unwrap_or(0);
        let reach = end(&pixels, |pixel| pixel[0]) + end(&runs, |run| run[0] + run[1]);
        Sweep { pixels, runs, depth, reach }
    }

    /// Numbers that a pixel reads.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// All pixels.
    pub(crate) fn pixels(&self) -> usize {
        self.pixels.len()
    }

    /// Refuses numbers of which some would be read beyond the end.
    fn check(&self, pixels: usize, numbers: usize) {
        assert!(
            pixels <= self.pixels.len() && self.reach <= numbers,
            "pixels read {} of {numbers} numbers",
            self.reach
        );
    }
}

/// With what the sums of a product start.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a, R> {
    Zero,
    /// A number for each column, and numbers up to the width after them.
    Bias(&'a [R]),
    /// What is there already.
    Present,
}

/// For each pixel and column, the sum over the depth of number times weight.
pub(crate) struct Product<'a, R> {
    pub sweep: &'a Sweep,
    /// How many of its pixels, from the first.
    pub pixels: usize,
    pub from: &'a [R],
    /// `[depth, width]`, where the width is a multiple of [`LANES`].
    pub weights: &'a [R],
    pub width: usize,
    pub columns: usize,
    pub to: &'a mut [R],
    pub start: Start<'a, R>,
}

impl<R: Number> Work<R> for Product<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Vectors<R>>(mut self, s: S) {
        self.sweep.check(self.pixels, self.from.len());
        assert!(self.width.is_multiple_of(LANES) && self.weights.len() >= self.sweep.depth * self.width);
        let mut column = 0;
        while column < self.columns {
            if S::SUMS >= 16 && column + LANES < self.columns {
                self.columns_from::<S, 8, 2>(s, column);
                column += 2 * LANES;
            } else {
                if S::SUMS >= 16 {
                    self.columns_from::<S, 8, 1>(s, column)
                } else {
                    self.columns_from::<S, 6, 1>(s, column)
                }
                column += LANES;
            }
        }
    }
}

impl<R: Number> Product<'_, R> {
    /// All pixels for `N` vectors of columns, `M` pixels at once.
    #[inline(always)]
    fn columns_from<S: Vectors<R>, const M: usize, const N: usize>(&mut self, s: S, column: usize) {
        let mut pixel = 0;
        while pixel + M <= self.pixels {
            self.tile::<S, M, N>(s, pixel, column);
            pixel += M;
        }
        while pixel + 2 <= self.pixels {
            self.tile::<S, 2, N>(s, pixel, column);
            pixel += 2;
        }
        if pixel < self.pixels {
            self.tile::<S, 1, N>(s, pixel, column);
        }
    }

    #[inline(always)]
    fn tile<S: Vectors<R>, const M: usize, const N: usize>(&mut self, s: S, pixel: usize, column: usize) {
        let mut sums = [[s.splat(R::default()); N]; M];
        let mut starts = [self.from.as_ptr(); M];
        for m in 0..M {
            // SAFETY: `check` found that this pixel reads within the numbers.
            starts[m] = unsafe { starts[m].add(self.sweep.pixels[pixel + m][0]) };
        }
        // SAFETY: the weights of a step are `width` numbers, of which these columns are a part.
        let mut weights = unsafe { self.weights.as_ptr().add(column) };
        for &[offset, length] in &self.sweep.runs {
            let mut at = starts;
            for m in 0..M {
                // SAFETY: `check` found that every run of this pixel is within the numbers.
                at[m] = unsafe { at[m].add(offset) };
            }
            for k in 0..length {
                let mut row = [s.splat(R::default()); N];
                for n in 0..N {
                    // SAFETY: there are `depth * width` weights, and all runs together have the length `depth`.
                    row[n] = unsafe { s.load(weights.add(n * LANES)) };
                }
                for m in 0..M {
                    // SAFETY: as above.
                    let x = s.splat(unsafe { *at[m].add(k) });
                    for n in 0..N {
                        sums[m][n] = s.multiply_add(x, row[n], sums[m][n]);
                    }
                }
                // A pointer behind the last row is never read.
                weights = weights.wrapping_add(self.width);
            }
        }
        let sums = s.arrays(&sums);
        for m in 0..M {
            let to = self.sweep.pixels[pixel + m][1];
            for n in 0..N {
                let first = column + n * LANES;
                let to = &mut self.to[to + first..to + self.columns.min(first + LANES)];
                let sum = s.read(&sums[m][n]);
                let sum = match self.start {
                    Start::Zero => sum,
                    Start::Bias(bias) => s.add(sum, s.read(&bias[first..])),
                    Start::Present => s.add(s.read_some(to), sum),
                };
                s.write_some(sum, to);
            }
        }
    }
}

/// For each number of the depth and each column, the sum over all pixels of number times gradient.
pub(crate) struct WeightGradient<'a, R> {
    pub sweep: &'a Sweep,
    /// How many of its pixels, from the first.
    pub pixels: usize,
    pub from: &'a [R],
    /// A row for each pixel, of which `width` numbers are read.
    pub gradient: &'a [R],
    /// From one row to the next.
    pub stride: usize,
    /// A multiple of [`LANES`].
    pub width: usize,
    /// `[depth, width]`, to which the sums are added.
    pub into: &'a mut [R],
}

impl<R: Number> Work<R> for WeightGradient<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Vectors<R>>(mut self, s: S) {
        self.sweep.check(self.pixels, self.from.len());
        let end = self.pixels.saturating_sub(1) * self.stride + self.width;
        assert!(self.width.is_multiple_of(LANES) && (self.pixels == 0 || end <= self.gradient.len()));
        let sweep = self.sweep;
        let mut row = 0;
        for &[offset, length] in &sweep.runs {
            let mut column = 0;
            while column < self.width {
                if S::SUMS >= 16 && column + LANES < self.width {
                    self.run_of::<S, 12, 2>(s, [offset, length], row, column);
                    column += 2 * LANES;
                } else {
                    if S::SUMS >= 16 {
                        self.run_of::<S, 24, 1>(s, [offset, length], row, column);
                    } else {
                        self.run_of::<S, 6, 1>(s, [offset, length], row, column);
                    }
                    column += LANES;
                }
            }
            row += length;
        }
    }
}

impl<R: Number> WeightGradient<'_, R> {
    /// The rows of one run for `N` vectors of columns, `M` rows at once.
    #[inline(always)]
    fn run_of<S: Vectors<R>, const M: usize, const N: usize>(
        &mut self,
        s: S,
        [offset, length]: [usize; 2],
        row: usize,
        column: usize,
    ) {
        let mut k = 0;
        while k + M <= length {
            self.tile::<S, M, N>(s, offset + k, row + k, column);
            k += M;
        }
        while k + 3 <= length {
            self.tile::<S, 3, N>(s, offset + k, row + k, column);
            k += 3;
        }
        while k < length {
            self.tile::<S, 1, N>(s, offset + k, row + k, column);
            k += 1;
        }
    }

    #[inline(always)]
    fn tile<S: Vectors<R>, const M: usize, const N: usize>(&mut self, s: S, offset: usize, row: usize, column: usize) {
        let mut sums = [[s.splat(R::default()); N]; M];
        let mut gradient = self.gradient[column..].as_ptr();
        for &[place, _] in &self.sweep.pixels[..self.pixels] {
            // SAFETY: `check` found that every run of every pixel is within the numbers.
            let at = unsafe { self.from.as_ptr().add(place + offset) };
            let mut own = [s.splat(R::default()); N];
            for n in 0..N {
                // SAFETY: `run` found that each of these rows has `width` numbers.
                own[n] = unsafe { s.load(gradient.add(n * LANES)) };
            }
            for m in 0..M {
                // SAFETY: as for `at`.
                let x = s.splat(unsafe { *at.add(m) });
                for n in 0..N {
                    sums[m][n] = s.multiply_add(x, own[n], sums[m][n]);
                }
            }
            // A pointer behind the last row is never read.
            gradient = gradient.wrapping_add(self.stride);
        }
        let sums = s.arrays(&sums);
        for m in 0..M {
            for n in 0..N {
                let into = &mut self.into[(row + m) * self.width + column + n * LANES..];
                s.write(s.add(s.read(into), s.read(&sums[m][n])), into);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::vectors::{InstructionSet, rounded_up};
    use crate::random::Rng;

    /// Products and gradients of all instruction sets against plain loops, for depths and columns around the tiles' sizes.
    #[test]
    fn sweeps_have_the_sums_of_plain_loops() {
        for (count, columns) in [(1, 1), (7, 16), (9, 17), (12, 33), (25, 48), (16, 5)] {
            for lengths in [vec![1], vec![9, 9], vec![16, 3, 30], vec![48]] {
                check(count, columns, &lengths);
            }
        }
    }

    fn check(count: usize, columns: usize, lengths: &[usize]) {
        let mut rng = Rng::new(9);
        let mut random = |count: usize| (0..count).map(|_| rng.uniform(-1.0, 1.0)).collect::<Vec<f64>>();
        let (width, depth) = (rounded_up(columns), lengths.iter().sum::<usize>());
        let runs: Vec<[usize; 2]> = lengths.iter().enumerate().map(|(at, &length)| [61 * at, length]).collect();
        let pixels: Vec<[usize; 2]> = (0..count).map(|p| [p * 5 % 37, p * columns]).collect();
        let (from, weights, bias) = (random(37 + 61 * lengths.len() + 48), random(depth * width), random(width));
        let gradient = random(count * width);
        let offsets: Vec<usize> = runs.iter().flat_map(|&[offset, length]| offset..offset + length).collect();
        let sweep = Sweep::new(pixels, runs.into_iter());
        let read = |p: usize, k: usize| from[p * 5 % 37 + offsets[k]];
        let sum = |p: usize, c: usize| (0..depth).map(|k| read(p, k) * weights[k * width + c]).sum::<f64>();
        let slope = |k: usize, c: usize| (0..count).map(|p| read(p, k) * gradient[p * width + c]).sum::<f64>();
        let single = |numbers: &[f64]| numbers.iter().map(|&x| x as f32).collect::<Vec<f32>>();
        let (from, weights, bias, gradient) = (single(&from), single(&weights), single(&bias), single(&gradient));
        let mut first: Option<Vec<f32>> = None;
        for set in InstructionSet::all() {
            let mut to = vec![0f32; count * columns];
            for start in [Start::Bias(&bias), Start::Present, Start::Zero, Start::Present] {
                let (pixels, weights) = (count, &weights);
                f32::run(
                    set,
                    Product { sweep: &sweep, pixels, from: &from, weights, width, columns, to: &mut to, start },
                );
            }
            for (at, &found) in to.iter().enumerate() {
                let expected = 2.0 * sum(at / columns, at % columns);
                assert!((f64::from(found) - expected).abs() < 1e-4, "{} {found} {expected}", set.name());
            }
            let mut into = vec![0f32; depth * width];
            let whole = WeightGradient {
                sweep: &sweep,
                pixels: count,
                from: &from,
                gradient: &gradient,
                stride: width,
                width,
                into: &mut into,
            };
            f32::run(set, whole);
            for (at, &found) in into.iter().enumerate() {
                let expected = slope(at / width, at % width);
                assert!((f64::from(found) - expected).abs() < 1e-4, "{} {found} {expected}", set.name());
            }
            to.extend(into);
            let fused = !matches!(set, InstructionSet::Portable) || cfg!(target_arch = "aarch64");
            assert!(!fused || *first.get_or_insert_with(|| to.clone()) == to, "{} has other bits", set.name());
        }
    }
}
