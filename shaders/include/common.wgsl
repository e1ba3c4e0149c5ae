// Shared by all kernels: the index of an invocation and arithmetic on values.
//
// Every kernel is dispatched as a flat list of invocations, images outermost. A dispatch dimension holds at most FOLD
// workgroups, so long lists are folded into rows of FOLD.

// Index in the flat list.
fn invocation(group: vec3<u32>, lane: u32) -> u32 {
    return (group.y * FOLD + group.x) * WORKGROUP_SIZE + lane;
}

// Saturating sums of values; operands are below 2^30, so the plain sum cannot overflow.
fn add_values(a: i32, b: i32) -> i32 {
    return clamp(a + b, -VALUE_MAX, VALUE_MAX);
}

// Input coordinate of tap `tap` at output position `at`; outside the input it is not below the input's size, because
// negative numbers wrap.
fn source(at: u32, stride: u32, tap: u32, before: u32) -> u32 {
    return at * stride + tap - before;
}
