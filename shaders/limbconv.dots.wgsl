// Convolution of 8-bit limbs with 8-bit limbs: the variant for pictures, in which a pixel is one word, on devices that
// multiply and add four bytes in one instruction. Reference: src/backend/reference/limbconv.rs.
//
//   D_d = sum over taps of x . W_d,  T = floor((sum_d D_d 256^d) / 256^DROP), low word 16 bits
//
// Layouts: input [image, IN_H, IN_W / 4] of vectors of four neighbouring pixels; weights [span, KH, ROW_LOADS, SPAN] of
// vectors that hold [TAPS_X, DIAGONALS] words for each output channel and row; codes [image, OUT_H, OUT_W, GROUPS, BITS].
//
// An invocation computes one output channel for TILE neighbouring pixels (lanes.wgsl).

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    load_codes();
    let place = place_of(id, lane);
    var sums_of = array<array<Ints, DIAGONALS>, TILE>();
    for (var ky = 0u; ky < KH; ky++) {
        let iy = source(place.y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
        if iy >= IN_H {
            continue;
        }
        let columns = load_columns(place, iy);
        let taps = load_weights(place, ky);
        for (var t = 0u; t < TILE; t++) { // unrolled
            for (var kx = 0u; kx < TAPS_X; kx++) { // unrolled
                let x = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                for (var d = 0u; d < DIAGONALS; d++) { // unrolled
                    sums_of[t][d] += dot4I8Packed(x, taps[kx * DIAGONALS + d]);
                }
            }
        }
    }

    load_rows(place);
    var own_codes = 0u;
    for (var t = 0u; t < TILE; t++) { // unrolled
        if (place.x0 + t < OUT_W) & (place.channel < OUT_C) {
            let words = combined(sums_of[t]);
            let rank = finish(place.channel, place.pixel + t, words.hi, words.lo);
            for (var b = 0u; b < BITS; b++) { // unrolled
                own_codes |= plane_bit(b, rank) << (t * BITS + b);
            }
        }
    }
    if BITS > 0u {
        store_codes(place, own_codes);
    }
}
