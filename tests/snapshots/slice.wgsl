const VALUE_MAX: i32 = 1073741823i;
const PLANES: u32 = 32u;
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
@group(0) @binding(3) var<storage, read_write> planes: array<u32>;
fn invocation(group: vec3<u32>, lane: u32) -> u32 {
    return (group.y * FOLD + group.x) * WORKGROUP_SIZE + lane;
}
fn add_values(a: i32, b: i32) -> i32 {
    return clamp(a + b, -VALUE_MAX, VALUE_MAX);
}
fn source(at: u32, stride: u32, tap: u32, before: u32) -> u32 {
    return at * stride + tap - before;
}
fn limb_bytes(v: i32) -> u32 {
    return (u32(v) + 0x80808080u) ^ 0x80808080u;
}
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let first = index % GROUPS * 32u;
    let pixel = index / GROUPS;
    var words = array<u32, 32>();
    for (var bit = 0u; bit < min(32u, OUT_C - first); bit++) {
        let bytes = limb_bytes(input[pixel * OUT_C + first + bit]);
        for (var j = 0u; j < 32u; j++) {
            words[j] |= ((bytes >> j) & 1u) << bit;
        }
    }
    for (var j = 0u; j < 32u; j++) {
        planes[index * PLANES + j] = words[j];
    }
    for (var j = 32u; j < PLANES; j++) {
        planes[index * PLANES + j] = 0u;
    }
}
