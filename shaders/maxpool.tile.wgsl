// Maximum of values over windows, where padding never wins, and optionally codes of the result: the variant for windows
// with few taps in a row. Reference: src/backend/reference/maxpool.rs and src/backend/reference/quantize.rs.
//
// Layouts: input [image, IN_H, IN_W, OUT_C]; values [image, OUT_H, OUT_W, OUT_C]; codes [image, OUT_H, OUT_W, GROUPS,
// BITS]. An invocation computes one channel for TILE neighbouring pixels (lanes.wgsl).

// Less than every value: the maximum of no taps.
const NOTHING: i32 = -2147483647;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    load_codes();
    let place = place_of(id, lane);
    let channel = min(place.channel, OUT_C - 1u);
    let first_x = place.x0 * STRIDE_X - BEFORE_X;
    var most = array<i32, TILE>();
    for (var t = 0u; t < TILE; t++) { // unrolled
        most[t] = NOTHING;
    }
    for (var ky = 0u; ky < KH; ky++) {
        let iy = source(place.y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
        if iy >= IN_H {
            continue;
        }
        let row_at = (place.image * IN_H + iy) * IN_W;
        var columns = array<i32, COLUMNS>();
        for (var c = 0u; c < COLUMNS; c++) { // unrolled
            let inside = first_x + c < IN_W;
            let at = row_at + select(0u, first_x + c, inside);
            columns[c] = select(NOTHING, input[at * OUT_C + channel], inside);
        }
        for (var t = 0u; t < TILE; t++) { // unrolled
            for (var kx = 0u; kx < TAPS_X; kx++) { // unrolled
                most[t] = max(most[t], columns[t * STRIDE_X + kx * DILATION_X]);
            }
        }
    }

    if BITS > 0u {
        load_rows(place);
    }
    var own_codes = 0u;
    for (var t = 0u; t < TILE; t++) { // unrolled
        if (place.x0 + t < OUT_W) & (place.channel < OUT_C) {
            let value = select(most[t], 0, most[t] == NOTHING);
            values[(place.pixel + t) * OUT_C + place.channel] = value;
            if BITS > 0u {
                let rank = rank_of_values(place.channel, signed(place.channel, value));
                for (var b = 0u; b < BITS; b++) { // unrolled
                    own_codes |= plane_bit(b, rank) << (t * BITS + b);
                }
            }
        }
    }
    if BITS > 0u {
        store_codes(place, own_codes);
    }
}
