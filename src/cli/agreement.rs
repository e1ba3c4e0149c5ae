//! `lq-infer convert --verify`: the converted network against its training framework.

use super::array::Array;
use super::failure::{Failure, Outcome};
use super::output;
use crate::compare::{Agreement, LayerCodes, RecordedCodes, Tolerance, compare_codes, compare_logits};
use crate::error::{Error, Result};
use crate::files::read_file;
use crate::format::npy::{self, MAX_ARRAY, NpyData};
use crate::session::{DeviceSelector, Engine, Model, PrepareOptions};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Images per run.
const BATCH: usize = 16;
/// Most images beyond the tolerance that are listed.
const NAMED: usize = 8;
/// Up to this share of a layer's codes, differences are attributed to rounding.
const ROUNDING: f64 = 1e-4;

#[derive(Args, Debug)]
pub(super) struct VerificationArgs {
    /// Compare with logits of the training framework before anything is written: inputs as for classification (.npy),
    /// and what it computed from them, f32 or f64 [N,classes] (.npy)
    #[arg(long, num_args = 2, value_names = ["INPUTS", "EXPECTED"])]
    verify: Option<Vec<PathBuf>>,
    /// .npz with the framework's codes by quantizer, to find the layer that differs (see models/README.md)
    #[arg(long, value_name = "FILE", requires = "verify")]
    codes: Option<PathBuf>,
    /// Largest difference of a logit, in standard deviations of the expected ones
    #[arg(long, value_name = "X", requires = "verify", default_value_t = Tolerance::default().relative, value_parser = parse_bound)]
    tolerance: f64,
    /// Share of the images that may differ by more
    #[arg(long, value_name = "SHARE", requires = "verify", default_value_t = Tolerance::default().outliers, value_parser = parse_bound)]
    outliers: f64,
}

/// The result, as `--json` prints it.
#[derive(Serialize)]
pub(super) struct Verification {
    pub holds: bool,
    images: usize,
    /// Number of images for which both have the same most probable class.
    same_class: usize,
    /// Standard deviation of the expected logits.
    spread: f64,
    tolerance: f64,
    outliers: f64,
    /// Images that differ by more than the tolerance.
    beyond: Vec<usize>,
    /// Largest difference of each image's logits, in units of the spread.
    relative: Vec<f64>,
    worst_image: usize,
    worst_absolute: f64,
    median_absolute: f64,
    /// One entry per quantizer, in the order of the graph.
    codes: Option<Vec<LayerCodes>>,
}

/// Runs the comparison, if it was asked for.
pub(super) fn check(args: &VerificationArgs, model: &Model) -> Result<Option<Verification>> {
    let Some([inputs, expected]) = args.verify.as_deref() else { return Ok(None) };
    let array = Array::open(inputs, model)?;
    let expected = logits(expected, array.len(), model.header().graph.classes())?;
    let batch = array.rows(0..array.len())?;
    let cpu = Engine::builder().device(DeviceSelector::Cpu).build()?;
    let options = PrepareOptions { max_batch: BATCH, ..PrepareOptions::default() };
    let agreement = compare_logits(&cpu.prepare_with(model, options)?, &batch, &expected)?;
    let recorded = args.codes.as_deref().map(RecordedCodes::read).transpose()?;
    let codes = recorded.map(|recorded| compare_codes(model, &batch, &recorded)).transpose()?;
    Ok(Some(Verification::new(&agreement, args.tolerance(), codes)))
}

/// Reads the logits that the framework computed, `[images, classes]`.
fn logits(path: &Path, images: usize, classes: usize) -> Result<Vec<f64>> {
    let bytes = read_file(path, MAX_ARRAY)?;
    let bad = |problem: String| Error::bad_input(path, problem);
    let (shape, data) = npy::read(&bytes).map_err(bad)?;
    if shape != [images, classes] {
        return Err(bad(format!(
            "has shape {shape:?}, expected [{images}, {classes}]: a row of logits for each input"
        )));
    }
    match data {
        NpyData::F32(data) => Ok(data.into_iter().map(f64::from).collect()),
        NpyData::F64(data) => Ok(data),
        _ => Err(bad("holds integers, expected logits as float32 or float64".into())),
    }
}

impl VerificationArgs {
    fn tolerance(&self) -> Tolerance {
        Tolerance { relative: self.tolerance, outliers: self.outliers }
    }
}

impl Verification {
    fn new(agreement: &Agreement, tolerance: Tolerance, codes: Option<Vec<LayerCodes>>) -> Self {
        let (worst_image, worst_absolute) = agreement.worst().unwrap_or_default();
        Verification {
            holds: agreement.holds(tolerance),
            images: agreement.differences.len(),
            same_class: agreement.same_class,
            spread: agreement.spread,
            tolerance: tolerance.relative,
            outliers: tolerance.outliers,
            beyond: agreement.beyond(tolerance),
            relative: agreement.relative().collect(),
            worst_image,
            worst_absolute,
            median_absolute: agreement.median(),
            codes,
        }
    }

    /// Prints it as text.
    pub(super) fn print(&self) -> Outcome {
        let Verification { images, same_class, spread, .. } = self;
        output::line(&format!("compared {images} images: the same most probable class in {same_class}"))?;
        let difference = |d: f64| format!("{d:.2e}, {:.2e} of the spread", d / spread);
        output::line(&format!("  median difference {}", difference(self.median_absolute)))?;
        output::line(&format!("  worst  difference {} (image {})", difference(self.worst_absolute), self.worst_image))?;
        output::line(&format!("  beyond {} of the spread: {}", self.tolerance, self.named()))?;
        // If the comparison failed, the error already has this line.
        let codes = self.codes_line().filter(|_| self.holds);
        codes.map_or(Ok(()), |line| output::line(&format!("  {line}")))
    }

    /// The images beyond the tolerance, as text.
    fn named(&self) -> String {
        let images: Vec<String> = self.beyond.iter().take(NAMED).map(ToString::to_string).collect();
        match self.beyond.len() {
            0 => "none".into(),
            n if n > NAMED => format!("{n} images: {} and {} more", images.join(", "), n - NAMED),
            n => format!("{n} images: {}", images.join(", ")),
        }
    }

    /// What the comparison of codes showed, if they were recorded.
    fn codes_line(&self) -> Option<String> {
        let codes = self.codes.as_ref()?;
        let compared: usize = codes.iter().map(|layer| layer.compared).sum();
        let Some((layer, first)) = codes.iter().find_map(|layer| Some((layer, layer.first?))) else {
            let last = codes.last().map_or("", |layer| &layer.layer);
            return Some(format!("all {compared} recorded codes are the same, up to layer '{last}'"));
        };
        let LayerCodes { layer: name, compared, differing, .. } = layer;
        let few = *differing as f64 <= ROUNDING * *compared as f64;
        let cause =
            if few { "so few may come from rounding at a threshold" } else { "the mistake is there or just before" };
        Some(format!(
            "the first layer whose codes differ is '{name}': {differing} of {compared} ({cause}), first {} instead of {} at \
             image {}, y {}, x {}, channel {}",
            first.found, first.expected, first.image, first.y, first.x, first.channel
        ))
    }

    /// The failure, if the logits are not the expected ones.
    pub(super) fn failure(&self) -> Option<Failure> {
        let hint = || "give the framework's codes with --codes to see in which layer (models/README.md)".to_owned();
        let message = format!(
            "{} of {} images differ by more than {} of the logits' spread; {}; nothing was written",
            self.beyond.len(),
            self.images,
            self.tolerance,
            self.codes_line().unwrap_or_else(hint)
        );
        (!self.holds).then(|| Error::VerificationFailed(message).into())
    }
}

fn parse_bound(text: &str) -> Result<f64, String> {
    let bound = text.parse().ok().filter(|bound: &f64| bound.is_finite() && *bound >= 0.0);
    bound.ok_or_else(|| "must be a number from 0 up".into())
}
