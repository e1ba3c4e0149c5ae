// Convolution of bit planes with +-1 weight planes: the variant for inputs of one part whose planes are processed in
// one pass. Reference: src/backend/reference/bitconv.rs.
//
//   N_ij = 2 popcount(B_i & A_j) - popcount(A_j),  T = sum C_ij N_ij,  C_ij = high * 2^LOW_BITS + low
//
// Layouts: input [image, IN_H, IN_W, ROW] of vectors of LOAD planes; weights [span, KH, WORDS, WEIGHT_LOADS, SPAN] of
// vectors with the WORDS_AT_ONCE * TAPS_X * W_PLANES words that an output channel needs in a step; codes [image, OUT_H,
// OUT_W, GROUPS, BITS]. WORDS counts groups of WORDS_AT_ONCE words.
//
// An invocation computes one output channel for TILE neighbouring pixels (lanes.wgsl). A step covers TAPS_X taps of
// WORDS_AT_ONCE words each; carry-save adders may combine its products before they are counted (carry_save.rs).
//
// The sums are computed from M_ij = N_ij + MOST_ONES, which is not negative: T = sum C_ij M_ij - MOST_ONES sum C_ij, and
// rows START of the table hold the second term and the bias. Where NARROW, all high words lie between -2^23 and 2^23 and
// the table holds them with 2^23 added, so that all factors are numbers of 24 bits without a sign (FACTOR_BITS says so to
// the compiler), which many GPUs multiply faster than those of 32 bits. That adds 2^23 sum M_ij, which is subtracted again.
//
// popcount(A_j) is the same for all channels of a span, so its invocations share the work: each counts its own words of
// the columns of input under the tile.
//
// The host unrolls the loops that are marked "unrolled", so that the arrays stay in registers whatever the driver's
// compiler decides.

// The ones in each word of the columns, and MOST_ONES - popcount(A_j) for the window of each pixel; one span after the
// other.
var<workgroup> column_ones: array<u32, SPANS_AT_ONCE * COLUMN_ROOM>;
var<workgroup> window_offsets: array<u32, SPANS_AT_ONCE * TILE_PLANES>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    load_codes();
    let place = place_of(id, lane);
    let member = place.member;
    let first_x = place.x0 * STRIDE_X - BEFORE_X;

    // Which words of the columns this invocation counts the ones of.
    var own_at = array<u32, OWN_WORDS>();
    var own_inside = array<bool, OWN_WORDS>();
    var own_ones = array<u32, OWN_WORDS>();
    for (var r = 0u; r < OWN_WORDS; r++) { // unrolled
        let word = r * SPAN + member;
        let column = word / COLUMN_WORDS;
        own_inside[r] = (column < COLUMNS) & (first_x + column < IN_W);
        own_at[r] = (first_x + column) * (ROW * LOAD) + word % COLUMN_WORDS;
    }

    // popcount(B_i & A_j): the ones that both have.
    var both = array<array<u32, PAIRS>, TILE>();
    for (var ky = 0u; ky < KH; ky++) {
        let iy = source(place.y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
        if iy >= IN_H {
            continue;
        }
        let row_at = (place.image * IN_H + iy) * IN_W * ROW;
        for (var word = 0u; word < WORDS; word++) {
            var columns = array<array<u32, COLUMN_WORDS>, COLUMNS>();
            for (var c = 0u; c < COLUMNS; c++) { // unrolled
                let inside = first_x + c < IN_W;
                let at = select(0u, row_at + (first_x + c) * ROW + word * LOADS, inside);
                for (var load = 0u; load < LOADS; load++) { // unrolled
                    let a = select(Planes(), input[at + load], inside);
                    for (var k = 0u; k < LOAD; k++) { // unrolled
                        columns[c][load * LOAD + k] = plane_of(a, k);
                    }
                }
            }
            for (var r = 0u; r < OWN_WORDS; r++) { // unrolled
                let at = select(0u, row_at * LOAD + own_at[r] + word * COLUMN_WORDS, own_inside[r]);
                own_ones[r] += countOneBits(select(0u, input_word(at), own_inside[r]));
            }
            let weights_at = (((place.span * KH + ky) * WORDS + word) * WEIGHT_LOADS) * SPAN + member;
            var taps = array<u32, STEP_WEIGHTS>();
            for (var v = 0u; v < WEIGHT_LOADS; v++) { // unrolled
                let loaded = weights[weights_at + v * SPAN];
                for (var k = 0u; k < WEIGHT_LOAD; k++) { // unrolled
                    taps[v * WEIGHT_LOAD + k] = weight_of(loaded, k);
                }
            }
            for (var t = 0u; t < TILE; t++) { // unrolled
                for (var i = 0u; i < W_PLANES; i++) { // unrolled
                    for (var j = 0u; j < A_PLANES; j++) { // unrolled
                        var products = Products();
                        for (var u = 0u; u < WORDS_AT_ONCE; u++) { // unrolled
                            for (var kx = 0u; kx < TAPS_X; kx++) { // unrolled
                                let a = columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j];
                                products[u * TAPS_X + kx] = taps[(u * TAPS_X + kx) * W_PLANES + i] & a;
                            }
                        }
                        both[t][i * A_PLANES + j] = count(both[t][i * A_PLANES + j], products);
                    }
                }
            }
        }
    }

    // popcount(A_j) of each pixel's window.
    for (var r = 0u; r < OWN_WORDS; r++) { // unrolled
        column_ones[place.of_group * COLUMN_ROOM + r * SPAN + member] = own_ones[r];
    }
    workgroupBarrier();
    for (var pixel_plane = member; pixel_plane < TILE_PLANES; pixel_plane += SPAN) {
        let t = pixel_plane / A_PLANES;
        let j = pixel_plane % A_PLANES;
        var sum = 0u;
        for (var u = 0u; u < WORDS_AT_ONCE; u++) { // unrolled
            for (var kx = 0u; kx < TAPS_X; kx++) { // unrolled
                let column = t * STRIDE_X + kx * DILATION_X;
                sum += column_ones[place.of_group * COLUMN_ROOM + column * COLUMN_WORDS + u * A_PLANES + j];
            }
        }
        window_offsets[place.of_group * TILE_PLANES + pixel_plane] = MOST_ONES - sum;
    }
    workgroupBarrier();

    load_rows(place);
    var own_codes = 0u;
    for (var t = 0u; t < TILE; t++) { // unrolled
        var hi = u32(rows[START]);
        var lo = u32(rows[START + 1u]);
        var all = 0u;
        for (var j = 0u; j < A_PLANES; j++) { // unrolled
            let offset = window_offsets[place.of_group * TILE_PLANES + t * A_PLANES + j];
            for (var i = 0u; i < W_PLANES; i++) { // unrolled
                let pair = i * A_PLANES + j;
                let m = (2u * both[t][pair] + offset) & FACTOR_BITS;
                hi += (u32(rows[COEFFICIENTS + pair]) & FACTOR_BITS) * m;
                lo += (u32(rows[COEFFICIENTS + PAIRS + pair]) & FACTOR_BITS) * m;
                all += m;
            }
        }
        if NARROW {
            hi -= all << 23u;
        }
        if (place.x0 + t < OUT_W) & (place.channel < OUT_C) {
            let rank = finish_sums(place.channel, place.pixel + t, i32(hi), i32(lo));
            for (var b = 0u; b < BITS; b++) { // unrolled
                own_codes |= plane_bit(b, rank) << (t * BITS + b);
            }
        }
    }
    if BITS > 0u {
        store_codes(place, own_codes);
    }
}
