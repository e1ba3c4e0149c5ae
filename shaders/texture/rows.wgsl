// First half of resizing a picture in a texture: each of its rows that the crop needs, filtered to the columns of the crop.
// Reference: `Strip::filtered` in src/image/resize.rs.

@group(0) @binding(1) var<storage, read> table: array<i32>;
@group(0) @binding(2) var<storage, read_write> filtered: array<i32>;
@group(0) @binding(3) var<uniform> picture: Picture;

@compute @workgroup_size(EDGE, EDGE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= picture.crop.x || id.y >= picture.needed_rows {
        return;
    }
    let first = table[2u * id.x];
    let start = table[2u * id.x + 1u];
    let end = table[2u * id.x + 3u];
    var sums = vec3(0);
    for (var at = start; at < end; at++) {
        let x = clamp(first + at - start, 0, picture.source.x - 1);
        sums += table[at] * rgb_at(picture.origin + vec2(u32(x), id.y));
    }
    if PILLOW {
        sums = to_byte(sums);
    }
    let to = 3u * (id.y * picture.crop.x + id.x);
    filtered[to] = sums.x;
    filtered[to + 1u] = sums.y;
    filtered[to + 2u] = sums.z;
}
