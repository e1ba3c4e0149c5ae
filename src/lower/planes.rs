//! Weight planes in the order in which a bit convolution reads its input.
//!
//! In a file, planes are packed over all input channels of a group. In the input, every part begins at a word boundary,
//! and in a grouped convolution an output channel reads only some words of a part, so the bits have to move. A mask
//! plane marks the bits that belong to the group.

use crate::quant::{WORD_BITS, words};
use std::ops::Range;

/// The shape of packed weights in a file: `[out, taps, words(inputs), planes]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packing {
    /// Output channels.
    pub outputs: usize,
    /// Taps of the window.
    pub taps: usize,
    /// Input channels of one group.
    pub inputs: usize,
    /// Planes of a weight.
    pub planes: usize,
    /// Groups of channels.
    pub groups: usize,
}

/// Weights arranged for the parts of an input.
pub(super) struct Arranged {
    /// For each output channel `[part][tap, part words, planes]`, including the mask plane if there is one.
    pub weights: Vec<u32>,
    /// Words of each part that an output channel reads.
    pub words: Vec<usize>,
    /// First word of each part that an output channel reads, `[out, part]`, if the weights are masked.
    pub mask: Option<Vec<u32>>,
    /// Number of channels of each part that an output channel multiplies, `[out, part]`.
    pub channels: Vec<usize>,
}

/// Arranges packed weights for an input; `parts` are the numbers of channels of its parts.
pub(super) fn arrange(weights: &[u32], packing: Packing, parts: &[usize]) -> Arranged {
    let starts: Vec<usize> = parts.iter().scan(0, |at, c| Some(std::mem::replace(at, *at + c))).collect();
    // Channels of part p that output channel c reads, counted from the start of the part.
    let reach = |c: usize, p: usize| -> Range<usize> {
        let first = c / (packing.outputs / packing.groups) * packing.inputs;
        let local = |channel: usize| channel.clamp(starts[p], starts[p] + parts[p]) - starts[p];
        local(first)..local(first + packing.inputs)
    };
    let masked = packing.groups > 1;
    let span = |r: Range<usize>| if r.is_empty() { 0 } else { r.end.div_ceil(WORD_BITS) - r.start / WORD_BITS };
    let widest = |p: usize| (0..packing.outputs).map(|c| span(reach(c, p))).max().unwrap_or(0);
    let words: Vec<usize> = (0..parts.len()).map(|p| if masked { widest(p) } else { words(parts[p]) }).collect();
    // The words that an output channel reads must end inside the part.
    let first = |c: usize, p: usize| (reach(c, p).start / WORD_BITS).min(crate::quant::words(parts[p]) - words[p]);
    let pairs = || (0..packing.outputs).flat_map(|c| (0..parts.len()).map(move |p| (c, p)));
    let mut arranged = Arranged {
        weights: Vec::new(),
        mask: masked.then(|| pairs().map(|(c, p)| first(c, p) as u32).collect()),
        channels: pairs().map(|(c, p)| reach(c, p).len()).collect(),
        words: words.clone(),
    };
    if !masked && parts.len() == 1 {
        arranged.weights = weights.to_vec();
        return arranged;
    }
    for (c, p) in pairs() {
        let group_start = c / (packing.outputs / packing.groups) * packing.inputs;
        let local = reach(c, p);
        let source = (starts[p] + local.start).saturating_sub(group_start);
        let target = local.start.saturating_sub(first(c, p) * WORD_BITS);
        for tap in 0..packing.taps {
            let row_words = crate::quant::words(packing.inputs) * packing.planes;
            let row = &weights[(c * packing.taps + tap) * row_words..][..row_words];
            let moved = Moved { row, planes: packing.planes, source, target, count: local.len() };
            moved.append(&mut arranged.weights, words[p], masked);
        }
    }
    arranged
}

/// A range of channels of one packed row that moves to another position.
struct Moved<'a> {
    row: &'a [u32],
    planes: usize,
    /// First channel to read.
    source: usize,
    /// First channel to write.
    target: usize,
    /// Number of channels.
    count: usize,
}

impl Moved<'_> {
    /// Appends `words` words of each plane and, if `masked`, of the mask.
    fn append(&self, out: &mut Vec<u32>, words: usize, masked: bool) {
        for word in 0..words {
            for plane in 0..self.planes {
                out.push(self.word(word, |channel| {
                    self.row[channel / WORD_BITS * self.planes + plane] >> (channel % WORD_BITS) & 1
                }));
            }
            if masked {
                out.push(self.word(word, |_| 1));
            }
        }
    }

    /// Word `word` of the target, where `bit` gives the bit of a source channel.
    fn word(&self, word: usize, bit: impl Fn(usize) -> u32) -> u32 {
        let start = (word * WORD_BITS).max(self.target);
        let end = ((word + 1) * WORD_BITS).min(self.target + self.count);
        (start..end).fold(0, |w, at| w | bit(self.source + at - self.target) << (at % WORD_BITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::{code_at, pack};

    /// Every channel's code after the move, read back through words and masks.
    fn check(parts: &[usize], groups: usize, outputs: usize) {
        let channels: usize = parts.iter().sum();
        let (inputs, taps, planes) = (channels / groups, 2, 3);
        let codes: Vec<u8> = (0..outputs * taps * inputs).map(|i| (i * 5 % 8) as u8).collect();
        let packing = Packing { outputs, taps, inputs, planes, groups };
        let arranged = arrange(&pack(&codes, inputs, planes), packing, parts);
        let stored = planes + usize::from(groups > 1);
        let mut at = 0;
        for c in 0..outputs {
            let mut start = 0;
            for (p, &part) in parts.iter().enumerate() {
                let first = arranged.mask.as_ref().map_or(0, |m| m[c * parts.len() + p] as usize) * WORD_BITS;
                let group = c / (outputs / groups) * inputs;
                for tap in 0..taps {
                    let row = &arranged.weights[at..][..arranged.words[p] * stored];
                    at += row.len();
                    let mut counted = 0;
                    for local in 0..arranged.words[p] * WORD_BITS {
                        let channel = start + first + local;
                        let read = first + local < part && (group..group + inputs).contains(&channel);
                        let code = if read { codes[(c * taps + tap) * inputs + channel - group].into() } else { 0 };
                        let mask = if groups > 1 && read { 1 << planes } else { 0 };
                        assert_eq!(code_at(row, local, stored), code | mask, "{parts:?} groups {groups} c {c} p {p}");
                        counted += usize::from(read);
                    }
                    assert_eq!(counted, arranged.channels[c * parts.len() + p]);
                }
                start += part;
            }
        }
        assert_eq!(at, arranged.weights.len());
    }

    #[test]
    fn bits_move_to_their_parts_and_groups() {
        check(&[70], 1, 3);
        check(&[20, 33, 64, 3], 1, 2);
        check(&[40], 40, 40);
        check(&[120], 3, 6);
        check(&[200], 5, 10);
        check(&[30, 50, 16], 4, 8);
        check(&[96], 2, 4);
    }
}
