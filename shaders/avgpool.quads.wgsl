// Mean of values over windows, rounded half up, and optionally its limbs: the variant for tensors whose channels fill
// quads. Reference: src/backend/reference/avgpool.rs and src/backend/reference/split.rs; fixed::rounded_mean and
// fixed::limb_bytes.
//
// Layouts: input [image, IN_H, IN_W, QUADS] and values [image, OUT_H, OUT_W, QUADS] of vectors of four channels;
// limbs [image, OUT_H, OUT_W, QUADS] of vectors of four limbs. The sum is kept as high * 2^16 + low; TAPS is below
// 2^16, so neither word overflows. Four channels are computed by SHARES invocations, WORKGROUP_SIZE / SHARES apart, which
// divide the taps; the first adds their sums up.

var<workgroup> highs: array<vec4<i32>, WORKGROUP_SIZE>;
var<workgroup> lows: array<vec4<u32>, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let means = WORKGROUP_SIZE / SHARES;
    let share = lane / means;
    let per_image = PER_IMAGE / SHARES;
    let wanted = (id.y * FOLD + id.x) * means + lane % means;
    // Invocations past the last one repeat its work, because all must reach the barrier.
    let index = min(wanted, params.images * per_image - 1u);
    let quad = index % QUADS;
    let x = index / QUADS % OUT_W;
    let y = index / (QUADS * OUT_W) % OUT_H;
    let image = index / per_image;
    var high = vec4(0i);
    var low = vec4(0u);
    for (var tap = share; tap < TAPS; tap += SHARES) {
        let iy = source(y, STRIDE_Y, tap / KW * DILATION_Y, BEFORE_Y);
        let ix = source(x, STRIDE_X, tap % KW * DILATION_X, BEFORE_X);
        if (iy < IN_H) & (ix < IN_W) {
            let v = input[((image * IN_H + iy) * IN_W + ix) * QUADS + quad];
            high += v >> vec4(16u);
            low += vec4<u32>(v & vec4(0xffff));
        }
    }
    highs[lane] = high;
    lows[lane] = low;
    workgroupBarrier();
    if share > 0u {
        return;
    }
    for (var other = 1u; other < SHARES; other++) {
        high += highs[lane + other * means];
        low += lows[lane + other * means];
    }
    low += vec4(TAPS / 2u);
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
