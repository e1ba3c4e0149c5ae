// The epilogue of a convolution: from two-word sums T = hi * 2^LOW_BITS + lo to values and to ranks of codes, for the four
// channels of a quad or for one channel (ranks.wgsl). Reference: src/backend/reference/epilogue.rs and src/fixed.rs.
//
// Rows of the table: BIAS (high, then low), SHIFT and SIGN if there are values, then thresholds (ranks.wgsl).

// floor(T / 2^shift), saturated, as in fixed::to_value. All branches are computed and one is selected; shift amounts
// are clamped so that the others are harmless.
fn to_value(hi: Ints, lo: Ints, shift: Ints) -> Ints {
    let zero = Ints(0);
    let most = Ints(VALUE_MAX);
    if SHIFTS_IN_LOW {
        // All shifts lie between 0 and LOW_BITS. One more than the limit is enough to saturate, whatever the low word adds.
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

// Finishes the channels `at` of `pixel` (its index in the batch) and returns the ranks of their codes.
fn finish(at: u32, pixel: u32, hi_sum: Ints, lo_sum: Ints) -> Uints {
    return finish_sums(at, pixel, hi_sum + row_of(at, BIAS), lo_sum + row_of(at, BIAS + 1u));
}

// The same for sums to which the bias has been added.
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
