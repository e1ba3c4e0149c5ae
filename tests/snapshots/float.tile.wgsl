const VALUE_MAX: i32 = 1073741823i;
const TAPS_X: u32 = 2u;
const STRIDE_X: u32 = 2u;
const DILATION_X: u32 = 1u;
const TILE: u32 = 4u;
const QUADS_AT_ONCE: u32 = 2u;
const COLUMNS: u32 = 8u;
const IN_LANES: u32 = 3u;
const WHOLE_TILES: bool = true;
const WHOLE_TURNS: bool = true;
const STEP_WEIGHTS: u32 = 12u;
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
@group(0) @binding(1) var<uniform> shape: array<vec4<u32>, 6>;
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
var<private> TILES: u32;
var<private> OUT_QUADS: u32;
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
    TILES = shape[2][3];
    OUT_QUADS = shape[3][0];
    FIRST_QUAD = shape[3][1];
    IN_QUADS = shape[3][2];
    IN_ROW = shape[3][3];
    IN_AT = shape[4][0];
    RESIDUAL_ROW = shape[4][1];
    RESIDUAL_AT = shape[4][2];
    OUTPUT_ROW = shape[4][3];
    OUTPUT_AT = shape[5][0];
    SECOND_ROW = shape[5][1];
    SECOND_AT = shape[5][2];
}
@group(0) @binding(2) var<storage, read> weights: array<vec4<u32>>;
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
var<private> rows: array<vec4<i32>, ROWS>;
fn row_of(quad: u32, row: u32) -> vec4<i32> {
    return rows[row];
}
var<private> image_row: u32;
var<private> first_y: u32;
var<private> first_x: u32;
fn load_columns(ky: u32, quad: u32) -> array<vec4<f32>, COLUMNS> {
    let iy = first_y + ky * DILATION_Y;
    let row_at = ((image_row + iy) * IN_W + first_x) * IN_ROW + IN_AT + quad;
    var columns = array<vec4<f32>, COLUMNS>();
{
const c = 0u;
        let inside = iy < IN_H && first_x + c < IN_W;
        columns[c] = select(vec4(0.0), input[select(0u, row_at + c * IN_ROW, inside)], inside);
}
{
const c = 1u;
        let inside = iy < IN_H && first_x + c < IN_W;
        columns[c] = select(vec4(0.0), input[select(0u, row_at + c * IN_ROW, inside)], inside);
}
{
const c = 2u;
        let inside = iy < IN_H && first_x + c < IN_W;
        columns[c] = select(vec4(0.0), input[select(0u, row_at + c * IN_ROW, inside)], inside);
}
{
const c = 3u;
        let inside = iy < IN_H && first_x + c < IN_W;
        columns[c] = select(vec4(0.0), input[select(0u, row_at + c * IN_ROW, inside)], inside);
}
{
const c = 4u;
        let inside = iy < IN_H && first_x + c < IN_W;
        columns[c] = select(vec4(0.0), input[select(0u, row_at + c * IN_ROW, inside)], inside);
}
{
const c = 5u;
        let inside = iy < IN_H && first_x + c < IN_W;
        columns[c] = select(vec4(0.0), input[select(0u, row_at + c * IN_ROW, inside)], inside);
}
{
const c = 6u;
        let inside = iy < IN_H && first_x + c < IN_W;
        columns[c] = select(vec4(0.0), input[select(0u, row_at + c * IN_ROW, inside)], inside);
}
{
const c = 7u;
        let inside = iy < IN_H && first_x + c < IN_W;
        columns[c] = select(vec4(0.0), input[select(0u, row_at + c * IN_ROW, inside)], inside);
}
    return columns;
}
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let x0 = index % TILES * TILE;
    let y = index / TILES % OUT_H;
    let image = index / PER_IMAGE;
    image_row = image * IN_H;
    first_y = y * STRIDE_Y - BEFORE_Y;
    first_x = x0 * STRIDE_X - BEFORE_X;
    var sums = array<array<vec4<f32>, QUADS_AT_ONCE>, TILE>();
    var weights_at = id.z * KH * IN_QUADS * STEP_WEIGHTS;
    for (var ky = 0u; ky < KH; ky++) {
        for (var quad = 0u; quad < IN_QUADS; quad++) {
            let columns = load_columns(ky, quad);
            var taps = array<vec4<f32>, STEP_WEIGHTS>();
{
const k = 0u;
                taps[k] = bitcast<vec4<f32>>(weights[weights_at + k]);
}
{
const k = 1u;
                taps[k] = bitcast<vec4<f32>>(weights[weights_at + k]);
}
{
const k = 2u;
                taps[k] = bitcast<vec4<f32>>(weights[weights_at + k]);
}
{
const k = 3u;
                taps[k] = bitcast<vec4<f32>>(weights[weights_at + k]);
}
{
const k = 4u;
                taps[k] = bitcast<vec4<f32>>(weights[weights_at + k]);
}
{
const k = 5u;
                taps[k] = bitcast<vec4<f32>>(weights[weights_at + k]);
}
{
const k = 6u;
                taps[k] = bitcast<vec4<f32>>(weights[weights_at + k]);
}
{
const k = 7u;
                taps[k] = bitcast<vec4<f32>>(weights[weights_at + k]);
}
{
const k = 8u;
                taps[k] = bitcast<vec4<f32>>(weights[weights_at + k]);
}
{
const k = 9u;
                taps[k] = bitcast<vec4<f32>>(weights[weights_at + k]);
}
{
const k = 10u;
                taps[k] = bitcast<vec4<f32>>(weights[weights_at + k]);
}
{
const k = 11u;
                taps[k] = bitcast<vec4<f32>>(weights[weights_at + k]);
}
{
const q = 0u;
{
const kx = 0u;
{
const k = 0u;
                        let w = taps[(kx * IN_LANES + k) * QUADS_AT_ONCE + q];
{
const t = 0u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 1u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 2u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 3u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
}
{
const k = 1u;
                        let w = taps[(kx * IN_LANES + k) * QUADS_AT_ONCE + q];
{
const t = 0u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 1u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 2u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 3u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
}
{
const k = 2u;
                        let w = taps[(kx * IN_LANES + k) * QUADS_AT_ONCE + q];
{
const t = 0u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 1u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 2u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 3u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
}
}
{
const kx = 1u;
{
const k = 0u;
                        let w = taps[(kx * IN_LANES + k) * QUADS_AT_ONCE + q];
{
const t = 0u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 1u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 2u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 3u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
}
{
const k = 1u;
                        let w = taps[(kx * IN_LANES + k) * QUADS_AT_ONCE + q];
{
const t = 0u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 1u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 2u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 3u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
}
{
const k = 2u;
                        let w = taps[(kx * IN_LANES + k) * QUADS_AT_ONCE + q];
{
const t = 0u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 1u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 2u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 3u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
}
}
}
{
const q = 1u;
{
const kx = 0u;
{
const k = 0u;
                        let w = taps[(kx * IN_LANES + k) * QUADS_AT_ONCE + q];
{
const t = 0u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 1u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 2u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 3u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
}
{
const k = 1u;
                        let w = taps[(kx * IN_LANES + k) * QUADS_AT_ONCE + q];
{
const t = 0u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 1u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 2u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 3u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
}
{
const k = 2u;
                        let w = taps[(kx * IN_LANES + k) * QUADS_AT_ONCE + q];
{
const t = 0u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 1u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 2u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 3u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
}
}
{
const kx = 1u;
{
const k = 0u;
                        let w = taps[(kx * IN_LANES + k) * QUADS_AT_ONCE + q];
{
const t = 0u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 1u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 2u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 3u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
}
{
const k = 1u;
                        let w = taps[(kx * IN_LANES + k) * QUADS_AT_ONCE + q];
{
const t = 0u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 1u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 2u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 3u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
}
{
const k = 2u;
                        let w = taps[(kx * IN_LANES + k) * QUADS_AT_ONCE + q];
{
const t = 0u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 1u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 2u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
{
const t = 3u;
                            let x = columns[t * STRIDE_X + kx * DILATION_X][k];
                            sums[t][q] = fma(vec4(x), w, sums[t][q]);
}
}
}
}
            weights_at += STEP_WEIGHTS;
        }
    }
    let pixel = (image * OUT_H + y) * OUT_W + x0;
{
const q = 0u;
        let quad = FIRST_QUAD + id.z * QUADS_AT_ONCE + q;
{
const r = 0u;
            rows[r] = table[quad * ROWS + r];
}
{
const t = 0u;
            if (WHOLE_TILES || x0 + t < OUT_W) && (WHOLE_TURNS || quad < OUT_QUADS) {
                finish(quad, pixel + t, sums[t][q]);
            }
}
{
const t = 1u;
            if (WHOLE_TILES || x0 + t < OUT_W) && (WHOLE_TURNS || quad < OUT_QUADS) {
                finish(quad, pixel + t, sums[t][q]);
            }
}
{
const t = 2u;
            if (WHOLE_TILES || x0 + t < OUT_W) && (WHOLE_TURNS || quad < OUT_QUADS) {
                finish(quad, pixel + t, sums[t][q]);
            }
}
{
const t = 3u;
            if (WHOLE_TILES || x0 + t < OUT_W) && (WHOLE_TURNS || quad < OUT_QUADS) {
                finish(quad, pixel + t, sums[t][q]);
            }
}
}
{
const q = 1u;
        let quad = FIRST_QUAD + id.z * QUADS_AT_ONCE + q;
{
const r = 0u;
            rows[r] = table[quad * ROWS + r];
}
{
const t = 0u;
            if (WHOLE_TILES || x0 + t < OUT_W) && (WHOLE_TURNS || quad < OUT_QUADS) {
                finish(quad, pixel + t, sums[t][q]);
            }
}
{
const t = 1u;
            if (WHOLE_TILES || x0 + t < OUT_W) && (WHOLE_TURNS || quad < OUT_QUADS) {
                finish(quad, pixel + t, sums[t][q]);
            }
}
{
const t = 2u;
            if (WHOLE_TILES || x0 + t < OUT_W) && (WHOLE_TURNS || quad < OUT_QUADS) {
                finish(quad, pixel + t, sums[t][q]);
            }
}
{
const t = 3u;
            if (WHOLE_TILES || x0 + t < OUT_W) && (WHOLE_TURNS || quad < OUT_QUADS) {
                finish(quad, pixel + t, sums[t][q]);
            }
}
}
}
