// Copies a bias to the table of its convolution.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index < PER_IMAGE {
        output[index] = values[AT + index];
    }
}
