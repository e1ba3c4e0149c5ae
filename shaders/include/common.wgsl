// Shared by all kernels: the index of an invocation and arithmetic on values.
//
// Every kernel is dispatched as a flat list of invocations, with images outermost. Lists of more than FOLD workgroups,
// the limit of one dispatch dimension, are folded into rows of FOLD.

// Index of an invocation in the flat list.
fn invocation(group: vec3<u32>, lane: u32) -> u32 {
    return (group.y * FOLD + group.x) * WORKGROUP_SIZE + lane;
}

// Saturating sum of values. Their magnitudes are below 2^30, so the plain sum cannot overflow.
fn add_values(a: i32, b: i32) -> i32 {
    return clamp(a + b, -VALUE_MAX, VALUE_MAX);
}

// Input coordinate of a tap at output position `at`, where `tap` is the tap's offset in the window. Outside the input
// it is not less than the input's size, because negative numbers wrap.
fn source(at: u32, stride: u32, tap: u32, before: u32) -> u32 {
    return at * stride + tap - before;
}
