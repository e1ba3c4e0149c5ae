// Values to signed 8-bit limbs, four channels to a word. Reference: src/backend/reference/split.rs.
//
// Layouts: input [image, pixel, OUT_C]; limbs [image, pixel, GROUPS, LIMBS]. Each invocation computes the words of four
// channels.

fn value_at(pixel: u32, c: u32) -> i32 {
    return select(0, input[pixel * OUT_C + min(c, OUT_C - 1u)], c < OUT_C);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let c = index % GROUPS * 4u;
    let pixel = index / GROUPS;
    var rest = vec4(value_at(pixel, c), value_at(pixel, c + 1u), value_at(pixel, c + 2u), value_at(pixel, c + 3u));
    for (var p = 0u; p < LIMBS; p++) {
        let limb = (rest << vec4(24u)) >> vec4(24u);
        rest = (rest - limb) >> vec4(8u);
        let bytes = vec4<u32>(limb) & vec4(255u);
        limbs[index * LIMBS + p] = bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
    }
}
