const VALUE_MAX: i32 = 1073741823i;
const SCALE: u32 = 0u;
const SECOND_SCALE: u32 = 0u;
const SECOND_SHIFT: u32 = 0u;
const HAS_SCALE: bool = false;
const HAS_RESIDUAL: bool = false;
const RELU: bool = false;
const HAS_OUTPUT: bool = true;
const HAS_SECOND: bool = false;
const SECOND_RELU: bool = false;
const ROWS: u32 = 1u;
const WORKGROUP_SIZE: u32 = 64u;
const FOLD: u32 = 65535u;
struct Params { images: u32, zero: u32, pad_0: u32, pad_1: u32, }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> shape: array<vec4<u32>, 7>;
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
var<private> QUADS: u32;
var<private> FIRST_QUAD: u32;
var<private> IN_QUADS: u32;
var<private> IN_ROW: u32;
var<private> IN_AT: u32;
var<private> RESIDUAL_ROW: u32;
var<private> RESIDUAL_AT: u32;
var<private> OUTPUT_ROW: u32;
var<private> OUTPUT_AT: u32;
var<private> SECOND_ROW: u32;
var<private> SECOND_AT: u32;
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
    QUADS = shape[3][2];
    FIRST_QUAD = shape[3][3];
    IN_QUADS = shape[4][0];
    IN_ROW = shape[4][1];
    IN_AT = shape[4][2];
    RESIDUAL_ROW = shape[4][3];
    RESIDUAL_AT = shape[5][0];
    OUTPUT_ROW = shape[5][1];
    OUTPUT_AT = shape[5][2];
    SECOND_ROW = shape[5][3];
    SECOND_AT = shape[6][0];
}
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> table: array<vec4<i32>>;
var<private> residual: array<vec4<f32>, 1>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;
var<private> second: array<vec4<f32>, 1>;
fn invocation(group: vec3<u32>, lane: u32) -> u32 {
    return (group.y * FOLD + group.x) * WORKGROUP_SIZE + lane;
}
fn add_values(a: i32, b: i32) -> i32 {
    return clamp(a + b, -VALUE_MAX, VALUE_MAX);
}
fn source(at: u32, stride: u32, tap: u32, before: u32) -> u32 {
    return at * stride + tap - before;
}
fn row_of(quad: u32, row: u32) -> vec4<i32> {
    return table[quad * ROWS + row];
}
fn row(quad: u32, index: u32) -> vec4<f32> {
    return bitcast<vec4<f32>>(row_of(quad, index));
}
fn finish(quad: u32, pixel: u32, sum: vec4<f32>) {
    var v = sum;
    if HAS_SCALE {
        v *= row(quad, SCALE);
    }
    v += row(quad, 0u);
    if HAS_RESIDUAL {
        v += residual[pixel * RESIDUAL_ROW + RESIDUAL_AT + quad];
    }
    if RELU {
        v = max(v, vec4(0.0));
    }
    if HAS_OUTPUT {
        output[pixel * OUTPUT_ROW + OUTPUT_AT + quad] = v;
    }
    if HAS_SECOND {
        v = fma(v, row(quad, SECOND_SCALE), row(quad, SECOND_SHIFT));
        if SECOND_RELU {
            v = max(v, vec4(0.0));
        }
        second[pixel * SECOND_ROW + SECOND_AT + quad] = v;
    }
}
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let quad = index % QUADS;
    let pixel = index / QUADS;
    let x = pixel % OUT_W;
    let y = pixel / OUT_W % OUT_H;
    let image = pixel / (OUT_W * OUT_H);
    var sum = vec4(0.0);
    for (var ky = 0u; ky < KH; ky++) {
        let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
        for (var kx = 0u; kx < KW; kx++) {
            let ix = source(x, STRIDE_X, kx * DILATION_X, BEFORE_X);
            if iy < IN_H && ix < IN_W {
                let at = ((image * IN_H + iy) * IN_W + ix) * IN_ROW + IN_AT;
                var weights_at = (ky * KW + kx) * IN_QUADS * 4u * QUADS + quad;
                for (var i = 0u; i < IN_QUADS; i++) {
                    let four = input[at + i];
{
const k = 0u;
                        sum = fma(vec4(four[k]), weights[weights_at + k * QUADS], sum);
}
{
const k = 1u;
                        sum = fma(vec4(four[k]), weights[weights_at + k * QUADS], sum);
}
{
const k = 2u;
                        sum = fma(vec4(four[k]), weights[weights_at + k * QUADS], sum);
}
{
const k = 3u;
                        sum = fma(vec4(four[k]), weights[weights_at + k * QUADS], sum);
}
                    weights_at += 4u * QUADS;
                }
            }
        }
    }
    finish(FIRST_QUAD + quad, pixel, sum);
}
