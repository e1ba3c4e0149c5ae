// Maximum of values over windows, where padding never wins, and optionally codes of the result: the variant for tensors
// whose channels fill quads. Reference: src/backend/reference/maxpool.rs and src/backend/reference/quantize.rs.
//
// Layouts: input [image, IN_H, IN_W, OUT_C / 4] and values [image, OUT_H, OUT_W, OUT_C / 4] of vectors of four
// channels; codes [image, OUT_H, OUT_W, GROUPS, BITS]. Each invocation computes 32 channels of a pixel.

// Less than every value: the maximum of no taps.
const NOTHING: i32 = -2147483647;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    load_codes();
    let group = index % GROUPS;
    let pixel = index / GROUPS;
    let x = pixel % OUT_W;
    let y = pixel / OUT_W % OUT_H;
    let image = index / PER_IMAGE;
    var packed: array<u32, CODE_PLANES>;
    for (var q = 0u; q < min(8u, QUADS - group * 8u); q++) {
        let quad = group * 8u + q;
        var most = vec4(NOTHING);
        for (var ky = 0u; ky < KH; ky++) {
            let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
            for (var kx = 0u; kx < KW; kx++) {
                let ix = source(x, STRIDE_X, kx * DILATION_X, BEFORE_X);
                let inside = iy < IN_H && ix < IN_W;
                let at = select(0u, ((image * IN_H + iy) * IN_W + ix) * QUADS + quad, inside);
                most = max(most, select(vec4(NOTHING), input[at], inside));
            }
        }
        most = select(most, vec4(0), most == vec4(NOTHING));
        values[pixel * QUADS + quad] = most;
        if BITS > 0u {
            let rank = rank_of_values(quad, most * row_of(quad, SIGN));
            for (var b = 0u; b < BITS; b++) { // unrolled
                packed[b] |= plane_bits(b, rank) << (4u * q);
            }
        }
    }
    for (var b = 0u; b < BITS; b++) { // unrolled
        codes[index * BITS + b] = packed[b] & live_bits(group);
    }
}
