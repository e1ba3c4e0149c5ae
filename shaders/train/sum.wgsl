// Adds up the sums of the parts of a batch, [part, number], in the order of the parts.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= PER_IMAGE {
        return;
    }
    var sum = 0.0;
    for (var part = 0u; part < PARTS; part++) {
        sum += parts[part * PER_IMAGE + index];
    }
    slopes[AT + index] = sum;
}
