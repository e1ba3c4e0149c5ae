// Adds up what conv.gradient.wgsl has summed of the parts of a batch, and puts it in the order of the weights,
// [out, kh, kw, in]. The parts of a vector of four output channels are divided among SHARES invocations of a workgroup; the first of
// them adds up their sums.

const VECTORS = WORKGROUP_SIZE / SHARES;

var<workgroup> shares: array<vec4<f32>, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane) / WORKGROUP_SIZE * VECTORS + lane % VECTORS;
    let share = lane / VECTORS;
    var sum = vec4(0.0);
    for (var part = share; part < PARTS; part += SHARES) {
        sum += parts[part * ALL + min(index, ALL - 1u)];
    }
    shares[lane] = sum;
    workgroupBarrier();
    if share > 0u || index >= ALL {
        return;
    }
    for (var other = 1u; other < SHARES; other++) {
        sum += shares[other * VECTORS + lane];
    }
    let own = index % COUNT;
    let s = index / COUNT % SUMS;
    let quad = index / (COUNT * SUMS) * AT_ONCE + s % AT_ONCE;
    let channel = 4u * (own % IN_QUADS) + s / AT_ONCE % LANES;
    let ky = own / IN_QUADS % KH;
    let kx = own / (IN_QUADS * KH) * TAPS + s / (AT_ONCE * LANES);
    if kx >= KW || channel >= IN_C {
        return;
    }
    for (var k = 0u; k < 4u; k++) { // unrolled
        let out = 4u * quad + k;
        if out < OUT_C {
            slopes[AT + ((out * KH + ky) * KW + kx) * IN_C + channel] = sum[k];
        }
    }
}
