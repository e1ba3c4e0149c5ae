// Bytes of a texture that is bound. Unsigned normalized formats load a byte v as x = v / 255, correctly rounded or nearly
// so, hence round(255 x) is v again. sRGB formats would not: they are bound as their plain counterparts.

@group(0) @binding(0) var texels: texture_2d<f32>;

fn rgb_at(at: vec2<u32>) -> vec3<i32> {
    return vec3<i32>(round(textureLoad(texels, vec2<i32>(at), 0).rgb * 255.0));
}
