//! `lq-infer eval`

use super::args::{DeviceArg, parse_count};
use super::failure::Outcome;
use super::inputs::{Input, batches, pictures};
use super::profile::{ProfileArg, Profiling};
use super::{open, output};
use crate::backend::Control;
use crate::error::{Error, Result};
use crate::session::{Digest, Model, PrepareOptions};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Args, Debug)]
pub(super) struct EvalArgs {
    /// Packed model
    model: PathBuf,
    /// Directory with one folder per class, named by its label
    directory: PathBuf,
    #[command(flatten)]
    device: DeviceArg,
    /// Images per run
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = parse_count)]
    batch: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: ProfileArg,
}

/// The result, as `--json` prints it.
#[derive(Serialize)]
struct Summary {
    model: String,
    device: String,
    batch: usize,
    images: usize,
    /// Share of pictures whose class is the most probable one.
    top1: f64,
    /// Share of pictures whose class is among the five most probable.
    top5: f64,
    /// Includes decoding, transfers and computation, but not preparation.
    images_per_second: f64,
    /// SHA-256 of all logits in order of the files' paths.
    digest: String,
}

/// Runs the command.
pub(super) fn run(args: &EvalArgs) -> Outcome {
    args.profile.around(|profiling| evaluate(args, profiling))
}

fn evaluate(args: &EvalArgs, profiling: &Profiling) -> Outcome {
    let model = profiling.host("load", || Model::open(&args.model))?;
    model.need_pixels()?;
    let (classes, files): (Vec<usize>, Vec<Input>) = labelled(&args.directory, &model)?.into_iter().unzip();
    let engine = profiling.engine(profiling.host("open device", || open::engine(&args.device.device))?);
    let max_batch = args.batch.min(files.len());
    let net = engine.prepare_with(&model, PrepareOptions { max_batch, ..PrepareOptions::default() })?;
    let bar = output::progress(files.len(), "images");
    let (mut top1, mut top5, mut digest) = (0usize, 0usize, Digest::new());
    let start = Instant::now();
    let rule = &model.header().preprocess.resize;
    let batches = batches(&files, max_batch, rule, profiling, |_, picture| picture.map(Some));
    let mut classes = classes.into_iter();
    net.stream(batches, &Control::default(), |logits| {
        digest.add(&logits);
        let better = classes.next().map_or(usize::MAX, |class| rank(&logits, class));
        top1 += usize::from(better == 0);
        top5 += usize::from(better < 5);
        bar.inc(1);
        Ok::<_, Error>(())
    })?;
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let share = |n: usize| n as f64 / files.len() as f64;
    let summary = Summary {
        model: model.header().name.clone(),
        device: engine.device_name(),
        batch: max_batch,
        images: files.len(),
        top1: share(top1),
        top5: share(top5),
        images_per_second: files.len() as f64 / seconds,
        digest: digest.hex(),
    };
    if args.json { output::json(&summary) } else { print(&summary) }
}

fn print(s: &Summary) -> Outcome {
    output::line(&format!("{} on {}, batch {}", s.model, s.device, s.batch))?;
    output::line(&format!("  top-1  {:.2}%", 100.0 * s.top1))?;
    output::line(&format!("  top-5  {:.2}%", 100.0 * s.top5))?;
    output::line(&format!("  {} images, {:.0} images/s", s.images, s.images_per_second))?;
    output::line(&format!("  digest {}", s.digest))
}

/// How many classes rank before `class`: those with a larger logit, or an equal one and a lower index.
fn rank(logits: &[f32], class: usize) -> usize {
    let ahead = |(c, &v): (usize, &f32)| v > logits[class] || (v == logits[class] && c < class);
    logits.iter().enumerate().filter(|&p| ahead(p)).count()
}

/// The pictures of a directory with one folder per class, with their classes, sorted by path.
fn labelled(directory: &Path, model: &Model) -> Result<Vec<(usize, Input)>> {
    let labels = &model.header().labels;
    let io = |e| Error::io(directory, e);
    let mut folders: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    let mut files = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let class = labels.iter().position(|l| *l == name).ok_or_else(|| {
            let known = labels.iter().take(12).cloned().collect::<Vec<_>>().join(", ");
            Error::bad_input(&folder, format!("no class of the model is labelled '{name}'; labels are {known}"))
        })?;
        files.extend(pictures(&folder)?.into_iter().map(|path| (class, Input::Picture(path))));
    }
    if files.is_empty() {
        return Err(Error::bad_input(directory, "holds no pictures in folders named by label"));
    }
    Ok(files)
}
