// The gradient of what pointwise.wgsl reads: factor (g - mean g - x^ mean g x^), where x^ is the normalized input; without a batch
// norm, g. See src/train/steps/normal.rs.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let quad = index % QUADS;
    let constants = affine_of(quad);
    let slope = slope_at(index, constants);
    var result = slope.gradient;
    if HAS_NORM {
        result = constants.factor * (slope.gradient - means[quad] - slope.normal * means[QUADS + quad]);
    }
    if ADDS {
        result += output[index];
    }
    output[index] = result;
}
