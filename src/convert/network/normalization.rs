//! A mean and a deviation per channel that a checkpoint keeps beside its network: wrappers that normalize pictures
//! themselves have them as buffers.

use crate::convert::readers::{Checkpoint, Variable};
use crate::graph::preprocess::{ChannelOrder, Normalize, Preprocess};

/// Ends of the names of a mean, and of the deviation beside it.
const NAMES: [[&str; 2]; 7] = [
    ["mean", "std"],
    ["mean", "sd"],
    ["mean", "stdev"],
    ["mu", "sigma"],
    ["pixel_mean", "pixel_std"],
    ["image_mean", "image_std"],
    ["norm_mean", "norm_std"],
];

/// The names of a mean and a deviation.
pub(crate) struct Normalization<'a> {
    pub mean: &'a str,
    pub deviation: String,
}

/// What became of it.
pub(crate) enum Applied {
    /// The preprocessing subtracts this mean and divides by this deviation.
    Taken,
    /// Why it was left alone.
    Left(String),
}

/// All pairs of variables that look like a mean and a deviation of three channels.
pub(crate) fn all(checkpoint: &Checkpoint) -> Vec<Normalization<'_>> {
    let three = |variable: &Variable| variable.shape.iter().product::<usize>() == 3 && variable.shape.contains(&3);
    let pair = |name: &'_ str| {
        let (scope, last) = name.rfind('.').map_or(("", name), |dot| name.split_at(dot + 1));
        let plain = last.trim_start_matches('_');
        let hidden = &last[..last.len() - plain.len()];
        let is_mean = |[mean, _]: &&[&str; 2]| *mean == plain;
        let beside = NAMES.iter().filter(is_mean).map(|[_, deviation]| format!("{scope}{hidden}{deviation}"));
        beside.into_iter().find(|deviation| checkpoint.variables().get(deviation).is_some_and(three))
    };
    let means = checkpoint.variables().iter().filter(|(_, variable)| three(variable));
    means.filter_map(|(name, _)| Some(Normalization { mean: name, deviation: pair(name)? })).collect()
}

impl Normalization<'_> {
    /// Whether `name` is one of its variables.
    pub(crate) fn has(&self, name: &str) -> bool {
        name == self.mean || name == self.deviation
    }

    /// Makes `preprocess` normalize in this way, if it is clear what is meant.
    pub(crate) fn apply(&self, checkpoint: &Checkpoint, preprocess: &mut Preprocess) -> Applied {
        let read = |name: &str| -> Option<[f64; 3]> {
            let numbers: [f32; 3] = checkpoint.read_f32(name).ok()?.try_into().ok()?;
            Some(numbers.map(shortest))
        };
        let (Some(mean), Some(std)) = (read(self.mean), read(&self.deviation)) else {
            return Applied::Left("its numbers are not floats".into());
        };
        let inside = |most: f64| {
            mean.iter().all(|m| (0.0..=most).contains(m)) && std.iter().all(|&s| s > most / 1024.0 && s <= most)
        };
        let (mean, std) = match (inside(1.0), inside(WHITE)) {
            (true, _) => (mean, std),
            (false, true) => (mean.map(|m| m / WHITE), std.map(|s| s / WHITE)),
            (false, false) => return Applied::Left(format!("its numbers {mean:?} and {std:?} are no pixels'")),
        };
        match preprocess {
            Preprocess { channels: ChannelOrder::Rgb, normalize: normalize @ Normalize::Channel { .. }, .. } => {
                *normalize = Normalize::Channel { mean, std };
                Applied::Taken
            }
            _ => Applied::Left("this network's own preprocessing differs from it in more than its numbers".into()),
        }
    }
}

/// Largest pixel.
const WHITE: f64 = 255.0;

/// The number that people write for a float: 0.485 for the float next to it.
fn shortest(v: f32) -> f64 {
    v.to_string().parse().unwrap_or(f64::from(v))
}
