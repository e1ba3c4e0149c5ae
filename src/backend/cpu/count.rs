//! The inner loop of bit convolutions: popcount(B_i & A_j) for a tile of pixels and a register of output channels.
//!
//! A register of weights holds one word of one plane for `LANES` output channels, and an activation word is broadcast
//! to all lanes. So every lane accumulates its own channel, and nothing is ever added across lanes.

use super::lanes::Lanes;

/// The most pixels in a tile.
pub(super) const TILE: usize = 7;

/// Adds popcount(B_i & A_j) times the factor `[i][j]` to `sums`, for `W` planes of `weights` (registers `[word][W]`)
/// and `A` planes of each patch (`[word][A]`).
#[inline(always)]
pub(super) fn count<L: Lanes, const W: usize, const A: usize>(
    lanes: L,
    weights: &[L::Words],
    patches: &[&[u32]],
    factors: &[L::Reals],
    sums: &mut [L::Double; TILE],
) {
    let mut at = 0;
    while at < patches.len() {
        let fits = |pixels: usize| W * A * pixels <= L::SUMS;
        at += match patches.len() - at {
            7.. if fits(7) => tile::<L, W, A, 7>(lanes, weights, patches, at, factors, sums),
            4.. if fits(4) => tile::<L, W, A, 4>(lanes, weights, patches, at, factors, sums),
            2.. if fits(2) => tile::<L, W, A, 2>(lanes, weights, patches, at, factors, sums),
            _ => tile::<L, W, A, 1>(lanes, weights, patches, at, factors, sums),
        };
    }
}

/// Counts `T` pixels starting at `at`; the caller makes sure there are that many. Returns `T`.
#[inline(always)]
fn tile<L: Lanes, const W: usize, const A: usize, const T: usize>(
    lanes: L,
    weights: &[L::Words],
    patches: &[&[u32]],
    at: usize,
    factors: &[L::Reals],
    out: &mut [L::Double; TILE],
) -> usize {
    let weights = weights.as_chunks::<W>().0;
    let words = weights.len();
    let mut tile: [&[[u32; A]]; T] = [&[]; T];
    for t in 0..T {
        tile[t] = &patches[at + t].as_chunks::<A>().0[..words];
    }
    let counts = popcounts(lanes, weights, &tile);
    // An array of constant length keeps everything in registers.
    if let Some(out) = out[at..].first_chunk_mut::<T>() {
        add(lanes, &counts, factors, out);
    }
    T
}

/// Adds the counts, each times its factor.
#[inline(always)]
fn add<L: Lanes, const W: usize, const A: usize, const T: usize>(
    lanes: L,
    counts: &[[[L::Int; T]; A]; W],
    factors: &[L::Reals],
    sums: &mut [L::Double; T],
) {
    let mut own = [[lanes.splat_real(0.0); A]; W];
    for i in 0..W {
        for j in 0..A {
            own[i][j] = lanes.load_reals(&factors[i * A + j]);
        }
    }
    for t in 0..T {
        let mut sum = sums[t];
        for i in 0..W {
            for j in 0..A {
                sum = lanes.multiply_add(own[i][j], lanes.real(counts[i][j][t]), sum);
            }
        }
        sums[t] = sum;
    }
}

/// popcount(B_i & A_j) of `T` pixels. Where an instruction set counts in bytes, these are widened before they overflow.
#[inline(always)]
fn popcounts<L: Lanes, const W: usize, const A: usize, const T: usize>(
    lanes: L,
    weights: &[[L::Words; W]],
    tile: &[&[[u32; A]]; T],
) -> [[[L::Int; T]; A]; W] {
    let words = weights.len();
    let mut sums = [[[lanes.zero(); T]; A]; W];
    if words <= L::COUNTS {
        return counted(lanes, weights, tile, 0..words);
    }
    let mut start = 0;
    while start < words {
        let end = words.min(start + L::COUNTS);
        let counts = counted(lanes, weights, tile, start..end);
        for i in 0..W {
            for j in 0..A {
                for t in 0..T {
                    sums[i][j][t] = lanes.add(sums[i][j][t], counts[i][j][t]);
                }
            }
        }
        start = end;
    }
    sums
}

/// The same for at most [`Lanes::COUNTS`] words.
#[inline(always)]
fn counted<L: Lanes, const W: usize, const A: usize, const T: usize>(
    lanes: L,
    weights: &[[L::Words; W]],
    tile: &[&[[u32; A]]; T],
    words: std::ops::Range<usize>,
) -> [[[L::Int; T]; A]; W] {
    let mut counts = [[[lanes.zero(); T]; A]; W];
    for k in words {
        let mut planes = [lanes.zero(); W];
        for i in 0..W {
            planes[i] = lanes.load(&weights[k][i]);
        }
        for t in 0..T {
            for j in 0..A {
                let word = lanes.splat(tile[t][k][j] as i32);
                for i in 0..W {
                    counts[i][j][t] = lanes.count(counts[i][j][t], lanes.and(planes[i], word));
                }
            }
        }
    }
    for i in 0..W {
        for j in 0..A {
            for t in 0..T {
                counts[i][j][t] = lanes.counted(counts[i][j][t]);
            }
        }
    }
    counts
}
