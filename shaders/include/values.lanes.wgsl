// Values of one channel. Channels that the residual lacks are 0.

fn residual_of(channel: u32, pixel: u32) -> i32 {
    let there = channel < RESIDUAL_C;
    return select(0, residual[select(0u, pixel * RESIDUAL_C + channel, there)], there);
}

fn store_values(channel: u32, pixel: u32, v: i32) {
    values[pixel * OUT_C + channel] = v;
}
