// Adds up the sums of slopes.wgsl, a workgroup for each quad: the gradients of a batch norm's beta and gamma, or of a bias, and
// what the gradient of its input needs: means [2, QUADS].

var<workgroup> shared_sums: array<array<vec4<f32>, 2>, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let quad = invocation(id, lane) / WORKGROUP_SIZE;
    var plain = vec4(0.0);
    var scaled = vec4(0.0);
    for (var part = lane; part < PARTS; part += WORKGROUP_SIZE) {
        let at = 2u * (part * QUADS + min(quad, QUADS - 1u));
        plain += parts[at];
        scaled += parts[at + 1u];
    }
    shared_sums[lane][0] = plain;
    shared_sums[lane][1] = scaled;
    workgroupBarrier();
    for (var apart = WORKGROUP_SIZE / 2u; apart > 0u; apart /= 2u) {
        if lane < apart {
            shared_sums[lane][0] += shared_sums[lane + apart][0];
            shared_sums[lane][1] += shared_sums[lane + apart][1];
        }
        workgroupBarrier();
    }
    let c = 4u * quad + lane;
    if lane >= 4u || c >= CHANNELS {
        return;
    }
    let sums = vec2(shared_sums[0][0][lane], shared_sums[0][1][lane]);
    gradients[BETA_AT + c] = sums.x;
    if HAS_NORM {
        gradients[GAMMA_AT + c] = sums.y;
        let count = f32(params.images * PIXELS);
        means[c] = sums.x / count;
        means[4u * QUADS + c] = sums.y / count;
    }
}
