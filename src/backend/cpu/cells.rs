//! Memory that several threads write at once, each its own part.

use std::marker::PhantomData;
use std::ops::Range;

/// The words of a tensor while threads write it.
#[derive(Clone, Copy)]
pub struct Cells<'a> {
    start: *mut u32,
    len: usize,
    life: PhantomData<&'a mut [u32]>,
}

// SAFETY: a `Cells` only gives out slices through `words`, whose callers keep them apart.
unsafe impl Send for Cells<'_> {}
unsafe impl Sync for Cells<'_> {}

impl<'a> Cells<'a> {
    pub fn new(words: &'a mut [u32]) -> Self {
        Cells { start: words.as_mut_ptr(), len: words.len(), life: PhantomData }
    }

    /// The words of `range`; panics if they are not all there.
    ///
    /// # Safety
    /// While the result lives, no other slice that this or a copy of it gave out may overlap it.
    pub unsafe fn words(&self, range: Range<usize>) -> &'a mut [u32] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: inside the memory that `new` has borrowed for 'a, and by the caller's promise nobody else's.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// Writes one word; panics if it is not there.
    ///
    /// # Safety
    /// No slice that this or a copy of it gave out may hold it meanwhile, nor another thread write it.
    #[inline(always)]
    pub unsafe fn set(&self, index: usize, word: u32) {
        assert!(index < self.len);
        // SAFETY: as in `words`.
        unsafe { *self.start.add(index) = word }
    }
}
