//! Strided arrays in a file, as PyTorch stores them. A plain array is a special case.

use super::pieces::{PIECE, Sink, each_f32, truncated};
use super::variable::{MARGIN, MAX_DIMS};
use crate::files::{RangeReader, ReadExactAt};
use crate::format::{ElementType, Offsets, c_strides};
use std::ops::Range;

/// Where the elements of a tensor lie in its file.
#[derive(Clone, Debug)]
pub(super) struct StridedView {
    pub(super) element: ElementType,
    /// Length of each dimension.
    pub(super) shape: Vec<usize>,
    /// Elements from one index to the next, for each dimension.
    pub(super) strides: Vec<usize>,
    /// The bytes of its storage in the file, from the tensor's first element on.
    pub(super) bytes: Range<usize>,
}

impl StridedView {
    /// An array in C order that fills `bytes`.
    pub(super) fn contiguous(element: ElementType, shape: Vec<usize>, bytes: Range<usize>) -> Self {
        let strides = c_strides(&shape);
        StridedView { element, shape, strides, bytes }
    }

    /// Checks that every element lies within the storage, and that a small storage is not repeated into a huge tensor.
    pub(super) fn check(&self, file_len: usize) -> Result<(), String> {
        if self.shape.len() > MAX_DIMS || self.shape.len() != self.strides.len() {
            let (dims, strides) = (self.shape.len(), self.strides.len());
            return Err(format!("{dims} dimensions and {strides} strides, expected as many and at most {MAX_DIMS}"));
        }
        let len =
            self.len().ok_or_else(|| format!("shape {:?} has more elements than can be addressed", self.shape))?;
        let stored = self.bytes.len() / self.element.size().max(1);
        if len == 0 {
            return Ok(());
        }
        if self.last().is_none_or(|last| last >= stored) {
            let StridedView { shape, strides, .. } = self;
            return Err(format!(
                "shape {shape:?} with strides {strides:?} reaches beyond its storage, which has {stored} elements from there"
            ));
        }
        let limit = file_len.saturating_add(MARGIN);
        if len > stored && len.checked_mul(size_of::<f32>()).is_none_or(|bytes| bytes > limit) {
            return Err(format!("shape {:?} repeats {stored} stored elements beyond {limit} bytes", self.shape));
        }
        Ok(())
    }

    /// Number of elements.
    fn len(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |n, &dim| n.checked_mul(dim))
    }

    /// Offset of the last element, in elements.
    fn last(&self) -> Option<usize> {
        let steps =
            self.shape.iter().zip(&self.strides).map(|(&len, &stride)| len.saturating_sub(1).checked_mul(stride));
        steps.into_iter().try_fold(0usize, |at, step| at.checked_add(step?))
    }

    /// All elements in C order, in pieces of a whole number of `unit` elements.
    pub(super) fn stream(&self, file: &dyn ReadExactAt, unit: usize, sink: &mut Sink) -> Result<(), String> {
        let len = self.len().unwrap_or_default();
        let (outer, run) = self.runs();
        if len == 0 {
            return Ok(());
        }
        if outer.is_empty() {
            let reader = RangeReader { file, range: self.bytes.clone() };
            return each_f32(self.element, reader, len * self.element.size(), unit, sink);
        }
        // If the blocks of the first dimension do not overlap in the file, they are read one at a time, to save
        // memory.
        let (blocks, inner) = match outer.split_first() {
            Some((&first, inner)) if first.1 >= extent(inner, run) => (first, inner),
            _ => ((1, 0), &outer[..]),
        };
        (0..blocks.0).try_for_each(|block| {
            let raw = self.window(file, block * blocks.1, extent(inner, run))?;
            self.block(&raw, inner, run, unit, sink)
        })
    }

    /// The bytes of `len` stored elements from `start` on.
    fn window(&self, file: &dyn ReadExactAt, start: usize, len: usize) -> Result<Vec<u8>, String> {
        let (start, len) = (self.bytes.start + start * self.element.size(), len * self.element.size());
        let mut raw = Vec::new();
        raw.try_reserve_exact(len).map_err(|_| format!("not enough memory for {len} bytes"))?;
        raw.resize(len, 0);
        file.read_exact_at(start, &mut raw).map_err(truncated)?;
        Ok(raw)
    }

    /// Passes on the elements in the bytes `raw`: runs at all offsets that the dimensions `outer` give.
    fn block(
        &self,
        raw: &[u8],
        outer: &[(usize, usize)],
        run: usize,
        unit: usize,
        sink: &mut Sink,
    ) -> Result<(), String> {
        let size = self.element.size();
        let mut values = Vec::new();
        for at in Offsets::new(outer.iter().copied()) {
            self.element.decode(raw.get(at * size..(at + run) * size).unwrap_or_default(), &mut values);
            if values.len() >= PIECE / size_of::<f32>() && values.len().is_multiple_of(unit) {
                sink(&values)?;
                values.clear();
            }
        }
        if values.is_empty() { Ok(()) } else { sink(&values) }
    }

    /// The longest runs of elements that are contiguous in C order: length and stride of the dimensions outside of a
    /// run, and the length of a run.
    fn runs(&self) -> (Vec<(usize, usize)>, usize) {
        // The stride of a dimension of length 1 does not matter.
        let mut outer: Vec<_> =
            self.shape.iter().copied().zip(self.strides.iter().copied()).filter(|d| d.0 != 1).collect();
        let mut run = 1usize;
        while let Some((len, _)) = outer.pop_if(|(_, stride)| *stride == run) {
            run = run.saturating_mul(len);
        }
        (outer, run.max(1))
    }
}

/// Elements from the first of a strided array of runs to its last. [`StridedView::check`] has checked that they are
/// stored.
fn extent(outer: &[(usize, usize)], run: usize) -> usize {
    outer.iter().map(|(len, stride)| (len - 1) * stride).sum::<usize>() + run
}

#[cfg(test)]
mod tests {
    use super::super::pieces::collect;
    use super::*;

    fn read(shape: &[usize], strides: &[usize], stored: usize) -> Result<Vec<f32>, String> {
        let file: Vec<u8> = (0..stored).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let bytes = 0..file.len();
        let view = StridedView { element: ElementType::F32, shape: shape.to_vec(), strides: strides.to_vec(), bytes };
        view.check(file.len())?;
        collect(&view.shape, |sink| view.stream(&file, 1, sink))
    }

    #[test]
    fn strides_say_where_elements_lie() {
        assert_eq!(read(&[2, 3], &[3, 1], 6).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(read(&[3, 2], &[1, 3], 6).unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(read(&[2, 2, 2], &[4, 1, 2], 8).unwrap(), [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
        assert_eq!(read(&[2, 2], &[4, 1], 6).unwrap(), [0.0, 1.0, 4.0, 5.0]);
        assert_eq!(read(&[3, 2], &[0, 1], 2).unwrap(), [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
        assert_eq!(read(&[1, 2, 1], &[usize::MAX, 1, 7], 2).unwrap(), [0.0, 1.0]);
        assert_eq!(read(&[], &[], 1).unwrap(), [0.0]);
        assert_eq!(read(&[2, 0], &[usize::MAX, 1], 0).unwrap(), [0.0; 0]);
    }

    #[test]
    fn views_stay_within_their_storage() {
        for (shape, strides, stored, expected) in [
            (&[2, 3][..], &[3, 1][..], 5, "beyond its storage, which has 5"),
            (&[2, 2], &[usize::MAX, 1], 6, "beyond its storage"),
            (&[], &[], 0, "beyond its storage"),
            (&[1 << 40, 1 << 40], &[0, 0], 1, "more elements than can be addressed"),
            (&[1 << 40], &[0], 1, "repeats 1 stored elements"),
            (&[2], &[], 2, "1 dimensions and 0 strides"),
            (&[1; 17], &[1; 17], 2, "17 dimensions"),
        ] {
            let problem = read(shape, strides, stored).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
