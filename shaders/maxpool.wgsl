// Maximum of values over windows. Padding never wins. Reference: src/backend/reference/maxpool.rs.
//
// Layouts: input [image, IN_H, IN_W, OUT_C], values [image, OUT_H, OUT_W, OUT_C].

// Less than every value: the maximum of no taps.
const NOTHING: i32 = -2147483647;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let c = index % OUT_C;
    let x = index / OUT_C % OUT_W;
    let y = index / (OUT_C * OUT_W) % OUT_H;
    let image = index / PER_IMAGE;
    var most = NOTHING;
    for (var ky = 0u; ky < KH; ky++) {
        let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
        for (var kx = 0u; kx < KW; kx++) {
            let ix = source(x, STRIDE_X, kx * DILATION_X, BEFORE_X);
            if iy < IN_H && ix < IN_W {
                most = max(most, input[((image * IN_H + iy) * IN_W + ix) * OUT_C + c]);
            }
        }
    }
    values[index] = select(most, 0, most == NOTHING);
}
