// Convolution of bit planes with +-1 weight planes: the variant for devices that end long loops early
// (src/backend/gpu/kernels/rounds.rs). Reference: src/backend/reference/bitconv.rs.
//
// It computes what bitconv.wgsl computes, from the same buffers. But a whole workgroup, the team, computes one pixel for
// one group of 32 output channels: member m computes quad m % 8 of the group, over the terms m / 8, m / 8 + SHARES, ...,
// where a term is a tap and a word of a part. The sums over terms are divided, so they add up to the same T.

var<workgroup> shares: array<vec4<i32>, SHARE_ROOM>;
var<workgroup> finished: array<u32, CODE_ROOM>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    load_codes();
    // Teams past the last one repeat its work, because every member must reach the barriers.
    let team = min(invocation(id, lane), params.images * PER_IMAGE - 1u) / WORKGROUP_SIZE;
    let x = team % OUT_W;
    let y = team / OUT_W % OUT_H;
    let group = team / (OUT_W * OUT_H) % GROUPS;
    let image = team / (OUT_W * OUT_H * GROUPS);
    let own = group * 8u + lane % 8u;
    // Members without a quad repeat the work of the last one's.
    let quad = min(own, QUADS - 1u);

    var hi = vec4(0);
    var lo = vec4(0);
    for (var pass_index = 0u; pass_index < PASSES; pass_index++) {
        let taken = vec4<u32>(table[PASS_TABLE + 2u * pass_index]);
        var at = taken.x;
        if MASKED {
            at += u32(table[quad * ROWS + FIRST + u32(table[PASS_TABLE + 2u * pass_index + 1u].x)].x) * taken.y;
        }
        var both: array<vec4<u32>, STORED_PAIRS>;
        var ones: array<u32, A_PLANES>;
        for (var term = lane / 8u; term < KH * KW * taken.z; term += SHARES) {
            let tap = term / taken.z;
            let iy = source(y, STRIDE_Y, tap / KW * DILATION_Y, BEFORE_Y);
            let ix = source(x, STRIDE_X, tap % KW * DILATION_X, BEFORE_X);
            let inside = iy < IN_H && ix < IN_W;
            let pixel_at = ((image * IN_H + iy) * IN_W + ix) * ROW;
            let word_at = select(0u, pixel_at + at + term % taken.z * taken.y, inside);
            let weights_at = quad * WEIGHT_ROW + taken.w + term * STORED;
            for (var load = 0u; load < A_PLANES / LOAD; load++) {
                let a = select(Planes(), input[word_at + load], inside);
                for (var k = 0u; k < LOAD; k++) {
                    let j = load * LOAD + k;
                    ones[j] += countOneBits(plane_of(a, k));
                    for (var i = 0u; i < STORED; i++) {
                        both[i * A_PLANES + j] += countOneBits(weights[weights_at + i] & vec4(plane_of(a, k)));
                    }
                }
            }
        }
        let row = quad * ROWS + COEFFICIENTS + pass_index * 2u * PAIRS;
        for (var i = 0u; i < W_PLANES; i++) {
            for (var j = 0u; j < A_PLANES; j++) {
                let pair = i * A_PLANES + j;
                var all = vec4(ones[j]);
                if MASKED {
                    all = both[PAIRS + j];
                }
                let n = vec4<i32>(2u * both[pair] - all);
                hi += table[row + pair] * n;
                lo += table[row + PAIRS + pair] * n;
            }
        }
        hi += lo >> vec4(LOW_BITS);
        lo &= vec4((1i << LOW_BITS) - 1);
    }

    shares[2u * lane] = hi;
    shares[2u * lane + 1u] = lo;
    workgroupBarrier();
    if lane < 8u {
        for (var other = lane + 8u; other < WORKGROUP_SIZE; other += 8u) {
            hi += shares[2u * other];
            lo += shares[2u * other + 1u];
        }
        // Each share's low word has LOW_BITS bits, at most 16, so the sum of all cannot overflow.
        hi += lo >> vec4(LOW_BITS);
        lo &= vec4((1i << LOW_BITS) - 1);
        var rank = vec4(0u);
        if own < QUADS {
            rank = finish(quad, (image * OUT_H + y) * OUT_W + x, hi, lo);
        }
        for (var b = 0u; b < BITS; b++) { // unrolled
            finished[lane * CODE_PLANES + b] = select(0u, plane_bits(b, rank) << (4u * lane), own < QUADS);
        }
    }
    workgroupBarrier();
    if lane < BITS {
        var word = 0u;
        for (var q = 0u; q < 8u; q++) { // unrolled
            word |= finished[q * CODE_PLANES + lane];
        }
        codes[(((image * OUT_H + y) * OUT_W + x) * GROUPS + group) * BITS + lane] = word & live_bits(group);
    }
}
