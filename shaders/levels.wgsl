// Codes to the values of their levels. Reference: src/backend/reference/levels.rs.
//
// Layouts: input [image, pixel, GROUPS, PLANES]; values [image, pixel, OUT_C]. The table holds the value of every code.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let c = index % OUT_C;
    let at = (index / OUT_C * GROUPS + c / 32u) * PLANES;
    var code = 0u;
    for (var j = 0u; j < PLANES; j++) {
        code |= ((input[at + j] >> (c & 31u)) & 1u) << j;
    }
    values[index] = table[code / 4u][code % 4u];
}
