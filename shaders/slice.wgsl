// Values to the bit planes of their limbs. Reference: src/backend/reference/slice.rs.
//
// Layouts: input [image, pixel, OUT_C]; planes [image, pixel, GROUPS, PLANES]. Each invocation computes the words of 32
// channels.

// The four signed limbs of a value as the bytes of one word, as in fixed::limb_bytes.
fn limb_bytes(v: i32) -> u32 {
    return (u32(v) + 0x80808080u) ^ 0x80808080u;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let first = index % GROUPS * 32u;
    let pixel = index / GROUPS;
    var words = array<u32, 32>();
    for (var bit = 0u; bit < min(32u, OUT_C - first); bit++) {
        let bytes = limb_bytes(input[pixel * OUT_C + first + bit]);
        for (var j = 0u; j < 32u; j++) {
            words[j] |= ((bytes >> j) & 1u) << bit;
        }
    }
    for (var j = 0u; j < 32u; j++) {
        planes[index * PLANES + j] = words[j];
    }
    for (var j = 32u; j < PLANES; j++) {
        planes[index * PLANES + j] = 0u;
    }
}
