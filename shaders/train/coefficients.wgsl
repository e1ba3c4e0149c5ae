// What the bits of a code multiply the basis with.
fn coefficient(code: u32, bit: u32) -> f32 {
    return select(OFF, 1.0, ((code >> bit) & 1u) == 1u);
}
