//! Launches of `shaders/limbconv.wgsl`, and the choice between it and the strips.

use super::super::table::{GROUP_QUADS, QUAD, Table, quad_weights};
use super::diagonals::{DIAGONALS, drop_digits};
use super::epilogue::{Ends, add_rows, no_rows};
use super::general::{connect, tile, tiles};
use super::geometry;
use super::groups::{Reach, align};
use super::launch::{Launch, Nest};
use super::on_gpu::OnGpu;
use super::parts;
use super::rounds::{rounds, rounds_of_taps};
use super::strip;
use super::team::Team;
use super::texts::{ROWS, texts};
use super::variant::{Target, Variant};
use crate::fixed::{LIMB_LANES, WEIGHT_LIMBS};
use crate::lower::{Kernel, LimbConv, LimbSum, Repr, TensorSpec, Tensors};
use crate::tensor::{Shape, Window};

texts! {
    LIMBCONV = "limbconv.wgsl",
    LIMBCONV_TEAM = "limbconv.team.wgsl",
    SUMS = "include/sums.wgsl",
}

/// Most vector accumulators of an invocation, fewer than for planes: a product of limbs is long where the device has
/// no instruction for it, and compiling takes its time.
const MAX_LIMB_ACCUMULATORS: usize = 6;

impl OnGpu for LimbConv {
    fn launch(&self, tensors: Tensors, variant: &Variant, _: Option<&Kernel>) -> Launch {
        match variant {
            Variant::Strip(strip) => strip::limbconv(self, strip, tensors),
            Variant::General | Variant::Tile(_) => {
                Limbs::of(self, tensors).general(|limbs| limbconv(self, limbs, tensors))
            }
        }
    }

    fn divided(&self, tensors: Tensors, target: &Target) -> Option<Launch> {
        Limbs::of(self, tensors).team(target, |limbs| limbconv(self, limbs, tensors))
    }

    fn variants(&self, tensors: Tensors, target: &Target) -> Vec<Variant> {
        strip::strips(self, tensors, target).into_iter().map(Variant::Strip).collect()
    }

    fn signature(&self) -> String {
        format!(" {} {} words", self.window, self.words)
    }
}

impl OnGpu for LimbSum {
    fn launch(&self, tensors: Tensors, _: &Variant, _: Option<&Kernel>) -> Launch {
        let in_parts = parts::limbsum(self, tensors);
        in_parts.unwrap_or_else(|| Limbs::of_sum(self, tensors).general(|limbs| limbsum(self, limbs, tensors)))
    }

    fn divided(&self, tensors: Tensors, target: &Target) -> Option<Launch> {
        Limbs::of_sum(self, tensors).team(target, |limbs| limbsum(self, limbs, tensors))
    }
}

/// What the general kernel makes of a convolution of limbs.
struct Limbs<'a> {
    input: &'a TensorSpec,
    output: Shape,
    window: &'a Window,
    /// Limbs of an input, and diagonals of an output.
    limbs: usize,
    diagonals: usize,
    /// Neighbouring pixels and quads of an invocation.
    tile: usize,
    quads: usize,
    /// Planes of its codes.
    planes: usize,
    weights: LimbWeights,
    /// Rounds of the loops that finish the sums of a quad.
    finish_rounds: usize,
}

/// Weights, words that a quad reads per tap and, with groups, the first of them.
struct LimbWeights {
    weights: Vec<u32>,
    read: usize,
    first: Option<Vec<usize>>,
}

impl<'a> Limbs<'a> {
    fn new(input: &'a TensorSpec, output: Shape, window: &'a Window, quads: usize, weights: LimbWeights) -> Self {
        let limbs = if let Repr::Limbs { limbs, .. } = input.repr { limbs } else { 1 };
        let diagonals = limbs + WEIGHT_LIMBS - 1;
        let tile = tile(output.w, diagonals, MAX_LIMB_ACCUMULATORS);
        Limbs { input, output, window, limbs, diagonals, tile, quads, planes: 0, weights, finish_rounds: 0 }
    }

    fn of(k: &'a LimbConv, tensors: Tensors<'a>) -> Self {
        let (input, ends) = (tensors.get(k.input), Ends::of(&k.epilogue));
        let output = ends.output().map_or(input.shape, |id| tensors.get(id).shape);
        let limbs = Limbs::new(input, output, &k.window, GROUP_QUADS, limb_weights(k, tensors, output.c));
        Limbs { planes: ends.planes(tensors), finish_rounds: QUAD * ends.rounds(&k.epilogue), ..limbs }
    }

    fn of_sum(k: &'a LimbSum, tensors: Tensors<'a>) -> Self {
        let (input, output) = (tensors.get(k.input), tensors.get(k.output).shape);
        let read = input.shape.c.div_ceil(LIMB_LANES);
        Limbs::new(input, output, &k.window, 1, LimbWeights { weights: k.weights.clone(), read, first: None })
    }

    /// The launch of `limbconv.wgsl` with what `connect` adds to the constants.
    fn general(&self, connect: impl Fn(&Self) -> Launch) -> Launch {
        let mut launch = connect(self);
        (launch.rounds, launch.nest) = (self.rounds(), self.nest());
        launch.files.extend([DIAGONALS, SUMS, LIMBCONV]);
        launch
    }

    /// The launch of `limbconv.team.wgsl`.
    fn team(self, target: &Target, connect: impl Fn(&Self) -> Launch) -> Option<Launch> {
        let alone = Limbs { tile: 1, ..self };
        let mut launch = connect(&alone);
        launch.files.extend([DIAGONALS, SUMS, LIMBCONV_TEAM]);
        let team = Team { quads: alone.quads, sums: alone.diagonals, finish_rounds: alone.finish_rounds };
        let groups = alone.output.c.div_ceil(QUAD * alone.quads);
        team.launch(launch, alone.output, groups, target, |shares| alone.team_rounds(shares))
    }

    /// A launch with the constants that both kernels share.
    fn constants(&self) -> Launch {
        let Limbs { input, output, tile, quads, diagonals, .. } = self;
        let groups = output.c.div_ceil(QUAD * quads);
        let mut launch = Launch::new(output.w.div_ceil(*tile) * output.h * groups, &[ROWS]);
        let header = &mut launch.header;
        geometry::window(header, self.window, input.shape, *output);
        header.shape("IN_GROUPS", input.shape.c.div_ceil(LIMB_LANES)).number("X_LIMBS", self.limbs);
        header.number("W_LIMBS", WEIGHT_LIMBS).number("DIAGONALS", *diagonals);
        header.number("TILE_DIAGONALS", tile * diagonals);
        header.shape("GROUPS", groups).number("GROUP_QUADS", *quads).shape("READ_GROUPS", self.weights.read);
        tiles(header, *tile, output.w, self.planes);
        launch
    }

    /// The loops of an invocation of `limbconv.wgsl`.
    fn nest(&self) -> Nest {
        let turns = self.quads.min(self.output.c.div_ceil(QUAD));
        let products = self.tile * self.limbs * WEIGHT_LIMBS * LIMB_LANES * QUAD;
        Nest { turns, steps: self.window.taps() * self.weights.read, products }
    }

    /// Rounds of an invocation of `limbconv.wgsl`.
    fn rounds(&self) -> usize {
        let Limbs { tile, diagonals, planes, .. } = self;
        let words = rounds(self.weights.read, rounds(*tile, rounds(self.limbs, rounds(WEIGHT_LIMBS, 0))));
        let moved = rounds(tile * diagonals, 0) + rounds(*planes, rounds(*tile, 0));
        let finished = rounds(*tile, rounds(*diagonals, 0) + self.finish_rounds + moved);
        let quads = self.quads.min(self.output.c.div_ceil(QUAD));
        rounds(quads, rounds_of_taps(self.window.kernel, words) + finished) + rounds(*tile, rounds(*planes, 0))
    }

    /// Rounds of a member of a team, before the sums are handed over.
    fn team_rounds(&self, shares: usize) -> usize {
        let terms = self.window.taps() * self.weights.read;
        rounds(self.limbs * WEIGHT_LIMBS, rounds(terms.div_ceil(shares), 0))
    }
}

/// Diagonals, combined to T, and its epilogue.
fn limbconv(k: &LimbConv, limbs: &Limbs, tensors: Tensors) -> Launch {
    let mut launch = limbs.constants();
    let LimbWeights { weights, first, .. } = &limbs.weights;
    let mut table = Table::new(limbs.output.c);
    let header = &mut launch.header;
    header.flag("SUMS", false).flag("MASKED", first.is_some()).number("FIRST", 0);
    drop_digits(header, k.drop, limbs.diagonals);
    if let Some(first) = first {
        table.row(0, move |c| first[c / QUAD] as i32);
    }
    add_rows(header, &mut table, &k.epilogue, tensors);
    table.describe(header);
    connect(&mut launch, k.input, "u32", weights, limbs.output.c, table.words());
    Ends::of(&k.epilogue).connect(&mut launch, tensors);
    launch.write("sums", "i32", None);
    launch
}

fn limb_weights(k: &LimbConv, tensors: Tensors, channels: usize) -> LimbWeights {
    let Some(first) = &k.first_words else {
        return LimbWeights { weights: k.weights.clone(), read: k.words, first: None };
    };
    let reach = Reach { words: k.words, total: tensors.get(k.input).shape.c.div_ceil(LIMB_LANES) };
    let start = |c: usize, _| first[c] as usize;
    let aligned = align(&k.weights, channels, k.window.taps(), WEIGHT_LIMBS, &[reach], start);
    LimbWeights { weights: aligned.weights, read: aligned.words[0], first: Some(aligned.first) }
}

/// Diagonals as the result.
fn limbsum(k: &LimbSum, limbs: &Limbs, tensors: Tensors) -> Launch {
    let mut launch = limbs.constants();
    let mut table = Table::new(limbs.output.c);
    let header = &mut launch.header;
    header.flag("SUMS", true).flag("MASKED", false).number("FIRST", 0);
    drop_digits(header, 0, limbs.diagonals);
    no_rows(header, &mut table);
    table.describe(header);
    launch.read("input", "u32", k.input);
    launch.read("weights", "vec4<u32>", quad_weights(&k.weights, limbs.output.c));
    launch.read("table", "vec4<i32>", None);
    Ends::default().connect(&mut launch, tensors);
    launch.write("sums", "i32", k.output);
    launch
}
