// Adds up the losses of a batch's pictures, and how many are right.

var<workgroup> shared_sums: array<vec2<f32>, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    var sum = vec2(0.0);
    for (var picture = lane; picture < params.images; picture += WORKGROUP_SIZE) {
        sum += vec2(worth[2u * picture], worth[2u * picture + 1u]);
    }
    shared_sums[lane] = sum;
    workgroupBarrier();
    for (var apart = WORKGROUP_SIZE / 2u; apart > 0u; apart /= 2u) {
        if lane < apart {
            shared_sums[lane] += shared_sums[lane + apart];
        }
        workgroupBarrier();
    }
    if lane == 0u {
        total[0] = shared_sums[0].x;
        total[1] = shared_sums[0].y;
    }
}
