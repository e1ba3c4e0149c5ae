// Convolution of 8-bit limbs with 8-bit limbs. Reference: src/backend/reference/limbconv.rs.
//
//   D_d = sum over taps and p + q = d of x_p . W_q,  T = floor((sum_d D_d 256^d) / 256^DROP), low word 16 bits
//
// Layouts: input [image, IN_H, IN_W, IN_GROUPS, X_LIMBS], four channels to a word; weights [quad, KH, KW, READ_GROUPS,
// W_LIMBS] of vectors whose lanes are the four output channels of the quad; codes [image, OUT_H, OUT_W, GROUPS, BITS].
// With SUMS (kernel limbsum) the diagonals are the result: sums [image, OUT_C, DIAGONALS].
//
// MASKED (grouped convolutions): row FIRST of the table is the first of the READ_GROUPS words that the quad reads;
// weights of channels outside the group are 0.
//
// Each invocation computes TILE neighbouring pixels of one row for the quads of one group of 32 output channels. With
// SUMS, where there is only one pixel, it computes one quad.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    load_codes();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let x0 = index % TILES * TILE;
    let y = index / TILES % OUT_H;
    let group = index / (TILES * OUT_H) % GROUPS;
    let image = index / PER_IMAGE;
    let image_at = image * IN_H * IN_W;
    let out_pixel = (image * OUT_H + y) * OUT_W + x0;

    var packed = array<u32, TILE_BITS>();
    for (var g = 0u; g < min(GROUP_QUADS, QUADS - group * GROUP_QUADS); g++) {
        let quad = group * GROUP_QUADS + g;
        var first = 0u;
        if MASKED {
            first = u32(table[quad * ROWS + FIRST].x);
        }
        var sums_of = array<vec4<i32>, TILE_DIAGONALS>();
        for (var ky = 0u; ky < KH; ky++) {
            let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
            if iy >= IN_H {
                continue;
            }
            for (var kx = 0u; kx < KW; kx++) {
                for (var word = 0u; word < READ_GROUPS; word++) {
                    let weights_at = (((quad * KH + ky) * KW + kx) * READ_GROUPS + word) * W_LIMBS;
                    for (var t = 0u; t < TILE; t++) {
                        let ix = source(x0 + t, STRIDE_X, kx * DILATION_X, BEFORE_X);
                        let inside = ix < IN_W;
                        let at = select(0u, ((image_at + iy * IN_W + ix) * IN_GROUPS + first + word) * X_LIMBS, inside);
                        for (var p = 0u; p < X_LIMBS; p++) {
                            let x = select(0u, input[at + p], inside);
                            for (var q = 0u; q < W_LIMBS; q++) {
                                let w = weights[weights_at + q];
                                sums_of[t * DIAGONALS + p + q] += vec4(
                                    dot4I8Packed(x, w.x),
                                    dot4I8Packed(x, w.y),
                                    dot4I8Packed(x, w.z),
                                    dot4I8Packed(x, w.w),
                                );
                            }
                        }
                    }
                }
            }
        }
        // Kept rolled, so that the epilogue is compiled once: the current pixel is always the first one, and the others
        // move up after each turn.
        for (var t = 0u; t < TILE + params.zero; t++) {
            if SUMS {
                for (var d = 0u; d < DIAGONALS; d++) {
                    store_sums(image, quad, d, sums_of[d]);
                }
            } else if x0 + t < OUT_W {
                var diagonals = array<Ints, DIAGONALS>();
                for (var d = 0u; d < DIAGONALS; d++) { // unrolled
                    diagonals[d] = sums_of[d];
                }
                let words = combined(diagonals);
                let rank = finish(quad, out_pixel + t, words.hi, words.lo);
                for (var b = 0u; b < BITS; b++) { // unrolled
                    packed[b] |= plane_bits(b, rank) << (4u * g);
                }
            }
            for (var d = DIAGONALS; d < TILE_DIAGONALS; d++) {
                sums_of[d - DIAGONALS] = sums_of[d];
            }
            for (var b = 0u; b < BITS; b++) {
                let first = packed[b];
                for (var u = 1u; u < TILE; u++) {
                    packed[(u - 1u) * BITS + b] = packed[u * BITS + b];
                }
                packed[(TILE - 1u) * BITS + b] = first;
            }
        }
    }

    for (var t = 0u; t < TILE; t++) {
        if x0 + t < OUT_W {
            for (var b = 0u; b < BITS; b++) {
                codes[((out_pixel + t) * GROUPS + group) * BITS + b] = packed[t * BITS + b] & live_bits(group);
            }
        }
    }
}
