// Convolution in f32: the variant for dense layers, and for windows too wide to be unrolled.
//
// Layouts: input [image, IN_H, IN_W, IN_ROW] of vectors of four channels, of which IN_QUADS from IN_AT on are read;
// weights [KH, KW, channel, QUADS] of vectors whose lanes are the four output channels of a quad.
//
// Each invocation computes one quad of output channels of one pixel. Neighbouring invocations read neighbouring
// weights.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let quad = index % QUADS;
    let pixel = index / QUADS;
    let x = pixel % OUT_W;
    let y = pixel / OUT_W % OUT_H;
    let image = pixel / (OUT_W * OUT_H);
    var sum = vec4(0.0);
    for (var ky = 0u; ky < KH; ky++) {
        let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
        for (var kx = 0u; kx < KW; kx++) {
            let ix = source(x, STRIDE_X, kx * DILATION_X, BEFORE_X);
            if iy < IN_H && ix < IN_W {
                let at = ((image * IN_H + iy) * IN_W + ix) * IN_ROW + IN_AT;
                var weights_at = (ky * KW + kx) * IN_QUADS * 4u * QUADS + quad;
                for (var i = 0u; i < IN_QUADS; i++) {
                    let four = input[at + i];
                    for (var k = 0u; k < 4u; k++) { // unrolled
                        sum = fma(vec4(four[k]), weights[weights_at + k * QUADS], sum);
                    }
                    weights_at += 4u * QUADS;
                }
            }
        }
    }
    finish(FIRST_QUAD + quad, pixel, sum);
}
