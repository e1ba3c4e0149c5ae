// The gradient of a grouped convolution's weights: each invocation sums that of one weight over the rows of one of PARTS.
//
// Layouts: input [image, IN_H, IN_W, IN_ROW], gradient [image, OUT_H, OUT_W, OUT_ROW], parts [part, out, KH, KW, GROUP_IN].

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= PER_IMAGE {
        return;
    }
    let own = index % COUNT;
    let out = own / (GROUP_IN * KW * KH);
    let channel = out / GROUP_OUT * GROUP_IN + own % GROUP_IN;
    let kx = own / GROUP_IN % KW;
    let ky = own / (GROUP_IN * KW) % KH;
    let all = params.images * OUT_H;
    let each = (all + PARTS - 1u) / PARTS;
    let first = min(index / COUNT * each, all);
    let end = min(first + each, all);
    var sum = 0.0;
    for (var row = first; row < end; row++) {
        let iy = source(row % OUT_H, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
        if iy < IN_H {
            let row_at = (row / OUT_H * IN_H + iy) * IN_W;
            for (var x = 0u; x < OUT_W; x++) {
                let ix = source(x, STRIDE_X, kx * DILATION_X, BEFORE_X);
                if ix < IN_W {
                    sum = fma(input[(row_at + ix) * IN_ROW + channel], gradient[(row * OUT_W + x) * OUT_ROW + out], sum);
                }
            }
        }
    }
    parts[index] = sum;
}
