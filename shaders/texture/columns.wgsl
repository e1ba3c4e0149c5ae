// Second half of resizing a picture in a texture: filtered rows to the pixels of the crop, and these to the first layer's
// words. References: `Strip::combine` in src/image/resize.rs, `pixel_word` in src/session/feed.rs.
//
// One word per pixel with lanes (c0 - 128, c1 - 128, c2 - 128, ALPHA) as signed bytes, lane 0 in the low byte, in the
// network's channel order.

@group(0) @binding(1) var<storage, read> table: array<i32>;
@group(0) @binding(2) var<storage, read> filtered: array<i32>;
@group(0) @binding(3) var<uniform> picture: Picture;
@group(0) @binding(4) var<storage, read_write> words: array<u32>;

// The samples of a pixel of the crop's column `x`, in row `y` of the picture.
fn samples(x: u32, y: i32) -> vec3<i32> {
    let row = u32(clamp(y, 0, picture.source.y - 1) - picture.first_row);
    let at = 3u * (row * picture.crop.x + x);
    return vec3(filtered[at], filtered[at + 1u], filtered[at + 2u]);
}

@compute @workgroup_size(EDGE, EDGE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= picture.crop.x || id.y >= picture.crop.y {
        return;
    }
    let entry = 2u * (picture.crop.x + 1u + id.y);
    let first = table[entry];
    let start = table[entry + 1u];
    let end = table[entry + 3u];
    var sums = vec3(0);
    for (var at = start; at < end; at++) {
        sums += table[at] * samples(id.x, first + at - start);
    }
    var rgb = to_byte(sums);
    if !PILLOW {
        let a = rounded_product(samples(id.x, first), table[start]);
        let b = rounded_product(samples(id.x, first + 1), table[start + 1]);
        let c = rounded_product(samples(id.x, first + 2), table[start + 2]);
        let d = rounded_product(samples(id.x, first + 3), table[start + 3]);
        let vector = as_f32(a + as_f32(b + as_f32(c + d)));
        rgb = select(rgb, to_even_byte(vector), vec3(3u * id.x) + vec3(0u, 1u, 2u) < vec3(picture.vector));
    }
    let lanes = vec4<u32>(vec4<i32>(select(rgb, rgb.bgr, BGR) - 128, ALPHA)) & vec4(255u);
    words[picture.word + id.y * picture.crop.x + id.x] = lanes.x | lanes.y << 8u | lanes.z << 16u | lanes.w << 24u;
}
