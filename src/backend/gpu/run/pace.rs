//! How a batch is divided among submissions. While a GPU works on one, some can draw nothing else, and operating systems
//! reset a GPU that takes seconds. So a submission gets no more work than the device is thought to do in [`MOST`]: at
//! first by the rates of a slow GPU, then by what runs took.

use crate::backend::gpu::device::Gpu;
use crate::lower::{Program, Work};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Time that a submission may take.
const MOST: Duration = Duration::from_millis(100);
/// Rates of a slow GPU, per second: words counted, products of bytes, bytes read and written.
const WORDS: f64 = 10e9;
const PRODUCTS: f64 = 20e9;
const BYTES: f64 = 5e9;
/// Time of a launch on such a GPU.
const LAUNCH: f64 = 50e-6;
/// A run that took longer than expected moves the expectation by this share of the difference: the device may have become
/// slower, or other threads may have had it for a while.
const SHARE: u64 = 8;

/// What decides how a batch is divided.
#[derive(Debug)]
pub(crate) enum Pace {
    /// What the device is expected to take for an image, in nanoseconds.
    Expected(AtomicU64),
    /// So many images at once; with 0, each dispatch of an image on its own.
    Fixed(usize),
    /// Nothing has to be divided: a rasteriser on a CPU is not reset.
    Unbounded,
}

/// The part of a batch that one submission computes: some images, and some of the dispatches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The images.
    pub images: Range<usize>,
    /// The dispatches.
    pub dispatches: Range<usize>,
}

impl Pace {
    /// That of a slow GPU with `program`, until runs of `gpu` have shown more.
    pub(crate) fn of(program: &Program, gpu: &Gpu) -> Self {
        let seconds = |work: Work| {
            work.words as f64 / WORDS + work.byte_products as f64 / PRODUCTS + work.bytes(1) as f64 / BYTES + LAUNCH
        };
        let all: f64 = program.steps.iter().map(|step| seconds(Work::of(program, &step.kernel))).sum();
        Self::expecting(Duration::from_secs_f64(all), gpu)
    }

    /// That of `gpu` if it is expected to take so long for an image.
    pub(crate) fn expecting(per_image: Duration, gpu: &Gpu) -> Self {
        match (gpu.images_at_once(), gpu.info().software) {
            (Some(images), _) => Pace::Fixed(images),
            (None, true) => Pace::Unbounded,
            (None, false) => Self::expected(per_image),
        }
    }

    fn expected(per_image: Duration) -> Self {
        Pace::Expected(AtomicU64::new(nanoseconds(per_image)))
    }

    /// The parts of a batch, in order. They are as long as each other, or nearly so.
    pub(crate) fn parts(&self, images: usize, dispatches: usize) -> Vec<Part> {
        let (at_once, pieces) = match self {
            Pace::Expected(per_image) => {
                let (per_image, most) = (per_image.load(Ordering::Relaxed).max(1), nanoseconds(MOST));
                // Dispatches of one image are taken to be equally long: those of networks of some depth are, roughly.
                ((most / per_image) as usize, if per_image > most { per_image.div_ceil(most) as usize } else { 1 })
            }
            Pace::Fixed(0) => (1, dispatches),
            Pace::Fixed(images) => (*images, 1),
            Pace::Unbounded => (images, 1),
        };
        let (at_once, pieces) = (at_once.clamp(1, images.max(1)), pieces.clamp(1, dispatches.max(1)));
        let ranges = |all: usize, count: usize| (0..count).map(move |k| all * k / count..all * (k + 1) / count);
        let images = ranges(images, images.div_ceil(at_once));
        let part = |images: Range<usize>| {
            ranges(dispatches, pieces).map(move |dispatches| Part { images: images.clone(), dispatches })
        };
        images.flat_map(part).collect()
    }

    /// Takes note of how long a batch of `images` images took.
    pub(crate) fn learn(&self, images: usize, took: Duration) {
        let Pace::Expected(expected) = self else { return };
        let measured = nanoseconds(took) / images.max(1) as u64;
        let old = expected.load(Ordering::Relaxed);
        let new = if measured < old { measured } else { old + (measured - old) / SHARE };
        expected.store(new.max(1), Ordering::Relaxed);
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(per_image: Duration, images: usize, dispatches: usize) -> Vec<Part> {
        Pace::expected(per_image).parts(images, dispatches)
    }

    #[test]
    fn no_part_takes_longer_than_it_may() {
        let ms = Duration::from_millis;
        assert_eq!(parts(ms(1), 64, 24), [Part { images: 0..64, dispatches: 0..24 }]);
        let images: Vec<_> = parts(ms(30), 7, 24).into_iter().map(|part| part.images).collect();
        assert_eq!(images, [0..2, 2..4, 4..7]);
        let slow = parts(ms(250), 2, 24);
        assert_eq!(slow[..3].iter().map(|p| p.dispatches.clone()).collect::<Vec<_>>(), [0..8, 8..16, 16..24]);
        assert_eq!((slow.len(), slow[3].images.clone()), (6, 1..2));
        assert_eq!(parts(ms(1_000_000), 1, 3).len(), 3);
    }

    #[test]
    fn every_image_and_dispatch_is_in_one_part() {
        for (images, milliseconds) in (1..20).flat_map(|images| [1, 7, 40, 99, 101, 900].map(|ms| (images, ms))) {
            let mut seen = vec![0; images * 5];
            for Part { images, dispatches } in parts(Duration::from_millis(milliseconds), images, 5) {
                images.for_each(|image| dispatches.clone().for_each(|d| seen[image * 5 + d] += 1));
            }
            assert!(seen.iter().all(|times| *times == 1), "{images} images of {milliseconds} ms");
        }
    }

    #[test]
    fn what_runs_take_counts() {
        let pace = Pace::expected(Duration::from_millis(200));
        pace.learn(4, Duration::from_millis(4));
        assert_eq!(pace.parts(64, 9).len(), 1);
        (0..100).for_each(|_| pace.learn(1, Duration::from_millis(50)));
        assert_eq!(pace.parts(64, 9).len(), 32);
    }

    #[test]
    fn some_are_not_bounded_and_some_as_asked() {
        let lengths = [Pace::Unbounded, Pace::Fixed(3), Pace::Fixed(0)].map(|pace| pace.parts(64, 9).len());
        assert_eq!(lengths, [1, 22, 64 * 9]);
    }
}
