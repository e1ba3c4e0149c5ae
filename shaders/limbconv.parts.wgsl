// Convolution of 8-bit limbs with 8-bit limbs, to diagonal sums: the variant for windows that cover the whole input, as
// dense layers have them. Reference: src/backend/reference/limbconv.rs.
//
//   D_d = sum over words and p + q = d of x_p . W_q
//
// Layouts: input [image, TERMS, X_LIMBS], four channels to a word; weights [span, STEPS, W_LIMBS, SPAN] of vectors with the
// words of four neighbouring terms, 0 past the last; sums [image, OUT_C, DIAGONALS].
//
// SPAN neighbouring invocations compute neighbouring output channels. The PARTS spans of a workgroup compute the same
// channels, and divide the terms; the first adds their sums up.

var<workgroup> shares: array<i32, WORKGROUP_SIZE * DIAGONALS>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let image = id.y * FOLD + id.x;
    if image >= params.images {
        return;
    }
    let part = lane / SPAN;
    let member = lane % SPAN;
    var diagonals = array<i32, DIAGONALS>();
    for (var step = part; step < STEPS; step += PARTS) {
        let weights_at = (id.z * STEPS + step) * W_LIMBS * SPAN + member;
        for (var k = 0u; k < 4u; k++) { // unrolled
            // Past the last term any input will do.
            let term = min(step * 4u + k, TERMS - 1u);
            for (var p = 0u; p < X_LIMBS; p++) { // unrolled
                let x = input[(image * TERMS + term) * X_LIMBS + p];
                for (var q = 0u; q < W_LIMBS; q++) { // unrolled
                    diagonals[p + q] += dot4I8Packed(x, weights[weights_at + q * SPAN][k]);
                }
            }
        }
    }
    for (var d = 0u; d < DIAGONALS; d++) { // unrolled
        shares[d * WORKGROUP_SIZE + lane] = diagonals[d];
    }
    workgroupBarrier();
    let channel = id.z * SPAN + member;
    if (part > 0u) | (channel >= OUT_C) {
        return;
    }
    for (var d = 0u; d < DIAGONALS; d++) { // unrolled
        var sum = 0;
        for (var other = 0u; other < PARTS; other++) { // unrolled
            sum += shares[d * WORKGROUP_SIZE + other * SPAN + member];
        }
        sums[(image * OUT_C + channel) * DIAGONALS + d] = sum;
    }
}
