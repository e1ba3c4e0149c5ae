// Puts weights [out, kh, kw, in] into the order in which a convolution reads them, once for every batch since they move. On the
// way back, outputs and inputs change places, and the window is turned round: tap t of the convolution is tap
// FIRST_KY + t STEP_Y of the weights (steps may be negative, and wrap).
//
// Each invocation writes one number. LAYOUT is 0 for conv.tile.wgsl, [turn, KH, IN_QUADS, KW, LANES, AT_ONCE, 4 outputs]; 1 for
// conv.point.wgsl, [KH, KW, 4 IN_QUADS, OUT_QUADS, 4 outputs]; 2 for conv.grouped.wgsl, [out, KH, KW, in].

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= PER_IMAGE {
        return;
    }
    var c_out = 0u;
    var c_in = 0u;
    var ky = 0u;
    var kx = 0u;
    var rest = index;
    if LAYOUT == 0u {
        c_out = rest % 4u;
        rest /= 4u;
        c_out += 4u * (rest % AT_ONCE);
        rest /= AT_ONCE;
        c_in = rest % LANES;
        rest /= LANES;
        kx = rest % KW;
        rest /= KW;
        c_in += 4u * (rest % IN_QUADS);
        rest /= IN_QUADS;
        ky = rest % KH;
        c_out += 4u * AT_ONCE * (rest / KH);
    } else if LAYOUT == 1u {
        c_out = rest % (4u * OUT_QUADS);
        rest /= 4u * OUT_QUADS;
        c_in = rest % (4u * IN_QUADS);
        rest /= 4u * IN_QUADS;
        kx = rest % KW;
        ky = rest / KW;
    } else {
        c_in = rest % GROUP_IN;
        rest /= GROUP_IN;
        kx = rest % KW;
        rest /= KW;
        ky = rest % KH;
        c_out = rest / KH;
    }
    let tap = (FIRST_KY + ky * STEP_Y) * ALL_KW + FIRST_KX + kx * STEP_X;
    // Of the weights: the output, and the input within its group. A group of the convolution has GROUP_IN inputs.
    var row = c_out;
    var channel = c_in;
    var depth = GROUP_IN;
    if BACK {
        row = c_out / GROUP_OUT * GROUP_IN + c_in;
        channel = c_out % GROUP_OUT;
        depth = GROUP_OUT;
    }
    let exists = c_out < CONV_OUT && c_in < GROUP_IN;
    let at = AT + (row * ALL_TAPS + tap) * depth + channel;
    ordered[index] = select(0.0, weights[select(AT, at, exists)], exists);
}
