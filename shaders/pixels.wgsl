// A picture in a texture to the first layer's words. Reference: `pixel_word` in src/session/feed.rs. The files in
// shaders/texture/ get at the texture's bytes.
//
// One word per pixel with lanes (c0 - 128, c1 - 128, c2 - 128, ALPHA) as signed bytes, lane 0 in the low byte, in the
// network's channel order.

@group(0) @binding(1) var<storage, read_write> words: array<u32>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= WIDTH || id.y >= HEIGHT {
        return;
    }
    let signed = rgb_at(id.xy) - 128;
    let lanes = vec4<u32>(vec4<i32>(select(signed, signed.bgr, BGR), ALPHA)) & vec4(255u);
    words[id.y * WIDTH + id.x] = lanes.x | lanes.y << 8u | lanes.z << 16u | lanes.w << 24u;
}
