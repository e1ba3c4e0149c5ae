// The sum of two tensors; or passes one on, perhaps by adding it to what is there.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    var result = input[index];
    if HAS_OTHER {
        result += other[index];
    }
    if ADDS {
        result += output[index];
    }
    output[index] = result;
}
