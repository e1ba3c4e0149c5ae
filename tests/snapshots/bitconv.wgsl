const VALUE_MAX: i32 = 1073741823i;
const LOAD: u32 = 1u;
alias Planes = u32;
fn plane_of(v: Planes, k: u32) -> u32 { return v; }
const W_PLANES: u32 = 1u;
const STORED: u32 = 1u;
const A_PLANES: u32 = 1u;
const PAIRS: u32 = 1u;
const STORED_PAIRS: u32 = 1u;
const TILE: u32 = 4u;
const TILE_BITS: u32 = 4u;
const TILE_PAIRS: u32 = 4u;
const TILE_A: u32 = 4u;
const SUMS: u32 = 1u;
const MASKED: bool = false;
const PASSES: u32 = 1u;
const COEFFICIENTS: u32 = 0u;
const FIRST: u32 = 2u;
const LOW_BITS: u32 = 16u;
const BIAS: u32 = 2u;
const SHIFT: u32 = 4u;
const SHIFTS_IN_LOW: bool = false;
const SIGN: u32 = 5u;
const BITS: u32 = 1u;
const CODE_PLANES: u32 = 1u;
const LEVELS: u32 = 2u;
const COUNTED: u32 = 1u;
const THRESHOLDS: u32 = 6u;
const CODE_WORDS: u32 = 1u;
const KEPT_ROWS: u32 = 7u;
const CODES_FROM_SUMS: bool = false;
const HAS_RESIDUAL: bool = true;
const STORE_VALUE: bool = false;
const RELU: bool = false;
const ROWS: u32 = 7u;
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
var<private> KW: u32;
var<private> STRIDE_X: u32;
var<private> DILATION_X: u32;
var<private> ROW: u32;
var<private> GROUPS: u32;
var<private> TILES: u32;
var<private> WEIGHT_ROW: u32;
var<private> RESIDUAL_C: u32;
var<private> QUADS: u32;
var<private> PASS_TABLE: u32;
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
    ROW = shape[3][2];
    GROUPS = shape[3][3];
    TILES = shape[4][0];
    WEIGHT_ROW = shape[4][1];
    RESIDUAL_C = shape[4][2];
    QUADS = shape[4][3];
    PASS_TABLE = shape[5][0];
    CODES = shape[5][1];
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
fn row_of(quad: u32, row: u32) -> vec4<i32> {
    return table[quad * ROWS + row];
}
fn counted_values(at: u32, x: Ints) -> Uints {
    var rank = Uints(0u);
{
const r = 0u;
        rank += Uints(x > row_of(at, THRESHOLDS + r));
}
    return rank;
}
fn counted_sums(at: u32, hi: Ints, lo: Ints) -> Uints {
    var rank = Uints(0u);
{
const r = 0u;
        let high = row_of(at, THRESHOLDS + 2u * r);
        rank += Uints((hi > high) | ((hi == high) & (lo > row_of(at, THRESHOLDS + 2u * r + 1u))));
}
    return rank;
}
fn signed(at: u32, v: Ints) -> Ints {
    let negative = row_of(at, SIGN) >> Uints(31u);
    return (v ^ negative) - negative;
}
var<private> code_words: array<u32, CODE_PLANES>;
fn load_codes() {
{
const b = 0u;
        code_words[b] = code_word(b);
}
}
alias Ints = vec4<i32>;
alias Uints = vec4<u32>;
fn rank_of_values(quad: u32, x: Ints) -> Uints {
    if COUNTED == 0u {
        return vec4(bisect_values(quad, 0u, x.x), bisect_values(quad, 1u, x.y), bisect_values(quad, 2u, x.z), bisect_values(quad, 3u, x.w));
    }
    return counted_values(quad, x);
}
fn rank_of_sums(quad: u32, hi: Ints, lo: Ints) -> Uints {
    if COUNTED == 0u {
        return vec4(
            bisect_sums(quad, 0u, hi.x, lo.x),
            bisect_sums(quad, 1u, hi.y, lo.y),
            bisect_sums(quad, 2u, hi.z, lo.z),
            bisect_sums(quad, 3u, hi.w, lo.w),
        );
    }
    return counted_sums(quad, hi, lo);
}
fn bisect_values(quad: u32, lane: u32, x: i32) -> u32 {
    var rank = 0u;
    for (var jump = LEVELS / 2u + params.zero; jump > 0u; jump /= 2u) {
        rank += select(0u, jump, x > row_of(quad, THRESHOLDS + rank + jump - 1u)[lane]);
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
fn to_value(hi: Ints, lo: Ints, shift: Ints) -> Ints {
    let zero = Ints(0);
    let most = Ints(VALUE_MAX);
    if SHIFTS_IN_LOW {
        let up = Uints(Ints(i32(LOW_BITS)) - shift);
        let limit = Ints(1i << 30u) >> up;
        return clamp((clamp(hi, -limit - 1, limit) << up) + (lo >> Uints(shift)), -most, most);
    }
    let left = Ints(i32(LOW_BITS)) - shift;
    let up = Uints(max(left, zero));
    let limit = Ints(1i << 30u) >> up;
    let low = select(lo << Uints(max(-shift, zero)), lo >> Uints(max(shift, zero)), shift >= zero);
    let raised = clamp((hi << up) + low, -most, most);
    let saturated = select(select(raised, most, hi >= limit), -most, hi < -limit);
    let lowered = clamp(hi >> Uints(max(-left, zero)), -most, most);
    return select(saturated, lowered, left <= zero);
}
fn finish(at: u32, pixel: u32, hi_sum: Ints, lo_sum: Ints) -> Uints {
    return finish_sums(at, pixel, hi_sum + row_of(at, BIAS), lo_sum + row_of(at, BIAS + 1u));
}
fn finish_sums(at: u32, pixel: u32, hi_sum: Ints, raw: Ints) -> Uints {
    let hi = hi_sum + (raw >> Uints(LOW_BITS));
    let lo = raw & Ints((1i << LOW_BITS) - 1);
    if CODES_FROM_SUMS {
        return rank_of_sums(at, hi, lo);
    }
    var v = to_value(hi, lo, row_of(at, SHIFT));
    if HAS_RESIDUAL {
        v = clamp(v + residual_of(at, pixel), Ints(-VALUE_MAX), Ints(VALUE_MAX));
    }
    if RELU {
        v = max(v, Ints(0));
    }
    if STORE_VALUE {
        store_values(at, pixel, v);
    }
    if BITS == 0u {
        return Uints(0u);
    }
    return rank_of_values(at, signed(at, v));
}
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    load_codes();
    let index = invocation(id, lane);
    if index >= params.images * PER_IMAGE {
        return;
    }
    let x0 = index % TILES * TILE;
    let y = index / TILES % OUT_H;
    let group = index / (TILES * OUT_H) % GROUPS;
    let image = index / PER_IMAGE;
    let image_at = image * IN_H * IN_W;
    let out_pixel = (image * OUT_H + y) * OUT_W + x0;
    let rolled = select(params.zero, 0u, PAIRS <= 16u);
    let stored = STORED + rolled;
    let loads = A_PLANES / LOAD + rolled;
    var ones = array<i32, TILE_A>();
    if PASSES == 1u && !MASKED {
        let at = u32(table[PASS_TABLE].x);
        let step = u32(table[PASS_TABLE].y);
        let words = u32(table[PASS_TABLE].z);
        for (var ky = 0u; ky < KH; ky++) {
            let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
            if iy >= IN_H {
                continue;
            }
            let row_at = image_at + iy * IN_W;
            for (var kx = 0u; kx < KW; kx++) {
                for (var w = 0u; w < words; w++) {
                    for (var t = 0u; t < TILE; t++) {
                        let ix = source(x0 + t, STRIDE_X, kx * DILATION_X, BEFORE_X);
                        let inside = ix < IN_W;
                        let word_at = select(0u, (row_at + ix) * ROW + at + w * step, inside);
                        for (var load = 0u; load < loads; load++) {
                            let a = select(Planes(), input[word_at + load], inside);
                            for (var k = 0u; k < LOAD; k++) {
                                ones[t * A_PLANES + load * LOAD + k] += i32(countOneBits(plane_of(a, k)));
                            }
                        }
                    }
                }
            }
        }
    }
    var packed = array<u32, TILE_BITS>();
    for (var q = 0u; q < min(8u, QUADS - group * 8u); q++) {
        let quad = group * 8u + q;
        var sum_hi = array<vec4<i32>, SUMS>();
        var sum_lo = array<vec4<i32>, SUMS>();
        for (var pass_index = 0u; pass_index < PASSES; pass_index++) {
            let taken = vec4<u32>(table[PASS_TABLE + 2u * pass_index]);
            var first = 0u;
            if MASKED {
                first = u32(table[quad * ROWS + FIRST + u32(table[PASS_TABLE + 2u * pass_index + 1u].x)].x);
            }
            let at = taken.x + first * taken.y;
            var both = array<vec4<u32>, TILE_PAIRS>();
            if PASSES > 1u {
                for (var j = 0u; j < TILE_A; j++) {
                    ones[j] = 0;
                }
            }
            for (var ky = 0u; ky < KH; ky++) {
                let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
                if iy >= IN_H {
                    continue;
                }
                let row_at = image_at + iy * IN_W;
                for (var kx = 0u; kx < KW; kx++) {
                    for (var w = 0u; w < taken.z; w++) {
                        let weights_at = quad * WEIGHT_ROW + taken.w + ((ky * KW + kx) * taken.z + w) * STORED;
                        for (var t = 0u; t < TILE; t++) {
                            let ix = source(x0 + t, STRIDE_X, kx * DILATION_X, BEFORE_X);
                            let inside = ix < IN_W;
                            let word_at = select(0u, (row_at + ix) * ROW + at + w * taken.y, inside);
                            for (var load = 0u; load < loads; load++) {
                                let a = select(Planes(), input[word_at + load], inside);
                                for (var k = 0u; k < LOAD; k++) {
                                    let j = load * LOAD + k;
                                    for (var i = 0u; i < stored; i++) {
                                        let b = weights[weights_at + i];
                                        both[t * STORED_PAIRS + i * A_PLANES + j] += countOneBits(b & vec4(plane_of(a, k)));
                                    }
                                    if PASSES > 1u && !MASKED {
                                        ones[t * A_PLANES + j] += i32(countOneBits(plane_of(a, k)));
                                    }
                                }
                            }
                        }
                    }
                }
            }
            for (var t = 0u; t < TILE + params.zero; t++) {
                var hi = sum_hi[0];
                var lo = sum_lo[0];
                let row = quad * ROWS + COEFFICIENTS + pass_index * 2u * PAIRS;
                for (var i = 0u; i < W_PLANES + rolled; i++) {
                    for (var j = 0u; j < A_PLANES; j++) {
                        let pair = i * A_PLANES + j;
                        var n = 2 * vec4<i32>(both[pair]);
                        if MASKED {
                            n -= vec4<i32>(both[PAIRS + j]);
                        } else {
                            n -= vec4(ones[j]);
                        }
                        hi += table[row + pair] * n;
                        lo += table[row + PAIRS + pair] * n;
                    }
                }
                if pass_index + 1u == PASSES {
                    if x0 + t < OUT_W {
                        let rank = finish(quad, out_pixel + t, hi, lo);
{
const b = 0u;
                            packed[b] |= plane_bits(b, rank) << (4u * q);
}
                    }
                    for (var b = 0u; b < BITS; b++) {
                        let front = packed[b];
                        for (var u = 1u; u < TILE; u++) {
                            packed[(u - 1u) * BITS + b] = packed[u * BITS + b];
                        }
                        packed[(TILE - 1u) * BITS + b] = front;
                    }
                }
                if PASSES > 1u {
                    hi += lo >> vec4(LOW_BITS);
                    lo &= vec4((1i << LOW_BITS) - 1);
                    for (var u = 1u; u < SUMS; u++) {
                        sum_hi[u - 1u] = sum_hi[u];
                        sum_lo[u - 1u] = sum_lo[u];
                    }
                    sum_hi[SUMS - 1u] = hi;
                    sum_lo[SUMS - 1u] = lo;
                }
                for (var i = STORED_PAIRS; i < TILE_PAIRS; i++) {
                    both[i - STORED_PAIRS] = both[i];
                }
                for (var j = 0u; j < A_PLANES; j++) {
                    let front = ones[j];
                    for (var u = 1u; u < TILE; u++) {
                        ones[(u - 1u) * A_PLANES + j] = ones[u * A_PLANES + j];
                    }
                    ones[(TILE - 1u) * A_PLANES + j] = front;
                }
            }
        }
    }
    for (var t = 0u; t < TILE; t++) {
        if x0 + t < OUT_W {
            for (var b = 0u; b < BITS; b++) {
                codes[((out_pixel + t) * GROUPS + group) * BITS + b] = packed[t * BITS + b] & live_bits(group);
            }
        }
    }
}
