// The gradient of what pool.wgsl reads: each invocation sums the gradients of all windows that read one quad of a pixel, of a mean
// their share, of a maximum those that took this pixel.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let quad = index % QUADS;
    let pixel = index / QUADS;
    let image = pixel / (IN_W * IN_H);
    var sum = vec4(0.0);
    for (var ky = 0u; ky < KH; ky++) {
        // A window's first row times the stride; it wraps where the tap lies above all windows.
        let y = pixel / IN_W % IN_H + BEFORE_Y - ky * DILATION_Y;
        for (var kx = 0u; kx < KW; kx++) {
            let x = pixel % IN_W + BEFORE_X - kx * DILATION_X;
            let exists = y % STRIDE_Y == 0u && y / STRIDE_Y < OUT_H && x % STRIDE_X == 0u && x / STRIDE_X < OUT_W;
            if exists {
                let at = ((image * OUT_H + y / STRIDE_Y) * OUT_W + x / STRIDE_X) * QUADS + quad;
                if MAX {
                    sum += select(vec4(0.0), gradient[at], taken[at] == vec4(ky * KW + kx));
                } else {
                    sum += gradient[at];
                }
            }
        }
    }
    if !MAX {
        sum /= f32(KH * KW);
    }
    if ADDS {
        sum += output[index];
    }
    output[index] = sum;
}
