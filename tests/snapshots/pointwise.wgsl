const VALUE_MAX: i32 = 1073741823i;
const HAS_RESIDUAL: bool = false;
const RELU: bool = true;
const WORKGROUP_SIZE: u32 = 64u;
const FOLD: u32 = 65535u;
struct Params { images: u32, zero: u32, pad_0: u32, pad_1: u32, }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> shape: array<vec4<u32>, 1>;
var<private> PER_IMAGE: u32;
var<private> OUT_C: u32;
var<private> IN_C: u32;
var<private> RESIDUAL_C: u32;
fn load_shape() {
    PER_IMAGE = shape[0][0];
    OUT_C = shape[0][1];
    IN_C = shape[0][2];
    RESIDUAL_C = shape[0][3];
}
@group(0) @binding(2) var<storage, read> input: array<i32>;
@group(0) @binding(3) var<storage, read> table: array<vec4<i32>>;
var<private> residual: array<i32, 1>;
@group(0) @binding(4) var<storage, read_write> values: array<i32>;
fn invocation(group: vec3<u32>, lane: u32) -> u32 {
    return (group.y * FOLD + group.x) * WORKGROUP_SIZE + lane;
}
fn add_values(a: i32, b: i32) -> i32 {
    return clamp(a + b, -VALUE_MAX, VALUE_MAX);
}
fn source(at: u32, stride: u32, tap: u32, before: u32) -> u32 {
    return at * stride + tap - before;
}
fn wide_product(a: i32, b: i32) -> vec2<u32> {
    let al = u32(a) & 0xffffu;
    let ah = u32(a) >> 16u;
    let bl = u32(b) & 0xffffu;
    let bh = u32(b) >> 16u;
    let low = al * bl;
    let middle = ah * bl + (low >> 16u);
    let other = al * bh + (middle & 0xffffu);
    let high = ah * bh + (middle >> 16u) + (other >> 16u);
    let signs = select(0u, u32(b), a < 0) + select(0u, u32(a), b < 0);
    return vec2((other << 16u) | (low & 0xffffu), high - signs);
}
fn wide_sum(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2(low, a.y + b.y + u32(low < a.x));
}
fn wide_shift(a: vec2<u32>, shift: u32) -> vec2<u32> {
    let high = i32(a.y);
    if shift >= 32u {
        return vec2(u32(high >> (shift - 32u)), u32(high >> 31u));
    }
    let carried = (a.y << 1u) << (31u - shift);
    return vec2((a.x >> shift) | carried, u32(high >> shift));
}
fn wide_saturate(a: vec2<u32>) -> i32 {
    let low = i32(a.x);
    let high = i32(a.y);
    if high != low >> 31u {
        return select(VALUE_MAX, -VALUE_MAX, high < 0);
    }
    return clamp(low, -VALUE_MAX, VALUE_MAX);
}
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let c = index % OUT_C;
    let pixel = index / OUT_C;
    let x = select(0, input[select(0u, pixel * IN_C + c, c < IN_C)], c < IN_C);
    let row = table[c];
    let sum = wide_sum(wide_product(x, row.x), vec2(u32(row.y), u32(row.z)));
    var v = wide_saturate(wide_shift(sum, u32(row.w)));
    if HAS_RESIDUAL {
        let addend = select(0, residual[select(0u, pixel * RESIDUAL_C + c, c < RESIDUAL_C)], c < RESIDUAL_C);
        v = add_values(v, addend);
    }
    values[index] = select(v, max(v, 0), RELU);
}
