// Values of a quad in tensors whose channels fill quads: read and written as vectors. Channels that the residual lacks
// are 0.

fn residual_of(quad: u32, pixel: u32) -> vec4<i32> {
    let there = quad < RESIDUAL_C / 4u;
    return select(vec4(0), residual[select(0u, pixel * (RESIDUAL_C / 4u) + quad, there)], there);
}

fn store_values(quad: u32, pixel: u32, v: vec4<i32>) {
    values[pixel * (OUT_C / 4u) + quad] = v;
}
