//! Memory that several threads write at once, each a part of its own.

use std::marker::PhantomData;
use std::ops::Range;

/// The words of a tensor that several threads are writing.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    start: *mut u32,
    len: usize,
    life: PhantomData<&'a mut [u32]>,
}

// SAFETY: the memory is only reached through `words` and `set`, whose callers promise that no two threads share a word.
unsafe impl Send for Cells<'_> {}
// SAFETY: as for `Send`.
unsafe impl Sync for Cells<'_> {}

impl<'a> Cells<'a> {
    /// Takes over `words` for as long as they are borrowed.
    pub(super) fn new(words: &'a mut [u32]) -> Self {
        Cells { start: words.as_mut_ptr(), len: words.len(), life: PhantomData }
    }

    /// The words of `range`; panics if it is out of bounds.
    ///
    /// # Safety
    /// While the result lives, nothing else may read or write these words, through this or a copy of it.
    pub(super) unsafe fn words(&self, range: Range<usize>) -> &'a mut [u32] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: the range lies within the memory that `new` borrowed for 'a, and the caller promises exclusive
        // access.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// Writes one word; panics if `index` is out of bounds.
    ///
    /// # Safety
    /// Nothing else may read or write this word at the same time, through this or a copy of it.
    #[inline(always)]
    pub(super) unsafe fn set(&self, index: usize, word: u32) {
        assert!(index < self.len);
        // SAFETY: the word lies within the memory that `new` borrowed, and the caller promises exclusive access.
        unsafe { *self.start.add(index) = word }
    }
}
