// Maximum or mean over windows, four channels at a time. A maximum also keeps the tap that it was found at, the first of equal
// ones. Padding never wins a maximum; means have no padding.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let quad = index % QUADS;
    let pixel = index / QUADS;
    let image = pixel / (OUT_W * OUT_H);
    var result = vec4(select(0.0, -3.4028234e38, MAX));
    var tap = vec4(0u);
    for (var ky = 0u; ky < KH; ky++) {
        let iy = source(pixel / OUT_W % OUT_H, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
        for (var kx = 0u; kx < KW; kx++) {
            let ix = source(pixel % OUT_W, STRIDE_X, kx * DILATION_X, BEFORE_X);
            if iy < IN_H && ix < IN_W {
                let x = input[((image * IN_H + iy) * IN_W + ix) * QUADS + quad];
                if MAX {
                    tap = select(tap, vec4(ky * KW + kx), x > result);
                    result = select(result, x, x > result);
                } else {
                    result += x;
                }
            }
        }
    }
    if MAX {
        if KEEPS {
            taken[index] = tap;
        }
    } else {
        result /= f32(KH * KW);
    }
    output[index] = result;
}
