//! What a batch is made of before a device has it.

use crate::error::Result;
use crate::threads::each;
use std::borrow::Cow;
use std::ops::Range;

/// Words of a part: few enough to stay in a thread's cache between being made and being written.
const PART: usize = 1 << 14;
/// With fewer parts, waking threads takes longer than making all of them: the four of a picture of 224 x 224 pixels are 50 us of
/// work.
const WORTH_WAKING: usize = 8;

/// The input words of a batch: in memory, or made a part at a time. A GPU has them written to where it reads them, by several
/// threads, so that they need no memory of their own.
pub trait InputWords: Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// How many are made together: parts begin and end at multiples of this.
    fn unit(&self) -> usize;

    /// Those in `range`, which are whole units.
    ///
    /// # Errors
    /// The caller's numbers cannot be input.
    fn part(&self, range: Range<usize>) -> Result<Cow<'_, [u32]>>;

    /// The ranges of all parts, in order. All but the last are equally long, and an even number of words: mapped memory is
    /// accessed at multiples of 8 bytes.
    fn parts(&self) -> Vec<Range<usize>> {
        let (count, length) = (self.count(), PART.next_multiple_of(2 * self.unit().max(1)));
        (0..count).step_by(length).map(|start| start..count.min(start + length)).collect()
    }

    /// All of them.
    ///
    /// # Errors
    /// The first error of a part.
    fn all(&self) -> Result<Cow<'_, [u32]>> {
        let mut made = each_part(self, |part| self.part(part))?;
        if made.len() == 1 {
            return Ok(made.swap_remove(0));
        }
        let mut all = Vec::with_capacity(self.count());
        made.iter().for_each(|words| all.extend_from_slice(words));
        Ok(Cow::Owned(all))
    }
}

/// What `work` makes of each part of `input`, by several threads if that is worth it.
///
/// # Errors
/// That of the first part that has one, whichever thread found an error first.
pub(super) fn each_part<T: Send>(
    input: &(impl InputWords + ?Sized),
    work: impl Fn(Range<usize>) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let parts = input.parts();
    let worth = parts.len() >= WORTH_WAKING;
    each(parts, worth, work).into_iter().collect()
}

impl InputWords for &[u32] {
    fn count(&self) -> usize {
        self.len()
    }

    fn unit(&self) -> usize {
        1
    }

    fn part(&self, range: Range<usize>) -> Result<Cow<'_, [u32]>> {
        Ok(Cow::Borrowed(&self[range]))
    }

    fn all(&self) -> Result<Cow<'_, [u32]>> {
        Ok(Cow::Borrowed(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    /// Counts from 0, in units of 3, up to a number that cannot be made.
    struct Counted {
        count: usize,
        end: usize,
    }

    impl InputWords for Counted {
        fn count(&self) -> usize {
            self.count
        }

        fn unit(&self) -> usize {
            3
        }

        fn part(&self, range: Range<usize>) -> Result<Cow<'_, [u32]>> {
            match range.clone().find(|&k| k >= self.end) {
                Some(k) => Err(Error::Usage(format!("{k}"))),
                None => Ok(Cow::Owned(range.map(|k| k as u32).collect())),
            }
        }
    }

    #[test]
    fn parts_make_up_the_whole() {
        for count in [0, 3, 3 * 5461, 3 * 5462, 3 * 5463, 30_003, 300_003] {
            let input = Counted { count, end: count };
            let parts = input.parts();
            assert!(parts.iter().all(|part| part.start.is_multiple_of(6) && part.end.is_multiple_of(3)));
            let expected: Vec<u32> = (0..count as u32).collect();
            assert_eq!(input.all().unwrap(), expected, "{count}");
            assert_eq!(expected.as_slice().all().unwrap(), expected);
        }
    }

    #[test]
    fn the_first_error_is_reported() {
        let error = Counted { count: 300_000, end: 17_000 }.all().unwrap_err();
        assert_eq!(error.to_string(), "17000");
    }
}
