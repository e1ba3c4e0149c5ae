// Bytes of a texture that was copied to a buffer. SWAPPED: blue comes first.

@group(0) @binding(0) var<storage, read> texels: array<u32>;

fn rgb_at(at: vec2<u32>) -> vec3<i32> {
    let word = texels[at.y * picture.pitch + at.x];
    let bytes = vec3<i32>((vec3(word) >> vec3(0u, 8u, 16u)) & vec3(255u));
    return select(bytes, bytes.bgr, SWAPPED);
}
