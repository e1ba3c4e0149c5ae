const VALUE_MAX: i32 = 1073741823i;
const TAPS_X: u32 = 2u;
const STRIDE_X: u32 = 2u;
const DILATION_X: u32 = 1u;
const TILE: u32 = 2u;
const COLUMNS: u32 = 4u;
const SPAN: u32 = 8u;
const SPANS_AT_ONCE: u32 = 8u;
const GROUPS_AT_ONCE: u32 = 1u;
const WORD_CHANNELS: u32 = 8u;
const TILE_BITS: u32 = 4u;
const SIGN: u32 = 0u;
const BITS: u32 = 2u;
const CODE_PLANES: u32 = 2u;
const LEVELS: u32 = 4u;
const COUNTED: u32 = 3u;
const THRESHOLDS: u32 = 1u;
const CODE_WORDS: u32 = 1u;
const KEPT_ROWS: u32 = 4u;
const ROWS: u32 = 4u;
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
    QUADS = shape[3][1];
    CODES = shape[3][2];
}
@group(0) @binding(2) var<storage, read> input: array<i32>;
@group(0) @binding(3) var<storage, read> table: array<i32>;
@group(0) @binding(4) var<storage, read_write> values: array<i32>;
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
fn counted_values(at: u32, x: Ints) -> Uints {
    var rank = Uints(0u);
{
const r = 0u;
        rank += Uints(x > row_of(at, THRESHOLDS + r));
}
{
const r = 1u;
        rank += Uints(x > row_of(at, THRESHOLDS + r));
}
{
const r = 2u;
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
{
const r = 1u;
        let high = row_of(at, THRESHOLDS + 2u * r);
        rank += Uints((hi > high) | ((hi == high) & (lo > row_of(at, THRESHOLDS + 2u * r + 1u))));
}
{
const r = 2u;
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
{
const b = 1u;
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
const NOTHING: i32 = -2147483647;
@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    load_codes();
    let place = place_of(id, lane);
    let channel = min(place.channel, OUT_C - 1u);
    let first_x = place.x0 * STRIDE_X - BEFORE_X;
    var most = array<i32, TILE>();
{
const t = 0u;
        most[t] = NOTHING;
}
{
const t = 1u;
        most[t] = NOTHING;
}
    for (var ky = 0u; ky < KH; ky++) {
        let iy = source(place.y, STRIDE_Y, ky * DILATION_Y, BEFORE_Y);
        if iy >= IN_H {
            continue;
        }
        let row_at = (place.image * IN_H + iy) * IN_W;
        var columns = array<i32, COLUMNS>();
{
const c = 0u;
            let inside = first_x + c < IN_W;
            let at = row_at + select(0u, first_x + c, inside);
            columns[c] = select(NOTHING, input[at * OUT_C + channel], inside);
}
{
const c = 1u;
            let inside = first_x + c < IN_W;
            let at = row_at + select(0u, first_x + c, inside);
            columns[c] = select(NOTHING, input[at * OUT_C + channel], inside);
}
{
const c = 2u;
            let inside = first_x + c < IN_W;
            let at = row_at + select(0u, first_x + c, inside);
            columns[c] = select(NOTHING, input[at * OUT_C + channel], inside);
}
{
const c = 3u;
            let inside = first_x + c < IN_W;
            let at = row_at + select(0u, first_x + c, inside);
            columns[c] = select(NOTHING, input[at * OUT_C + channel], inside);
}
{
const t = 0u;
{
const kx = 0u;
                most[t] = max(most[t], columns[t * STRIDE_X + kx * DILATION_X]);
}
{
const kx = 1u;
                most[t] = max(most[t], columns[t * STRIDE_X + kx * DILATION_X]);
}
}
{
const t = 1u;
{
const kx = 0u;
                most[t] = max(most[t], columns[t * STRIDE_X + kx * DILATION_X]);
}
{
const kx = 1u;
                most[t] = max(most[t], columns[t * STRIDE_X + kx * DILATION_X]);
}
}
    }
    if BITS > 0u {
        load_rows(place);
    }
    var own_codes = 0u;
{
const t = 0u;
        if (place.x0 + t < OUT_W) & (place.channel < OUT_C) {
            let value = select(most[t], 0, most[t] == NOTHING);
            values[(place.pixel + t) * OUT_C + place.channel] = value;
            if BITS > 0u {
                let rank = rank_of_values(place.channel, signed(place.channel, value));
{
const b = 0u;
                    own_codes |= plane_bit(b, rank) << (t * BITS + b);
}
{
const b = 1u;
                    own_codes |= plane_bit(b, rank) << (t * BITS + b);
}
            }
        }
}
{
const t = 1u;
        if (place.x0 + t < OUT_W) & (place.channel < OUT_C) {
            let value = select(most[t], 0, most[t] == NOTHING);
            values[(place.pixel + t) * OUT_C + place.channel] = value;
            if BITS > 0u {
                let rank = rank_of_values(place.channel, signed(place.channel, value));
{
const b = 0u;
                    own_codes |= plane_bit(b, rank) << (t * BITS + b);
}
{
const b = 1u;
                    own_codes |= plane_bit(b, rank) << (t * BITS + b);
}
            }
        }
}
    if BITS > 0u {
        store_codes(place, own_codes);
    }
}
