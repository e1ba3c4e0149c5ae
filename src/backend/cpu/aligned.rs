//! Tables of constants, laid out and aligned for registers of channels.

use crate::fixed::scale_by_power;
use bytemuck::{Pod, Zeroable};
use std::ops::Range;

/// The unit and alignment of [`AlignedVec`]: a cache line, which is also the widest register.
#[repr(C, align(64))]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Line([u32; 16]);

/// 32-bit words or doubles that start at a cache line, so that loading a register never straddles two lines.
#[derive(Clone)]
pub(super) struct AlignedVec<T> {
    lines: Vec<Line>,
    len: usize,
    kind: std::marker::PhantomData<T>,
}

impl<T: Pod> AlignedVec<T> {
    /// `len` zeros; None if out of memory.
    pub(super) fn zeroed(len: usize) -> Option<Self> {
        let lines_needed = len.checked_mul(size_of::<T>())?.div_ceil(size_of::<Line>());
        let mut lines = Vec::new();
        lines.try_reserve_exact(lines_needed).ok()?;
        lines.resize(lines_needed, Line::zeroed());
        Some(AlignedVec { lines, len, kind: std::marker::PhantomData })
    }

    /// The elements.
    pub(super) fn as_slice(&self) -> &[T] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }

    /// The elements, for writing.
    pub(super) fn as_mut_slice(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

/// 2^53: doubles represent all smaller integers exactly.
pub(super) const EXACT: f64 = 9_007_199_254_740_992.0;

/// The number that a high and a low word make.
pub(super) fn combine([high, low]: [i32; 2], low_bits: u32) -> f64 {
    f64::from(high) * scale_by_power(1.0, low_bits as i32) + f64::from(low)
}

/// The channels of each block, that is, of each register.
pub(super) fn blocks(channels: usize, lanes: usize) -> impl Iterator<Item = Range<usize>> {
    (0..channels).step_by(lanes).map(move |first| first..channels.min(first + lanes))
}

/// `[channel][n]` as registers `[block][n]` of `lanes` channels each, padded with zeros; None if out of memory.
pub(super) fn transpose<T: Pod>(rows: &[T], n: usize, lanes: usize) -> Option<AlignedVec<T>> {
    let channels = rows.len() / n.max(1);
    let mut out = AlignedVec::zeroed(channels.div_ceil(lanes) * lanes * n)?;
    for (c, row) in rows.chunks_exact(n.max(1)).enumerate() {
        for (i, &v) in row.iter().enumerate() {
            out.as_mut_slice()[(c / lanes * n + i) * lanes + c % lanes] = v;
        }
    }
    Some(out)
}
