// Quantizers: from numbers to ranks among thresholds, and from ranks to bits of packed code words. Four neighbouring
// output channels ("a quad") at a time. Reference: src/backend/cpu/epilogue.rs.
//
// The table holds ROWS vectors per quad, one lane per channel. From row THRESHOLDS on they are the LEVELS - 1 ascending
// thresholds; those on sums take two rows each, high word first. From vector CODES on it holds, for each plane of a
// code, CODE_WORDS words: bit r of plane j is bit j of the code of rank r.

// Up to so many levels it is cheaper to compare with all thresholds than to gather them one by one.
const COUNTED_LEVELS: u32 = 8u;

// Ranks of values: how many thresholds lie strictly below x.
fn rank_of_values(quad: u32, x: vec4<i32>) -> vec4<u32> {
    let first = quad * ROWS + THRESHOLDS;
    if LEVELS > COUNTED_LEVELS {
        return vec4(
            bisect_values(first, 0u, x.x),
            bisect_values(first, 1u, x.y),
            bisect_values(first, 2u, x.z),
            bisect_values(first, 3u, x.w),
        );
    }
    var rank = vec4(0u);
    for (var r = 0u; r + 1u < LEVELS; r++) {
        rank += vec4<u32>(x > table[first + r]);
    }
    return rank;
}

fn bisect_values(first: u32, lane: u32, x: i32) -> u32 {
    var rank = 0u;
    for (var jump = LEVELS / 2u + params.zero; jump > 0u; jump /= 2u) {
        rank += select(0u, jump, x > table[first + rank + jump - 1u][lane]);
    }
    return rank;
}

// Ranks of two-word sums.
fn rank_of_sums(quad: u32, hi: vec4<i32>, lo: vec4<i32>) -> vec4<u32> {
    let first = quad * ROWS + THRESHOLDS;
    if LEVELS > COUNTED_LEVELS {
        return vec4(
            bisect_sums(first, 0u, hi.x, lo.x),
            bisect_sums(first, 1u, hi.y, lo.y),
            bisect_sums(first, 2u, hi.z, lo.z),
            bisect_sums(first, 3u, hi.w, lo.w),
        );
    }
    var rank = vec4(0u);
    for (var r = 0u; r + 1u < LEVELS; r++) {
        let high = table[first + 2u * r];
        rank += vec4<u32>((hi > high) | ((hi == high) & (lo > table[first + 2u * r + 1u])));
    }
    return rank;
}

fn bisect_sums(first: u32, lane: u32, hi: i32, lo: i32) -> u32 {
    var rank = 0u;
    for (var jump = LEVELS / 2u + params.zero; jump > 0u; jump /= 2u) {
        let at = first + 2u * (rank + jump - 1u);
        let high = table[at][lane];
        rank += select(0u, jump, hi > high || (hi == high && lo > table[at + 1u][lane]));
    }
    return rank;
}

// Bit `plane` of the codes of four ranks, the first channel's in bit 0.
fn plane_bits(plane: u32, rank: vec4<u32>) -> u32 {
    var codes = vec4(code_word(plane * CODE_WORDS));
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

// The bits of word `group` of a plane that carry channels.
fn live_bits(group: u32) -> u32 {
    let channels = OUT_C - group * 32u;
    return select((1u << (channels & 31u)) - 1u, 0xffffffffu, channels >= 32u);
}
