// The levels of a basis in ascending order, with their codes and thresholds, made by a whole workgroup in its memory: see
// `quant::Levels`. OFF is what a clear bit multiplies its basis element with.

var<workgroup> by_code: array<f32, LEVELS>;
var<workgroup> sorted_values: array<f32, LEVELS>;
var<workgroup> sorted_codes: array<u32, LEVELS>;

// The level of a code. `bases` is the buffer of all bases, in which this one is at `at`.
fn level_of(code: u32, at: u32) -> f32 {
    var sum = 0.0;
    for (var j = 0u; j < BITS; j++) {
        let v = bases[at + j];
        sum += select(OFF * v, v, ((code >> j) & 1u) == 1u);
    }
    return sum;
}

// Of equal levels, the one with the larger code comes first.
fn sort_levels(lane: u32, at: u32) {
    for (var code = lane; code < LEVELS; code += WORKGROUP_SIZE) {
        by_code[code] = level_of(code, at);
    }
    workgroupBarrier();
    for (var code = lane; code < LEVELS; code += WORKGROUP_SIZE) {
        let own = by_code[code];
        var rank = 0u;
        for (var other = 0u; other < LEVELS; other++) {
            let level = by_code[other];
            rank += select(0u, 1u, level < own || (level == own && other > code));
        }
        // Basis elements that are no numbers would not be sorted.
        rank = min(rank, LEVELS - 1u);
        sorted_values[rank] = own;
        sorted_codes[rank] = code;
    }
    workgroupBarrier();
}

// What separates rank `below` from the next.
fn threshold_above(below: u32) -> f32 {
    return 0.5 * sorted_values[below] + 0.5 * sorted_values[below + 1u];
}

// Whether a number gets a level above this threshold.
fn is_above(x: f32, threshold: f32) -> bool {
    return select(x > threshold, x >= threshold, TIES_ABOVE);
}
