// What both halves of resizing know.
//
// `table` has two numbers for each column of the crop, then for each of its rows: the first column (row) of the picture that it
// is made of, and where in the table its weights start. They end where the next one's start; each list has one more entry for
// that. Positions outside of the picture mean the nearest one inside.

struct Picture {
    // Width and height of the picture, and of the crop.
    source: vec2<i32>,
    crop: vec2<u32>,
    // Where the first row that is needed starts in what `rgb_at` reads.
    origin: vec2<u32>,
    // Which row of the picture that is, and how many are needed.
    first_row: i32,
    needed_rows: u32,
    // Where the picture's words start.
    word: u32,
    // Samples of a row that OpenCV computes in f32.
    vector: u32,
    // Words from one row of a copied texture to the next.
    pitch: u32,
    padding: u32,
}

// Sums with BITS fraction bits, rounded to bytes.
fn to_byte(sums: vec3<i32>) -> vec3<i32> {
    return clamp((sums + (1 << (BITS - 1u))) >> vec3(BITS), vec3(0), vec3(255));
}

// OpenCV's vector code computes a row in f32: a * wa + (b * wb + (c * wc + d * wd)), rounded after each operation, a half to
// even. GPUs may fuse or reorder floats, but here all numbers are integers times one power of two, less than 2^31, so
// rounding integers to 24 significant bits is the same.
fn as_f32(x: vec3<i32>) -> vec3<i32> {
    let size = vec3<u32>(abs(x));
    // The bits below the highest 24.
    let drop = max(firstLeadingBit(size | vec3(1u)), vec3(23u)) - 23u;
    return sign(x) * vec3<i32>(to_even(size, drop) << drop);
}

// x / 2^drop, rounded, a half to even.
fn to_even(x: vec3<u32>, drop: vec3<u32>) -> vec3<u32> {
    let kept = x >> drop;
    let twice_rest = (x - (kept << drop)) << vec3(1u);
    let unit = vec3(1u) << drop;
    return kept + select(vec3(0u), vec3(1u), twice_rest + (kept & vec3(1u)) > unit);
}

fn rounded_product(samples: vec3<i32>, weight: i32) -> vec3<i32> {
    return as_f32(samples * weight);
}

fn to_even_byte(sums: vec3<i32>) -> vec3<i32> {
    let size = vec3<i32>(to_even(vec3<u32>(abs(sums)), vec3(BITS)));
    return clamp(sign(sums) * size, vec3(0), vec3(255));
}
