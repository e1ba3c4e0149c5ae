const VALUE_MAX: i32 = 1073741823i;
const TAPS_X: u32 = 2u;
const STRIDE_X: u32 = 2u;
const DILATION_X: u32 = 1u;
const TILE: u32 = 4u;
const WHOLE_TILES: bool = true;
const VECTORS_BEFORE: u32 = 0u;
const SKIPPED: u32 = 0u;
const VECTORS: u32 = 2u;
const COLUMN_ROOM: u32 = 8u;
const DROP: u32 = 0u;
const LOWERED: u32 = 0u;
const RAISED: u32 = 12u;
const STEP_WEIGHTS: u32 = 8u;
const WEIGHT_LOADS: u32 = 1u;
const WEIGHT_ROOM: u32 = 8u;
const CORRECTION: u32 = 0u;
const LOW_BITS: u32 = 16u;
const BIAS: u32 = 2u;
const SHIFT: u32 = 4u;
const SIGN: u32 = 5u;
const BITS: u32 = 1u;
const CODE_PLANES: u32 = 1u;
const LEVELS: u32 = 2u;
const COUNTED: u32 = 1u;
const THRESHOLDS: u32 = 6u;
const CODE_WORDS: u32 = 1u;
const CODES_FROM_SUMS: bool = false;
const HAS_RESIDUAL: bool = false;
const STORE_VALUE: bool = true;
const RELU: bool = false;
const ROWS: u32 = 7u;
const ROW_LOADS: u32 = 1u;
const ROW_ROOM: u32 = 8u;
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
var<private> TILES: u32;
var<private> GROUPS: u32;
var<private> RESIDUAL_C: u32;
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
    TILES = shape[2][3];
    GROUPS = shape[3][0];
    RESIDUAL_C = shape[3][1];
    QUADS = shape[3][2];
    CODES = shape[3][3];
}
@group(0) @binding(2) var<storage, read> input: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> table: array<vec4<i32>>;
var<private> residual: array<vec4<i32>, 1>;
@group(0) @binding(5) var<storage, read_write> values: array<vec4<i32>>;
@group(0) @binding(6) var<storage, read_write> codes: array<u32>;
fn invocation(group: vec3<u32>, lane: u32) -> u32 {
    return (group.y * FOLD + group.x) * WORKGROUP_SIZE + lane;
}
fn add_values(a: i32, b: i32) -> i32 {
    return clamp(a + b, -VALUE_MAX, VALUE_MAX);
}
fn source(at: u32, stride: u32, tap: u32, before: u32) -> u32 {
    return at * stride + tap - before;
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
fn residual_of(quad: u32, pixel: u32) -> vec4<i32> {
    let there = quad < RESIDUAL_C / 4u;
    return select(vec4(0), residual[select(0u, pixel * (RESIDUAL_C / 4u) + quad, there)], there);
}
fn store_values(quad: u32, pixel: u32, v: vec4<i32>) {
    values[pixel * (OUT_C / 4u) + quad] = v;
}
fn to_value(hi: vec4<i32>, lo: vec4<i32>, shift: vec4<i32>) -> vec4<i32> {
    let zero = vec4(0);
    let most = vec4(VALUE_MAX);
    let left = vec4(i32(LOW_BITS)) - shift;
    let up = vec4<u32>(max(left, zero));
    let limit = vec4(1i << 30u) >> up;
    let low = select(lo << vec4<u32>(max(-shift, zero)), lo >> vec4<u32>(max(shift, zero)), shift >= zero);
    let raised = clamp((hi << up) + low, -most, most);
    let saturated = select(select(raised, most, hi >= limit), -most, hi < -limit);
    let lowered = clamp(hi >> vec4<u32>(max(-left, zero)), -most, most);
    return select(saturated, lowered, left <= zero);
}
fn finish(quad: u32, pixel: u32, hi_sum: vec4<i32>, lo_sum: vec4<i32>) -> vec4<u32> {
    let raw = lo_sum + row_of(quad, BIAS + 1u);
    let hi = hi_sum + row_of(quad, BIAS) + (raw >> vec4(LOW_BITS));
    let lo = raw & vec4((1i << LOW_BITS) - 1);
    if CODES_FROM_SUMS {
        return rank_of_sums(quad, hi, lo);
    }
    var v = to_value(hi, lo, row_of(quad, SHIFT));
    if HAS_RESIDUAL {
        v = clamp(v + residual_of(quad, pixel), vec4(-VALUE_MAX), vec4(VALUE_MAX));
    }
    if RELU {
        v = max(v, vec4(0));
    }
    if STORE_VALUE {
        store_values(quad, pixel, v);
    }
    if BITS == 0u {
        return vec4(0u);
    }
    return rank_of_values(quad, v * row_of(quad, SIGN));
}
struct Invocation {
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
}
fn prepare_sharing(who: Invocation) {}
fn load_weights(at: u32) -> array<vec4<u32>, STEP_WEIGHTS> {
    var loaded: array<vec4<u32>, STEP_WEIGHTS>;
{
const k = 0u;
        loaded[k] = weights[at + k];
}
{
const k = 1u;
        loaded[k] = weights[at + k];
}
{
const k = 2u;
        loaded[k] = weights[at + k];
}
{
const k = 3u;
        loaded[k] = weights[at + k];
}
{
const k = 4u;
        loaded[k] = weights[at + k];
}
{
const k = 5u;
        loaded[k] = weights[at + k];
}
{
const k = 6u;
        loaded[k] = weights[at + k];
}
{
const k = 7u;
        loaded[k] = weights[at + k];
}
    return loaded;
}
fn load_rows(at: u32) -> array<vec4<i32>, ROWS> {
    var loaded: array<vec4<i32>, ROWS>;
{
const k = 0u;
        loaded[k] = table[at + k];
}
{
const k = 1u;
        loaded[k] = table[at + k];
}
{
const k = 2u;
        loaded[k] = table[at + k];
}
{
const k = 3u;
        loaded[k] = table[at + k];
}
{
const k = 4u;
        loaded[k] = table[at + k];
}
{
const k = 5u;
        loaded[k] = table[at + k];
}
{
const k = 6u;
        loaded[k] = table[at + k];
}
    return loaded;
}
var<private> rows: array<vec4<i32>, ROWS>;
fn row_of(quad: u32, row: u32) -> vec4<i32> {
    return rows[row];
}
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(who: Invocation) {
    load_shape();
    load_codes();
    prepare_sharing(who);
    let index = min(invocation(who.group, who.lane), params.images * PER_IMAGE - 1u);
    let x0 = index % TILES * TILE;
    let y = index / TILES % OUT_H;
    let image = index / PER_IMAGE;
    let group = who.group.z;
    let out_pixel = (image * OUT_H + y) * OUT_W + x0;
    let first_vector = x0 * STRIDE_X / 4u - VECTORS_BEFORE;
    var packed: array<array<u32, CODE_PLANES>, TILE>;
    let quads = min(8u, QUADS - group * 8u);
    for (var q = 0u; q < quads; q++) {
        let quad = group * 8u + q;
        rows = load_rows(quad * ROWS);
        var upper: array<vec4<i32>, TILE>;
        var lower: array<vec4<i32>, TILE>;
{
const t = 0u;
            upper[t] = rows[CORRECTION];
            lower[t] = rows[CORRECTION + 1u];
}
{
const t = 1u;
            upper[t] = rows[CORRECTION];
            lower[t] = rows[CORRECTION + 1u];
}
{
const t = 2u;
            upper[t] = rows[CORRECTION];
            lower[t] = rows[CORRECTION + 1u];
}
{
const t = 3u;
            upper[t] = rows[CORRECTION];
            lower[t] = rows[CORRECTION + 1u];
}
        for (var ky = 0u; ky < KH; ky++) {
            let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
            let row_at = (image * IN_H + iy) * (IN_W / 4u);
            var columns: array<u32, COLUMN_ROOM>;
{
const v = 0u;
                let inside = iy < IN_H && first_vector + v < IN_W / 4u;
                let four = select(vec4(0u), input[select(0u, row_at + first_vector + v, inside)], inside);
{
const k = 0u;
                    columns[4u * v + k] = four[k] ^ 0x80808080u;
}
{
const k = 1u;
                    columns[4u * v + k] = four[k] ^ 0x80808080u;
}
{
const k = 2u;
                    columns[4u * v + k] = four[k] ^ 0x80808080u;
}
{
const k = 3u;
                    columns[4u * v + k] = four[k] ^ 0x80808080u;
}
}
{
const v = 1u;
                let inside = iy < IN_H && first_vector + v < IN_W / 4u;
                let four = select(vec4(0u), input[select(0u, row_at + first_vector + v, inside)], inside);
{
const k = 0u;
                    columns[4u * v + k] = four[k] ^ 0x80808080u;
}
{
const k = 1u;
                    columns[4u * v + k] = four[k] ^ 0x80808080u;
}
{
const k = 2u;
                    columns[4u * v + k] = four[k] ^ 0x80808080u;
}
{
const k = 3u;
                    columns[4u * v + k] = four[k] ^ 0x80808080u;
}
}
            let taps = load_weights((quad * KH + ky) * STEP_WEIGHTS);
{
const kx = 0u;
{
const c = 0u;
                    let both = bitcast<vec4<i32>>(taps[4u * kx + c]);
                    let w_upper = both >> vec4(16u);
                    let w_lower = (both << vec4(16u)) >> vec4(16u);
{
const t = 0u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 1u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 2u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 3u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
}
{
const c = 1u;
                    let both = bitcast<vec4<i32>>(taps[4u * kx + c]);
                    let w_upper = both >> vec4(16u);
                    let w_lower = (both << vec4(16u)) >> vec4(16u);
{
const t = 0u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 1u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 2u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 3u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
}
{
const c = 2u;
                    let both = bitcast<vec4<i32>>(taps[4u * kx + c]);
                    let w_upper = both >> vec4(16u);
                    let w_lower = (both << vec4(16u)) >> vec4(16u);
{
const t = 0u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 1u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 2u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 3u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
}
{
const c = 3u;
                    let both = bitcast<vec4<i32>>(taps[4u * kx + c]);
                    let w_upper = both >> vec4(16u);
                    let w_lower = (both << vec4(16u)) >> vec4(16u);
{
const t = 0u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 1u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 2u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 3u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
}
}
{
const kx = 1u;
{
const c = 0u;
                    let both = bitcast<vec4<i32>>(taps[4u * kx + c]);
                    let w_upper = both >> vec4(16u);
                    let w_lower = (both << vec4(16u)) >> vec4(16u);
{
const t = 0u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 1u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 2u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 3u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
}
{
const c = 1u;
                    let both = bitcast<vec4<i32>>(taps[4u * kx + c]);
                    let w_upper = both >> vec4(16u);
                    let w_lower = (both << vec4(16u)) >> vec4(16u);
{
const t = 0u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 1u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 2u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 3u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
}
{
const c = 2u;
                    let both = bitcast<vec4<i32>>(taps[4u * kx + c]);
                    let w_upper = both >> vec4(16u);
                    let w_lower = (both << vec4(16u)) >> vec4(16u);
{
const t = 0u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 1u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 2u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 3u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
}
{
const c = 3u;
                    let both = bitcast<vec4<i32>>(taps[4u * kx + c]);
                    let w_upper = both >> vec4(16u);
                    let w_lower = (both << vec4(16u)) >> vec4(16u);
{
const t = 0u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 1u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 2u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
{
const t = 3u;
                        let word = columns[SKIPPED + t * STRIDE_X + kx * DILATION_X];
                        let x = vec4(i32((word >> (8u * c)) & 255u));
                        upper[t] += w_upper * x;
                        lower[t] += w_lower * x;
}
}
}
        }
{
const t = 0u;
            let high = upper[t] + (lower[t] >> vec4(12u));
            let rest = lower[t] & vec4(4095);
            let hi = high >> vec4(8u * DROP + 4u);
            var lo = high >> vec4(LOWERED);
            if 8u * DROP <= 12u {
                lo = (high << vec4(RAISED)) | (rest >> vec4(8u * DROP));
            }
            if WHOLE_TILES || x0 + t < OUT_W {
                let rank = finish(quad, out_pixel + t, hi, lo & vec4(0xffff));
{
const b = 0u;
                    packed[t][b] |= plane_bits(b, rank) << (4u * q);
}
            }
}
{
const t = 1u;
            let high = upper[t] + (lower[t] >> vec4(12u));
            let rest = lower[t] & vec4(4095);
            let hi = high >> vec4(8u * DROP + 4u);
            var lo = high >> vec4(LOWERED);
            if 8u * DROP <= 12u {
                lo = (high << vec4(RAISED)) | (rest >> vec4(8u * DROP));
            }
            if WHOLE_TILES || x0 + t < OUT_W {
                let rank = finish(quad, out_pixel + t, hi, lo & vec4(0xffff));
{
const b = 0u;
                    packed[t][b] |= plane_bits(b, rank) << (4u * q);
}
            }
}
{
const t = 2u;
            let high = upper[t] + (lower[t] >> vec4(12u));
            let rest = lower[t] & vec4(4095);
            let hi = high >> vec4(8u * DROP + 4u);
            var lo = high >> vec4(LOWERED);
            if 8u * DROP <= 12u {
                lo = (high << vec4(RAISED)) | (rest >> vec4(8u * DROP));
            }
            if WHOLE_TILES || x0 + t < OUT_W {
                let rank = finish(quad, out_pixel + t, hi, lo & vec4(0xffff));
{
const b = 0u;
                    packed[t][b] |= plane_bits(b, rank) << (4u * q);
}
            }
}
{
const t = 3u;
            let high = upper[t] + (lower[t] >> vec4(12u));
            let rest = lower[t] & vec4(4095);
            let hi = high >> vec4(8u * DROP + 4u);
            var lo = high >> vec4(LOWERED);
            if 8u * DROP <= 12u {
                lo = (high << vec4(RAISED)) | (rest >> vec4(8u * DROP));
            }
            if WHOLE_TILES || x0 + t < OUT_W {
                let rank = finish(quad, out_pixel + t, hi, lo & vec4(0xffff));
{
const b = 0u;
                    packed[t][b] |= plane_bits(b, rank) << (4u * q);
}
            }
}
    }
{
const t = 0u;
        if WHOLE_TILES || x0 + t < OUT_W {
{
const b = 0u;
                codes[((out_pixel + t) * GROUPS + group) * BITS + b] = packed[t][b] & live_bits(group);
}
        }
}
{
const t = 1u;
        if WHOLE_TILES || x0 + t < OUT_W {
{
const b = 0u;
                codes[((out_pixel + t) * GROUPS + group) * BITS + b] = packed[t][b] & live_bits(group);
}
        }
}
{
const t = 2u;
        if WHOLE_TILES || x0 + t < OUT_W {
{
const b = 0u;
                codes[((out_pixel + t) * GROUPS + group) * BITS + b] = packed[t][b] & live_bits(group);
}
        }
}
{
const t = 3u;
        if WHOLE_TILES || x0 + t < OUT_W {
{
const b = 0u;
                codes[((out_pixel + t) * GROUPS + group) * BITS + b] = packed[t][b] & live_bits(group);
}
        }
}
}
