// Copies a tensor's channels into a concatenation in which they do not fill whole vectors: COUNT numbers per pixel, of
// which those past the last channel are 0.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let c = index % COUNT;
    let pixel = index / COUNT;
    let inside = c < IN_C;
    let v = select(0.0, input[select(0u, pixel * IN_ROW + IN_AT + c, inside)], inside);
    output[pixel * OUT_ROW + OUT_AT + c] = v;
}
