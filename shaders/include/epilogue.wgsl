// What follows a convolution: from the two-word sum T = hi * 2^LOW_BITS + lo of four neighbouring output channels to
// values and to ranks of codes. Reference: src/backend/cpu/epilogue.rs and src/fixed.rs.
//
// Rows of the table per quad: BIAS (high, then low), SHIFT and SIGN where there are values, then thresholds
// (ranks.wgsl).

// floor(T / 2^shift), saturated, as in fixed::to_value.
fn to_value(hi: i32, lo: i32, shift: i32) -> i32 {
    let left = i32(LOW_BITS) - shift;
    if left <= 0 {
        return clamp(hi >> u32(-left), -VALUE_MAX, VALUE_MAX);
    }
    let limit = 1i << u32(30 - left);
    if hi >= limit {
        return VALUE_MAX;
    }
    if hi < -limit {
        return -VALUE_MAX;
    }
    let low = select(lo << u32(max(-shift, 0)), lo >> u32(max(shift, 0)), shift >= 0);
    return clamp((hi << u32(left)) + low, -VALUE_MAX, VALUE_MAX);
}

// The value of channel `c` of `pixel` from its T; stores it if anyone reads it. Channels that the residual lacks are 0.
fn value_of(hi: i32, lo: i32, shift: i32, pixel: u32, c: u32) -> i32 {
    var v = to_value(hi, lo, shift);
    if HAS_RESIDUAL {
        let there = c < RESIDUAL_C;
        v = add_values(v, select(0, residual[select(0u, pixel * RESIDUAL_C + c, there)], there));
    }
    if RELU {
        v = max(v, 0);
    }
    if STORE_VALUE && c < OUT_C {
        values[pixel * OUT_C + c] = v;
    }
    return v;
}

// Finishes channels 4 quad .. 4 quad + 3 of `pixel` (counted through the batch) and returns the ranks of their codes.
fn finish(quad: u32, pixel: u32, hi_sum: vec4<i32>, lo_sum: vec4<i32>) -> vec4<u32> {
    let row = quad * ROWS;
    let raw = lo_sum + table[row + BIAS + 1u];
    let hi = hi_sum + table[row + BIAS] + (raw >> vec4(LOW_BITS));
    let lo = raw & vec4((1i << LOW_BITS) - 1);
    if CODES_FROM_SUMS {
        return rank_of_sums(quad, hi, lo);
    }
    let shift = table[row + SHIFT];
    var v: vec4<i32>;
    // Rolled, because four copies take long to compile.
    for (var k = 0u; k < 4u + params.zero; k++) {
        v[k] = value_of(hi[k], lo[k], shift[k], pixel, quad * 4u + k);
    }
    if BITS == 0u {
        return vec4(0u);
    }
    return rank_of_values(quad, v * table[row + SIGN]);
}
