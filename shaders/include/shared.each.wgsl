// Weights and constants that are the same for all invocations of a workgroup: each invocation loads them itself.

struct Invocation {
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
}

fn prepare_sharing(who: Invocation) {}

fn load_weights(at: u32) -> array<vec4<u32>, STEP_WEIGHTS> {
    var loaded: array<vec4<u32>, STEP_WEIGHTS>;
    for (var k = 0u; k < STEP_WEIGHTS; k++) { // unrolled
        loaded[k] = weights[at + k];
    }
    return loaded;
}

fn load_rows(at: u32) -> array<vec4<i32>, ROWS> {
    var loaded: array<vec4<i32>, ROWS>;
    for (var k = 0u; k < ROWS; k++) { // unrolled
        loaded[k] = table[at + k];
    }
    return loaded;
}
