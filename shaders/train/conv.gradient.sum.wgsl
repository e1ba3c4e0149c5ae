// Adds up what conv.gradient.wgsl has summed of the parts of a batch, and puts it in the order of the weights,
// [out, kh, kw, in]. Each invocation adds up one vector of four output channels.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= PER_IMAGE {
        return;
    }
    var sum = vec4(0.0);
    for (var part = 0u; part < PARTS; part++) {
        sum += parts[part * PER_IMAGE + index];
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
