const VALUE_MAX: i32 = 1073741823i;
const SHARES: u32 = 1u;
const LIMBS: u32 = 4u;
const WORKGROUP_SIZE: u32 = 64u;
const FOLD: u32 = 65535u;
struct Params { images: u32, zero: u32, pad_0: u32, pad_1: u32, }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> shape: array<vec4<u32>, 4>;
var<private> PER_IMAGE: u32;
var<private> IN_H: u32;
var<private> IN_W: u32;
var<private> OUT_H: u32;
var<private> OUT_W: u32;
var<private> OUT_C: u32;
var<private> KH: u32;
var<private> STRIDE_Y: u32;
var<private> DILATION_Y: u32;
var<private> BEFORE_Y: u32;
var<private> BEFORE_X: u32;
var<private> KW: u32;
var<private> STRIDE_X: u32;
var<private> DILATION_X: u32;
var<private> TAPS: u32;
var<private> QUADS: u32;
fn load_shape() {
    PER_IMAGE = shape[0][0];
    IN_H = shape[0][1];
    IN_W = shape[0][2];
    OUT_H = shape[0][3];
    OUT_W = shape[1][0];
    OUT_C = shape[1][1];
    KH = shape[1][2];
    STRIDE_Y = shape[1][3];
    DILATION_Y = shape[2][0];
    BEFORE_Y = shape[2][1];
    BEFORE_X = shape[2][2];
    KW = shape[2][3];
    STRIDE_X = shape[3][0];
    DILATION_X = shape[3][1];
    TAPS = shape[3][2];
    QUADS = shape[3][3];
}
@group(0) @binding(2) var<storage, read> input: array<vec4<i32>>;
@group(0) @binding(3) var<storage, read_write> values: array<vec4<i32>>;
@group(0) @binding(4) var<storage, read_write> limbs: array<vec4<u32>>;
fn invocation(group: vec3<u32>, lane: u32) -> u32 {
    return (group.y * FOLD + group.x) * WORKGROUP_SIZE + lane;
}
fn add_values(a: i32, b: i32) -> i32 {
    return clamp(a + b, -VALUE_MAX, VALUE_MAX);
}
fn source(at: u32, stride: u32, tap: u32, before: u32) -> u32 {
    return at * stride + tap - before;
}
var<workgroup> highs: array<vec4<i32>, WORKGROUP_SIZE>;
var<workgroup> lows: array<vec4<u32>, WORKGROUP_SIZE>;
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let means = WORKGROUP_SIZE / SHARES;
    let share = lane / means;
    let per_image = PER_IMAGE / SHARES;
    let wanted = (id.y * FOLD + id.x) * means + lane % means;
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
    let taps = vec4(TAPS);
    let below = (vec4<u32>(-high) + taps - 1u) / taps;
    let quotient = select(vec4<i32>(vec4<u32>(high) / taps), -vec4<i32>(below), high < vec4(0));
    let remainder = vec4<u32>(high - quotient * vec4<i32>(taps));
    let mean = (quotient << vec4(16u)) + vec4<i32>(((remainder << vec4(16u)) + low) / taps);
    values[index] = mean;
    if LIMBS > 0u {
        let bytes = (vec4<u32>(mean) + 0x80808080u) ^ vec4(0x80808080u);
{
const p = 0u;
            let limb = (bytes >> vec4(8u * p)) & vec4(255u);
            limbs[index][p] = limb.x | (limb.y << 8u) | (limb.z << 16u) | (limb.w << 24u);
}
{
const p = 1u;
            let limb = (bytes >> vec4(8u * p)) & vec4(255u);
            limbs[index][p] = limb.x | (limb.y << 8u) | (limb.z << 16u) | (limb.w << 24u);
}
{
const p = 2u;
            let limb = (bytes >> vec4(8u * p)) & vec4(255u);
            limbs[index][p] = limb.x | (limb.y << 8u) | (limb.z << 16u) | (limb.w << 24u);
}
{
const p = 3u;
            let limb = (bytes >> vec4(8u * p)) & vec4(255u);
            limbs[index][p] = limb.x | (limb.y << 8u) | (limb.z << 16u) | (limb.w << 24u);
}
    }
}
