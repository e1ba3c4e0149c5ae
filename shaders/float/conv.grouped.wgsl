// Convolution in f32: the variant for grouped convolutions, which reads channels one by one.
//
// Layouts: input [image, IN_H, IN_W, IN_ROW] of vectors of four channels, read from vector IN_AT on; weights [output
// channel, KH, KW, GROUP_IN]. Each group has GROUP_OUT output channels. Each invocation computes four output channels
// of one pixel.

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
    for (var k = 0u; k < 4u; k++) { // unrolled
        let c_out = 4u * (FIRST_QUAD + quad) + k;
        if c_out < OUT_C {
            let first = c_out / GROUP_OUT * GROUP_IN;
            var one = 0.0;
            for (var ky = 0u; ky < KH; ky++) {
                let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
                for (var kx = 0u; kx < KW; kx++) {
                    let ix = source(x, STRIDE_X, kx * DILATION_X, BEFORE_X);
                    if iy < IN_H && ix < IN_W {
                        let at = ((image * IN_H + iy) * IN_W + ix) * IN_ROW + IN_AT;
                        let weights_at = (((4u * quad + k) * KH + ky) * KW + kx) * GROUP_IN;
                        for (var c = 0u; c < GROUP_IN; c++) {
                            let c_in = first + c;
                            one = fma(input[at + c_in / 4u][c_in % 4u], weights[weights_at + c], one);
                        }
                    }
                }
            }
            sum[k] = one;
        }
    }
    finish(FIRST_QUAD + quad, pixel, sum);
}
