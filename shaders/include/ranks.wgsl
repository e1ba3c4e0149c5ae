// Quantizers: from numbers to ranks among thresholds. Reference: src/backend/reference/epilogue.rs.
//
// The numbers are those of four neighbouring output channels, a quad, or of one: quads.wgsl and lanes.wgsl define Ints and
// Uints as vectors or as scalars, and `at` is the index of the quad or of the channel.
//
// The table holds ROWS numbers per channel. From row THRESHOLDS on these are the LEVELS - 1 thresholds in ascending
// order; thresholds on sums take two rows each, high word first. Behind the rows, from CODES on, the table holds
// CODE_WORDS words for each plane of a code: bit r of plane j is bit j of the code of rank r.

// Ranks of values: the number of thresholds strictly below x, of which there are COUNTED.
fn counted_values(at: u32, x: Ints) -> Uints {
    var rank = Uints(0u);
    for (var r = 0u; r < COUNTED; r++) { // unrolled
        rank += Uints(x > row_of(at, THRESHOLDS + r));
    }
    return rank;
}

// Ranks of two-word sums: the number of thresholds strictly below (hi, lo).
fn counted_sums(at: u32, hi: Ints, lo: Ints) -> Uints {
    var rank = Uints(0u);
    for (var r = 0u; r < COUNTED; r++) { // unrolled
        let high = row_of(at, THRESHOLDS + 2u * r);
        rank += Uints((hi > high) | ((hi == high) & (lo > row_of(at, THRESHOLDS + 2u * r + 1u))));
    }
    return rank;
}

// Values times the sign, 1 or -1, that thresholds on values ask for.
fn signed(at: u32, v: Ints) -> Ints {
    let negative = row_of(at, SIGN) >> Uints(31u);
    return (v ^ negative) - negative;
}

// The codes of all ranks, if one word per plane holds them.
var<private> code_words: array<u32, CODE_PLANES>;

fn load_codes() {
    for (var b = 0u; b < BITS; b++) { // unrolled
        code_words[b] = code_word(b);
    }
}
