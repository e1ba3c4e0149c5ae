// Kernels in which an invocation computes one output channel for TILE neighbouring pixels of one row. SPAN neighbouring
// invocations, a span, compute neighbouring channels for the same pixels. So weights, constants and values are read and
// written side by side, while the input, and the tests whether it is inside, are the same for all of a span: where a
// workgroup is one span, they cost a GPU with scalar registers no vector instruction.

alias Ints = i32;
alias Uints = u32;

// Where an invocation is.
struct Place {
    // Its span of channels, which of these is its own, and that one's index in the layer.
    span: u32,
    member: u32,
    channel: u32,
    // Which of the workgroup's spans it belongs to.
    of_group: u32,
    // The first pixel of its tile: coordinates, image, and index in the batch.
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
    // Tiles past the last one repeat its work, because all invocations must reach the barriers.
    let wanted = (id.y * FOLD + id.x) * SPANS_AT_ONCE + place.of_group;
    let tile = min(wanted, params.images * (PER_IMAGE / SPAN) - 1u);
    place.x0 = tile % TILES * TILE;
    place.y = tile / TILES % OUT_H;
    place.image = tile / TILES / OUT_H;
    place.pixel = (place.image * OUT_H + place.y) * OUT_W + place.x0;
    return place;
}

// Where the table, ordered [span, ROWS, SPAN], has the invocation's channel, and the first KEPT_ROWS of its rows: all,
// unless thresholds are found by bisection. So row_of ignores its first argument.
var<private> rows_at: u32;
var<private> rows: array<i32, KEPT_ROWS>;

fn row_of(channel: u32, row: u32) -> i32 {
    return rows[row];
}

fn load_rows(place: Place) {
    rows_at = place.span * ROWS * SPAN + place.member;
    for (var r = 0u; r < KEPT_ROWS; r++) { // unrolled
        rows[r] = table[rows_at + r * SPAN];
    }
}

// Ranks of values and of two-word sums (ranks.wgsl). COUNTED is 0 if thresholds are found by bisection.
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

// Bit `plane` of the code of a rank.
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

// The codes of each channel.
var<workgroup> channel_codes: array<u32, WORKGROUP_SIZE>;

// Stores the codes of a span's channels for a tile. Bit t * BITS + b of an invocation's `own` is plane b of its channel in
// pixel t; what is stored are words with one bit of 32 channels.
fn store_codes(place: Place, own: u32) {
    let first = place.of_group * SPAN;
    channel_codes[first + place.member] = select(0u, own, place.channel < OUT_C);
    workgroupBarrier();
    for (var w = place.member; w < GROUPS_AT_ONCE * TILE_BITS; w += SPAN) {
        let bit = w % TILE_BITS;
        let group = place.span * GROUPS_AT_ONCE + w / TILE_BITS;
        let at = first + w / TILE_BITS * 32u;
        var word = 0u;
        for (var k = 0u; k < WORD_CHANNELS; k++) { // unrolled
            word |= ((channel_codes[at + k] >> bit) & 1u) << k;
        }
        let t = bit / CODE_PLANES;
        if (place.x0 + t < OUT_W) & (group < GROUPS) {
            codes[((place.pixel + t) * GROUPS + group) * BITS + bit % CODE_PLANES] = word;
        }
    }
}
