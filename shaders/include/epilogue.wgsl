// The epilogue of a convolution: from the two-word sums T = hi * 2^LOW_BITS + lo of four neighbouring output channels
// to values and to ranks of codes. Reference: src/backend/reference/epilogue.rs and src/fixed.rs.
//
// Rows of the table per quad: BIAS (high, then low), SHIFT and SIGN if there are values, then thresholds (ranks.wgsl).

// floor(T / 2^shift), saturated, as in fixed::to_value. All branches are computed and one is selected; shift amounts
// are clamped so that the others are harmless.
fn to_value(hi: vec4<i32>, lo: vec4<i32>, shift: vec4<i32>) -> vec4<i32> {
    let zero = vec4(0);
    let most = vec4(VALUE_MAX);
    let left = vec4(i32(LOW_BITS)) - shift;
    let up = vec4<u32>(max(left, zero));
    let limit = vec4(1i << 30u) >> up;
    let low = select(lo << vec4<u32>(max(-shift, zero)), lo >> vec4<u32>(max(shift, zero)), shift >= zero);
    let raised = clamp((hi << up) + low, -most, most);
    let saturated = select(select(raised, most, hi >= limit), -most, hi < -limit);
    let lowered = clamp(hi >> vec4<u32>(max(-left, zero)), -most, most);
    return select(saturated, lowered, left <= zero);
}

// Finishes channels 4 quad to 4 quad + 3 of `pixel` (its index in the batch) and returns the ranks of their codes.
fn finish(quad: u32, pixel: u32, hi_sum: vec4<i32>, lo_sum: vec4<i32>) -> vec4<u32> {
    let raw = lo_sum + row_of(quad, BIAS + 1u);
    let hi = hi_sum + row_of(quad, BIAS) + (raw >> vec4(LOW_BITS));
    let lo = raw & vec4((1i << LOW_BITS) - 1);
    if CODES_FROM_SUMS {
        return rank_of_sums(quad, hi, lo);
    }
    var v = to_value(hi, lo, row_of(quad, SHIFT));
    if HAS_RESIDUAL {
        v = clamp(v + residual_of(quad, pixel), vec4(-VALUE_MAX), vec4(VALUE_MAX));
    }
    if RELU {
        v = max(v, vec4(0));
    }
    if STORE_VALUE {
        store_values(quad, pixel, v);
    }
    if BITS == 0u {
        return vec4(0u);
    }
    return rank_of_values(quad, v * row_of(quad, SIGN));
}
