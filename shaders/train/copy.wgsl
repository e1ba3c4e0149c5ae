// Copies channels: COUNT numbers per pixel, to OUT_AT of a row of OUT_ROW. Number c is that of channel c + SHIFT (which wraps)
// of the input, whose IN_C channels begin at IN_AT of a row of IN_ROW; where it has none, 0.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let pixel = index / COUNT;
    let c = index % COUNT + SHIFT;
    let at = pixel * OUT_ROW + OUT_AT + index % COUNT;
    let exists = c < IN_C;
    var number = select(0.0, input[select(0u, pixel * IN_ROW + IN_AT + c, exists)], exists);
    if ADDS {
        number += output[at];
    }
    output[at] = number;
}
