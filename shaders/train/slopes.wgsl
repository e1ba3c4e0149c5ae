// Sums of gradients, and of gradients times normalized numbers, of each channel over the pixels of each part: [part, quad, 2].

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= PER_IMAGE {
        return;
    }
    let own = own_of(index);
    let constants = affine_of(own.quad);
    var plain = vec4(0.0);
    var scaled = vec4(0.0);
    for (var pixel = own.first; pixel < own.end; pixel++) {
        let slope = slope_at(pixel * QUADS + own.quad, constants);
        plain += slope.gradient;
        scaled = fma(slope.gradient, slope.normal, scaled);
    }
    parts[2u * index] = plain;
    parts[2u * index + 1u] = scaled;
}
