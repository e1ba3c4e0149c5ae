// Moves the basis of an activation quantizer: a workgroup adds up the sums of pointwise.wgsl, in a fixed order.

var<workgroup> shared_sums: array<f32, SHARED>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    for (var s = 0u; s < SUMS; s++) {
        var sum = 0.0;
        for (var at = lane; at < COUNT; at += WORKGROUP_SIZE) {
            sum += parts[s * COUNT + at];
        }
        shared_sums[s * WORKGROUP_SIZE + lane] = sum;
    }
    workgroupBarrier();
    if lane < SUMS {
        var sum = 0.0;
        for (var other = 0u; other < WORKGROUP_SIZE; other++) {
            sum += shared_sums[lane * WORKGROUP_SIZE + other];
        }
        shared_sums[lane * WORKGROUP_SIZE] = sum;
    }
    workgroupBarrier();
    if lane == 0u {
        let hold = HOLD * f32(params.images * PIXELS) * f32(CHANNELS);
        for (var s = 0u; s < SUMS; s++) {
            put_sum(s, shared_sums[s * WORKGROUP_SIZE], hold);
        }
        move_basis(AT, knobs[BASIS_RATE]);
    }
}

// How much a basis is held where it is, as a share of all numbers.
const HOLD: f32 = 1e-6;
