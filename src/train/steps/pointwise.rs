//! What happens to each number by itself, in one pass: a batch norm, a ReLU and a quantizer, each of which may be absent. So
//! that no tensor between them is kept, the pass backward computes them again.
//!
//! With y the number after the batch norm, the gradient passes where y is above 0 (if there is a ReLU) and not above the
//! highest level (if there is a quantizer); see `normal.rs` and `activation.rs`.

use super::activation::{ActivationQuantizer, Used};
use super::call::{Into, Place, Run, Value};
use super::normal::{Affine, Norm, added, block, flush};
use crate::float::{LANES, Number, Vectors, Work};
use crate::train::parameter::{Kept, Part};
use crate::train::parts::{PARTS, ranges, split};
use rayon::prelude::*;

/// The step.
pub(in crate::train) struct Pointwise<R> {
    pub channels: usize,
    pub norm: Option<Norm<R>>,
    pub relu: bool,
    pub quantizer: Option<ActivationQuantizer<R>>,
    /// The result, if only convolutions read it: a byte for each number instead of four.
    pub codes: Option<Vec<u8>>,
    identity: Affine<R>,
}

impl<R: Number> Pointwise<R> {
    /// A step that passes numbers on.
    pub(in crate::train) fn new(channels: usize) -> Self {
        let identity = Affine::identity(channels);
        Pointwise { channels, norm: None, relu: false, quantizer: None, codes: None, identity }
    }

    /// The codes of the last batch, if they are the result.
    pub(in crate::train) fn value(&self) -> Option<Value<'_, R>> {
        let quantizer = self.quantizer.as_ref()?;
        self.codes.as_ref().map(|codes| Value::Codes(codes, &quantizer.used.table))
    }

    /// Whether the batch norm made of the last batch is finite; true without one.
    pub(in crate::train) fn is_finite(&self) -> bool {
        let finite = |numbers: &[R]| numbers.iter().all(|x| x.double().is_finite());
        self.norm.as_ref().is_none_or(|norm| finite(&norm.now.factor) && finite(&norm.now.summand))
    }

    fn affine(&self) -> &Affine<R> {
        self.norm.as_ref().map_or(&self.identity, |norm| &norm.now)
    }

    /// Numbers become no lower than this.
    fn floor(&self) -> R {
        R::of(if self.relu { 0.0 } else { f64::NEG_INFINITY })
    }

    pub(super) fn forward(&mut self, run: &Run<R>, x: &[R], result: &mut [R]) {
        let channels = self.channels;
        if let Some(norm) = &mut self.norm {
            norm.prepare(run, x);
        }
        if let Some(quantizer) = &mut self.quantizer {
            quantizer.prepare();
        }
        let ranges = ranges(x.len() / channels, PARTS);
        let mut codes = self.codes.take();
        let to: Vec<To<R>> = match &mut codes {
            Some(codes) => {
                codes.resize(x.len(), 0);
                split(codes, &ranges, channels).into_iter().map(To::Codes).collect()
            }
            None => split(result, &ranges, channels).into_iter().map(To::Numbers).collect(),
        };
        let (affine, floor) = (self.affine(), self.floor());
        let quantizer = self.quantizer.as_ref().map(|quantizer| &quantizer.used);
        let part = |(rows, to): (&std::ops::Range<usize>, To<R>)| {
            let x = &x[rows.start * channels..rows.end * channels];
            R::run(run.set, Forward { x, channels, affine, floor, quantizer, training: run.training, to })
        };
        let above = added(ranges.par_iter().zip(to).map(part).collect());
        self.codes = codes;
        if let (true, Some(quantizer)) = (run.training, &mut self.quantizer) {
            // What is above a threshold, less what is above the next one.
            let next = above.iter().skip(1).chain([&[0.0; 2]]);
            let found: Vec<[f64; 2]> = above.iter().zip(next).map(|(a, b)| [a[0] - b[0], a[1] - b[1]]).collect();
            quantizer.learn(&found, run.rate);
        }
    }

    pub(super) fn backward(&mut self, run: &Run<R>, x: &[R], gradient: &[R], into: Option<Into<R>>) {
        let channels = self.channels;
        let ranges = ranges(gradient.len() / channels, PARTS);
        let [low, high] = match &self.quantizer {
            Some(quantizer) => quantizer.used.passes,
            None => [f64::NEG_INFINITY, f64::INFINITY].map(R::of),
        };
        let floor = self.floor();
        let passes = [if floor > low { floor } else { low }, high];
        let affine = self.affine();
        let read = |rows: &std::ops::Range<usize>| {
            let range = rows.start * channels..rows.end * channels;
            Slope { x: &x[range.clone()], gradient: &gradient[range], channels, affine, passes }
        };
        let sums = match self.norm {
            Some(_) => added(ranges.par_iter().map(|rows| R::run(run.set, Sums(read(rows)))).collect()),
            None => vec![[0.0; 2]; channels],
        };
        if let Some(Into { numbers, adds }) = into {
            let count = (gradient.len() / channels) as f64;
            let means: Vec<[R; 2]> = sums.iter().map(|sum| sum.map(|x| R::of(x / count))).collect();
            let parts = ranges.par_iter().zip(split(numbers, &ranges, channels));
            parts.for_each(|(rows, into)| R::run(run.set, Through { slope: read(rows), means: &means, into, adds }));
        }
        if let Some(norm) = &mut self.norm {
            for (c, sum) in sums.iter().enumerate() {
                (norm.beta.gradient[c], norm.gamma.gradient[c]) = (R::of(sum[0]), R::of(sum[1]));
            }
        }
    }

    pub(super) fn kept(&mut self, act: &mut dyn FnMut(Place, Part, Kept<R>)) {
        if let Some(norm) = &mut self.norm {
            act(Place::Layer, Part::Gamma, Kept::Parameter(&mut norm.gamma));
            act(Place::Layer, Part::Beta, Kept::Parameter(&mut norm.beta));
            act(Place::Layer, Part::Mean, Kept::Statistic(&mut norm.mean));
            act(Place::Layer, Part::Variance, Kept::Statistic(&mut norm.variance));
        }
        if let Some(quantizer) = &mut self.quantizer {
            act(Place::Quantizer, Part::Basis, Kept::Basis(&mut quantizer.basis));
        }
    }
}

/// Where results go.
enum To<'a, R> {
    Numbers(&'a mut [R]),
    Codes(&'a mut [u8]),
}

/// The pass forward over some rows. Gives the count and the sum of all numbers, and of those above each threshold.
struct Forward<'a, R> {
    x: &'a [R],
    channels: usize,
    affine: &'a Affine<R>,
    floor: R,
    quantizer: Option<&'a Used<R>>,
    training: bool,
    to: To<'a, R>,
}

impl<R: Number> Work<R> for Forward<'_, R> {
    type Output = Vec<[f64; 2]>;

    #[inline(always)]
    fn run<S: Vectors<R>>(mut self, s: S) -> Vec<[f64; 2]> {
        match self.quantizer {
            None => self.plain(s),
            Some(quantizer) => match quantizer.thresholds.len() {
                1 => self.few::<S, 1>(s, quantizer),
                3 => self.few::<S, 3>(s, quantizer),
                7 => self.few::<S, 7>(s, quantizer),
                15 => self.few::<S, 15>(s, quantizer),
                _ => self.many(s, quantizer),
            },
        }
    }
}

impl<R: Number> Forward<'_, R> {
    /// The numbers at `at`, after batch norm and ReLU.
    #[inline(always)]
    fn number<S: Vectors<R>>(&self, s: S, at: usize, lanes: usize, [factor, summand, floor]: [S::V; 3]) -> S::V {
        let y = s.multiply_add(s.read_some(&self.x[at..at + lanes]), factor, summand);
        s.where_above(y, floor, y, floor)
    }

    /// Factor, summand and floor of the channels from `first`.
    #[inline(always)]
    fn constants<S: Vectors<R>>(&self, s: S, first: usize) -> [S::V; 3] {
        [s.read(&self.affine.factor[first..]), s.read(&self.affine.summand[first..]), s.splat(self.floor)]
    }

    #[inline(always)]
    fn plain<S: Vectors<R>>(&mut self, s: S) -> Vec<[f64; 2]> {
        let rows = block(self.channels) * self.channels;
        for start in (0..self.x.len()).step_by(rows) {
            let end = self.x.len().min(start + rows);
            for first in (0..self.channels).step_by(LANES) {
                let (lanes, constants) = (LANES.min(self.channels - first), self.constants(s, first));
                let mut at = start + first;
                while at < end {
                    let y = self.number(s, at, lanes, constants);
                    if let To::Numbers(to) = &mut self.to {
                        s.write_some(y, &mut to[at..at + lanes]);
                    }
                    at += self.channels;
                }
            }
        }
        Vec::new()
    }

    /// Levels by comparison with all `N` thresholds.
    #[inline(always)]
    fn few<S: Vectors<R>, const N: usize>(&mut self, s: S, quantizer: &Used<R>) -> Vec<[f64; 2]> {
        let thresholds: [S::V; N] = std::array::from_fn(|r| s.splat(quantizer.thresholds[r]));
        let codes = |rank: usize| R::of(f64::from(quantizer.codes[rank]));
        let is_codes = matches!(self.to, To::Codes(_));
        let level = |rank: usize| s.splat(if is_codes { codes(rank) } else { quantizer.values[rank] });
        let (lowest, levels): (S::V, [S::V; N]) = (level(0), std::array::from_fn(|r| level(r + 1)));
        let (one, zero) = (s.splat(R::of(1.0)), s.splat(R::default()));
        let mut all = vec![[0f64; 2]; N + 1];
        let rows = block(self.channels) * self.channels;
        for start in (0..self.x.len()).step_by(rows) {
            let end = self.x.len().min(start + rows);
            for first in (0..self.channels).step_by(LANES) {
                let (lanes, constants) = (LANES.min(self.channels - first), self.constants(s, first));
                let (mut sum, mut counts, mut sums) = (zero, [zero; N], [zero; N]);
                let mut at = start + first;
                while at < end {
                    let y = self.number(s, at, lanes, constants);
                    let mut found = lowest;
                    for r in 0..N {
                        found = s.where_above(y, thresholds[r], levels[r], found);
                    }
                    match &mut self.to {
                        To::Numbers(to) => s.write_some(found, &mut to[at..at + lanes]),
                        To::Codes(to) => write_codes(s, found, &mut to[at..at + lanes]),
                    }
                    if self.training {
                        sum = s.add(sum, y);
                        for r in 0..N {
                            counts[r] = s.where_above(y, thresholds[r], s.add(counts[r], one), counts[r]);
                            sums[r] = s.where_above(y, thresholds[r], s.add(sums[r], y), sums[r]);
                        }
                    }
                    at += self.channels;
                }
                if self.training {
                    let count = ((end - start) / self.channels * lanes) as f64;
                    let total = |v: S::V| s.array(v)[..lanes].iter().map(|x| x.double()).sum::<f64>();
                    all[0] = [all[0][0] + count, all[0][1] + total(sum)];
                    for r in 0..N {
                        all[r + 1] = [all[r + 1][0] + total(counts[r]), all[r + 1][1] + total(sums[r])];
                    }
                }
            }
        }
        all
    }

    /// Levels by search.
    #[inline(always)]
    fn many<S: Vectors<R>>(&mut self, s: S, quantizer: &Used<R>) -> Vec<[f64; 2]> {
        let mut found = vec![[0f64; 2]; quantizer.values.len()];
        for start in (0..self.x.len()).step_by(self.channels) {
            for first in (0..self.channels).step_by(LANES) {
                let (lanes, constants) = (LANES.min(self.channels - first), self.constants(s, first));
                let y = s.array(self.number(s, start + first, lanes, constants));
                for (lane, &y) in y[..lanes].iter().enumerate() {
                    let (rank, at) = (quantizer.rank(y), start + first + lane);
                    found[rank] = [found[rank][0] + 1.0, found[rank][1] + y.double()];
                    match &mut self.to {
                        To::Numbers(to) => to[at] = quantizer.values[rank],
                        To::Codes(to) => to[at] = quantizer.codes[rank],
                    }
                }
            }
        }
        // Of those above each threshold, as `few` gives them.
        for rank in (1..found.len()).rev() {
            let above = found[rank];
            found[rank - 1] = [found[rank - 1][0] + above[0], found[rank - 1][1] + above[1]];
        }
        found
    }
}

#[inline(always)]
fn write_codes<R: Number, S: Vectors<R>>(s: S, codes: S::V, to: &mut [u8]) {
    match to.first_chunk_mut::<LANES>() {
        Some(to) => s.store_codes(codes, to),
        None => {
            let mut all = [0; LANES];
            s.store_codes(codes, &mut all);
            let count = to.len();
            to.copy_from_slice(&all[..count]);
        }
    }
}

/// Some rows with the gradients of their results.
struct Slope<'a, R> {
    x: &'a [R],
    gradient: &'a [R],
    channels: usize,
    affine: &'a Affine<R>,
    passes: [R; 2],
}

/// Constants of 16 channels.
struct Channels<V> {
    factor: V,
    summand: V,
    mean: V,
    inverse: V,
    passes: [V; 2],
    lanes: usize,
}

impl<R: Number> Slope<'_, R> {
    #[inline(always)]
    fn channels<S: Vectors<R>>(&self, s: S, first: usize) -> Channels<S::V> {
        let Affine { factor, summand, mean, inverse } = self.affine;
        let [factor, summand, mean, inverse] = [factor, summand, mean, inverse].map(|all| s.read(&all[first..]));
        let lanes = LANES.min(self.channels - first);
        Channels { factor, summand, mean, inverse, passes: self.passes.map(|x| s.splat(x)), lanes }
    }

    /// The gradients at `at` after the mask, and the normalized numbers.
    #[inline(always)]
    fn pair<S: Vectors<R>>(&self, s: S, at: usize, c: &Channels<S::V>) -> [S::V; 2] {
        let x = s.read_some(&self.x[at..at + c.lanes]);
        let gradient = s.read_some(&self.gradient[at..at + c.lanes]);
        let (y, zero) = (s.multiply_add(x, c.factor, c.summand), s.splat(R::default()));
        let above = s.where_above(y, c.passes[0], gradient, zero);
        [s.where_above(y, c.passes[1], zero, above), s.mul(s.sub(x, c.mean), c.inverse)]
    }
}

/// Sums of gradients, and of gradients times normalized numbers.
struct Sums<'a, R>(Slope<'a, R>);

impl<R: Number> Work<R> for Sums<'_, R> {
    type Output = Vec<[f64; 2]>;

    #[inline(always)]
    fn run<S: Vectors<R>>(self, s: S) -> Vec<[f64; 2]> {
        let channels = self.0.channels;
        let mut all = vec![[0f64; 2]; channels];
        let rows = block(channels) * channels;
        for start in (0..self.0.x.len()).step_by(rows) {
            let end = self.0.x.len().min(start + rows);
            for first in (0..channels).step_by(LANES) {
                let c = self.0.channels(s, first);
                let (mut plain, mut scaled) = (s.splat(R::default()), s.splat(R::default()));
                let mut at = start + first;
                while at < end {
                    let [gradient, normal] = self.0.pair(s, at, &c);
                    plain = s.add(plain, gradient);
                    scaled = s.multiply_add(gradient, normal, scaled);
                    at += channels;
                }
                flush(s, [plain, scaled], &mut all[first..first + c.lanes]);
            }
        }
        all
    }
}

/// The gradients of the numbers that were read: factor (g - mean g - x^ mean g x^).
struct Through<'a, R> {
    slope: Slope<'a, R>,
    means: &'a [[R; 2]],
    into: &'a mut [R],
    adds: bool,
}

impl<R: Number> Work<R> for Through<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Vectors<R>>(self, s: S) {
        let Through { slope, means, into, adds } = self;
        let channels = slope.channels;
        let rows = block(channels) * channels;
        for start in (0..slope.x.len()).step_by(rows) {
            let end = slope.x.len().min(start + rows);
            for first in (0..channels).step_by(LANES) {
                let c = slope.channels(s, first);
                let mut own = [[R::default(); LANES]; 2];
                for (lane, mean) in means[first..first + c.lanes].iter().enumerate() {
                    (own[0][lane], own[1][lane]) = (mean[0], mean[1]);
                }
                let [plain, scaled] = [s.read(&own[0]), s.read(&own[1])];
                let mut at = start + first;
                while at < end {
                    let [gradient, normal] = slope.pair(s, at, &c);
                    let rest = s.sub(s.sub(gradient, plain), s.mul(normal, scaled));
                    let mut result = s.mul(c.factor, rest);
                    let to = &mut into[at..at + c.lanes];
                    if adds {
                        result = s.add(s.read_some(to), result);
                    }
                    s.write_some(result, to);
                    at += channels;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::InstructionSet;
    use crate::quant::{Encoding, Levels, Ties};
    use crate::random::Rng;
    use crate::train::parts::Scratch;

    const CHANNELS: usize = 19;
    const PICTURES: usize = 3;
    const PIXELS: usize = 7;

    fn step(bits: Option<usize>, encoding: Encoding, norm: bool) -> Pointwise<f64> {
        let mut step = Pointwise::new(CHANNELS);
        step.relu = encoding == Encoding::ZeroOne;
        step.quantizer = bits.map(|bits| ActivationQuantizer::new(bits, encoding, Ties::Below));
        step.norm = norm.then(|| Norm::new(CHANNELS, 1e-5));
        if let Some(norm) = &mut step.norm {
            let mut rng = Rng::new(8);
            norm.gamma.values.iter_mut().for_each(|g| *g = rng.uniform(0.5, 1.5));
            norm.beta.values.iter_mut().for_each(|b| *b = rng.uniform(-0.5, 0.5));
        }
        step
    }

    /// The sum of weights times what the step would give without rounding, by plain loops.
    fn unrounded(step: &Pointwise<f64>, x: &[f64], weights: &[f64]) -> f64 {
        let rows = x.len() / CHANNELS;
        let mut sum = 0.0;
        for c in 0..CHANNELS {
            let own = || x.iter().skip(c).step_by(CHANNELS);
            let mean = own().sum::<f64>() / rows as f64;
            let variance = own().map(|x| (x - mean).powi(2)).sum::<f64>() / rows as f64;
            for (x, weight) in own().zip(weights.iter().skip(c).step_by(CHANNELS)) {
                let normal = match &step.norm {
                    Some(norm) => (x - mean) / (variance + 1e-5).sqrt() * norm.gamma.values[c] + norm.beta.values[c],
                    None => *x,
                };
                let floor = if step.relu { normal.max(0.0) } else { normal };
                let clipped = match &step.quantizer {
                    Some(quantizer) => {
                        let top: f64 = quantizer.basis.iter().map(|&v| f64::from(v)).sum();
                        if step.relu { floor.min(top) } else { floor.clamp(-top, top) }
                    }
                    None => floor,
                };
                sum += weight * clipped;
            }
        }
        sum
    }

    #[test]
    fn gradients_are_slopes_of_what_is_not_rounded() {
        let mut rng = Rng::new(2);
        let mut random = || (0..PICTURES * PIXELS * CHANNELS).map(|_| rng.uniform(-2.0, 2.0)).collect::<Vec<f64>>();
        let (x, weights) = (random(), random());
        for (bits, encoding) in
            [(None, Encoding::ZeroOne), (Some(2), Encoding::ZeroOne), (Some(3), Encoding::PlusMinus)]
        {
            for norm in [false, true] {
                let mut step = step(bits, encoding, norm);
                let scratch = Scratch::default();
                let set = InstructionSet::Portable;
                // No bases move at a rate of 0.
                let run = Run { pictures: PICTURES, set, training: true, rate: 0.0, scratch: &scratch };
                step.forward(&run, &x, &mut vec![0.0; x.len()]);
                let mut found = vec![1.0; x.len()];
                step.backward(&run, &x, &weights, Some(Into { numbers: &mut found, adds: true }));
                for at in (0..x.len()).step_by(5) {
                    let moved = |by: f64| {
                        let mut x = x.clone();
                        x[at] += by;
                        unrounded(&step, &x, &weights)
                    };
                    let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                    assert!((slope + 1.0 - found[at]).abs() < 1e-6, "{bits:?} {norm} {slope} {}", found[at]);
                }
            }
        }
    }

    #[test]
    fn results_are_levels_and_sums_count_every_number() {
        let mut rng = Rng::new(4);
        let x: Vec<f64> = (0..PICTURES * PIXELS * CHANNELS).map(|_| rng.uniform(-2.0, 2.0)).collect();
        for bits in [1, 2, 3, 4, 5, 8] {
            let mut step = step(Some(bits), Encoding::ZeroOne, false);
            let before = step.quantizer.as_ref().unwrap().basis.clone();
            let levels = Levels::of_activations(&before, Encoding::ZeroOne);
            let scratch = Scratch::default();
            let run =
                Run { pictures: PICTURES, set: InstructionSet::best(), training: true, rate: 1.0, scratch: &scratch };
            let mut result = vec![0.0; x.len()];
            step.forward(&run, &x, &mut result);
            let mut fit = crate::float::BasisFit::new(
                &before.iter().map(|&v| f64::from(v)).collect::<Vec<_>>(),
                0.0,
                1e-6 * x.len() as f64,
            );
            for (x, found) in x.iter().zip(&result) {
                let rank = levels.rank(x.max(0.0) as f32, Ties::Below);
                assert_eq!(*found, f64::from(levels.values[rank]));
                fit.add(usize::from(levels.codes[rank]), 1.0, x.max(0.0));
            }
            let expected = fit.solve().unwrap();
            let basis = &step.quantizer.as_ref().unwrap().basis;
            basis.iter().zip(expected).for_each(|(a, b)| assert!((f64::from(*a) - b).abs() < 1e-6, "{bits}: {a} {b}"));
            // The same as codes.
            step.quantizer.as_mut().unwrap().basis = before;
            step.codes = Some(Vec::new());
            step.forward(&run, &x, &mut []);
            let Some(Value::Codes(codes, table)) = step.value() else { panic!("no codes") };
            assert!(codes.iter().zip(&result).all(|(&code, &level)| table[usize::from(code)] == level));
        }
    }
}
