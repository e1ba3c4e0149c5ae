// 64-bit signed integers in two 32-bit words: x is the low word, y the high one.

// The exact product of two numbers: the unsigned product from 16-bit halves, where for each negative factor the other
// one is then subtracted from the high word.
fn wide_product(a: i32, b: i32) -> vec2<u32> {
    let al = u32(a) & 0xffffu;
    let ah = u32(a) >> 16u;
    let bl = u32(b) & 0xffffu;
    let bh = u32(b) >> 16u;
    let low = al * bl;
    let middle = ah * bl + (low >> 16u);
    let other = al * bh + (middle & 0xffffu);
    let high = ah * bh + (middle >> 16u) + (other >> 16u);
    let signs = select(0u, u32(b), a < 0) + select(0u, u32(a), b < 0);
    return vec2((other << 16u) | (low & 0xffffu), high - signs);
}

fn wide_sum(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2(low, a.y + b.y + u32(low < a.x));
}

// floor(a / 2^shift) for shifts of 0 to 63.
fn wide_shift(a: vec2<u32>, shift: u32) -> vec2<u32> {
    let high = i32(a.y);
    if shift >= 32u {
        return vec2(u32(high >> (shift - 32u)), u32(high >> 31u));
    }
    // In two steps, because a shift by 32 would be taken as a shift by 0.
    let carried = (a.y << 1u) << (31u - shift);
    return vec2((a.x >> shift) | carried, u32(high >> shift));
}

// The nearest value.
fn wide_saturate(a: vec2<u32>) -> i32 {
    let low = i32(a.x);
    let high = i32(a.y);
    if high != low >> 31u {
        return select(VALUE_MAX, -VALUE_MAX, high < 0);
    }
    return clamp(low, -VALUE_MAX, VALUE_MAX);
}
