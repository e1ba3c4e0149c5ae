//! Teams: the shaders `*.team.wgsl`, in which a whole workgroup computes what otherwise one invocation does.

use super::launch::Launch;
use super::rounds::{rounds, shares};
use super::texts::TEAM;
use super::variant::{MAX_TEAM, Target};
use crate::tensor::Shape;

/// What a team computes: the quads of a group for one pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Team {
    /// Quads that it computes.
    pub quads: usize,
    /// Vectors of sums that each member hands over.
    pub sums: usize,
    /// Rounds of the loops that finish the sums of a quad.
    pub finish_rounds: usize,
}

impl Team {
    /// Turns `launch`, which has the constants of the general kernel with tiles of one pixel, into one of teams with as
    /// many members as it takes: a member of teams with `n` shares makes `rounds_with(n)` rounds, and the first then some
    /// to finish. `None` if the largest team is not enough.
    pub(super) fn launch(
        self,
        mut launch: Launch,
        output: Shape,
        groups: usize,
        target: &Target,
        rounds_with: impl Fn(usize) -> usize,
    ) -> Option<Launch> {
        let total = |n: usize| rounds_with(n).saturating_add(rounds(self.quads, rounds(n, 0) + self.finish_rounds));
        let shares = shares(MAX_TEAM / self.quads, target.rounds.unwrap_or(usize::MAX), total)?;
        let members = shares * self.quads;
        let per_image = output.pixels() * groups * members;
        (launch.workgroup_size, launch.per_image, launch.rounds) = (members as u32, per_image, total(shares));
        launch.files.push(TEAM);
        launch.header.reshape("PER_IMAGE", per_image);
        launch.header.number("SHARES", shares).number("SHARE_ROOM", members * self.sums);
        Some(launch)
    }
}
