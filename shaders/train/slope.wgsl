// The gradient of what pointwise.wgsl gives, where it passes: above 0 if there is a ReLU, not above the highest level if there is
// a quantizer, and with codes of -1 and 1 not below the lowest one.

struct Slope {
    gradient: vec4<f32>,
    // The input, normalized by the batch norm.
    normal: vec4<f32>,
}

fn slope_at(at: u32, constants: Affine) -> Slope {
    let x = input[at];
    let y = fma(x, constants.factor, constants.summand);
    var passes = vec4(true);
    if RELU {
        passes = y > vec4(0.0);
    }
    if BITS > 0u {
        passes = passes & (y <= vec4(levels[LEVELS - 1u]));
        if OFF != 0.0 {
            passes = passes & (y >= vec4(levels[0]));
        }
    }
    return Slope(select(vec4(0.0), gradient[at], passes), (x - constants.mean) * constants.inverse);
}
