// Values to codes. Reference: src/backend/reference/quantize.rs.
//
// Layouts: input [image, pixel, OUT_C]; codes [image, pixel, GROUPS, BITS]. Each invocation computes the words of 32
// channels.

fn value_at(pixel: u32, c: u32) -> i32 {
    return input[pixel * OUT_C + min(c, OUT_C - 1u)];
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    load_codes();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let group = index % GROUPS;
    let pixel = index / GROUPS;
    var packed = array<u32, BITS>();
    for (var q = 0u; q < min(8u, QUADS - group * 8u); q++) {
        let quad = group * 8u + q;
        let c = quad * 4u;
        let v = vec4(value_at(pixel, c), value_at(pixel, c + 1u), value_at(pixel, c + 2u), value_at(pixel, c + 3u));
        let rank = rank_of_values(quad, signed(quad, v));
        for (var b = 0u; b < BITS; b++) { // unrolled
            packed[b] |= plane_bits(b, rank) << (4u * q);
        }
    }
    for (var b = 0u; b < BITS; b++) {
        codes[index * BITS + b] = packed[b] & live_bits(group);
    }
}
