const VALUE_MAX: i32 = 1073741823i;
const SIGN: u32 = 0u;
const BITS: u32 = 2u;
const CODE_PLANES: u32 = 2u;
const LEVELS: u32 = 4u;
const COUNTED: u32 = 3u;
const THRESHOLDS: u32 = 1u;
const CODE_WORDS: u32 = 1u;
const ROWS: u32 = 4u;
const WORKGROUP_SIZE: u32 = 64u;
const FOLD: u32 = 65535u;
struct Params { images: u32, zero: u32, pad_0: u32, pad_1: u32, }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<uniform> shape: array<vec4<u32>, 5>;
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
var<private> GROUPS: u32;
var<private> QUADS: u32;
var<private> CODES: u32;
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
    GROUPS = shape[3][2];
    QUADS = shape[3][3];
    CODES = shape[4][0];
}
@group(0) @binding(2) var<storage, read> input: array<vec4<i32>>;
@group(0) @binding(3) var<storage, read> table: array<vec4<i32>>;
@group(0) @binding(4) var<storage, read_write> values: array<vec4<i32>>;
@group(0) @binding(5) var<storage, read_write> codes: array<u32>;
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
fn rank_of_values(quad: u32, x: vec4<i32>) -> vec4<u32> {
    if COUNTED == 0u {
        return vec4(bisect_values(quad, 0u, x.x), bisect_values(quad, 1u, x.y), bisect_values(quad, 2u, x.z), bisect_values(quad, 3u, x.w));
    }
    var rank = vec4(0u);
{
const r = 0u;
        rank += vec4<u32>(x > row_of(quad, THRESHOLDS + r));
}
{
const r = 1u;
        rank += vec4<u32>(x > row_of(quad, THRESHOLDS + r));
}
{
const r = 2u;
        rank += vec4<u32>(x > row_of(quad, THRESHOLDS + r));
}
    return rank;
}
fn bisect_values(quad: u32, lane: u32, x: i32) -> u32 {
    var rank = 0u;
    for (var jump = LEVELS / 2u + params.zero; jump > 0u; jump /= 2u) {
        rank += select(0u, jump, x > row_of(quad, THRESHOLDS + rank + jump - 1u)[lane]);
    }
    return rank;
}
fn rank_of_sums(quad: u32, hi: vec4<i32>, lo: vec4<i32>) -> vec4<u32> {
    if COUNTED == 0u {
        return vec4(
            bisect_sums(quad, 0u, hi.x, lo.x),
            bisect_sums(quad, 1u, hi.y, lo.y),
            bisect_sums(quad, 2u, hi.z, lo.z),
            bisect_sums(quad, 3u, hi.w, lo.w),
        );
    }
    var rank = vec4(0u);
{
const r = 0u;
        let high = row_of(quad, THRESHOLDS + 2u * r);
        rank += vec4<u32>((hi > high) | ((hi == high) & (lo > row_of(quad, THRESHOLDS + 2u * r + 1u))));
}
{
const r = 1u;
        let high = row_of(quad, THRESHOLDS + 2u * r);
        rank += vec4<u32>((hi > high) | ((hi == high) & (lo > row_of(quad, THRESHOLDS + 2u * r + 1u))));
}
{
const r = 2u;
        let high = row_of(quad, THRESHOLDS + 2u * r);
        rank += vec4<u32>((hi > high) | ((hi == high) & (lo > row_of(quad, THRESHOLDS + 2u * r + 1u))));
}
    return rank;
}
fn bisect_sums(quad: u32, lane: u32, hi: i32, lo: i32) -> u32 {
    var rank = 0u;
    for (var jump = LEVELS / 2u + params.zero; jump > 0u; jump /= 2u) {
        let at = THRESHOLDS + 2u * (rank + jump - 1u);
        let high = row_of(quad, at)[lane];
        rank += select(0u, jump, hi > high || (hi == high && lo > row_of(quad, at + 1u)[lane]));
    }
    return rank;
}
var<private> code_words: array<u32, CODE_PLANES>;
fn load_codes() {
{
const b = 0u;
        code_words[b] = code_word(b);
}
{
const b = 1u;
        code_words[b] = code_word(b);
}
}
fn plane_bits(plane: u32, rank: vec4<u32>) -> u32 {
    var codes = vec4(code_words[plane]);
    if CODE_WORDS > 1u {
        let word = vec4(plane * CODE_WORDS) + (rank >> vec4(5u));
        codes = vec4(code_word(word.x), code_word(word.y), code_word(word.z), code_word(word.w));
    }
    let bits = (codes >> (rank & vec4(31u))) & vec4(1u);
    return bits.x | (bits.y << 1u) | (bits.z << 2u) | (bits.w << 3u);
}
fn code_word(word: u32) -> u32 {
    return u32(table[CODES + word / 4u][word % 4u]);
}
fn live_bits(group: u32) -> u32 {
    let channels = OUT_C - group * 32u;
    return select((1u << (channels & 31u)) - 1u, 0xffffffffu, channels >= 32u);
}
const NOTHING: i32 = -2147483647;
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    load_codes();
    let group = index % GROUPS;
    let pixel = index / GROUPS;
    let x = pixel % OUT_W;
    let y = pixel / OUT_W % OUT_H;
    let image = index / PER_IMAGE;
    var packed: array<u32, CODE_PLANES>;
    for (var q = 0u; q < min(8u, QUADS - group * 8u); q++) {
        let quad = group * 8u + q;
        var most = vec4(NOTHING);
        for (var ky = 0u; ky < KH; ky++) {
            let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
            for (var kx = 0u; kx < KW; kx++) {
                let ix = source(x, STRIDE_X, kx * DILATION_X, BEFORE_X);
                let inside = iy < IN_H && ix < IN_W;
                let at = select(0u, ((image * IN_H + iy) * IN_W + ix) * QUADS + quad, inside);
                most = max(most, select(vec4(NOTHING), input[at], inside));
            }
        }
        most = select(most, vec4(0), most == vec4(NOTHING));
        values[pixel * QUADS + quad] = most;
        if BITS > 0u {
            let rank = rank_of_values(quad, most * row_of(quad, SIGN));
{
const b = 0u;
                packed[b] |= plane_bits(b, rank) << (4u * q);
}
{
const b = 1u;
                packed[b] |= plane_bits(b, rank) << (4u * q);
}
        }
    }
{
const b = 0u;
        codes[index * BITS + b] = packed[b] & live_bits(group);
}
{
const b = 1u;
        codes[index * BITS + b] = packed[b] & live_bits(group);
}
}
