//! `lq-infer train`

mod args;
mod course;
mod data;
mod finish;
mod network;

pub(super) use args::TrainArgs;

use super::failure::{Failure, Outcome};
use super::files::{need_file, usage};
use crate::error::Error;
use crate::train::{Augment, Settings, Trainer};
use course::Course;
use data::{Pictures, Source};
use std::path::{Path, PathBuf};

/// Share of the training pictures that are held out if no others are given.
const HELD_OUT: f64 = 0.1;

/// Runs the command.
pub(super) fn run(args: &TrainArgs) -> Outcome {
    need_file(&args.output)?;
    let state = state_file(args)?;
    let (mut trainer, pictures) = match &args.resume {
        Some(path) => resumed(args, path)?,
        None => started(args)?,
    };
    if let Some(path) = &args.teacher {
        trainer.set_teacher(&network::float(path)?)?;
    }
    Course { args, state: &state, pictures: &pictures }.run(&mut trainer)?;
    finish::run(args, &state, &mut trainer, &pictures.validation)
}

/// Where the state is kept.
fn state_file(args: &TrainArgs) -> Result<PathBuf, Failure> {
    let state = match (&args.resume, &args.state) {
        (Some(path), _) | (None, Some(path)) => path.clone(),
        (None, None) => args.output.with_extension("training.safetensors"),
    };
    if state == args.output {
        return Err(usage(&state, "is the packed model's file as well"));
    }
    need_file(&state)?;
    Ok(state)
}

fn started(args: &TrainArgs) -> Result<(Trainer, Pictures), Failure> {
    let source = Source::find(&args.data, None)?;
    let classes = source.classes();
    // Arrays tell how many classes there are only when they are read, at any size.
    let (source, count) = match &classes {
        Some(classes) => (source, classes.len()),
        None => {
            let count = source.count_classes()?;
            (source, count)
        }
    };
    let subject = network::subject(args, classes.clone(), count)?;
    let rule = subject.network.preprocess.resize;
    let settings = args.settings.settings(rule.crop[0].max(rule.crop[1]))?;
    let names = classes.unwrap_or_else(|| (0..count).map(|class| class.to_string()).collect());
    let pictures = pictures(args, source, &names, &rule, &settings)?;
    let float = args.from.as_deref().map(network::float).transpose()?;
    let start = float.as_ref().map_or(crate::train::Start::Random, |packed| crate::train::Start::From(&packed.params));
    let trainer = Trainer::new(subject, settings, start, &pictures.training)?;
    Ok((trainer, pictures))
}

fn resumed(args: &TrainArgs, path: &Path) -> Result<(Trainer, Pictures), Failure> {
    let (subject, settings) = Trainer::peek(path)?;
    let source = Source::find(&args.data, None)?;
    let count = subject.network.graph.classes();
    let names = source.classes().unwrap_or_else(|| (0..count).map(|class| class.to_string()).collect());
    let pictures = pictures(args, source, &names, &subject.network.preprocess.resize, &settings)?;
    Ok((Trainer::resume(path, &pictures.training)?, pictures))
}

/// Reads all pictures, and checks them before anything is learned.
fn pictures(
    args: &TrainArgs,
    source: Source,
    classes: &[String],
    rule: &crate::graph::preprocess::Resize,
    settings: &Settings,
) -> Result<Pictures, Failure> {
    let other = args.val.as_deref().map(|path| Source::find(path, Some(classes))).transpose()?;
    let training = source.read(rule, settings.augment != Augment::Crop)?;
    training.check(&args.data, classes)?;
    let (training, validation) = match other {
        Some(other) => (training, other.read(rule, true)?),
        None => training.split(HELD_OUT, settings.seed),
    };
    if validation.is_empty() {
        return Err(Error::bad_input(args.val.as_deref().unwrap_or(&args.data), "holds no picture").into());
    }
    Ok(Pictures { training, validation })
}
