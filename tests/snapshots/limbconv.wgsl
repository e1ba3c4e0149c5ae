const VALUE_MAX: i32 = 1073741823i;
const X_LIMBS: u32 = 1u;
const W_LIMBS: u32 = 3u;
const DIAGONALS: u32 = 3u;
const TILE_DIAGONALS: u32 = 6u;
const GROUP_QUADS: u32 = 8u;
const TILE: u32 = 2u;
const TILE_BITS: u32 = 2u;
const SUMS: bool = false;
const MASKED: bool = false;
const FIRST: u32 = 0u;
const DROP: u32 = 0u;
const DIGITS: u32 = 3u;
const LOW_BITS: u32 = 16u;
const BIAS: u32 = 0u;
const SHIFT: u32 = 2u;
const SHIFTS_IN_LOW: bool = true;
const SIGN: u32 = 3u;
const BITS: u32 = 1u;
const CODE_PLANES: u32 = 1u;
const LEVELS: u32 = 2u;
const COUNTED: u32 = 1u;
const THRESHOLDS: u32 = 4u;
const CODE_WORDS: u32 = 1u;
const KEPT_ROWS: u32 = 5u;
const CODES_FROM_SUMS: bool = false;
const HAS_RESIDUAL: bool = false;
const STORE_VALUE: bool = true;
const RELU: bool = false;
const ROWS: u32 = 5u;
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
var<private> IN_GROUPS: u32;
var<private> GROUPS: u32;
var<private> READ_GROUPS: u32;
var<private> TILES: u32;
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
    KW = shape[2][3];
    STRIDE_X = shape[3][0];
    DILATION_X = shape[3][1];
    IN_GROUPS = shape[3][2];
    GROUPS = shape[3][3];
    READ_GROUPS = shape[4][0];
    TILES = shape[4][1];
    RESIDUAL_C = shape[4][2];
    QUADS = shape[4][3];
    CODES = shape[5][0];
}
@group(0) @binding(2) var<storage, read> input: array<u32>;
@group(0) @binding(3) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> table: array<vec4<i32>>;
var<private> residual: array<vec4<i32>, 1>;
@group(0) @binding(5) var<storage, read_write> values: array<vec4<i32>>;
@group(0) @binding(6) var<storage, read_write> codes: array<u32>;
var<private> sums: array<i32, 1>;
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
struct Words {
    hi: Ints,
    lo: Ints,
}
fn combined(diagonals: array<Ints, DIAGONALS>) -> Words {
    var carry = Ints(0);
    var hi = Ints(0);
    var lo = Ints(0);
{
const d = 0u;
        var sum = carry;
        if d < DIAGONALS {
            sum += diagonals[min(d, DIAGONALS - 1u)];
        }
        if d < DROP + 2u {
            carry = sum >> Uints(8u);
            if d >= DROP {
                lo |= (sum & Ints(255)) << Uints(8u * min(max(d, DROP) - DROP, 1u));
            }
        } else {
            carry = Ints(0);
            hi += sum << Uints(8u * (max(d, DROP + 2u) - DROP - 2u));
        }
}
{
const d = 1u;
        var sum = carry;
        if d < DIAGONALS {
            sum += diagonals[min(d, DIAGONALS - 1u)];
        }
        if d < DROP + 2u {
            carry = sum >> Uints(8u);
            if d >= DROP {
                lo |= (sum & Ints(255)) << Uints(8u * min(max(d, DROP) - DROP, 1u));
            }
        } else {
            carry = Ints(0);
            hi += sum << Uints(8u * (max(d, DROP + 2u) - DROP - 2u));
        }
}
{
const d = 2u;
        var sum = carry;
        if d < DIAGONALS {
            sum += diagonals[min(d, DIAGONALS - 1u)];
        }
        if d < DROP + 2u {
            carry = sum >> Uints(8u);
            if d >= DROP {
                lo |= (sum & Ints(255)) << Uints(8u * min(max(d, DROP) - DROP, 1u));
            }
        } else {
            carry = Ints(0);
            hi += sum << Uints(8u * (max(d, DROP + 2u) - DROP - 2u));
        }
}
    return Words(hi + carry, lo);
}
fn store_sums(image: u32, quad: u32, d: u32, sum: vec4<i32>) {
{
const k = 0u;
        let c = quad * 4u + k;
        if c < OUT_C {
            sums[(image * OUT_C + c) * DIAGONALS + d] = sum[k];
        }
}
{
const k = 1u;
        let c = quad * 4u + k;
        if c < OUT_C {
            sums[(image * OUT_C + c) * DIAGONALS + d] = sum[k];
        }
}
{
const k = 2u;
        let c = quad * 4u + k;
        if c < OUT_C {
            sums[(image * OUT_C + c) * DIAGONALS + d] = sum[k];
        }
}
{
const k = 3u;
        let c = quad * 4u + k;
        if c < OUT_C {
            sums[(image * OUT_C + c) * DIAGONALS + d] = sum[k];
        }
}
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
    var packed = array<u32, TILE_BITS>();
    for (var g = 0u; g < min(GROUP_QUADS, QUADS - group * GROUP_QUADS); g++) {
        let quad = group * GROUP_QUADS + g;
        var first = 0u;
        if MASKED {
            first = u32(table[quad * ROWS + FIRST].x);
        }
        var sums_of = array<vec4<i32>, TILE_DIAGONALS>();
        for (var ky = 0u; ky < KH; ky++) {
            let iy = source(y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
            if iy >= IN_H {
                continue;
            }
            for (var kx = 0u; kx < KW; kx++) {
                for (var word = 0u; word < READ_GROUPS; word++) {
                    let weights_at = (((quad * KH + ky) * KW + kx) * READ_GROUPS + word) * W_LIMBS;
                    for (var t = 0u; t < TILE; t++) {
                        let ix = source(x0 + t, STRIDE_X, kx * DILATION_X, BEFORE_X);
                        let inside = ix < IN_W;
                        let at = select(0u, ((image_at + iy * IN_W + ix) * IN_GROUPS + first + word) * X_LIMBS, inside);
                        for (var p = 0u; p < X_LIMBS; p++) {
                            let x = select(0u, input[at + p], inside);
                            for (var q = 0u; q < W_LIMBS; q++) {
                                let w = weights[weights_at + q];
                                sums_of[t * DIAGONALS + p + q] += vec4(
                                    dot4I8Packed(x, w.x),
                                    dot4I8Packed(x, w.y),
                                    dot4I8Packed(x, w.z),
                                    dot4I8Packed(x, w.w),
                                );
                            }
                        }
                    }
                }
            }
        }
        for (var t = 0u; t < TILE + params.zero; t++) {
            if SUMS {
                for (var d = 0u; d < DIAGONALS; d++) {
                    store_sums(image, quad, d, sums_of[d]);
                }
            } else if x0 + t < OUT_W {
                var diagonals = array<Ints, DIAGONALS>();
{
const d = 0u;
                    diagonals[d] = sums_of[d];
}
{
const d = 1u;
                    diagonals[d] = sums_of[d];
}
{
const d = 2u;
                    diagonals[d] = sums_of[d];
}
                let words = combined(diagonals);
                let rank = finish(quad, out_pixel + t, words.hi, words.lo);
{
const b = 0u;
                    packed[b] |= plane_bits(b, rank) << (4u * g);
}
            }
            for (var d = DIAGONALS; d < TILE_DIAGONALS; d++) {
                sums_of[d - DIAGONALS] = sums_of[d];
            }
            for (var b = 0u; b < BITS; b++) {
                let first = packed[b];
                for (var u = 1u; u < TILE; u++) {
                    packed[(u - 1u) * BITS + b] = packed[u * BITS + b];
                }
                packed[(TILE - 1u) * BITS + b] = first;
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
