// Convolution of codes with +-1 weight planes. Reference: src/backend/cpu/bitconv.rs.
//
//   N_ij = 2 popcount(B_i & A_j) - popcount(A_j),  T = sum_ij C_ij N_ij,  C_ij = high * 2^LOW_BITS + low
//
// Layouts: input [image, IN_H, IN_W, WORDS, A_PLANES]; weights [quad, KH, KW, WORDS, W_PLANES] of vectors whose lanes
// are the four output channels of the quad; the table's first rows per quad are the PAIRS high, then the PAIRS low
// coefficients, pair = i * A_PLANES + j. Codes out: [image, OUT_H, OUT_W, GROUPS, BITS].
//
// The input is read as vectors of LOAD planes (Planes, plane_of), which divides A_PLANES.
//
// An invocation makes TILE neighbouring pixels of one row for one group of 32 output channels, quad by quad, so that it
// writes whole words; every weight it loads serves TILE pixels and every activation four channels.

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
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

    // Loops over rows, columns and words stay rolled, their bounds being unknown to the compiler; those over planes and
    // pixels are unrolled, which keeps the arrays in registers.
    // Many planes do not fit registers anyway.
    let w_planes = W_PLANES + select(params.zero, 0u, PAIRS <= 16u);
    let loads = A_PLANES / LOAD + select(params.zero, 0u, PAIRS <= 16u);

    var ones: array<i32, TILE_A>;
    for (var ky = 0u; ky < KH; ky++) {
        let iy = source(y, STRIDE_Y, ky, BEFORE_Y);
        if iy >= IN_H {
            continue;
        }
        let row_at = image_at + iy * IN_W;
        for (var kx = 0u; kx < KW; kx++) {
            for (var w = 0u; w < WORDS; w++) {
                for (var t = 0u; t < TILE; t++) {
                    let ix = source(x0 + t, STRIDE_X, kx, BEFORE_X);
                    let inside = ix < IN_W;
                    let at = select(0u, ((row_at + ix) * WORDS + w) * (A_PLANES / LOAD), inside);
                    for (var load = 0u; load < loads; load++) {
                        let a = select(Planes(), input[at + load], inside);
                        for (var k = 0u; k < LOAD; k++) {
                            ones[t * A_PLANES + load * LOAD + k] += i32(countOneBits(plane_of(a, k)));
                        }
                    }
                }
            }
        }
    }

    var packed: array<u32, TILE_BITS>;
    for (var q = 0u; q < min(8u, QUADS - group * 8u); q++) {
        let quad = group * 8u + q;
        var both: array<vec4<u32>, TILE_PAIRS>;
        for (var ky = 0u; ky < KH; ky++) {
            let iy = source(y, STRIDE_Y, ky, BEFORE_Y);
            if iy >= IN_H {
                continue;
            }
            let row_at = image_at + iy * IN_W;
            for (var kx = 0u; kx < KW; kx++) {
                for (var w = 0u; w < WORDS; w++) {
                    let weights_at = (((quad * KH + ky) * KW + kx) * WORDS + w) * W_PLANES;
                    for (var t = 0u; t < TILE; t++) {
                        let ix = source(x0 + t, STRIDE_X, kx, BEFORE_X);
                        let inside = ix < IN_W;
                        let at = select(0u, ((row_at + ix) * WORDS + w) * (A_PLANES / LOAD), inside);
                        for (var load = 0u; load < loads; load++) {
                            let a = select(Planes(), input[at + load], inside);
                            for (var k = 0u; k < LOAD; k++) {
                                let pair = t * PAIRS + load * LOAD + k;
                                for (var i = 0u; i < w_planes; i++) {
                                    let b = weights[weights_at + i];
                                    both[pair + i * A_PLANES] += countOneBits(b & vec4(plane_of(a, k)));
                                }
                            }
                        }
                    }
                }
            }
        }
        // Rolled, to keep the epilogue short: the pixel in hand is always the first, and the others move up.
        for (var t = 0u; t < TILE + params.zero; t++) {
            var hi = vec4(0);
            var lo = vec4(0);
            for (var i = 0u; i < w_planes; i++) {
                for (var j = 0u; j < A_PLANES; j++) {
                    let pair = i * A_PLANES + j;
                    let n = 2 * vec4<i32>(both[pair]) - vec4(ones[j]);
                    hi += table[quad * ROWS + COEFFICIENTS + pair] * n;
                    lo += table[quad * ROWS + COEFFICIENTS + PAIRS + pair] * n;
                }
            }
            if x0 + t < OUT_W {
                let rank = finish(quad, out_pixel + t, hi, lo);
                for (var b = 0u; b < BITS; b++) {
                    packed[b] |= plane_bits(b, rank) << (4u * q);
                }
            }
            for (var i = PAIRS; i < TILE_PAIRS; i++) {
                both[i - PAIRS] = both[i];
            }
            for (var j = 0u; j < A_PLANES; j++) {
                let first = ones[j];
                for (var u = 1u; u < TILE; u++) {
                    ones[(u - 1u) * A_PLANES + j] = ones[u * A_PLANES + j];
                }
                ones[(TILE - 1u) * A_PLANES + j] = first;
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
