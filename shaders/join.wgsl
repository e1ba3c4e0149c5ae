// Copies one member of a concatenation into its place. Reference: src/backend/reference/join.rs.
//
// Layouts: input [image, pixel, IN_ROW]; joined [image, pixel, OUT_ROW], written from word AT of each pixel on.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    joined[index / IN_ROW * OUT_ROW + AT + index % IN_ROW] = input[index];
}
