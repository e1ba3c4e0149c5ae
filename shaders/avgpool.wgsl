// Mean of values over windows, rounded half up. Reference: src/backend/reference/avgpool.rs and fixed::rounded_mean.
//
// Layouts: input [image, IN_H, IN_W, OUT_C], values [image, OUT_H, OUT_W, OUT_C]. The sum is kept as high * 2^16 + low;
// TAPS is below 2^16, so neither word overflows.

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
    var high = 0i;
    var low = TAPS / 2u;
    for (var ky = 0u; ky < KH; ky++) {
        let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
        for (var kx = 0u; kx < KW; kx++) {
            let ix = source(x, STRIDE_X, kx * DILATION_X, BEFORE_X);
            if iy < IN_H && ix < IN_W {
                let v = input[((image * IN_H + iy) * IN_W + ix) * OUT_C + c];
                high += v >> 16u;
                low += u32(v & 0xffff);
            }
        }
    }
    high += i32(low >> 16u);
    low &= 0xffffu;
    // Unsigned divisions only, because APIs differ in the remainder of negative numbers.
    let below = (u32(-high) + TAPS - 1u) / TAPS;
    let quotient = select(i32(u32(high) / TAPS), -i32(below), high < 0);
    let remainder = u32(high - quotient * i32(TAPS));
    values[index] = (quotient << 16u) + i32(((remainder << 16u) + low) / TAPS);
}
