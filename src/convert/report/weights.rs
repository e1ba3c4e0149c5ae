//! Statistics of how quantization changed the weights of a layer.

use super::initial;
use crate::quant::{WeightLevel, channel_basis};
use serde::Serialize;

/// The quantized weights of one layer, compared with the float originals.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct QuantizedWeights {
    /// How many weights have the lowest level of their channel, the next, and so on.
    pub level_counts: Vec<u64>,
    /// Root mean square of w - Q(w), divided by that of w; 0 if all weights are 0.
    pub relative_error: f64,
    /// Output channels whose weights all have one level, or whose basis is 0.
    pub constant_channels: usize,
    /// Output channels whose basis is the one that training starts with.
    pub initial_channels: usize,
}

impl QuantizedWeights {
    /// Share of the weights at each level, lowest first.
    pub fn level_shares(&self) -> Vec<f64> {
        let total = self.level_counts.iter().sum::<u64>().max(1) as f64;
        self.level_counts.iter().map(|&n| n as f64 / total).collect()
    }

    /// Levels that no weight has.
    pub fn dead_levels(&self) -> usize {
        self.level_counts.iter().filter(|&&n| n == 0).count()
    }
}

/// Gathers [`QuantizedWeights`] from a layer's weights in any order. It takes a few bytes for each channel, however
/// many weights there are.
#[derive(Debug)]
pub(crate) struct WeightStatistics {
    found: QuantizedWeights,
    channels: Vec<Channel>,
    /// Sums of squares of w - Q(w) and of w.
    squares: [f64; 2],
}

/// What has been seen of an output channel's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    Unseen,
    OneLevel(usize),
    Varied,
    NoBasis,
}

impl Channel {
    /// The channel with one more weight.
    fn and(self, rank: usize) -> Self {
        match self {
            Channel::Unseen => Channel::OneLevel(rank),
            Channel::OneLevel(other) if other != rank => Channel::Varied,
            _ => self,
        }
    }
}

impl WeightStatistics {
    /// For a layer with bases `[bits, out]` and a window of `kernel` = height and width.
    pub(crate) fn new(basis: &[f32], outputs: usize, kernel: [usize; 2]) -> Self {
        let mut found = QuantizedWeights::default();
        let mut channels = Vec::with_capacity(outputs);
        for output in 0..outputs {
            let basis = channel_basis(basis, outputs, output);
            let empty = basis.iter().all(|&v| v == 0.0);
            channels.push(if empty { Channel::NoBasis } else { Channel::Unseen });
            found.initial_channels += usize::from(initial::is_of_weights(&basis, kernel, outputs));
        }
        found.level_counts = vec![0; 1 << (basis.len() / outputs.max(1))];
        WeightStatistics { found, channels, squares: [0.0; 2] }
    }

    /// Adds a weight of channel `output`, which got `level`.
    pub(crate) fn add(&mut self, output: usize, weight: f32, level: WeightLevel) {
        self.found.level_counts[level.rank] += 1;
        self.channels[output] = self.channels[output].and(level.rank);
        let (w, q) = (f64::from(weight), f64::from(level.value));
        self.squares[0] += (w - q) * (w - q);
        self.squares[1] += w * w;
    }

    /// The layer's result.
    pub(crate) fn finish(self) -> QuantizedWeights {
        let [error, power] = self.squares;
        let constant_channels = self.channels.iter().filter(|&&channel| channel != Channel::Varied).count();
        let relative_error = if power > 0.0 { (error / power).sqrt() } else { 0.0 };
        QuantizedWeights { relative_error, constant_channels, ..self.found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::{WeightQuantizer, WeightRule};

    fn gathered(weights: &[[f32; 4]], basis: &[f32]) -> QuantizedWeights {
        let outputs = weights.len();
        let quantizer = WeightQuantizer::new(basis, outputs, WeightRule::ORIGINAL);
        let mut statistics = WeightStatistics::new(basis, outputs, [2, 2]);
        for i in 0..4 * outputs {
            // Channel after channel within a row, as TensorFlow saves them.
            let (output, weight) = (i % outputs, weights[i % outputs][i / outputs]);
            statistics.add(output, weight, quantizer.level(output, weight));
        }
        statistics.finish()
    }

    #[test]
    fn levels_are_counted_from_the_lowest_up() {
        // Levels -3, -1, 1, 3 and, with the basis in the other order, -6, -2, 2, 6.
        let found = gathered(&[[-2.5, -0.5, 0.5, 2.5], [-7.0, -5.0, 5.0, 7.0]], &[1.0, 4.0, 2.0, 2.0]);
        assert_eq!((found.level_counts.as_slice(), found.dead_levels()), (&[3, 1, 1, 3][..], 0));
        assert_eq!(found.level_shares(), [0.375, 0.125, 0.125, 0.375]);
        // Four errors of 0.5 and four of 1; the squares of the weights are 13 and 148.
        assert!((found.relative_error - (5.0f64 / 161.0).sqrt()).abs() < 1e-12, "{found:?}");
        assert_eq!((found.constant_channels, found.initial_channels), (0, 0));
    }

    #[test]
    fn channels_of_one_level_or_without_a_basis_are_constant() {
        let found = gathered(&[[1.0; 4], [-1.0, 1.0, 1.0, 1.0], [-1.0, 1.0, 2.0, 3.0]], &[0.5, 0.5, 0.0]);
        assert_eq!((found.constant_channels, found.dead_levels()), (2, 0));
        assert_eq!(gathered(&[[0.0; 4]], &[0.0]).relative_error, 0.0);
    }

    #[test]
    fn levels_without_weights_are_dead() {
        let found = gathered(&[[0.1, -0.1, 0.2, -0.2]], &[1.0, 2.0]);
        assert_eq!((found.level_counts.as_slice(), found.dead_levels()), (&[0, 2, 2, 0][..], 2));
    }
}
