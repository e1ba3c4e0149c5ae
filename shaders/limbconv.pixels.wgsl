// Convolution of 8-bit limbs with 8-bit limbs: the variant for pictures, in which a pixel is one word.
// Reference: src/backend/reference/limbconv.rs.
//
//   S = sum over taps and channels of x W,  W = upper * 2^12 + lower,  T = floor(S / 256^DROP), low word 16 bits
//
// The product of a byte and half a weight W (upper or lower) takes one multiplication, and the sum of up to MAX_TERMS
// (pixels.rs) products fits in a word. Bytes are read as x + 128, which is never negative; rows CORRECTION of the table
// subtract 128 sum W again. Outside the input x is 0.
//
// Layouts: input [image, IN_H, IN_W / 4] of vectors of four neighbouring pixels; weights [quad, KH, TAPS_X, channel] of
// vectors whose lanes are the four output channels of the quad, with the upper part of W in the upper half of a word
// and the lower part in the lower half; codes [image, OUT_H, OUT_W, GROUPS, BITS].
//
// Each invocation computes TILE neighbouring pixels of one row for one group of 32 output channels, quad by quad.

var<private> rows: array<vec4<i32>, ROWS>;

fn row_of(quad: u32, row: u32) -> vec4<i32> {
    return rows[row];
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(who: Invocation) {
    load_shape();
    load_codes();
    prepare_sharing(who);
    // Invocations past the last one repeat its work, because all invocations of a subgroup must take part in sharing.
    let index = min(invocation(who.group, who.lane), params.images * PER_IMAGE - 1u);
    let x0 = index % TILES * TILE;
    let y = index / TILES % OUT_H;
    let image = index / PER_IMAGE;
    let group = who.group.z;
    let out_pixel = (image * OUT_H + y) * OUT_W + x0;
    let first_vector = x0 * STRIDE_X / 4u - VECTORS_BEFORE;

    var packed: array<array<u32, CODE_PLANES>, TILE>;
    let quads = min(8u, QUADS - group * 8u);
    for (var q = 0u; q < quads; q++) {
        let quad = group * 8u + q;
        rows = load_rows(quad * ROWS);
        var upper: array<vec4<i32>, TILE>;
        var lower: array<vec4<i32>, TILE>;
        for (var t = 0u; t < TILE; t++) { // unrolled
            upper[t] = rows[CORRECTION];
            lower[t] = rows[CORRECTION + 1u];
        }
        for (var ky = 0u; ky < KH; ky++) {
            let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
            let row_at = (image * IN_H + iy) * (IN_W / 4u);
            var columns: array<u32, COLUMN_ROOM>;
            for (var v = 0u; v < VECTORS; v++) { // unrolled
                let inside = iy < IN_H && first_vector + v < IN_W / 4u;
                let four = select(vec4(0u), input[select(0u, row_at + first_vector + v, inside)], inside);
                for (var k = 0u; k < 4u; k++) { // unrolled
                    columns[4u * v + k] = four[k] ^ 0x80808080u;
                }
            }
            let taps = load_weights((quad * KH + ky) * STEP_WEIGHTS);
            for (var kx = 0u; kx < TAPS_X; kx++) { // unrolled
                for (var c = 0u; c < 4u; c++) { // unrolled
                    let both = bitcast<vec4<i32>>(taps[4u * kx + c]);
                    let w_upper = both >> vec4(16u);
                    let w_lower = (both << vec4(16u)) >> vec4(16u);
                    for (var t = 0u; t < TILE; t++) { // unrolled
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
                    }
                }
            }
        }
        for (var t = 0u; t < TILE; t++) { // unrolled
            let high = upper[t] + (lower[t] >> vec4(12u));
            let rest = lower[t] & vec4(4095);
            let hi = high >> vec4(8u * DROP + 4u);
            var lo = high >> vec4(LOWERED);
            if 8u * DROP <= 12u {
                lo = (high << vec4(RAISED)) | (rest >> vec4(8u * DROP));
            }
            if WHOLE_TILES || x0 + t < OUT_W {
                let rank = finish(quad, out_pixel + t, hi, lo & vec4(0xffff));
                for (var b = 0u; b < BITS; b++) { // unrolled
                    packed[t][b] |= plane_bits(b, rank) << (4u * q);
                }
            }
        }
    }

    for (var t = 0u; t < TILE; t++) { // unrolled
        if WHOLE_TILES || x0 + t < OUT_W {
            for (var b = 0u; b < BITS; b++) { // unrolled
                codes[((out_pixel + t) * GROUPS + group) * BITS + b] = packed[t][b] & live_bits(group);
            }
        }
    }
}
