// Mean and sum of squared differences from it, of each channel over the pixels of each part: [part, quad, 2]. Differences from
// the first pixel are summed, so that a mean which is large beside the deviation costs no digits.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= PER_IMAGE {
        return;
    }
    let own = own_of(index);
    let shift = input[min(own.first, params.images * PIXELS - 1u) * QUADS + own.quad];
    var sum = vec4(0.0);
    var squares = vec4(0.0);
    for (var pixel = own.first; pixel < own.end; pixel++) {
        let x = input[pixel * QUADS + own.quad] - shift;
        sum += x;
        squares = fma(x, x, squares);
    }
    let mean = sum / max(f32(own.end - own.first), 1.0);
    parts[2u * index] = shift + mean;
    parts[2u * index + 1u] = max(squares - sum * mean, vec4(0.0));
}
