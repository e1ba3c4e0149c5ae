// Numbers of four neighbouring output channels, a quad, as the four lanes of a vector.

alias Ints = vec4<i32>;
alias Uints = vec4<u32>;

// Ranks of values and of two-word sums (ranks.wgsl). COUNTED is 0 if thresholds are found by bisection.
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

// Bit `plane` of the codes of four ranks; bit 0 of the result belongs to the first channel.
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

// The bits in word `group` of a plane that belong to channels.
fn live_bits(group: u32) -> u32 {
    let channels = OUT_C - group * 32u;
    return select((1u << (channels & 31u)) - 1u, 0xffffffffu, channels >= 32u);
}
