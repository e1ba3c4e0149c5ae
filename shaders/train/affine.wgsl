// The batch norm of a quad of channels as an affine function; without one, the identity.

struct Affine {
    factor: vec4<f32>,
    summand: vec4<f32>,
    mean: vec4<f32>,
    inverse: vec4<f32>,
}

fn affine_of(quad: u32) -> Affine {
    if !HAS_NORM {
        return Affine(vec4(1.0), vec4(0.0), vec4(0.0), vec4(0.0));
    }
    return Affine(affine[quad], affine[QUADS + quad], affine[2u * QUADS + quad], affine[3u * QUADS + quad]);
}
