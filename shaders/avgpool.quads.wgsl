// Mean of values over windows, rounded half up, and optionally its limbs: the variant for tensors whose channels fill
// quads. Reference: src/backend/reference/avgpool.rs and src/backend/reference/split.rs; fixed::rounded_mean and
// fixed::limb_bytes.
//
// Layouts: input [image, IN_H, IN_W, QUADS] and values [image, OUT_H, OUT_W, QUADS] of vectors of four channels;
// limbs [image, OUT_H, OUT_W, QUADS] of vectors of four limbs. The sum is kept as high * 2^16 + low; TAPS is below
// 2^16, so neither word overflows. Each invocation computes four channels.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let quad = index % QUADS;
    let x = index / QUADS % OUT_W;
    let y = index / (QUADS * OUT_W) % OUT_H;
    let image = index / PER_IMAGE;
    var high = vec4(0i);
    var low = vec4(TAPS / 2u);
    for (var ky = 0u; ky < KH; ky++) {
        let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
        for (var kx = 0u; kx < KW; kx++) {
            let ix = source(x, STRIDE_X, kx * DILATION_X, BEFORE_X);
            if iy < IN_H && ix < IN_W {
                let v = input[((image * IN_H + iy) * IN_W + ix) * QUADS + quad];
                high += v >> vec4(16u);
                low += vec4<u32>(v & vec4(0xffff));
            }
        }
    }
    high += vec4<i32>(low >> vec4(16u));
    low &= vec4(0xffffu);
    // Unsigned divisions only, because APIs differ in the remainder of negative numbers.
    let taps = vec4(TAPS);
    let below = (vec4<u32>(-high) + taps - 1u) / taps;
    let quotient = select(vec4<i32>(vec4<u32>(high) / taps), -vec4<i32>(below), high < vec4(0));
    let remainder = vec4<u32>(high - quotient * vec4<i32>(taps));
    let mean = (quotient << vec4(16u)) + vec4<i32>(((remainder << vec4(16u)) + low) / taps);
    values[index] = mean;
    if LIMBS > 0u {
        // A word of `bytes` holds the four limbs of one channel; a word of `limbs` holds one limb of four channels.
        let bytes = (vec4<u32>(mean) + 0x80808080u) ^ vec4(0x80808080u);
        for (var p = 0u; p < LIMBS; p++) { // unrolled
            let limb = (bytes >> vec4(8u * p)) & vec4(255u);
            limbs[index][p] = limb.x | (limb.y << 8u) | (limb.z << 16u) | (limb.w << 24u);
        }
    }
}
