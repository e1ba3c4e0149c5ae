// What follows a convolution in training: the bias, and where the result goes. On the way back that may be every SPREAD_Y-th row
// and SPREAD_X-th column of the output, from FIRST_Y and FIRST_X on. The kernel before it is one of shaders/float/conv.*.wgsl.

// Index in the output of the pixel with this index in the batch.
fn place_of(pixel: u32) -> u32 {
    if !SPREAD {
        return pixel;
    }
    let x = pixel % OUT_W * SPREAD_X + FIRST_X;
    let y = pixel / OUT_W % OUT_H * SPREAD_Y + FIRST_Y;
    return (pixel / (OUT_W * OUT_H) * TO_H + y) * TO_W + x;
}

// Finishes channels 4 quad to 4 quad + 3 of `pixel` (its index in the batch).
fn finish(quad: u32, pixel: u32, sum: vec4<f32>) {
    let at = place_of(pixel) * TO_QUADS + quad;
    var result = sum + bitcast<vec4<f32>>(row_of(quad, 0u));
    if ADDS {
        result += output[at];
    }
    output[at] = result;
}
