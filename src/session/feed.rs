//! From the caller's pixels or tensor to the words of a program's input tensor.

use crate::fixed::{LIMB_LANES, VALUE_MAX, pack_lanes, scale_by_power, split_values, to_fixed};
use crate::format::Packed;
use crate::graph::preprocess::{ChannelOrder, Normalize};
use crate::lower::{InputForm, PIXEL_ALPHA, PIXEL_OFFSET};

/// RGB pixels `[n, h, w, 3]` as input words, or a range of them that begins with number `first`, at a pixel.
pub(super) fn pixels(packed: &Packed, form: InputForm, rgb: &[u8], first: usize) -> Result<Vec<u32>, String> {
    if form == InputForm::Pixels {
        return Ok(ordered(packed, rgb).map(pixel_word).collect());
    }
    tensor(packed, form, &real(packed, rgb, first)?, first)
}

/// The word of one pixel in the network's channel order. `shaders/texture/columns.wgsl` makes the same word of a texture's
/// pixel.
fn pixel_word(channels: [u8; 3]) -> u32 {
    let [a, b, c] = channels.map(|v| (i32::from(v) - PIXEL_OFFSET) as i8);
    pack_lanes([a, b, c, PIXEL_ALPHA])
}

/// The first layer's tensor for RGB pixels that begin with number `first`, at a pixel.
pub(super) fn real(packed: &Packed, rgb: &[u8], first: usize) -> Result<Vec<f32>, String> {
    let pixels: Vec<u8> = ordered(packed, rgb).flatten().collect();
    normalize(packed, &pixels, first)
}

/// RGB pixels in the network's order.
fn ordered<'a>(packed: &Packed, rgb: &'a [u8]) -> impl Iterator<Item = [u8; 3]> + use<'a> {
    let order = packed.header.preprocess.channels;
    rgb.chunks_exact(3).map(move |p| match order {
        ChannelOrder::Rgb => [p[0], p[1], p[2]],
        ChannelOrder::Bgr => [p[2], p[1], p[0]],
    })
}

/// The first layer's tensor for pixels in the network's channel order that begin with number `first`, in `f32` as the
/// original code computes it.
fn normalize(packed: &Packed, pixels: &[u8], first: usize) -> Result<Vec<f32>, String> {
    match (&packed.header.preprocess.normalize, &packed.mean_image) {
        (Normalize::MeanImage { divide }, Some(mean)) => {
            let mean = mean.f32();
            let mean = mean.iter().cycle().skip(first % mean.len().max(1));
            Ok(pixels.iter().zip(mean).map(|(&p, m)| (f32::from(p) - m) / *divide as f32).collect())
        }
        (Normalize::Channel { mean, std }, _) => {
            let channels = (0..3).cycle();
            let x = |(&p, k): (&u8, usize)| Normalize::of_pixel(p, mean[k], std[k]);
            Ok(pixels.iter().zip(channels).map(x).collect())
        }
        _ => Err("the model takes tensors only".into()),
    }
}

/// The first layer's tensor `[n, h, w, c]` as input words, or a range of it that begins with number `first`, at a pixel.
///
/// # Errors
/// If a number is not finite or too large.
pub(super) fn tensor(packed: &Packed, form: InputForm, x: &[f32], first: usize) -> Result<Vec<u32>, String> {
    let channels = packed.header.graph.input_shape().c;
    match form {
        InputForm::Pixels => Err("a program for pixels was given a tensor".into()),
        InputForm::Values { frac } => Ok(fixed(x, channels, frac, first)?.into_iter().map(|v| v as u32).collect()),
        InputForm::Limbs { frac } => {
            let values = fixed(x, channels, frac, first)?;
            let groups = values.chunks_exact(channels).flat_map(|row| row.chunks(LIMB_LANES));
            Ok(groups.flat_map(|group| split_values(group.iter().copied())).collect())
        }
    }
}

/// The numbers in fixed point with `frac` fraction bits; `first` is the first of them in the batch.
fn fixed(x: &[f32], channels: usize, frac: i32, first: usize) -> Result<Vec<i32>, String> {
    let one = |(i, &x): (usize, &f32)| {
        let v = to_fixed(f64::from(x), frac);
        if x.is_finite() && v.abs() <= i64::from(VALUE_MAX) {
            return Ok(v as i32);
        }
        let limit = scale_by_power(f64::from(VALUE_MAX), -frac);
        Err(format!(
            "has {x} at pixel {}, channel {}; the first layer takes -{limit:.3} to {limit:.3}",
            (first + i) / channels,
            (first + i) % channels
        ))
    };
    x.iter().enumerate().map(one).collect()
}
