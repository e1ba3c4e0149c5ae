// Convolution of 8-bit limbs with 8-bit limbs: the variant for pictures, in which a pixel is one word, on devices that have
// no instruction for bytes. It multiplies in f32. Reference: src/backend/reference/limbconv.rs.
//
//   S = sum over taps and channels of x W,  W = upper * 2^12 + lower,  T = floor(S / 256^DROP), low word 16 bits
//
// Exact: the bytes of a pixel lie between -128 and 127, the parts of a weight between -2^11 and 2^11. So the products of
// ROWS_AT_ONCE rows of the window with either part are integers whose sum, in any order and with every intermediate sum,
// is at most ROWS_AT_ONCE * TAPS_X * 3 * 128 * 2^11 in magnitude. ROWS_AT_ONCE (strip.rs) keeps that below 2^24, and f32
// holds all such integers. Beyond that, sums are added up as integers.
//
// The fourth byte of a pixel, alpha, is the same in the whole picture, so its products with a row of the window are added
// once per row (ADDED: upper part, then lower part). Outside the picture alpha is 0, like the colours: there its products
// (ALPHA, two words per tap) are subtracted again.
//
// Layouts: input [image, IN_H, IN_W / 4] of vectors of four neighbouring pixels; weights [span, KH, ROW_LOADS, SPAN] of
// vectors that hold for each output channel and row [TAPS_X, colour, part] floats, then ADDED and ALPHA; codes [image,
// OUT_H, OUT_W, GROUPS, BITS].
//
// An invocation computes one output channel for TILE neighbouring pixels (lanes.wgsl).

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    load_codes();
    let place = place_of(id, lane);
    let first_x = place.x0 * STRIDE_X - BEFORE_X;
    let whole = (first_x < IN_W) & (first_x + (COLUMNS - 1u) < IN_W);
    var upper = array<i32, TILE>();
    var lower = array<i32, TILE>();
    var added_upper = 0;
    var added_lower = 0;
    for (var first_row = 0u; first_row < KH; first_row += ROWS_AT_ONCE) {
        var some_upper = array<f32, TILE>();
        var some_lower = array<f32, TILE>();
        for (var ky = first_row; ky < min(first_row + ROWS_AT_ONCE, KH); ky++) {
            let iy = source(place.y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
            if iy >= IN_H {
                continue;
            }
            let columns = load_columns(place, iy);
            let taps = load_weights(place, ky);
            for (var colour = 0u; colour < 3u; colour++) { // unrolled
                var x = array<f32, COLUMNS>();
                for (var c = 0u; c < COLUMNS; c++) { // unrolled
                    x[c] = f32(bitcast<i32>(columns[SKIPPED + c] << (24u - 8u * colour)) >> 24u);
                }
                for (var kx = 0u; kx < TAPS_X; kx++) { // unrolled
                    let w_upper = bitcast<f32>(taps[(kx * 3u + colour) * 2u]);
                    let w_lower = bitcast<f32>(taps[(kx * 3u + colour) * 2u + 1u]);
                    for (var t = 0u; t < TILE; t++) { // unrolled
                        some_upper[t] = fma(x[t * STRIDE_X + kx * DILATION_X], w_upper, some_upper[t]);
                        some_lower[t] = fma(x[t * STRIDE_X + kx * DILATION_X], w_lower, some_lower[t]);
                    }
                }
            }
            added_upper += i32(taps[ADDED]);
            added_lower += i32(taps[ADDED + 1u]);
            if !whole {
                let at = ((place.span * KH + ky) * ROW_LOADS + ALPHA) * SPAN + place.member;
                for (var kx = 0u; kx < TAPS_X; kx++) { // unrolled
                    // A vector holds the two words of two taps.
                    let alpha = vec4<i32>(weights[at + kx / 2u * SPAN]);
                    for (var t = 0u; t < TILE; t++) { // unrolled
                        if first_x + t * STRIDE_X + kx * DILATION_X >= IN_W {
                            upper[t] -= alpha[kx % 2u * 2u];
                            lower[t] -= alpha[kx % 2u * 2u + 1u];
                        }
                    }
                }
            }
        }
        for (var t = 0u; t < TILE; t++) { // unrolled
            upper[t] += i32(some_upper[t]);
            lower[t] += i32(some_lower[t]);
        }
    }

    load_rows(place);
    var own_codes = 0u;
    for (var t = 0u; t < TILE; t++) { // unrolled
        if (place.x0 + t < OUT_W) & (place.channel < OUT_C) {
            let below = lower[t] + added_lower;
            let high = upper[t] + added_upper + (below >> 12u);
            let rest = below & 4095;
            let hi = high >> (8u * DROP + 4u);
            var lo = high >> LOWERED;
            if 8u * DROP <= 12u {
                lo = (high << RAISED) | (rest >> (8u * DROP));
            }
            let rank = finish(place.channel, place.pixel + t, hi, lo & 0xffff);
            for (var b = 0u; b < BITS; b++) { // unrolled
                own_codes |= plane_bit(b, rank) << (t * BITS + b);
            }
        }
    }
    if BITS > 0u {
        store_codes(place, own_codes);
    }
}
