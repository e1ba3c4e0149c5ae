// Passes a tensor unchanged to the epilogue (epilogue.wgsl). Channels that it lacks are 0.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let quad = index % QUADS;
    let pixel = index / QUADS;
    let inside = quad < IN_QUADS;
    let at = pixel * IN_ROW + IN_AT + quad;
    finish(quad, pixel, select(vec4(0.0), input[select(0u, at, inside)], inside));
}
