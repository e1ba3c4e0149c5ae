// Measures the peak rate of a bit convolution's operations: AND, countOneBits and an addition. The loop reads no memory
// and keeps 16 sums in registers.

struct Run { rounds: u32, salt: u32, pad_0: u32, pad_1: u32 }

@group(0) @binding(0) var<uniform> run: Run;
@group(0) @binding(1) var<storage, read_write> results: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    var a = vec4(id.x, id.x * 3u, id.x * 5u, id.x * 7u) + vec4(run.salt);
    let b = a * vec4(0x9e3779b9u);
    var sums_0 = vec4(0u);
    var sums_1 = vec4(0u);
    var sums_2 = vec4(0u);
    var sums_3 = vec4(0u);
    for (var i = 0u; i < run.rounds; i++) {
        sums_0 += countOneBits(a & b.xxxx);
        sums_1 += countOneBits(a & b.yyyy);
        sums_2 += countOneBits(a & b.zzzz);
        sums_3 += countOneBits(a & b.wwww);
        // Otherwise the operands would be the same in every round, and the compiler could move the counting out of the
        // loop.
        a += b;
    }
    let sums = sums_0 + sums_1 + sums_2 + sums_3;
    results[id.x] = sums.x + sums.y + sums.z + sums.w;
}
