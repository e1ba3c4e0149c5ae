// How many rounds a loop makes before the device ends it. The numbers cannot be computed without going round.

struct Params {
    rounds: u32,
    pad_0: u32,
    pad_1: u32,
    pad_2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// The rounds that were made, and the number that they led to.
@group(0) @binding(1) var<storage, read_write> made: array<u32, 4>;

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) lane: u32) {
    var number = lane;
    var count = 0u;
    for (var round = 0u; round < params.rounds; round++) {
        number = (number ^ (number >> 15u)) * 1664525u + 1013904223u;
        count++;
    }
    if lane == 0u {
        made[0] = count;
        made[1] = number;
    }
}
