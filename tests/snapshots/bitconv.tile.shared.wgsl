const VALUE_MAX: i32 = 1073741823i;
const TAPS_X: u32 = 1u;
const STRIDE_X: u32 = 1u;
const DILATION_X: u32 = 1u;
const TILE: u32 = 4u;
const QUADS_AT_ONCE: u32 = 2u;
const WORDS_AT_ONCE: u32 = 1u;
const COLUMNS: u32 = 4u;
const COLUMN_WORDS: u32 = 1u;
const W_PLANES: u32 = 1u;
const A_PLANES: u32 = 1u;
const PAIRS: u32 = 1u;
const STEP_PLANES: u32 = 2u;
const STEP_PAIRS: u32 = 2u;
const STEP_WEIGHTS: u32 = 2u;
const WEIGHT_LOADS: u32 = 1u;
const WEIGHT_ROOM: u32 = 8u;
const WHOLE_TILES: bool = false;
const LOAD: u32 = 1u;
alias Planes = u32;
fn plane_of(v: Planes, k: u32) -> u32 { return v; }
const LOADS: u32 = 1u;
const COEFFICIENTS: u32 = 0u;
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
const HAS_RESIDUAL: bool = true;
const STORE_VALUE: bool = false;
const RELU: bool = false;
const ROWS: u32 = 7u;
const ROW_LOADS: u32 = 1u;
const ROW_ROOM: u32 = 8u;
alias Products = array<vec4<u32>, 1u>;
fn count(words: Products) -> vec4<u32> {
    return (countOneBits(words[0]));
}
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
var<private> TILES: u32;
var<private> WORDS: u32;
var<private> GROUPS: u32;
var<private> ROW: u32;
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
    WORDS = shape[3][0];
    GROUPS = shape[3][1];
    ROW = shape[3][2];
    RESIDUAL_C = shape[3][3];
    QUADS = shape[4][0];
    CODES = shape[4][1];
}
@group(0) @binding(2) var<storage, read> input: array<Planes>;
@group(0) @binding(3) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> table: array<vec4<i32>>;
@group(0) @binding(5) var<storage, read> residual: array<vec4<i32>>;
var<private> values: array<vec4<i32>, 1>;
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
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
}
var<private> sharer: u32;
fn prepare_sharing(who: Invocation) {
    sharer = who.subgroup_lane & 7u;
}
fn load_weights(at: u32) -> array<vec4<u32>, STEP_WEIGHTS> {
    var loaded: array<vec4<u32>, WEIGHT_ROOM>;
{
const k = 0u;
        let own = weights[at + 8u * k + sharer];
{
const l = 0u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
{
const l = 1u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
{
const l = 2u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
{
const l = 3u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
{
const l = 4u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
{
const l = 5u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
{
const l = 6u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
{
const l = 7u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
}
    var wanted: array<vec4<u32>, STEP_WEIGHTS>;
{
const k = 0u;
        wanted[k] = loaded[k];
}
{
const k = 1u;
        wanted[k] = loaded[k];
}
    return wanted;
}
fn load_rows(at: u32) -> array<vec4<i32>, ROWS> {
    var loaded: array<vec4<i32>, ROW_ROOM>;
{
const k = 0u;
        let own = table[at + 8u * k + sharer];
{
const l = 0u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
{
const l = 1u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
{
const l = 2u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
{
const l = 3u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
{
const l = 4u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
{
const l = 5u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
{
const l = 6u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
{
const l = 7u;
            loaded[8u * k + l] = subgroupBroadcast(own, l);
}
}
    var wanted: array<vec4<i32>, ROWS>;
{
const k = 0u;
        wanted[k] = loaded[k];
}
{
const k = 1u;
        wanted[k] = loaded[k];
}
{
const k = 2u;
        wanted[k] = loaded[k];
}
{
const k = 3u;
        wanted[k] = loaded[k];
}
{
const k = 4u;
        wanted[k] = loaded[k];
}
{
const k = 5u;
        wanted[k] = loaded[k];
}
{
const k = 6u;
        wanted[k] = loaded[k];
}
    return wanted;
}
var<private> rows: array<vec4<i32>, ROWS>;
fn row_of(quad: u32, row: u32) -> vec4<i32> {
    return rows[row];
}
alias Column = array<u32, COLUMN_WORDS>;
struct Step {
    ky: u32,
    word: u32,
}
fn next(step: Step) -> Step {
    let last = step.word + 1u == WORDS;
    return Step(step.ky + u32(last), select(step.word + 1u, 0u, last));
}
var<private> image_row: u32;
var<private> first_y: u32;
var<private> first_x: u32;
fn load_columns(step: Step) -> array<Column, COLUMNS> {
    let iy = first_y + step.ky * DILATION_Y;
    let row_at = ((image_row + iy) * IN_W + first_x) * ROW + step.word * LOADS;
    var columns: array<Column, COLUMNS>;
{
const c = 0u;
        let inside = iy < IN_H && first_x + c < IN_W;
        let at = select(0u, row_at + c * ROW, inside);
{
const load = 0u;
            let a = select(Planes(), input[at + load], inside);
{
const k = 0u;
                columns[c][load * LOAD + k] = plane_of(a, k);
}
}
}
{
const c = 1u;
        let inside = iy < IN_H && first_x + c < IN_W;
        let at = select(0u, row_at + c * ROW, inside);
{
const load = 0u;
            let a = select(Planes(), input[at + load], inside);
{
const k = 0u;
                columns[c][load * LOAD + k] = plane_of(a, k);
}
}
}
{
const c = 2u;
        let inside = iy < IN_H && first_x + c < IN_W;
        let at = select(0u, row_at + c * ROW, inside);
{
const load = 0u;
            let a = select(Planes(), input[at + load], inside);
{
const k = 0u;
                columns[c][load * LOAD + k] = plane_of(a, k);
}
}
}
{
const c = 3u;
        let inside = iy < IN_H && first_x + c < IN_W;
        let at = select(0u, row_at + c * ROW, inside);
{
const load = 0u;
            let a = select(Planes(), input[at + load], inside);
{
const k = 0u;
                columns[c][load * LOAD + k] = plane_of(a, k);
}
}
}
    return columns;
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
    image_row = image * IN_H;
    first_y = y * STRIDE_Y - BEFORE_Y;
    first_x = x0 * STRIDE_X - BEFORE_X;
    let steps = KH * WORDS;
    var ones: array<array<u32, A_PLANES>, TILE>;
    var at = Step();
    for (var step = 0u; step < steps; step++) {
        let columns = load_columns(at);
{
const t = 0u;
{
const j = 0u;
{
const u = 0u;
{
const kx = 0u;
                        ones[t][j] += countOneBits(columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j]);
}
}
}
}
{
const t = 1u;
{
const j = 0u;
{
const u = 0u;
{
const kx = 0u;
                        ones[t][j] += countOneBits(columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j]);
}
}
}
}
{
const t = 2u;
{
const j = 0u;
{
const u = 0u;
{
const kx = 0u;
                        ones[t][j] += countOneBits(columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j]);
}
}
}
}
{
const t = 3u;
{
const j = 0u;
{
const u = 0u;
{
const kx = 0u;
                        ones[t][j] += countOneBits(columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j]);
}
}
}
}
        at = next(at);
    }
    var packed: array<array<u32, CODE_PLANES>, TILE>;
    let turns = min(8u, QUADS - group * 8u) / QUADS_AT_ONCE;
    for (var turn = 0u; turn < turns; turn++) {
        let first_quad = group * 8u + turn * QUADS_AT_ONCE;
        var weights_at = first_quad / QUADS_AT_ONCE * steps * STEP_WEIGHTS;
        var both: array<array<vec4<u32>, STEP_PAIRS>, TILE>;
        at = Step();
        for (var step = 0u; step < steps; step++) {
            let columns = load_columns(at);
            let taps = load_weights(weights_at);
{
const t = 0u;
{
const i = 0u;
{
const j = 0u;
                        var products: Products;
{
const u = 0u;
{
const kx = 0u;
                                let a = columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j];
                                products[u * TAPS_X + kx] = taps[(u * TAPS_X + kx) * STEP_PLANES + i] & vec4(a);
}
}
                        both[t][i * A_PLANES + j] += count(products);
}
}
{
const i = 1u;
{
const j = 0u;
                        var products: Products;
{
const u = 0u;
{
const kx = 0u;
                                let a = columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j];
                                products[u * TAPS_X + kx] = taps[(u * TAPS_X + kx) * STEP_PLANES + i] & vec4(a);
}
}
                        both[t][i * A_PLANES + j] += count(products);
}
}
}
{
const t = 1u;
{
const i = 0u;
{
const j = 0u;
                        var products: Products;
{
const u = 0u;
{
const kx = 0u;
                                let a = columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j];
                                products[u * TAPS_X + kx] = taps[(u * TAPS_X + kx) * STEP_PLANES + i] & vec4(a);
}
}
                        both[t][i * A_PLANES + j] += count(products);
}
}
{
const i = 1u;
{
const j = 0u;
                        var products: Products;
{
const u = 0u;
{
const kx = 0u;
                                let a = columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j];
                                products[u * TAPS_X + kx] = taps[(u * TAPS_X + kx) * STEP_PLANES + i] & vec4(a);
}
}
                        both[t][i * A_PLANES + j] += count(products);
}
}
}
{
const t = 2u;
{
const i = 0u;
{
const j = 0u;
                        var products: Products;
{
const u = 0u;
{
const kx = 0u;
                                let a = columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j];
                                products[u * TAPS_X + kx] = taps[(u * TAPS_X + kx) * STEP_PLANES + i] & vec4(a);
}
}
                        both[t][i * A_PLANES + j] += count(products);
}
}
{
const i = 1u;
{
const j = 0u;
                        var products: Products;
{
const u = 0u;
{
const kx = 0u;
                                let a = columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j];
                                products[u * TAPS_X + kx] = taps[(u * TAPS_X + kx) * STEP_PLANES + i] & vec4(a);
}
}
                        both[t][i * A_PLANES + j] += count(products);
}
}
}
{
const t = 3u;
{
const i = 0u;
{
const j = 0u;
                        var products: Products;
{
const u = 0u;
{
const kx = 0u;
                                let a = columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j];
                                products[u * TAPS_X + kx] = taps[(u * TAPS_X + kx) * STEP_PLANES + i] & vec4(a);
}
}
                        both[t][i * A_PLANES + j] += count(products);
}
}
{
const i = 1u;
{
const j = 0u;
                        var products: Products;
{
const u = 0u;
{
const kx = 0u;
                                let a = columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j];
                                products[u * TAPS_X + kx] = taps[(u * TAPS_X + kx) * STEP_PLANES + i] & vec4(a);
}
}
                        both[t][i * A_PLANES + j] += count(products);
}
}
}
            weights_at += STEP_WEIGHTS;
            at = next(at);
        }
{
const q = 0u;
            rows = load_rows((first_quad + q) * ROWS);
{
const t = 0u;
                var hi = vec4(0);
                var lo = vec4(0);
{
const i = 0u;
{
const j = 0u;
                        let pair = i * A_PLANES + j;
                        let n = vec4<i32>(2u * both[t][q * PAIRS + pair] - vec4(ones[t][j]));
                        hi += rows[COEFFICIENTS + pair] * n;
                        lo += rows[COEFFICIENTS + PAIRS + pair] * n;
}
}
                if WHOLE_TILES || x0 + t < OUT_W {
                    let rank = finish(first_quad + q, out_pixel + t, hi, lo);
{
const b = 0u;
                        packed[t][b] |= plane_bits(b, rank) << (4u * (turn * QUADS_AT_ONCE + q));
}
                }
}
{
const t = 1u;
                var hi = vec4(0);
                var lo = vec4(0);
{
const i = 0u;
{
const j = 0u;
                        let pair = i * A_PLANES + j;
                        let n = vec4<i32>(2u * both[t][q * PAIRS + pair] - vec4(ones[t][j]));
                        hi += rows[COEFFICIENTS + pair] * n;
                        lo += rows[COEFFICIENTS + PAIRS + pair] * n;
}
}
                if WHOLE_TILES || x0 + t < OUT_W {
                    let rank = finish(first_quad + q, out_pixel + t, hi, lo);
{
const b = 0u;
                        packed[t][b] |= plane_bits(b, rank) << (4u * (turn * QUADS_AT_ONCE + q));
}
                }
}
{
const t = 2u;
                var hi = vec4(0);
                var lo = vec4(0);
{
const i = 0u;
{
const j = 0u;
                        let pair = i * A_PLANES + j;
                        let n = vec4<i32>(2u * both[t][q * PAIRS + pair] - vec4(ones[t][j]));
                        hi += rows[COEFFICIENTS + pair] * n;
                        lo += rows[COEFFICIENTS + PAIRS + pair] * n;
}
}
                if WHOLE_TILES || x0 + t < OUT_W {
                    let rank = finish(first_quad + q, out_pixel + t, hi, lo);
{
const b = 0u;
                        packed[t][b] |= plane_bits(b, rank) << (4u * (turn * QUADS_AT_ONCE + q));
}
                }
}
{
const t = 3u;
                var hi = vec4(0);
                var lo = vec4(0);
{
const i = 0u;
{
const j = 0u;
                        let pair = i * A_PLANES + j;
                        let n = vec4<i32>(2u * both[t][q * PAIRS + pair] - vec4(ones[t][j]));
                        hi += rows[COEFFICIENTS + pair] * n;
                        lo += rows[COEFFICIENTS + PAIRS + pair] * n;
}
}
                if WHOLE_TILES || x0 + t < OUT_W {
                    let rank = finish(first_quad + q, out_pixel + t, hi, lo);
{
const b = 0u;
                        packed[t][b] |= plane_bits(b, rank) << (4u * (turn * QUADS_AT_ONCE + q));
}
                }
}
}
{
const q = 1u;
            rows = load_rows((first_quad + q) * ROWS);
{
const t = 0u;
                var hi = vec4(0);
                var lo = vec4(0);
{
const i = 0u;
{
const j = 0u;
                        let pair = i * A_PLANES + j;
                        let n = vec4<i32>(2u * both[t][q * PAIRS + pair] - vec4(ones[t][j]));
                        hi += rows[COEFFICIENTS + pair] * n;
                        lo += rows[COEFFICIENTS + PAIRS + pair] * n;
}
}
                if WHOLE_TILES || x0 + t < OUT_W {
                    let rank = finish(first_quad + q, out_pixel + t, hi, lo);
{
const b = 0u;
                        packed[t][b] |= plane_bits(b, rank) << (4u * (turn * QUADS_AT_ONCE + q));
}
                }
}
{
const t = 1u;
                var hi = vec4(0);
                var lo = vec4(0);
{
const i = 0u;
{
const j = 0u;
                        let pair = i * A_PLANES + j;
                        let n = vec4<i32>(2u * both[t][q * PAIRS + pair] - vec4(ones[t][j]));
                        hi += rows[COEFFICIENTS + pair] * n;
                        lo += rows[COEFFICIENTS + PAIRS + pair] * n;
}
}
                if WHOLE_TILES || x0 + t < OUT_W {
                    let rank = finish(first_quad + q, out_pixel + t, hi, lo);
{
const b = 0u;
                        packed[t][b] |= plane_bits(b, rank) << (4u * (turn * QUADS_AT_ONCE + q));
}
                }
}
{
const t = 2u;
                var hi = vec4(0);
                var lo = vec4(0);
{
const i = 0u;
{
const j = 0u;
                        let pair = i * A_PLANES + j;
                        let n = vec4<i32>(2u * both[t][q * PAIRS + pair] - vec4(ones[t][j]));
                        hi += rows[COEFFICIENTS + pair] * n;
                        lo += rows[COEFFICIENTS + PAIRS + pair] * n;
}
}
                if WHOLE_TILES || x0 + t < OUT_W {
                    let rank = finish(first_quad + q, out_pixel + t, hi, lo);
{
const b = 0u;
                        packed[t][b] |= plane_bits(b, rank) << (4u * (turn * QUADS_AT_ONCE + q));
}
                }
}
{
const t = 3u;
                var hi = vec4(0);
                var lo = vec4(0);
{
const i = 0u;
{
const j = 0u;
                        let pair = i * A_PLANES + j;
                        let n = vec4<i32>(2u * both[t][q * PAIRS + pair] - vec4(ones[t][j]));
                        hi += rows[COEFFICIENTS + pair] * n;
                        lo += rows[COEFFICIENTS + PAIRS + pair] * n;
}
}
                if WHOLE_TILES || x0 + t < OUT_W {
                    let rank = finish(first_quad + q, out_pixel + t, hi, lo);
{
const b = 0u;
                        packed[t][b] |= plane_bits(b, rank) << (4u * (turn * QUADS_AT_ONCE + q));
}
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
