// Convolution of bit planes with +-1 weight planes: the variant for inputs of one part whose planes are processed in
// one pass. Reference: src/backend/reference/bitconv.rs.
//
//   N_ij = 2 popcount(B_i & A_j) - popcount(A_j),  T = sum C_ij N_ij,  C_ij = high * 2^LOW_BITS + low
//
// Layouts: input [image, IN_H, IN_W, ROW] of vectors of LOAD planes; weights [turn, KH, WORDS, WORDS_AT_ONCE, TAPS_X,
// QUADS_AT_ONCE, W_PLANES] of vectors whose lanes are the four output channels of a quad; codes [image, OUT_H, OUT_W,
// GROUPS, BITS]. WORDS counts groups of WORDS_AT_ONCE words.
//
// Each invocation computes TILE neighbouring pixels of one row for one group of 32 output channels, QUADS_AT_ONCE quads
// in a turn. A step covers TAPS_X taps of WORDS_AT_ONCE words each; carry-save adders may combine its products before
// they are counted (count). The invocations of a workgroup differ only in their pixels, so weights and constants can be
// loaded once per subgroup (load_weights, load_rows).
//
// The host unrolls the loops that are marked "unrolled", so that the arrays stay in registers whatever the driver's
// compiler decides.

// The rows of the table for the quad being finished, so row_of ignores its first argument.
var<private> rows: array<vec4<i32>, ROWS>;

fn row_of(quad: u32, row: u32) -> vec4<i32> {
    return rows[row];
}

alias Column = array<u32, COLUMN_WORDS>;

// Position of a step: the row of the window, and which WORDS_AT_ONCE words of a pixel (0 to WORDS - 1).
struct Step {
    ky: u32,
    word: u32,
}

fn next(step: Step) -> Step {
    let last = step.word + 1u == WORDS;
    return Step(step.ky + u32(last), select(step.word + 1u, 0u, last));
}

var<private> image_row: u32;
var<private> first_y: u32;
var<private> first_x: u32;

// The words of one step for all input pixels that the tile's windows cover; pixels outside the input are 0.
fn load_columns(step: Step) -> array<Column, COLUMNS> {
    let iy = first_y + step.ky * DILATION_Y;
    let row_at = ((image_row + iy) * IN_W + first_x) * ROW + step.word * LOADS;
    var columns: array<Column, COLUMNS>;
    for (var c = 0u; c < COLUMNS; c++) { // unrolled
        let inside = iy < IN_H && first_x + c < IN_W;
        let at = select(0u, row_at + c * ROW, inside);
        for (var load = 0u; load < LOADS; load++) { // unrolled
            let a = select(Planes(), input[at + load], inside);
            for (var k = 0u; k < LOAD; k++) { // unrolled
                columns[c][load * LOAD + k] = plane_of(a, k);
            }
        }
    }
    return columns;
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
    image_row = image * IN_H;
    first_y = y * STRIDE_Y - BEFORE_Y;
    first_x = x0 * STRIDE_X - BEFORE_X;
    let steps = KH * WORDS;

    // popcount(A_j) of each pixel's window.
    var ones: array<array<u32, A_PLANES>, TILE>;
    var at = Step();
    for (var step = 0u; step < steps; step++) {
        let columns = load_columns(at);
        for (var t = 0u; t < TILE; t++) { // unrolled
            for (var j = 0u; j < A_PLANES; j++) { // unrolled
                for (var u = 0u; u < WORDS_AT_ONCE; u++) { // unrolled
                    for (var kx = 0u; kx < TAPS_X; kx++) { // unrolled
                        ones[t][j] += countOneBits(columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j]);
                    }
                }
            }
        }
        at = next(at);
    }

    var packed: array<array<u32, CODE_PLANES>, TILE>;
    let turns = min(8u, QUADS - group * 8u) / QUADS_AT_ONCE;
    for (var turn = 0u; turn < turns; turn++) {
        let first_quad = group * 8u + turn * QUADS_AT_ONCE;
        var weights_at = first_quad / QUADS_AT_ONCE * steps * STEP_WEIGHTS;
        // popcount(B_i & A_j): the ones that both have.
        var both: array<array<vec4<u32>, STEP_PAIRS>, TILE>;
        at = Step();
        for (var step = 0u; step < steps; step++) {
            let columns = load_columns(at);
            let taps = load_weights(weights_at);
            for (var t = 0u; t < TILE; t++) { // unrolled
                for (var i = 0u; i < STEP_PLANES; i++) { // unrolled
                    for (var j = 0u; j < A_PLANES; j++) { // unrolled
                        var products: Products;
                        for (var u = 0u; u < WORDS_AT_ONCE; u++) { // unrolled
                            for (var kx = 0u; kx < TAPS_X; kx++) { // unrolled
                                let a = columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j];
                                products[u * TAPS_X + kx] = taps[(u * TAPS_X + kx) * STEP_PLANES + i] & vec4(a);
                            }
                        }
                        both[t][i * A_PLANES + j] += count(products);
                    }
                }
            }
            weights_at += STEP_WEIGHTS;
            at = next(at);
        }
        for (var q = 0u; q < QUADS_AT_ONCE; q++) { // unrolled
            rows = load_rows((first_quad + q) * ROWS);
            for (var t = 0u; t < TILE; t++) { // unrolled
                var hi = vec4(0);
                var lo = vec4(0);
                for (var i = 0u; i < W_PLANES; i++) { // unrolled
                    for (var j = 0u; j < A_PLANES; j++) { // unrolled
                        let pair = i * A_PLANES + j;
                        let n = vec4<i32>(2u * both[t][q * PAIRS + pair] - vec4(ones[t][j]));
                        hi += rows[COEFFICIENTS + pair] * n;
                        lo += rows[COEFFICIENTS + PAIRS + pair] * n;
                    }
                }
                if WHOLE_TILES || x0 + t < OUT_W {
                    let rank = finish(first_quad + q, out_pixel + t, hi, lo);
                    for (var b = 0u; b < BITS; b++) { // unrolled
                        packed[t][b] |= plane_bits(b, rank) << (4u * (turn * QUADS_AT_ONCE + q));
                    }
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
