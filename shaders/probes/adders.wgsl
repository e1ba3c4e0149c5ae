// Measures the peak rate of a bit convolution's operations where words are added up before they are counted: of six
// products only three words are counted. The loop reads no memory and keeps four sums in registers.

struct Run { rounds: u32, salt: u32, pad_0: u32, pad_1: u32 }

@group(0) @binding(0) var<uniform> run: Run;
@group(0) @binding(1) var<storage, read_write> results: array<u32>;

struct Bits { sum: vec4<u32>, carry: vec4<u32> }

fn added(a: vec4<u32>, b: vec4<u32>, c: vec4<u32>) -> Bits {
    let differ = a ^ b;
    return Bits(differ ^ c, (differ & c) | (~differ & b));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    var a = vec4(id.x, id.x * 3u, id.x * 5u, id.x * 7u) + vec4(run.salt);
    let b = a * vec4(0x9e3779b9u);
    let c = b.xy ^ b.zw;
    var sums = vec4(0u);
    for (var i = 0u; i < run.rounds; i++) {
        let first = added(a & b.xxxx, a & b.yyyy, a & b.zzzz);
        let second = added(first.sum, a & b.wwww, a & c.xxxx);
        let last = second.sum ^ (a & c.yyyy);
        let carries = added(first.carry, second.carry, second.sum & a & c.yyyy);
        sums += countOneBits(last) + (countOneBits(carries.sum) << vec4(1u)) + (countOneBits(carries.carry) << vec4(2u));
        // Otherwise the operands would be the same in every round, and the compiler could move the counting out of the
        // loop.
        a += b;
    }
    results[id.x] = sums.x + sums.y + sums.z + sums.w;
}
