const VALUE_MAX: i32 = 1073741823i;
const LIMBS: u32 = 4u;
const WORKGROUP_SIZE: u32 = 64u;
const FOLD: u32 = 65535u;
struct Params { images: u32, zero: u32, pad_0: u32, pad_1: u32, }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> shape: array<vec4<u32>, 1>;
var<private> PER_IMAGE: u32;
var<private> OUT_C: u32;
var<private> GROUPS: u32;
fn load_shape() {
    PER_IMAGE = shape[0][0];
    OUT_C = shape[0][1];
    GROUPS = shape[0][2];
}
@group(0) @binding(2) var<storage, read> input: array<i32>;
@group(0) @binding(3) var<storage, read_write> limbs: array<u32>;
fn invocation(group: vec3<u32>, lane: u32) -> u32 {
    return (group.y * FOLD + group.x) * WORKGROUP_SIZE + lane;
}
fn add_values(a: i32, b: i32) -> i32 {
    return clamp(a + b, -VALUE_MAX, VALUE_MAX);
}
fn source(at: u32, stride: u32, tap: u32, before: u32) -> u32 {
    return at * stride + tap - before;
}
fn value_at(pixel: u32, c: u32) -> i32 {
    return select(0, input[pixel * OUT_C + min(c, OUT_C - 1u)], c < OUT_C);
}
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let c = index % GROUPS * 4u;
    let pixel = index / GROUPS;
    var rest = vec4(value_at(pixel, c), value_at(pixel, c + 1u), value_at(pixel, c + 2u), value_at(pixel, c + 3u));
    for (var p = 0u; p < LIMBS; p++) {
        let limb = (rest << vec4(24u)) >> vec4(24u);
        rest = (rest - limb) >> vec4(8u);
        let bytes = vec4<u32>(limb) & vec4(255u);
        limbs[index * LIMBS + p] = bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
    }
}
