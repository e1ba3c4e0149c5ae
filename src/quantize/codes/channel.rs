//! The quantized weights of one output, and the levels that they can take.

use crate::quant::Levels;

/// One output channel's quantized weights.
#[derive(Clone)]
pub(in crate::quantize) struct Channel {
    pub basis: Vec<f32>,
    /// One per input.
    pub codes: Vec<u8>,
    /// The levels of the codes.
    pub weights: Vec<f64>,
}

impl Channel {
    /// The nearest levels to `weights`.
    pub(super) fn nearest(basis: Vec<f32>, weights: &[f64]) -> Self {
        let table = Table::new(&basis);
        let mut channel = Channel::unset(basis, weights.len());
        weights.iter().enumerate().for_each(|(at, &w)| channel.put(at, &table, table.rank(w)));
        channel
    }

    /// No weight chosen yet.
    pub(super) fn unset(basis: Vec<f32>, inputs: usize) -> Self {
        Channel { basis, codes: vec![0; inputs], weights: vec![0.0; inputs] }
    }

    /// The same codes with another basis.
    pub(super) fn with_basis(&self, basis: Vec<f32>) -> Self {
        let by_code = Levels::of_weights(&basis).by_code();
        let weights = self.codes.iter().map(|&code| f64::from(by_code[usize::from(code)])).collect();
        Channel { basis, codes: self.codes.clone(), weights }
    }

    /// Gives input `at` the level of this rank in the table of its basis.
    pub(super) fn put(&mut self, at: usize, table: &Table, rank: usize) {
        (self.codes[at], self.weights[at]) = (table.codes[rank], table.values[rank]);
    }

    /// What each element of the basis is multiplied by, -1 or 1: `[bits, inputs]`.
    pub(super) fn signs(&self) -> impl Iterator<Item = f64> {
        (0..self.basis.len()).flat_map(|bit| self.codes.iter().map(move |&code| sign(code, bit)))
    }
}

/// What a code multiplies an element of the basis by.
pub(super) fn sign(code: u8, bit: usize) -> f64 {
    if code >> bit & 1 == 1 { 1.0 } else { -1.0 }
}

/// Levels in order.
pub(super) struct Table {
    pub values: Vec<f64>,
    codes: Vec<u8>,
}

impl Table {
    pub(super) fn new(basis: &[f32]) -> Self {
        let levels = Levels::of_weights(basis);
        Table {
            values: levels.values.iter().map(|&v| f64::from(v)).collect(),
            codes: levels.codes.iter().map(|&code| code as u8).collect(),
        }
    }

    /// The nearest level; of two that are as near, the lower one.
    pub(super) fn rank(&self, x: f64) -> usize {
        let above = self.values.partition_point(|&v| v < x).min(self.values.len() - 1);
        match above.checked_sub(1) {
            Some(below) if x - self.values[below] <= self.values[above] - x => below,
            _ => above,
        }
    }
}
