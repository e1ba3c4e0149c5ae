// Measures the peak rate of a limb convolution's operation: products of signed bytes, four to a word, added up. The
// loop reads no memory and keeps 16 sums in registers.

struct Run { rounds: u32, salt: u32, pad_0: u32, pad_1: u32 }

@group(0) @binding(0) var<uniform> run: Run;
@group(0) @binding(1) var<storage, read_write> results: array<u32>;

fn products(x: u32, w: vec4<u32>) -> vec4<i32> {
    return vec4(dot4I8Packed(x, w.x), dot4I8Packed(x, w.y), dot4I8Packed(x, w.z), dot4I8Packed(x, w.w));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    var a = vec4(id.x, id.x * 3u, id.x * 5u, id.x * 7u) + vec4(run.salt);
    let b = a * vec4(0x9e3779b9u);
    var sums_0 = vec4(0);
    var sums_1 = vec4(0);
    var sums_2 = vec4(0);
    var sums_3 = vec4(0);
    for (var i = 0u; i < run.rounds; i++) {
        sums_0 += products(a.x, b);
        sums_1 += products(a.y, b);
        sums_2 += products(a.z, b);
        sums_3 += products(a.w, b);
        // Otherwise the products would be the same in every round.
        a += b;
    }
    let sums = sums_0 + sums_1 + sums_2 + sums_3;
    results[id.x] = u32(sums.x + sums.y + sums.z + sums.w);
}
