// Convolution of bit planes with +-1 weight planes. Reference: src/backend/reference/bitconv.rs.
//
//   N_ij = 2 popcount(B_i & A_j) - popcount(A_j),  T = sum C_ij N_ij,  C_ij = high * 2^LOW_BITS + low
//
// The planes of all parts of the input are processed A_PLANES at a time, in PASSES passes with coefficients of their
// own. From vector PASS_TABLE on, the table holds two vectors per pass. The first has the start of the planes in a
// pixel's row, the stride between the words of a plane, the number of words per tap, and the start of the weights; the
// second has the part.
//
// Layouts: input [image, IN_H, IN_W, ROW] of vectors of LOAD planes (Planes, plane_of); weights [quad, WEIGHT_ROW], for
// each part [KH, KW, words, STORED], of vectors whose lanes are the four output channels of the quad; codes [image,
// OUT_H, OUT_W, GROUPS, BITS]. From row COEFFICIENTS on, the table holds for each pass the PAIRS high, then the PAIRS
// low coefficients, where pair = i * A_PLANES + j.
//
// MASKED (grouped convolutions): the last of the STORED weight planes marks the channels that an output channel reads,
// and popcount(A_j) counts these only. Row FIRST + part of the table is the first word that the quad reads.
//
// Each invocation computes TILE neighbouring pixels of one row for one group of 32 output channels, quad by quad, so
// that it writes whole words. Every weight it loads is used for TILE pixels, every activation for four channels.

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

    // Loops over rows, columns and words stay rolled, because the compiler does not know their bounds. Those over
    // planes and pixels have constant bounds, so that the compiler can unroll them and keep the arrays in registers.
    // Many planes do not fit in registers anyway: then `rolled`, a 0 that the compiler does not know, keeps these loops
    // rolled too.
    let rolled = select(params.zero, 0u, PAIRS <= 16u);
    let stored = STORED + rolled;
    let loads = A_PLANES / LOAD + rolled;

    // With one pass, popcount(A_j) is the same for all output channels and is counted only once.
    var ones = array<i32, TILE_A>();
    if PASSES == 1u && !MASKED {
        let at = u32(table[PASS_TABLE].x);
        let step = u32(table[PASS_TABLE].y);
        let words = u32(table[PASS_TABLE].z);
        for (var ky = 0u; ky < KH; ky++) {
            let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
            if iy >= IN_H {
                continue;
            }
            let row_at = image_at + iy * IN_W;
            for (var kx = 0u; kx < KW; kx++) {
                for (var w = 0u; w < words; w++) {
                    for (var t = 0u; t < TILE; t++) {
                        let ix = source(x0 + t, STRIDE_X, kx * DILATION_X, BEFORE_X);
                        let inside = ix < IN_W;
                        let word_at = select(0u, (row_at + ix) * ROW + at + w * step, inside);
                        for (var load = 0u; load < loads; load++) {
                            let a = select(Planes(), input[word_at + load], inside);
                            for (var k = 0u; k < LOAD; k++) {
                                ones[t * A_PLANES + load * LOAD + k] += i32(countOneBits(plane_of(a, k)));
                            }
                        }
                    }
                }
            }
        }
    }

    var packed = array<u32, TILE_BITS>();
    for (var q = 0u; q < min(8u, QUADS - group * 8u); q++) {
        let quad = group * 8u + q;
        var sum_hi = array<vec4<i32>, SUMS>();
        var sum_lo = array<vec4<i32>, SUMS>();
        for (var pass_index = 0u; pass_index < PASSES; pass_index++) {
            let taken = vec4<u32>(table[PASS_TABLE + 2u * pass_index]);
            var first = 0u;
            if MASKED {
                first = u32(table[quad * ROWS + FIRST + u32(table[PASS_TABLE + 2u * pass_index + 1u].x)].x);
            }
            let at = taken.x + first * taken.y;
            var both = array<vec4<u32>, TILE_PAIRS>();
            if PASSES > 1u {
                for (var j = 0u; j < TILE_A; j++) {
                    ones[j] = 0;
                }
            }
            for (var ky = 0u; ky < KH; ky++) {
                let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
                if iy >= IN_H {
                    continue;
                }
                let row_at = image_at + iy * IN_W;
                for (var kx = 0u; kx < KW; kx++) {
                    for (var w = 0u; w < taken.z; w++) {
                        let weights_at = quad * WEIGHT_ROW + taken.w + ((ky * KW + kx) * taken.z + w) * STORED;
                        for (var t = 0u; t < TILE; t++) {
                            let ix = source(x0 + t, STRIDE_X, kx * DILATION_X, BEFORE_X);
                            let inside = ix < IN_W;
                            let word_at = select(0u, (row_at + ix) * ROW + at + w * taken.y, inside);
                            for (var load = 0u; load < loads; load++) {
                                let a = select(Planes(), input[word_at + load], inside);
                                for (var k = 0u; k < LOAD; k++) {
                                    let j = load * LOAD + k;
                                    for (var i = 0u; i < stored; i++) {
                                        let b = weights[weights_at + i];
                                        both[t * STORED_PAIRS + i * A_PLANES + j] += countOneBits(b & vec4(plane_of(a, k)));
                                    }
                                    if PASSES > 1u && !MASKED {
                                        ones[t * A_PLANES + j] += i32(countOneBits(plane_of(a, k)));
                                    }
                                }
                            }
                        }
                    }
                }
            }
            // Kept rolled, so that the epilogue is compiled once: the current pixel is always the first one, and the
            // others move up after each turn.
            for (var t = 0u; t < TILE + params.zero; t++) {
                var hi = sum_hi[0];
                var lo = sum_lo[0];
                let row = quad * ROWS + COEFFICIENTS + pass_index * 2u * PAIRS;
                for (var i = 0u; i < W_PLANES + rolled; i++) {
                    for (var j = 0u; j < A_PLANES; j++) {
                        let pair = i * A_PLANES + j;
                        var n = 2 * vec4<i32>(both[pair]);
                        if MASKED {
                            n -= vec4<i32>(both[PAIRS + j]);
                        } else {
                            n -= vec4(ones[j]);
                        }
                        hi += table[row + pair] * n;
                        lo += table[row + PAIRS + pair] * n;
                    }
                }
                if pass_index + 1u == PASSES {
                    if x0 + t < OUT_W {
                        let rank = finish(quad, out_pixel + t, hi, lo);
                        for (var b = 0u; b < BITS; b++) { // unrolled
                            packed[b] |= plane_bits(b, rank) << (4u * q);
                        }
                    }
                    for (var b = 0u; b < BITS; b++) {
                        let front = packed[b];
                        for (var u = 1u; u < TILE; u++) {
                            packed[(u - 1u) * BITS + b] = packed[u * BITS + b];
                        }
                        packed[(TILE - 1u) * BITS + b] = front;
                    }
                }
                if PASSES > 1u {
                    // Carry, because the low word has room for one pass only.
                    hi += lo >> vec4(LOW_BITS);
                    lo &= vec4((1i << LOW_BITS) - 1);
                    for (var u = 1u; u < SUMS; u++) {
                        sum_hi[u - 1u] = sum_hi[u];
                        sum_lo[u - 1u] = sum_lo[u];
                    }
                    sum_hi[SUMS - 1u] = hi;
                    sum_lo[SUMS - 1u] = lo;
                }
                for (var i = STORED_PAIRS; i < TILE_PAIRS; i++) {
                    both[i - STORED_PAIRS] = both[i];
                }
                for (var j = 0u; j < A_PLANES; j++) {
                    let front = ones[j];
                    for (var u = 1u; u < TILE; u++) {
                        ones[(u - 1u) * A_PLANES + j] = ones[u * A_PLANES + j];
                    }
                    ones[(TILE - 1u) * A_PLANES + j] = front;
                }
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
