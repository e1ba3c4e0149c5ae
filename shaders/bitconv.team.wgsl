// Convolution of bit planes with +-1 weight planes: the variant for devices that end long loops early
// (src/backend/gpu/kernels/rounds.rs). Reference: src/backend/reference/bitconv.rs.
//
// It computes what bitconv.wgsl computes, from the same buffers. But a whole workgroup, the team, computes one pixel for
// one group of 32 output channels: member m computes quad m % 8 of the group, over the terms m / 8, m / 8 + SHARES, ...,
// where a term is a tap and a word of a part. The sums over terms are divided, so they add up to the same T. The first
// member adds them up and finishes all quads.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    load_codes();
    let team = team_of(id, lane);
    // Members without a quad repeat the work of the last one's.
    let quad = min(team.group * 8u + lane % 8u, QUADS - 1u);
    var hi = vec4(0);
    var lo = vec4(0);
    for (var pass_index = 0u; pass_index < PASSES + params.zero; pass_index++) {
        let taken = vec4<u32>(table[PASS_TABLE + 2u * pass_index]);
        var at = taken.x;
        if MASKED {
            at += u32(table[quad * ROWS + FIRST + u32(table[PASS_TABLE + 2u * pass_index + 1u].x)].x) * taken.y;
        }
        let row = quad * ROWS + COEFFICIENTS + pass_index * 2u * PAIRS;
        // Pair by pair, without arrays, and rolled: drivers take their time over long shaders with barriers.
        for (var pair = 0u; pair < PAIRS + params.zero; pair++) {
            let i = pair / A_PLANES;
            let j = pair % A_PLANES;
            var n = vec4(0);
            for (var term = lane / 8u; term < KH * KW * taken.z; term += SHARES) {
                let tap = term / taken.z;
                let iy = source(team.y, STRIDE_Y, tap / KW * DILATION_Y, BEFORE_Y);
                let ix = source(team.x, STRIDE_X, tap % KW * DILATION_X, BEFORE_X);
                let inside = iy < IN_H && ix < IN_W;
                let pixel_at = ((team.image * IN_H + iy) * IN_W + ix) * ROW;
                let word_at = select(0u, pixel_at + at + term % taken.z * taken.y + j / LOAD, inside);
                let a = vec4(plane_of(select(Planes(), input[word_at], inside), j % LOAD));
                let weights_at = quad * WEIGHT_ROW + taken.w + term * STORED;
                var all = a;
                if MASKED {
                    all &= weights[weights_at + W_PLANES];
                }
                n += vec4<i32>(2u * countOneBits(weights[weights_at + i] & a) - countOneBits(all));
            }
            hi += table[row + pair] * n;
            lo += table[row + PAIRS + pair] * n;
        }
        hi += lo >> vec4(LOW_BITS);
        lo &= vec4((1i << LOW_BITS) - 1);
    }

    shares[2u * lane] = hi;
    shares[2u * lane + 1u] = lo;
    workgroupBarrier();
    if lane > 0u {
        return;
    }
    let pixel = pixel_of(team);
    var packed = array<u32, CODE_PLANES>();
    for (var q = 0u; q < min(8u, QUADS - team.group * 8u); q++) {
        hi = vec4(0);
        lo = vec4(0);
        for (var share = 0u; share < SHARES + params.zero; share++) {
            hi += shares[2u * (share * 8u + q)];
            lo += shares[2u * (share * 8u + q) + 1u];
        }
        // The low word of a share has LOW_BITS bits, at most 16, so the sum of all cannot overflow.
        hi += lo >> vec4(LOW_BITS);
        lo &= vec4((1i << LOW_BITS) - 1);
        let rank = finish(team.group * 8u + q, pixel, hi, lo);
        for (var b = 0u; b < BITS; b++) { // unrolled
            packed[b] |= plane_bits(b, rank) << (4u * q);
        }
    }
    for (var b = 0u; b < BITS; b++) { // unrolled
        codes[(pixel * GROUPS + team.group) * BITS + b] = packed[b] & live_bits(team.group);
    }
}
