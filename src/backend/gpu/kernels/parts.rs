//! Launches of `shaders/limbconv.parts.wgsl`.

use super::launch::{Launch, Nest};
use super::rounds::rounds;
use super::texts::texts;
use super::variant::MAX_TEAM;
use crate::fixed::{LIMB_LANES, WEIGHT_LIMBS};
use crate::lower::{LimbSum, Repr, Tensors};

texts! { LIMBCONV_PARTS = "limbconv.parts.wgsl" }

/// Output channels of neighbouring invocations.
const SPAN: usize = 16;
/// Most spans of a workgroup, which divide the terms of a sum.
const MAX_PARTS: usize = MAX_TEAM / SPAN;
/// Terms of a step: the words of a vector.
const AT_ONCE: usize = 4;

/// The launch of a sum over the whole input, `None` for other windows.
pub(super) fn limbsum(k: &LimbSum, tensors: Tensors) -> Option<Launch> {
    let (input, channels) = (tensors.get(k.input), tensors.get(k.output).shape.c);
    let Repr::Limbs { limbs, .. } = input.repr else { return None };
    let whole = k.window.kernel == [input.shape.h, input.shape.w] && k.window.before == [0, 0];
    if !whole || k.window.dilation != [1, 1] {
        return None;
    }
    let terms = k.window.taps() * input.shape.c.div_ceil(LIMB_LANES);
    let steps = terms.div_ceil(AT_ONCE);
    // A power of two, so that not even half of them have nothing to do.
    let parts = 1 << steps.ilog2().min(MAX_PARTS.ilog2());
    let mut launch = Launch::new(SPAN * parts, &[LIMBCONV_PARTS]);
    (launch.workgroup_size, launch.layers) = ((SPAN * parts) as u32, channels.div_ceil(SPAN));
    launch.rounds = rounds(steps.div_ceil(parts), 0);
    let products = AT_ONCE * LIMB_LANES * limbs * WEIGHT_LIMBS;
    launch.nest = Nest { turns: 1, steps: steps.div_ceil(parts), products };
    let header = &mut launch.header;
    header.number("SPAN", SPAN).number("PARTS", parts).number("X_LIMBS", limbs).number("W_LIMBS", WEIGHT_LIMBS);
    header.number("DIAGONALS", limbs + WEIGHT_LIMBS - 1);
    header.shape("OUT_C", channels).shape("TERMS", terms).shape("STEPS", steps);
    launch.read("input", "u32", k.input).read("weights", "vec4<u32>", weights(k, terms, channels));
    launch.write("sums", "i32", k.output);
    Some(launch)
}

/// The weights in the shader's order; terms and channels past the last are 0.
fn weights(k: &LimbSum, terms: usize, channels: usize) -> Vec<u32> {
    let room = channels.next_multiple_of(SPAN) * terms.next_multiple_of(AT_ONCE) * WEIGHT_LIMBS;
    let mut ordered = Vec::with_capacity(room);
    for first in (0..channels).step_by(SPAN) {
        for (step, q) in (0..terms).step_by(AT_ONCE).flat_map(|step| (0..WEIGHT_LIMBS).map(move |q| (step, q))) {
            for c in first..first + SPAN {
                let there = |term: usize| c < channels && term < terms;
                let word = |term: usize| if there(term) { k.weights[(c * terms + term) * WEIGHT_LIMBS + q] } else { 0 };
                ordered.extend((step..step + AT_ONCE).map(word));
            }
        }
    }
    ordered
}
