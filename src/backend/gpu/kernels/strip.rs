//! Launches of `shaders/limbconv.dots.wgsl` and `shaders/limbconv.floats.wgsl`, the convolutions of pictures.

use super::super::header::Header;
use super::super::table::Table;
use super::diagonals::{DIAGONALS, drop_digits};
use super::epilogue::{Ends, add_rows};
use super::geometry::{columns, window_with_constant_rows};
use super::launch::{Launch, Nest};
use super::rounds::rounds;
use super::spans;
use super::texts::texts;
use super::variant::{Products, Strip, Target};
use crate::fixed::{LIMB_LANES, WEIGHT_LIMBS, combine_diagonals, split};
use crate::lower::{LimbConv, PIXEL_ALPHA, Repr, Tensors};
use crate::quant::WORD_BITS;
use crate::tensor::{Shape, Window};

texts! {
    LIMBCONV_DOTS = "limbconv.dots.wgsl",
    LIMBCONV_FLOATS = "limbconv.floats.wgsl",
    STRIP = "include/strip.wgsl",
}

/// Bits of the lower part of a weight.
const LOWER: u32 = 12;
/// Colours of a pixel; its fourth byte is alpha.
const COLOURS: usize = 3;
/// How many products of 128 and 2^11 a word can hold the sum of, with room for a carry.
const MAX_TERMS: usize = 4096;
/// Taps whose sums f32 holds exactly: each adds at most 3 * 128 * 2^11 to a sum that must stay below 2^24.
const EXACT_TAPS: usize = ((1 << 24) - 1) / ((COLOURS * 128) << (LOWER - 1));
/// Pixels in a vector.
const VECTOR: usize = 4;
/// Largest shift that drops digits.
const MAX_DROP: usize = 3;
/// Most words of weights for a row, all of which wait in registers.
const MAX_ROW_WORDS: usize = 64;

/// The strips that can compute `k`, the one that is thought best first. None if only the general kernel can.
pub(super) fn strips(k: &LimbConv, tensors: Tensors, target: &Target) -> Vec<Strip> {
    let (spec, ends) = (tensors.get(k.input), Ends::of(&k.epilogue));
    let pixels = matches!(spec.repr, Repr::Limbs { limbs: 1, .. }) && spec.shape.c <= LIMB_LANES;
    let Some(output) = ends.output().map(|id| tensors.get(id).shape) else { return Vec::new() };
    let vectors = spec.shape.w.is_multiple_of(VECTOR);
    if !pixels || !vectors || k.first_words.is_some() {
        return Vec::new();
    }
    let exact_floats = k.window.kernel[1] <= EXACT_TAPS
        && k.window.taps() * LIMB_LANES <= MAX_TERMS
        && k.drop <= MAX_DROP
        && tensors.is_picture(k.input);
    let mut strips = Vec::new();
    for span in spans::of(output.c, target) {
        for pixels in [8, 4, 2, 1] {
            for products in [Products::Dots, Products::Floats] {
                let strip = Strip { pixels, span, products };
                let aligned = pixels <= output.w && (pixels * k.window.stride[1]).is_multiple_of(VECTOR);
                let coded = ends.planes(tensors) * pixels <= WORD_BITS;
                let small =
                    row_words(&k.window, products).0 <= MAX_ROW_WORDS && target.allows(rounds_of(&strip, k, WORD_BITS));
                if aligned && coded && small && (exact_floats || products == Products::Dots) {
                    strips.push(strip);
                }
            }
        }
    }
    let preferred = if target.dots { Products::Dots } else { Products::Floats };
    strips.sort_by_cached_key(|strip| (strip.products != preferred, cost(strip, k, output, target)));
    strips
}

/// What the target's batch is thought to take, in clock cycles; see `tile::cost`. A row's products take an instruction per
/// limb of a weight and pixel, or two per colour, with the conversion of colours and sums besides.
fn cost(strip: &Strip, k: &LimbConv, output: Shape, target: &Target) -> usize {
    let Strip { pixels, span, products } = *strip;
    let each = pixels * k.window.kernel[1];
    let row = match products {
        Products::Dots => WEIGHT_LIMBS * each,
        Products::Floats => 2 * COLOURS * each + COLOURS * columns(&k.window, pixels) + 3 * pixels,
    };
    // More sums and weights than this leave room for few workgroups.
    let crowded = if pixels * k.window.stride[1] > 8 { 5 } else { 4 };
    let instructions = (k.window.kernel[0] * (row + 20) + 50 * pixels + 100) * crowded / 4;
    let workgroups = target.images * output.h * output.w.div_ceil(pixels) * span.layers(output.c) / span.at_once();
    let busy = instructions * span.workgroup_size.div_ceil(32) as usize;
    spans::cycles(target.simd_units, workgroups, busy, k.window.kernel[0] + 2)
}

/// Rows of the window whose sums f32 holds exactly.
fn rows_at_once(window: &Window) -> usize {
    (EXACT_TAPS / window.kernel[1]).clamp(1, window.kernel[0])
}

/// Rounds of an invocation, whose codes have `bits` bits for all pixels together.
fn rounds_of(strip: &Strip, k: &LimbConv, bits: usize) -> usize {
    let rows = k.window.kernel[0];
    let row_rounds = match strip.products {
        Products::Dots => rounds(rows, 0),
        Products::Floats => {
            let blocks = rows.div_ceil(rows_at_once(&k.window));
            // Each block finds the end of its rows.
            rounds(blocks, 0) + rows + blocks
        }
    };
    row_rounds + strip.pixels * Ends::of(&k.epilogue).rounds(&k.epilogue) + strip.span.code_rounds(bits)
}

/// Words of an output channel's weights for a row of the window: all, and those that every invocation reads.
fn row_words(window: &Window, products: Products) -> (usize, usize) {
    let taps = window.kernel[1];
    let (loaded, others) = match products {
        Products::Dots => (taps * WEIGHT_LIMBS, 0),
        Products::Floats => (2 * COLOURS * taps + 2, 2 * taps),
    };
    let loaded = loaded.next_multiple_of(VECTOR);
    (loaded + others.next_multiple_of(VECTOR), loaded)
}

/// The launch of `k` in strips of this kind, which must be one of [`strips`].
pub(super) fn limbconv(k: &LimbConv, strip: &Strip, tensors: Tensors) -> Launch {
    let ends = Ends::of(&k.epilogue);
    let input = tensors.get(k.input).shape;
    let output = ends.output().map_or(input, |id| tensors.get(id).shape);
    let across = output.w.div_ceil(strip.pixels);
    let mut launch = strip.span.launch(across * output.h, output.c);
    launch.rounds = rounds_of(strip, k, ends.planes(tensors) * strip.pixels);
    let products = strip.pixels * k.window.kernel[1] * input.c * WEIGHT_LIMBS;
    launch.nest = Nest { turns: 1, steps: k.window.kernel[0], products };
    let header = &mut launch.header;
    window_with_constant_rows(header, &k.window, input, output);
    header.shape("TILES", across).number("TILE", strip.pixels);
    header.number("COLUMNS", columns(&k.window, strip.pixels));
    strip.span.describe(header, output.c, strip.pixels, ends.planes(tensors));
    vectors(header, &k.window, strip);
    let (all, loaded) = row_words(&k.window, strip.products);
    header.number("LOADED", loaded).number("WEIGHT_LOADS", loaded / VECTOR).number("ROW_LOADS", all / VECTOR);
    let rows = match strip.products {
        Products::Dots => {
            header.number("DIAGONALS", WEIGHT_LIMBS);
            drop_digits(header, k.drop, WEIGHT_LIMBS);
            dot_rows(k)
        }
        Products::Floats => {
            let drop = 8 * k.drop;
            header.number("DROP", k.drop).number("LOWERED", drop.saturating_sub(LOWER as usize));
            header.number("RAISED", (LOWER as usize).saturating_sub(drop));
            header.number("ROWS_AT_ONCE", rows_at_once(&k.window));
            header.number("ADDED", 2 * COLOURS * k.window.kernel[1]).number("ALPHA", loaded / VECTOR);
            float_rows(k, loaded)
        }
    };
    let mut table = Table::of_spans(output.c, strip.span.channels);
    add_rows(header, &mut table, &k.epilogue, tensors);
    table.describe(header);
    launch.read("input", "vec4<u32>", k.input);
    launch.read("weights", "vec4<u32>", in_spans(&rows, all, k.window.kernel[0], output.c, strip.span.channels));
    launch.read("table", "i32", table.words());
    ends.connect_lanes(&mut launch);
    launch.files.extend(match strip.products {
        Products::Dots => [STRIP, LIMBCONV_DOTS].as_slice(),
        Products::Floats => [STRIP, LIMBCONV_FLOATS].as_slice(),
    });
    if strip.products == Products::Dots {
        launch.files.push(DIAGONALS);
    }
    launch
}

/// Adds the constants that say which vectors a strip reads of each row, starting with the one that holds the first
/// pixel.
fn vectors(header: &mut Header, window: &Window, strip: &Strip) {
    let before = window.before[1].div_ceil(VECTOR);
    let skipped = before * VECTOR - window.before[1];
    let vectors = (skipped + columns(window, strip.pixels)).div_ceil(VECTOR);
    header.number("VECTORS_BEFORE", before).number("SKIPPED", skipped);
    header.number("VECTORS", vectors).number("COLUMN_ROOM", vectors * VECTOR);
}

/// The words of each row of each channel's window for dot products, `[out, KH]`: limbs as they are in the program.
fn dot_rows(k: &LimbConv) -> Vec<Vec<u32>> {
    k.weights.chunks_exact(k.window.kernel[1] * WEIGHT_LIMBS).map(<[u32]>::to_vec).collect()
}

/// The same for products of floats: parts of weights as floats; what is added to the sums of a row; and from word `alpha`
/// on the products of alpha.
fn float_rows(k: &LimbConv, alpha: usize) -> Vec<Vec<u32>> {
    let row = |limbs: &[u32]| {
        let taps: Vec<[i64; LIMB_LANES]> = limbs.chunks_exact(WEIGHT_LIMBS).map(tap_weights).collect();
        let colours = taps.iter().flat_map(|tap| &tap[..COLOURS]);
        let mut words: Vec<u32> = colours.flat_map(|&w| parts(w)).map(|part| (part as f32).to_bits()).collect();
        let alphas = || taps.iter().map(|tap| parts(tap[COLOURS]).map(|part| i64::from(PIXEL_ALPHA) * part));
        words.extend([0, 1].map(|part: usize| alphas().map(|alpha| alpha[part]).sum::<i64>() as u32));
        words.resize(alpha, 0);
        words.extend(alphas().flatten().map(|product| product as u32));
        words
    };
    k.weights.chunks_exact(k.window.kernel[1] * WEIGHT_LIMBS).map(row).collect()
}

/// The weights of a tap.
fn tap_weights(limbs: &[u32]) -> [i64; LIMB_LANES] {
    std::array::from_fn(|lane| {
        let bytes: Vec<i32> = limbs.iter().map(|word| i32::from(word.to_le_bytes()[lane] as i8)).collect();
        combine_diagonals(&bytes) as i64
    })
}

/// Upper and lower part of a weight. The lower part is signed, too.
fn parts(weight: i64) -> [i64; 2] {
    let (upper, lower) = split(weight + (1 << (LOWER - 1)), LOWER);
    [upper, lower - (1 << (LOWER - 1))]
}

/// Rows `[out, KH]`, padded to `words` words, as vectors `[span, KH, words / VECTOR, SPAN]`; channels past the last are 0.
fn in_spans(rows: &[Vec<u32>], words: usize, kh: usize, channels: usize, span: usize) -> Vec<u32> {
    let mut ordered = Vec::with_capacity(channels.next_multiple_of(span) * kh * words);
    for first in (0..channels).step_by(span) {
        for (ky, vector) in (0..kh).flat_map(|ky| (0..words).step_by(VECTOR).map(move |at| (ky, at))) {
            for c in first..first + span {
                let word = |at: usize| rows.get(c * kh + ky).and_then(|row| row.get(at)).copied().unwrap_or(0);
                ordered.extend((vector..vector + VECTOR).map(word));
            }
        }
    }
    ordered
}
