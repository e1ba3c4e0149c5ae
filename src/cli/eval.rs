//! `lq-infer eval`

use super::args::{DeviceArg, parse_count};
use super::classes::{Labelled, labelled};
use super::failure::{Failure, Outcome, exit_code};
use super::inputs::{Input, batches};
use super::profile::{ProfileArg, Profiling};
use super::tally::{ClassResult, Confusion, Mistake, Tally};
use super::{open, output};
use crate::backend::Control;
use crate::error::Error;
use crate::session::{Digest, Engine, Model, Net, PrepareOptions};
use clap::Args;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Images of a run unless the user says otherwise.
const BATCH: usize = 16;

#[derive(Args, Debug)]
#[command(allow_missing_positional = true)]
pub(super) struct EvalArgs {
    /// Packed model [default: the bundled CIFAR-10 ResNet-20]
    model: Option<PathBuf>,
    /// Directory with one folder per class, named by label, by number, or for ImageNet by WordNet id (n01440764)
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    device: DeviceArg,
    /// Images per run
    #[arg(long, value_name = "N", default_value_t = BATCH, value_parser = parse_count)]
    batch: usize,
    /// Only N pictures, taken evenly from the classes
    #[arg(long, value_name = "N")]
    limit: Option<std::num::NonZeroUsize>,
    /// Print a table of the classes
    #[arg(long)]
    per_class: bool,
    /// Print what was taken for what: a matrix, or the most frequent pairs of many classes
    #[arg(long)]
    confusion: bool,
    /// List the pictures that were taken for something else
    #[arg(long)]
    mistakes: bool,
    /// Print JSON, which always has classes, confusions and mistakes
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
    /// Pictures that were read and classified; all shares are of these.
    images: usize,
    /// Share of pictures whose class is the most probable one.
    top1: f64,
    /// Share of pictures whose class is among the five most probable.
    top5: f64,
    /// Includes decoding, transfers and computation, but not preparation.
    images_per_second: f64,
    /// SHA-256 of all logits in order of the files' paths.
    digest: String,
    /// Pictures that could not be read.
    failed: Vec<Failed>,
    /// How many files and directories were passed over, by reason.
    skipped: BTreeMap<&'static str, usize>,
    classes: Vec<ClassResult>,
    /// What was taken for what, without right answers.
    confusion: Vec<Confusion>,
    mistakes: Vec<Mistake>,
}

/// A picture that could not be read.
#[derive(Serialize)]
struct Failed {
    file: String,
    error: String,
    #[serde(skip)]
    code: u8,
}

/// What running the pictures gave.
struct Answers {
    tally: Tally,
    failed: Vec<Failed>,
    digest: String,
    seconds: f64,
}

/// Runs the command.
pub(super) fn run(args: &EvalArgs) -> Outcome {
    args.profile.around(|profiling| evaluate(args, profiling))
}

fn evaluate(args: &EvalArgs, profiling: &Profiling) -> Outcome {
    let model = profiling.host("load", || open::model(args.model.as_ref()))?;
    model.need_pixels()?;
    let Labelled { mut pictures, skipped } = labelled(&args.directory, &model)?;
    if let Some(limit) = args.limit {
        pictures = evenly(pictures, limit.get());
    }
    skipped.tell(&args.directory);
    let engine = profiling.engine(profiling.host("open device", || open::engine(&args.device.device))?);
    let max_batch = args.batch.min(pictures.len());
    let net = engine.prepare_with(&model, PrepareOptions { max_batch, ..PrepareOptions::default() })?;
    let Answers { tally, failed, digest, seconds } = answers(&net, pictures, max_batch, profiling)?;
    let code = failed.first().map(|failed| failed.code);
    let end = || code.map_or(Ok(()), |code| Err(Failure { code, message: None }));
    if tally.images() == 0 {
        return end();
    }
    let (top1, top5) = tally.accuracy();
    let summary = Summary {
        model: model.header().name.clone(),
        device: engine.device_name(),
        batch: max_batch,
        images: tally.images(),
        top1,
        top5,
        images_per_second: tally.images() as f64 / seconds,
        digest,
        failed,
        skipped: skipped.counts(),
        classes: tally.class_results(&model),
        confusion: tally.confusions(),
        mistakes: tally.mistakes(&model),
    };
    if args.json {
        output::json(&summary)?
    } else {
        summary.print(args, &model, &tally)?
    }
    end()
}

/// Classifies the pictures. One that cannot be read is reported, and the others go on.
fn answers(
    net: &Net,
    pictures: Vec<(usize, PathBuf)>,
    max_batch: usize,
    profiling: &Profiling,
) -> Result<Answers, Error> {
    let bar = output::long_progress(pictures.len(), "images");
    let inputs: Vec<Input> = pictures.iter().map(|(_, path)| Input::Picture(path.clone())).collect();
    let (mut tally, mut digest, mut failed) = (Tally::default(), Digest::new(), Vec::new());
    // Pictures that are not decoded yet, and those whose logits are still to come.
    let (mut ahead, pending) = (pictures.iter(), RefCell::new(VecDeque::new()));
    let start = Instant::now();
    let keep = |_: &Input, loaded: Result<Vec<u8>, Error>| {
        let picture = ahead.next();
        match (loaded, picture) {
            (Ok(pixels), Some(picture)) => {
                pending.borrow_mut().push_back(picture);
                Ok(Some(pixels))
            }
            (Err(error), Some((_, path))) => {
                bar.suspend(|| output::error(&error.to_string()));
                bar.inc(1);
                failed.push(Failed {
                    file: path.display().to_string(),
                    error: error.to_string(),
                    code: exit_code(&error),
                });
                Ok(None)
            }
            (_, None) => Ok(None),
        }
    };
    let batches = batches(&inputs, max_batch, net.model(), profiling, keep);
    net.stream(batches, &Control::default(), |logits| {
        digest.add(&logits);
        if let Some((class, path)) = pending.borrow_mut().pop_front() {
            let better = rank(&logits, *class);
            let top = net.classification(logits, Some(1)).top;
            let most = top.first().map_or((0, 0.0), |prediction| (prediction.class, prediction.probability));
            tally.add(path, *class, most, better);
        }
        bar.inc(1);
        Ok::<_, Error>(())
    })?;
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();
    Ok(Answers { tally, failed, digest: digest.hex(), seconds })
}

/// How many pictures are classified right.
#[derive(Serialize)]
pub(super) struct Accuracy {
    /// Pictures that were read.
    pub images: usize,
    pub top1: f64,
    pub top5: f64,
}

/// The accuracy of a model over a directory with one folder per class.
pub(super) fn accuracy(model: &Model, engine: &Engine, directory: &Path) -> Result<Accuracy, Failure> {
    let Labelled { pictures, .. } = labelled(directory, model)?;
    let max_batch = BATCH.min(pictures.len());
    let net = engine.prepare_with(model, PrepareOptions { max_batch, ..PrepareOptions::default() })?;
    let Answers { tally, failed, .. } = answers(&net, pictures, max_batch, &Profiling::none())?;
    match failed.first() {
        Some(failed) if tally.images() == 0 => Err(Failure { code: failed.code, message: None }),
        _ => {
            let (top1, top5) = tally.accuracy();
            Ok(Accuracy { images: tally.images(), top1, top5 })
        }
    }
}

impl Summary {
    fn print(&self, args: &EvalArgs, model: &Model, tally: &Tally) -> Outcome {
        output::line(&format!("{} on {}, batch {}", self.model, self.device, self.batch))?;
        output::line(&format!("  top-1  {:.2}%", 100.0 * self.top1))?;
        // Of five classes, the right one is always there.
        if model.header().graph.classes() > 5 {
            output::line(&format!("  top-5  {:.2}%", 100.0 * self.top5))?;
        }
        output::line(&format!("  {} images, {:.0} images/s", self.images, self.images_per_second))?;
        if !self.failed.is_empty() {
            output::line(&format!("  {} more could not be read and are not counted", self.failed.len()))?;
        }
        output::line(&format!("  digest {}", self.digest))?;
        let tables = [(args.per_class, tally.class_table(model)), (args.confusion, tally.confusion_table(model))];
        for (_, table) in tables.iter().filter(|(wanted, _)| *wanted) {
            output::line("")?;
            table.iter().try_for_each(|row| output::line(row))?;
        }
        if args.mistakes {
            output::line("")?;
            for Mistake { file, class, predicted, probability } in &self.mistakes {
                output::line(&format!("{file}: {class}, taken for {predicted} ({:.1}%)", 100.0 * probability))?;
            }
        }
        Ok(())
    }
}

/// `limit` pictures: the first one of each class, then the second ones, and so on, in the order that they were in.
fn evenly(pictures: Vec<(usize, PathBuf)>, limit: usize) -> Vec<(usize, PathBuf)> {
    let mut seen = BTreeMap::<usize, usize>::new();
    let mut turns: Vec<(usize, usize)> = Vec::with_capacity(pictures.len());
    for (at, (class, _)) in pictures.iter().enumerate() {
        let turn = seen.entry(*class).or_default();
        turns.push((*turn, at));
        *turn += 1;
    }
    turns.sort_unstable();
    let mut chosen: Vec<bool> = vec![false; pictures.len()];
    turns.iter().take(limit).for_each(|&(_, at)| chosen[at] = true);
    pictures.into_iter().zip(chosen).filter_map(|(picture, chosen)| chosen.then_some(picture)).collect()
}

/// How many classes rank before `class`: those with a larger logit, or an equal one and a lower index.
fn rank(logits: &[f32], class: usize) -> usize {
    let ahead = |(c, &v): (usize, &f32)| v > logits[class] || (v == logits[class] && c < class);
    logits.iter().enumerate().filter(|&p| ahead(p)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_takes_classes_in_turn() {
        let all: Vec<(usize, PathBuf)> = [0, 0, 0, 1, 2, 2].iter().map(|&class| (class, PathBuf::new())).collect();
        let classes = |limit| evenly(all.clone(), limit).into_iter().map(|(class, _)| class).collect::<Vec<_>>();
        assert_eq!(classes(1), [0]);
        assert_eq!(classes(3), [0, 1, 2]);
        assert_eq!(classes(5), [0, 0, 1, 2, 2]);
        assert_eq!(classes(99), [0, 0, 0, 1, 2, 2]);
    }
}
