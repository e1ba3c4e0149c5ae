//! The fixed parts into which the pictures of a batch are divided. Sums over pictures are made part by part, and then over the
//! parts in their order, so that no result depends on the number of threads.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Parts of a batch.
pub(super) const PARTS: usize = 16;

/// The pictures of each of `parts` parts, as even as possible. Some may be empty.
pub(super) fn ranges(pictures: usize, parts: usize) -> Vec<Range<usize>> {
    (0..parts).map(|part| pictures * part / parts..pictures * (part + 1) / parts).collect()
}

/// The numbers of each part, `each` for a picture.
pub(super) fn split<'a, T>(mut all: &'a mut [T], ranges: &[Range<usize>], each: usize) -> Vec<&'a mut [T]> {
    let mut parts = Vec::with_capacity(ranges.len());
    for range in ranges {
        let (part, rest) = all.split_at_mut(range.len() * each);
        parts.push(part);
        all = rest;
    }
    parts
}

/// Memory that steps need for a moment and give back.
#[derive(Default)]
pub(super) struct Scratch<R>(Mutex<Vec<Vec<R>>>);

impl<R: Copy + Default> Scratch<R> {
    /// Does `work` with `count` zeros.
    pub(super) fn with<T>(&self, count: usize, work: impl FnOnce(&mut [R]) -> T) -> T {
        let mut memory = self.lock().pop().unwrap_or_default();
        memory.clear();
        memory.resize(count, R::default());
        let result = work(&mut memory);
        self.lock().push(memory);
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<R>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_all_pictures_once() {
        for pictures in [0, 1, 15, 16, 17, 100, 128] {
            let ranges = ranges(pictures, PARTS);
            assert_eq!(ranges.iter().cloned().flatten().collect::<Vec<_>>(), (0..pictures).collect::<Vec<_>>());
            let mut numbers: Vec<usize> = (0..3 * pictures).collect();
            let parts = split(&mut numbers, &ranges, 3);
            assert!(parts.iter().zip(&ranges).all(|(part, range)| part.first().is_none_or(|&n| n == 3 * range.start)));
        }
    }

    #[test]
    fn scratch_is_zero_each_time() {
        let scratch = Scratch::<f32>::default();
        scratch.with(4, |x| x.fill(1.0));
        scratch.with(6, |x| assert_eq!(x, [0.0; 6]));
    }
}
