// Weights and constants that are the same for all invocations of a workgroup: each invocation loads one vector in eight
// and the subgroup broadcasts them. At least eight invocations of every subgroup must take part. Up to seven vectors
// past the wanted ones are read.

struct Invocation {
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
}

var<private> sharer: u32;

fn prepare_sharing(who: Invocation) {
    sharer = who.subgroup_lane & 7u;
}

fn load_weights(at: u32) -> array<vec4<u32>, STEP_WEIGHTS> {
    var loaded: array<vec4<u32>, WEIGHT_ROOM>;
    for (var k = 0u; k < WEIGHT_LOADS; k++) { // unrolled
        let own = weights[at + 8u * k + sharer];
        for (var l = 0u; l < 8u; l++) { // unrolled
            loaded[8u * k + l] = subgroupBroadcast(own, l);
        }
    }
    var wanted: array<vec4<u32>, STEP_WEIGHTS>;
    for (var k = 0u; k < STEP_WEIGHTS; k++) { // unrolled
        wanted[k] = loaded[k];
    }
    return wanted;
}

fn load_rows(at: u32) -> array<vec4<i32>, ROWS> {
    var loaded: array<vec4<i32>, ROW_ROOM>;
    for (var k = 0u; k < ROW_LOADS; k++) { // unrolled
        let own = table[at + 8u * k + sharer];
        for (var l = 0u; l < 8u; l++) { // unrolled
            loaded[8u * k + l] = subgroupBroadcast(own, l);
        }
    }
    var wanted: array<vec4<i32>, ROWS>;
    for (var k = 0u; k < ROWS; k++) { // unrolled
        wanted[k] = loaded[k];
    }
    return wanted;
}
