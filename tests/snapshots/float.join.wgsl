const VALUE_MAX: i32 = 1073741823i;
const WORKGROUP_SIZE: u32 = 64u;
const FOLD: u32 = 65535u;
struct Params { images: u32, zero: u32, pad_0: u32, pad_1: u32, }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> shape: array<vec4<u32>, 2>;
var<private> PER_IMAGE: u32;
var<private> COUNT: u32;
var<private> IN_C: u32;
var<private> IN_ROW: u32;
var<private> IN_AT: u32;
var<private> OUT_ROW: u32;
var<private> OUT_AT: u32;
fn load_shape() {
    PER_IMAGE = shape[0][0];
    COUNT = shape[0][1];
    IN_C = shape[0][2];
    IN_ROW = shape[0][3];
    IN_AT = shape[1][0];
    OUT_ROW = shape[1][1];
    OUT_AT = shape[1][2];
}
@group(0) @binding(2) var<storage, read> input: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
fn invocation(group: vec3<u32>, lane: u32) -> u32 {
    return (group.y * FOLD + group.x) * WORKGROUP_SIZE + lane;
}
fn add_values(a: i32, b: i32) -> i32 {
    return clamp(a + b, -VALUE_MAX, VALUE_MAX);
}
fn source(at: u32, stride: u32, tap: u32, before: u32) -> u32 {
    return at * stride + tap - before;
}
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let c = index % COUNT;
    let pixel = index / COUNT;
    let inside = c < IN_C;
    let v = select(0.0, input[select(0u, pixel * IN_ROW + IN_AT + c, inside)], inside);
    output[pixel * OUT_ROW + OUT_AT + c] = v;
}
