// Teams (src/backend/gpu/kernels/team.rs): a whole workgroup computes one pixel for one group of output channels. Its
// members hand over their shares of the sums here, and the first one adds them up.

var<workgroup> shares: array<vec4<i32>, SHARE_ROOM>;

// What a team computes.
struct Team {
    image: u32,
    group: u32,
    y: u32,
    x: u32,
}

// The team of an invocation. Teams past the last one repeat its work, because every member must reach the barriers.
fn team_of(id: vec3<u32>, lane: u32) -> Team {
    let team = min(invocation(id, lane), params.images * PER_IMAGE - 1u) / WORKGROUP_SIZE;
    let pixels = OUT_W * OUT_H;
    return Team(team / (pixels * GROUPS), team / pixels % GROUPS, team / OUT_W % OUT_H, team % OUT_W);
}

// Index of the team's pixel among those of all images.
fn pixel_of(team: Team) -> u32 {
    return (team.image * OUT_H + team.y) * OUT_W + team.x;
}
