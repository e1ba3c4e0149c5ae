// Measures the peak rate of a float convolution's operation, fused multiply-add. The loop reads no memory and keeps 16
// sums in registers.

struct Run { rounds: u32, salt: u32, pad_0: u32, pad_1: u32 }

@group(0) @binding(0) var<uniform> run: Run;
@group(0) @binding(1) var<storage, read_write> results: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    // Factors below 1 keep the sums finite for any number of rounds.
    let a = vec4(0.25, 0.375, 0.5, 0.625) + vec4(f32((id.x & 63u) + run.salt) / 256.0);
    let b = a.wzyx;
    var sums_0 = a;
    var sums_1 = b;
    var sums_2 = a.yzwx;
    var sums_3 = b.yzwx;
    for (var i = 0u; i < run.rounds; i++) {
        sums_0 = fma(sums_0, a, b);
        sums_1 = fma(sums_1, a, b);
        sums_2 = fma(sums_2, a, b);
        sums_3 = fma(sums_3, a, b);
    }
    let sums = sums_0 + sums_1 + sums_2 + sums_3;
    results[id.x] = sums.x + sums.y + sums.z + sums.w;
}
