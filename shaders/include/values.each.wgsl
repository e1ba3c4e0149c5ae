// Values of a quad in tensors whose channels do not fill quads: channels are read and written one by one, and missing
// ones are left out. Channels that the residual lacks are 0.

fn residual_of(quad: u32, pixel: u32) -> vec4<i32> {
    var v = vec4(0);
    for (var k = 0u; k < 4u; k++) { // unrolled
        let c = quad * 4u + k;
        let there = c < RESIDUAL_C;
        v[k] = select(0, residual[select(0u, pixel * RESIDUAL_C + c, there)], there);
    }
    return v;
}

fn store_values(quad: u32, pixel: u32, v: vec4<i32>) {
    for (var k = 0u; k < 4u; k++) { // unrolled
        let c = quad * 4u + k;
        if c < OUT_C {
            values[pixel * OUT_C + c] = v[k];
        }
    }
}
