//! Tables by registers of channels, aligned for them.

use crate::fixed::scale_by_power;
use bytemuck::{Pod, Zeroable};

/// Alignment of [`Aligned`] memory: a cache line, and the widest register.
#[repr(C, align(64))]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Line([u32; 16]);

/// 32-bit words or doubles whose first is at the start of a cache line, so that no register's load straddles two.
#[derive(Clone)]
pub struct Aligned<T> {
    lines: Vec<Line>,
    len: usize,
    kind: std::marker::PhantomData<T>,
}

impl<T: Pod> Aligned<T> {
    /// Zeros. None if there is no memory.
    pub fn zeroed(len: usize) -> Option<Self> {
        let lines_needed = len.checked_mul(size_of::<T>())?.div_ceil(size_of::<Line>());
        let mut lines = Vec::new();
        lines.try_reserve_exact(lines_needed).ok()?;
        lines.resize(lines_needed, Line::zeroed());
        Some(Aligned { lines, len, kind: std::marker::PhantomData })
    }

    pub fn as_slice(&self) -> &[T] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }

    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

/// Integers below this are exact in doubles.
pub const EXACT: f64 = 9_007_199_254_740_992.0;

/// (high, low) as one number.
pub fn join([high, low]: [i32; 2], low_bits: u32) -> f64 {
    f64::from(high) * scale_by_power(1.0, low_bits as i32) + f64::from(low)
}

/// Rows `[channel][n]` as registers `[block][n]` of `lanes` channels; missing channels are 0.
pub fn transpose<T: Pod>(rows: &[T], n: usize, lanes: usize) -> Option<Aligned<T>> {
    let channels = rows.len() / n.max(1);
    let mut out = Aligned::zeroed(channels.div_ceil(lanes) * lanes * n)?;
    for (c, row) in rows.chunks_exact(n.max(1)).enumerate() {
        for (i, &v) in row.iter().enumerate() {
            out.as_mut_slice()[(c / lanes * n + i) * lanes + c % lanes] = v;
        }
    }
    Some(out)
}
