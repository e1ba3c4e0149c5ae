// Convolution of 8-bit limbs with 8-bit limbs: the variant for devices that end long loops early
// (src/backend/gpu/kernels/rounds.rs). Reference: src/backend/reference/limbconv.rs.
//
// It computes what limbconv.wgsl computes, from the same buffers. But a whole workgroup, the team, computes one pixel
// for GROUP_QUADS quads of output channels: member m computes quad m % GROUP_QUADS of them, over the terms
// m / GROUP_QUADS, m / GROUP_QUADS + SHARES, ..., where a term is a tap and a word of four channels. The sums over terms
// are divided, so they add up to the same diagonals.

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
    let own = group * GROUP_QUADS + lane % GROUP_QUADS;
    // Members without a quad repeat the work of the last one's.
    let quad = min(own, QUADS - 1u);
    var first = 0u;
    if MASKED {
        first = u32(table[quad * ROWS + FIRST].x);
    }

    var diagonals: array<vec4<i32>, DIAGONALS>;
    let terms = KH * KW * READ_GROUPS;
    for (var term = lane / GROUP_QUADS; term < terms; term += SHARES) {
        let tap = term / READ_GROUPS;
        let iy = source(y, STRIDE_Y, tap / KW * DILATION_Y, BEFORE_Y);
        let ix = source(x, STRIDE_X, tap % KW * DILATION_X, BEFORE_X);
        let inside = iy < IN_H && ix < IN_W;
        let pixel_at = ((image * IN_H + iy) * IN_W + ix) * IN_GROUPS;
        let at = select(0u, (pixel_at + first + term % READ_GROUPS) * X_LIMBS, inside);
        for (var p = 0u; p < X_LIMBS; p++) {
            let x_limb = select(0u, input[at + p], inside);
            for (var q = 0u; q < W_LIMBS; q++) {
                let w = weights[(quad * terms + term) * W_LIMBS + q];
                diagonals[p + q] += vec4(
                    dot4I8Packed(x_limb, w.x),
                    dot4I8Packed(x_limb, w.y),
                    dot4I8Packed(x_limb, w.z),
                    dot4I8Packed(x_limb, w.w),
                );
            }
        }
    }

    for (var d = 0u; d < DIAGONALS; d++) { // unrolled
        shares[lane * DIAGONALS + d] = diagonals[d];
    }
    workgroupBarrier();
    if lane < GROUP_QUADS {
        for (var other = lane + GROUP_QUADS; other < WORKGROUP_SIZE; other += GROUP_QUADS) {
            for (var d = 0u; d < DIAGONALS; d++) { // unrolled
                diagonals[d] += shares[other * DIAGONALS + d];
            }
        }
        var rank = vec4(0u);
        if SUMS {
            for (var d = 0u; d < DIAGONALS; d++) { // unrolled
                store_sums(image, quad, d, diagonals[d]);
            }
        } else if own < QUADS {
            let words = combined(diagonals);
            rank = finish(quad, (image * OUT_H + y) * OUT_W + x, words.hi, words.lo);
        }
        for (var b = 0u; b < BITS; b++) { // unrolled
            finished[lane * CODE_PLANES + b] = select(0u, plane_bits(b, rank) << (4u * lane), own < QUADS);
        }
    }
    workgroupBarrier();
    if lane < BITS {
        var word = 0u;
        for (var q = 0u; q < GROUP_QUADS; q++) { // unrolled
            word |= finished[q * CODE_PLANES + lane];
        }
        codes[(((image * OUT_H + y) * OUT_W + x) * GROUPS + group) * BITS + lane] = word & live_bits(group);
    }
}
