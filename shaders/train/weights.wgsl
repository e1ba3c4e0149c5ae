// The quantizer of a convolution's weights: a workgroup for each output channel gives its weights their levels, and moves its
// basis. See src/train/steps/weights.rs.

var<workgroup> shared_sums: array<f32, SHARED>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let channel = min(invocation(id, lane) / WORKGROUP_SIZE, OUTPUTS - 1u);
    let basis_at = BASES_AT + channel * BITS;
    sort_levels(lane, basis_at);
    let first = AT + channel * DEPTH;
    var sums = array<f32, SUMS>();
    for (var at = first + lane; at < first + DEPTH; at += WORKGROUP_SIZE) {
        let x = values[at];
        var rank = 0u;
        for (var jump = LEVELS / 2u; jump > 0u; jump /= 2u) {
            rank += select(0u, jump, is_above(x, threshold_above(rank + jump - 1u)));
        }
        let level = sorted_values[rank];
        let code = sorted_codes[rank];
        quantized[at] = level;
        for (var i = 0u; i < BITS; i++) { // unrolled
            let own = coefficient(code, i);
            sums[PAIRS + i] += own * (x - level);
            for (var j = 0u; j < BITS; j++) { // unrolled
                if j <= i {
                    sums[i * (i + 1u) / 2u + j] += own * coefficient(code, j);
                }
            }
        }
    }
    for (var s = 0u; s < SUMS; s++) { // unrolled
        shared_sums[s * WORKGROUP_SIZE + lane] = sums[s];
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
        for (var s = 0u; s < SUMS; s++) {
            put_sum(s, shared_sums[s * WORKGROUP_SIZE], HOLD);
        }
        move_basis(basis_at, knobs[BASIS_RATE]);
    }
}

// How much a basis is held where it is, in weights.
const HOLD: f32 = 1e-4;
