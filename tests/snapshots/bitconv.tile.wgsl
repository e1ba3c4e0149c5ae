const VALUE_MAX: i32 = 1073741823i;
const TAPS_X: u32 = 1u;
const STRIDE_X: u32 = 1u;
const DILATION_X: u32 = 1u;
const SPAN: u32 = 8u;
const SPANS_AT_ONCE: u32 = 8u;
const GROUPS_AT_ONCE: u32 = 1u;
const WORD_CHANNELS: u32 = 8u;
const TILE_BITS: u32 = 4u;
const TILE: u32 = 4u;
const WORDS_AT_ONCE: u32 = 1u;
const TILE_PLANES: u32 = 4u;
const COLUMNS: u32 = 4u;
const COLUMN_WORDS: u32 = 1u;
const OWN_WORDS: u32 = 1u;
const COLUMN_ROOM: u32 = 8u;
const W_PLANES: u32 = 1u;
const A_PLANES: u32 = 1u;
const PAIRS: u32 = 1u;
const STEP_WEIGHTS: u32 = 1u;
const WEIGHT_LOAD: u32 = 1u;
const WEIGHT_LOADS: u32 = 1u;
alias Weights = u32;
fn weight_of(v: Weights, k: u32) -> u32 { return v; }
const LOAD: u32 = 1u;
alias Planes = u32;
fn plane_of(v: Planes, k: u32) -> u32 { return v; }
const LOADS: u32 = 1u;
fn input_word(at: u32) -> u32 { return input[at]; }
const COEFFICIENTS: u32 = 0u;
const START: u32 = 2u;
const NARROW: bool = false;
const FACTOR_BITS: u32 = 4294967295u;
const LOW_BITS: u32 = 16u;
const BIAS: u32 = 4u;
const SHIFT: u32 = 6u;
const SHIFTS_IN_LOW: bool = false;
const SIGN: u32 = 7u;
const BITS: u32 = 1u;
const CODE_PLANES: u32 = 1u;
const LEVELS: u32 = 2u;
const COUNTED: u32 = 1u;
const THRESHOLDS: u32 = 8u;
const CODE_WORDS: u32 = 1u;
const KEPT_ROWS: u32 = 9u;
const CODES_FROM_SUMS: bool = false;
const HAS_RESIDUAL: bool = true;
const STORE_VALUE: bool = false;
const RELU: bool = false;
const ROWS: u32 = 9u;
alias Products = array<u32, 1u>;
fn count(sum: u32, words: Products) -> u32 {
    return sum + countOneBits(words[0]);
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
var<private> MOST_ONES: u32;
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
    MOST_ONES = shape[3][3];
    RESIDUAL_C = shape[4][0];
    QUADS = shape[4][1];
    CODES = shape[4][2];
}
@group(0) @binding(2) var<storage, read> input: array<Planes>;
@group(0) @binding(3) var<storage, read> weights: array<Weights>;
@group(0) @binding(4) var<storage, read> table: array<i32>;
@group(0) @binding(5) var<storage, read> residual: array<i32>;
var<private> values: array<i32, 1>;
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
alias Ints = i32;
alias Uints = u32;
struct Place {
    span: u32,
    member: u32,
    channel: u32,
    of_group: u32,
    x0: u32,
    y: u32,
    image: u32,
    pixel: u32,
}
fn place_of(id: vec3<u32>, lane: u32) -> Place {
    var place = Place();
    place.member = lane;
    if SPANS_AT_ONCE > 1u {
        place.of_group = lane / SPAN;
        place.member = lane % SPAN;
    }
    place.span = id.z;
    place.channel = id.z * SPAN + place.member;
    let wanted = (id.y * FOLD + id.x) * SPANS_AT_ONCE + place.of_group;
    let tile = min(wanted, params.images * (PER_IMAGE / SPAN) - 1u);
    place.x0 = tile % TILES * TILE;
    place.y = tile / TILES % OUT_H;
    place.image = tile / TILES / OUT_H;
    place.pixel = (place.image * OUT_H + place.y) * OUT_W + place.x0;
    return place;
}
var<private> rows_at: u32;
var<private> rows: array<i32, KEPT_ROWS>;
fn row_of(channel: u32, row: u32) -> i32 {
    return rows[row];
}
fn load_rows(place: Place) {
    rows_at = place.span * ROWS * SPAN + place.member;
{
const r = 0u;
        rows[r] = table[rows_at + r * SPAN];
}
{
const r = 1u;
        rows[r] = table[rows_at + r * SPAN];
}
{
const r = 2u;
        rows[r] = table[rows_at + r * SPAN];
}
{
const r = 3u;
        rows[r] = table[rows_at + r * SPAN];
}
{
const r = 4u;
        rows[r] = table[rows_at + r * SPAN];
}
{
const r = 5u;
        rows[r] = table[rows_at + r * SPAN];
}
{
const r = 6u;
        rows[r] = table[rows_at + r * SPAN];
}
{
const r = 7u;
        rows[r] = table[rows_at + r * SPAN];
}
{
const r = 8u;
        rows[r] = table[rows_at + r * SPAN];
}
}
fn rank_of_values(channel: u32, x: i32) -> u32 {
    if COUNTED > 0u {
        return counted_values(channel, x);
    }
    var rank = 0u;
    for (var jump = LEVELS / 2u + params.zero; jump > 0u; jump /= 2u) {
        rank += select(0u, jump, x > table[rows_at + (THRESHOLDS + rank + jump - 1u) * SPAN]);
    }
    return rank;
}
fn rank_of_sums(channel: u32, hi: i32, lo: i32) -> u32 {
    if COUNTED > 0u {
        return counted_sums(channel, hi, lo);
    }
    var rank = 0u;
    for (var jump = LEVELS / 2u + params.zero; jump > 0u; jump /= 2u) {
        let at = rows_at + (THRESHOLDS + 2u * (rank + jump - 1u)) * SPAN;
        let high = table[at];
        rank += select(0u, jump, (hi > high) | ((hi == high) & (lo > table[at + SPAN])));
    }
    return rank;
}
fn plane_bit(plane: u32, rank: u32) -> u32 {
    var codes = code_words[plane];
    if CODE_WORDS > 1u {
        codes = code_word(plane * CODE_WORDS + (rank >> 5u));
    }
    return (codes >> (rank & 31u)) & 1u;
}
fn code_word(word: u32) -> u32 {
    return u32(table[CODES + word]);
}
var<workgroup> channel_codes: array<u32, WORKGROUP_SIZE>;
fn store_codes(place: Place, own: u32) {
    let first = place.of_group * SPAN;
    channel_codes[first + place.member] = select(0u, own, place.channel < OUT_C);
    workgroupBarrier();
    for (var w = place.member; w < GROUPS_AT_ONCE * TILE_BITS; w += SPAN) {
        let bit = w % TILE_BITS;
        let group = place.span * GROUPS_AT_ONCE + w / TILE_BITS;
        let at = first + w / TILE_BITS * 32u;
        var word = 0u;
{
const k = 0u;
            word |= ((channel_codes[at + k] >> bit) & 1u) << k;
}
{
const k = 1u;
            word |= ((channel_codes[at + k] >> bit) & 1u) << k;
}
{
const k = 2u;
            word |= ((channel_codes[at + k] >> bit) & 1u) << k;
}
{
const k = 3u;
            word |= ((channel_codes[at + k] >> bit) & 1u) << k;
}
{
const k = 4u;
            word |= ((channel_codes[at + k] >> bit) & 1u) << k;
}
{
const k = 5u;
            word |= ((channel_codes[at + k] >> bit) & 1u) << k;
}
{
const k = 6u;
            word |= ((channel_codes[at + k] >> bit) & 1u) << k;
}
{
const k = 7u;
            word |= ((channel_codes[at + k] >> bit) & 1u) << k;
}
        let t = bit / CODE_PLANES;
        if (place.x0 + t < OUT_W) & (group < GROUPS) {
            codes[((place.pixel + t) * GROUPS + group) * BITS + bit % CODE_PLANES] = word;
        }
    }
}
fn residual_of(channel: u32, pixel: u32) -> i32 {
    let there = channel < RESIDUAL_C;
    return select(0, residual[select(0u, pixel * RESIDUAL_C + channel, there)], there);
}
fn store_values(channel: u32, pixel: u32, v: i32) {
    values[pixel * OUT_C + channel] = v;
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
var<workgroup> column_ones: array<u32, SPANS_AT_ONCE * COLUMN_ROOM>;
var<workgroup> window_offsets: array<u32, SPANS_AT_ONCE * TILE_PLANES>;
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    load_codes();
    let place = place_of(id, lane);
    let member = place.member;
    let first_x = place.x0 * STRIDE_X - BEFORE_X;
    var own_at = array<u32, OWN_WORDS>();
    var own_inside = array<bool, OWN_WORDS>();
    var own_ones = array<u32, OWN_WORDS>();
{
const r = 0u;
        let word = r * SPAN + member;
        let column = word / COLUMN_WORDS;
        own_inside[r] = (column < COLUMNS) & (first_x + column < IN_W);
        own_at[r] = (first_x + column) * (ROW * LOAD) + word % COLUMN_WORDS;
}
    var both = array<array<u32, PAIRS>, TILE>();
    for (var ky = 0u; ky < KH; ky++) {
        let iy = source(place.y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
        if iy >= IN_H {
            continue;
        }
        let row_at = (place.image * IN_H + iy) * IN_W * ROW;
        for (var word = 0u; word < WORDS; word++) {
            var columns = array<array<u32, COLUMN_WORDS>, COLUMNS>();
{
const c = 0u;
                let inside = first_x + c < IN_W;
                let at = select(0u, row_at + (first_x + c) * ROW + word * LOADS, inside);
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
                let inside = first_x + c < IN_W;
                let at = select(0u, row_at + (first_x + c) * ROW + word * LOADS, inside);
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
                let inside = first_x + c < IN_W;
                let at = select(0u, row_at + (first_x + c) * ROW + word * LOADS, inside);
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
                let inside = first_x + c < IN_W;
                let at = select(0u, row_at + (first_x + c) * ROW + word * LOADS, inside);
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
const r = 0u;
                let at = select(0u, row_at * LOAD + own_at[r] + word * COLUMN_WORDS, own_inside[r]);
                own_ones[r] += countOneBits(select(0u, input_word(at), own_inside[r]));
}
            let weights_at = (((place.span * KH + ky) * WORDS + word) * WEIGHT_LOADS) * SPAN + member;
            var taps = array<u32, STEP_WEIGHTS>();
{
const v = 0u;
                let loaded = weights[weights_at + v * SPAN];
{
const k = 0u;
                    taps[v * WEIGHT_LOAD + k] = weight_of(loaded, k);
}
}
{
const t = 0u;
{
const i = 0u;
{
const j = 0u;
                        var products = Products();
{
const u = 0u;
{
const kx = 0u;
                                let a = columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j];
                                products[u * TAPS_X + kx] = taps[(u * TAPS_X + kx) * W_PLANES + i] & a;
}
}
                        both[t][i * A_PLANES + j] = count(both[t][i * A_PLANES + j], products);
}
}
}
{
const t = 1u;
{
const i = 0u;
{
const j = 0u;
                        var products = Products();
{
const u = 0u;
{
const kx = 0u;
                                let a = columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j];
                                products[u * TAPS_X + kx] = taps[(u * TAPS_X + kx) * W_PLANES + i] & a;
}
}
                        both[t][i * A_PLANES + j] = count(both[t][i * A_PLANES + j], products);
}
}
}
{
const t = 2u;
{
const i = 0u;
{
const j = 0u;
                        var products = Products();
{
const u = 0u;
{
const kx = 0u;
                                let a = columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j];
                                products[u * TAPS_X + kx] = taps[(u * TAPS_X + kx) * W_PLANES + i] & a;
}
}
                        both[t][i * A_PLANES + j] = count(both[t][i * A_PLANES + j], products);
}
}
}
{
const t = 3u;
{
const i = 0u;
{
const j = 0u;
                        var products = Products();
{
const u = 0u;
{
const kx = 0u;
                                let a = columns[t * STRIDE_X + kx * DILATION_X][u * A_PLANES + j];
                                products[u * TAPS_X + kx] = taps[(u * TAPS_X + kx) * W_PLANES + i] & a;
}
}
                        both[t][i * A_PLANES + j] = count(both[t][i * A_PLANES + j], products);
}
}
}
        }
    }
{
const r = 0u;
        column_ones[place.of_group * COLUMN_ROOM + r * SPAN + member] = own_ones[r];
}
    workgroupBarrier();
    for (var pixel_plane = member; pixel_plane < TILE_PLANES; pixel_plane += SPAN) {
        let t = pixel_plane / A_PLANES;
        let j = pixel_plane % A_PLANES;
        var sum = 0u;
{
const u = 0u;
{
const kx = 0u;
                let column = t * STRIDE_X + kx * DILATION_X;
                sum += column_ones[place.of_group * COLUMN_ROOM + column * COLUMN_WORDS + u * A_PLANES + j];
}
}
        window_offsets[place.of_group * TILE_PLANES + pixel_plane] = MOST_ONES - sum;
    }
    workgroupBarrier();
    load_rows(place);
    var own_codes = 0u;
{
const t = 0u;
        var hi = u32(rows[START]);
        var lo = u32(rows[START + 1u]);
        var all = 0u;
{
const j = 0u;
            let offset = window_offsets[place.of_group * TILE_PLANES + t * A_PLANES + j];
{
const i = 0u;
                let pair = i * A_PLANES + j;
                let m = (2u * both[t][pair] + offset) & FACTOR_BITS;
                hi += (u32(rows[COEFFICIENTS + pair]) & FACTOR_BITS) * m;
                lo += (u32(rows[COEFFICIENTS + PAIRS + pair]) & FACTOR_BITS) * m;
                all += m;
}
}
        if NARROW {
            hi -= all << 23u;
        }
        if (place.x0 + t < OUT_W) & (place.channel < OUT_C) {
            let rank = finish_sums(place.channel, place.pixel + t, i32(hi), i32(lo));
{
const b = 0u;
                own_codes |= plane_bit(b, rank) << (t * BITS + b);
}
        }
}
{
const t = 1u;
        var hi = u32(rows[START]);
        var lo = u32(rows[START + 1u]);
        var all = 0u;
{
const j = 0u;
            let offset = window_offsets[place.of_group * TILE_PLANES + t * A_PLANES + j];
{
const i = 0u;
                let pair = i * A_PLANES + j;
                let m = (2u * both[t][pair] + offset) & FACTOR_BITS;
                hi += (u32(rows[COEFFICIENTS + pair]) & FACTOR_BITS) * m;
                lo += (u32(rows[COEFFICIENTS + PAIRS + pair]) & FACTOR_BITS) * m;
                all += m;
}
}
        if NARROW {
            hi -= all << 23u;
        }
        if (place.x0 + t < OUT_W) & (place.channel < OUT_C) {
            let rank = finish_sums(place.channel, place.pixel + t, i32(hi), i32(lo));
{
const b = 0u;
                own_codes |= plane_bit(b, rank) << (t * BITS + b);
}
        }
}
{
const t = 2u;
        var hi = u32(rows[START]);
        var lo = u32(rows[START + 1u]);
        var all = 0u;
{
const j = 0u;
            let offset = window_offsets[place.of_group * TILE_PLANES + t * A_PLANES + j];
{
const i = 0u;
                let pair = i * A_PLANES + j;
                let m = (2u * both[t][pair] + offset) & FACTOR_BITS;
                hi += (u32(rows[COEFFICIENTS + pair]) & FACTOR_BITS) * m;
                lo += (u32(rows[COEFFICIENTS + PAIRS + pair]) & FACTOR_BITS) * m;
                all += m;
}
}
        if NARROW {
            hi -= all << 23u;
        }
        if (place.x0 + t < OUT_W) & (place.channel < OUT_C) {
            let rank = finish_sums(place.channel, place.pixel + t, i32(hi), i32(lo));
{
const b = 0u;
                own_codes |= plane_bit(b, rank) << (t * BITS + b);
}
        }
}
{
const t = 3u;
        var hi = u32(rows[START]);
        var lo = u32(rows[START + 1u]);
        var all = 0u;
{
const j = 0u;
            let offset = window_offsets[place.of_group * TILE_PLANES + t * A_PLANES + j];
{
const i = 0u;
                let pair = i * A_PLANES + j;
                let m = (2u * both[t][pair] + offset) & FACTOR_BITS;
                hi += (u32(rows[COEFFICIENTS + pair]) & FACTOR_BITS) * m;
                lo += (u32(rows[COEFFICIENTS + PAIRS + pair]) & FACTOR_BITS) * m;
                all += m;
}
}
        if NARROW {
            hi -= all << 23u;
        }
        if (place.x0 + t < OUT_W) & (place.channel < OUT_C) {
            let rank = finish_sums(place.channel, place.pixel + t, i32(hi), i32(lo));
{
const b = 0u;
                own_codes |= plane_bit(b, rank) << (t * BITS + b);
}
        }
}
    if BITS > 0u {
        store_codes(place, own_codes);
    }
}
