// Convolution of 8-bit limbs with 8-bit limbs: the variant for devices that end long loops early
// (src/backend/gpu/kernels/rounds.rs). Reference: src/backend/reference/limbconv.rs.
//
// It computes what limbconv.wgsl computes, from the same buffers. But a whole workgroup, the team, computes one pixel
// for GROUP_QUADS quads of output channels: member m computes quad m % GROUP_QUADS of them, over the terms
// m / GROUP_QUADS, m / GROUP_QUADS + SHARES, ..., where a term is a tap and a word of four channels. The sums over terms
// are divided, so they add up to the same diagonals. The first member adds them up and finishes all quads.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    load_codes();
    let team = team_of(id, lane);
    // Members without a quad repeat the work of the last one's.
    let quad = min(team.group * GROUP_QUADS + lane % GROUP_QUADS, QUADS - 1u);
    var first = 0u;
    if MASKED {
        first = u32(table[quad * ROWS + FIRST].x);
    }

    // Pair by pair, without arrays, and rolled: drivers take their time over long shaders with barriers.
    let terms = KH * KW * READ_GROUPS;
    for (var d = 0u; d < DIAGONALS; d++) { // unrolled
        shares[lane * DIAGONALS + d] = vec4(0);
    }
    for (var pair = 0u; pair < X_LIMBS * W_LIMBS + params.zero; pair++) {
        let p = pair / W_LIMBS;
        let q = pair % W_LIMBS;
        var sum = vec4(0);
        for (var term = lane / GROUP_QUADS; term < terms; term += SHARES) {
            let tap = term / READ_GROUPS;
            let iy = source(team.y, STRIDE_Y, tap / KW * DILATION_Y, BEFORE_Y);
            let ix = source(team.x, STRIDE_X, tap % KW * DILATION_X, BEFORE_X);
            let inside = iy < IN_H && ix < IN_W;
            let pixel_at = ((team.image * IN_H + iy) * IN_W + ix) * IN_GROUPS;
            let at = select(0u, (pixel_at + first + term % READ_GROUPS) * X_LIMBS + p, inside);
            let limb = select(0u, input[at], inside);
            let w = weights[(quad * terms + term) * W_LIMBS + q];
            sum += vec4(
                dot4I8Packed(limb, w.x),
                dot4I8Packed(limb, w.y),
                dot4I8Packed(limb, w.z),
                dot4I8Packed(limb, w.w),
            );
        }
        shares[lane * DIAGONALS + p + q] += sum;
    }
    workgroupBarrier();
    if lane > 0u {
        return;
    }
    let pixel = pixel_of(team);
    var packed = array<u32, CODE_PLANES>();
    for (var q = 0u; q < min(GROUP_QUADS + params.zero, QUADS - team.group * GROUP_QUADS); q++) {
        var all = array<Ints, DIAGONALS>();
        for (var share = 0u; share < SHARES + params.zero; share++) {
            for (var d = 0u; d < DIAGONALS; d++) { // unrolled
                all[d] += shares[(share * GROUP_QUADS + q) * DIAGONALS + d];
            }
        }
        if SUMS {
            for (var d = 0u; d < DIAGONALS; d++) { // unrolled
                store_sums(team.image, team.group * GROUP_QUADS + q, d, all[d]);
            }
        } else {
            let words = combined(all);
            let rank = finish(team.group * GROUP_QUADS + q, pixel, words.hi, words.lo);
            for (var b = 0u; b < BITS; b++) { // unrolled
                packed[b] |= plane_bits(b, rank) << (4u * q);
            }
        }
    }
    for (var b = 0u; b < BITS; b++) { // unrolled
        codes[(pixel * GROUPS + team.group) * BITS + b] = packed[b] & live_bits(team.group);
    }
}
