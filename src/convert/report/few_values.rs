//! Float weights that have only a few values: quantized weights, saved without their bases.

use std::collections::HashSet;

/// Most values of a channel that count as few: those of 8 bits.
const MOST: usize = 256;
/// How often each value occurs on average, at least. Weights that were pruned have few values other than zero, but each
/// of them once.
const REPEATED: usize = 4;

/// The most values of any channel, if all channels have so few that the weights must have been quantized; `channels`
/// are the weights of each output channel. Channels of one value do not count: they are dead, quantized or not.
pub(super) fn of_channels<'a>(channels: impl Iterator<Item = &'a [f32]>) -> Option<usize> {
    let (mut most, mut all, mut constant) = (0, 0, 0usize);
    for channel in channels {
        all += 1;
        match values(channel)? {
            0 | 1 => constant += 1,
            values => most = most.max(values),
        }
    }
    (most > 0 && 2 * constant <= all).then_some(most)
}

/// How many values a channel has, if it has few and they occur often.
fn values(channel: &[f32]) -> Option<usize> {
    let mut seen = HashSet::new();
    for weight in channel.iter().filter(|weight| **weight != 0.0) {
        if seen.insert(weight.to_bits()) && seen.len() > MOST {
            return None;
        }
    }
    let zeros = channel.iter().filter(|weight| **weight == 0.0).count();
    let other = channel.len() - zeros;
    let values = seen.len() + usize::from(zeros > 0);
    let repeated = other >= REPEATED * seen.len();
    (values <= 1 || (repeated && values <= MOST)).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(channels: &[Vec<f32>]) -> Option<usize> {
        of_channels(channels.iter().map(Vec::as_slice))
    }

    #[test]
    fn weights_on_levels_are_told_from_others() {
        let levels = |n: usize| (0..72).map(|i| (i * 7 % n) as f32 - 1.5).collect::<Vec<_>>();
        let floats: Vec<f32> = (0..72).map(|i| (i as f32).sin()).collect();
        let pruned: Vec<f32> = (0..720).map(|i| if i % 20 == 0 { (i as f32).sin() } else { 0.0 }).collect();
        let ternary: Vec<f32> = (0..72).map(|i| [0.0, 0.5, -0.5, 0.0, -0.0, 0.0][i % 6]).collect();
        assert_eq!(of(&[levels(4), levels(3)]), Some(4));
        assert_eq!(of(&[levels(16), vec![0.0; 72]]), Some(16));
        assert_eq!(of(&[ternary]), Some(3));
        assert_eq!(of(&[levels(4), floats.clone()]), None, "one channel is float");
        assert_eq!((of(&[floats]), of(&[pruned]), of(&[levels(36)])), (None, None, None));
        assert_eq!((of(&[vec![0.0; 72], vec![1.0; 72]]), of(&[])), (None, None), "dead channels say nothing");
    }
}
