// Maximum or mean over windows in f32, four channels at a time. Padding never wins a maximum; means have no padding.

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
    var count = 0u;
    var result = vec4(0.0);
    for (var ky = 0u; ky < KH; ky++) {
        let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
        for (var kx = 0u; kx < KW; kx++) {
            let ix = source(x, STRIDE_X, kx * DILATION_X, BEFORE_X);
            if iy < IN_H && ix < IN_W {
                let v = input[((image * IN_H + iy) * IN_W + ix) * IN_ROW + IN_AT + quad];
                if MAX {
                    result = select(max(result, v), v, count == 0u);
                } else {
                    result += v;
                }
                count++;
            }
        }
    }
    if !MAX {
        result /= f32(KH * KW);
    }
    finish(quad, pixel, result);
}
