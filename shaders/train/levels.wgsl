// The levels of an activation quantizer's basis as it is: [values by rank, thresholds, codes by rank], LEVELS of each.

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    load_shape();
    sort_levels(lane, AT);
    for (var rank = lane; rank < LEVELS; rank += WORKGROUP_SIZE) {
        // With codes of 0 and 1 the lowest rank means 0, even where the lowest level is negative.
        let is_zero = OFF == 0.0 && rank == 0u;
        levels[rank] = select(sorted_values[rank], 0.0, is_zero);
        levels[LEVELS + rank] = threshold_above(min(rank, LEVELS - 2u));
        levels[2u * LEVELS + rank] = select(f32(sorted_codes[rank]), 0.0, is_zero);
    }
}
