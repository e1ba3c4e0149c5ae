//! Weights in the orders in which the shaders read them.

use crate::backend::gpu::table::QUAD;
use crate::graph::{Node, Op, Params, RealWeights, Role};
use crate::lower::Affine;
use std::ops::Range;

/// The weights of a convolution with its batch norm in them.
pub(super) struct Folded<'a> {
    weights: RealWeights<'a>,
    affine: Option<&'a Affine>,
    bias: Option<&'a [f32]>,
    outputs: usize,
    /// Input channels of a group.
    pub inputs: usize,
    pub taps: usize,
}

impl<'a> Folded<'a> {
    /// The weights of convolution `node`, which reads `channels` channels, or of padding as one; `None` if `node` is
    /// neither.
    pub(super) fn of(
        node: &'a Node,
        params: &'a Params,
        affine: Option<&'a Affine>,
        channels: usize,
    ) -> Result<Option<Self>, String> {
        if let Op::PadChannels { channels: outputs, before } = node.op {
            let weights = RealWeights::Padding { before };
            return Ok(Some(Folded { weights, affine, bias: None, outputs, inputs: channels, taps: 1 }));
        }
        let Op::Conv { outputs, window, weights, bias, groups } = &node.op else { return Ok(None) };
        let bias = if *bias { Some(params.get(&node.name, Role::Bias)?.f32()) } else { None };
        let weights = RealWeights::of(params, &node.name, *weights)?;
        let (inputs, taps) = (channels / groups, window.taps());
        Ok(Some(Folded { weights, affine, bias, outputs: *outputs, inputs, taps }))
    }

    fn gain(&self, output: usize) -> f64 {
        self.affine.map_or(1.0, |a| a.gain[output])
    }

    /// The constant that is added to the sums of an output channel.
    pub(super) fn shift(&self, output: usize) -> f64 {
        let bias = self.bias.map_or(0.0, |bias| f64::from(bias[output]));
        bias * self.gain(output) + self.affine.map_or(0.0, |a| a.shift[output])
    }

    /// The weights of an output channel, `[tap, input channel]`. Output channels past the last one have weights of 0.
    fn channel(&self, output: usize) -> Vec<f32> {
        if output >= self.outputs {
            return vec![0.0; self.taps * self.inputs];
        }
        let gain = self.gain(output);
        self.weights.channel(output, self.inputs).iter().map(|&w| (f64::from(w) * gain) as f32).collect()
    }

    /// The weights of the output channels in `quads`.
    fn quads(&self, quads: Range<usize>) -> Vec<Vec<f32>> {
        (quads.start * QUAD..quads.end * QUAD).map(|output| self.channel(output)).collect()
    }

    /// For `conv.tile.wgsl`: `[turn, row of the window, input quad, tap of the row, lane, quad]` of vectors of four
    /// output channels. A turn has `at_once` quads, a row of the window `taps_x` taps.
    pub(super) fn tiles(&self, quads: Range<usize>, at_once: usize, taps_x: usize) -> Vec<u32> {
        let (all, lanes) = (self.quads(quads), self.inputs.min(QUAD));
        let at = |output: usize, tap: usize, c: usize| match c < self.inputs {
            true => all[output][tap * self.inputs + c].to_bits(),
            false => 0,
        };
        let mut words = Vec::with_capacity(all.len() * self.taps * self.inputs.next_multiple_of(lanes.max(1)));
        for turn in 0..all.len() / QUAD / at_once {
            for row in 0..self.taps / taps_x {
                for quad in 0..self.inputs.div_ceil(QUAD) {
                    for (x, lane) in (0..taps_x).flat_map(|x| (0..lanes).map(move |lane| (x, lane))) {
                        let outputs = turn * at_once * QUAD..(turn + 1) * at_once * QUAD;
                        words.extend(outputs.map(|o| at(o, row * taps_x + x, quad * QUAD + lane)));
                    }
                }
            }
        }
        words
    }

    /// For `conv.point.wgsl`: `[tap, input channel, quad]` of vectors of four output channels. Input channels are
    /// padded with zeros to whole quads.
    pub(super) fn points(&self, quads: Range<usize>) -> Vec<u32> {
        let all = self.quads(quads);
        let mut words = Vec::with_capacity(all.len() * self.taps * self.inputs.next_multiple_of(QUAD));
        for tap in 0..self.taps {
            for c in 0..self.inputs.next_multiple_of(QUAD) {
                let exists = c < self.inputs;
                words.extend(all.iter().map(|o| if exists { o[tap * self.inputs + c].to_bits() } else { 0 }));
            }
        }
        words
    }

    /// For `conv.grouped.wgsl`: `[output channel, tap, input channel of its group]`.
    pub(super) fn plain(&self, quads: Range<usize>) -> Vec<u32> {
        self.quads(quads).into_iter().flatten().map(f32::to_bits).collect()
    }
}
