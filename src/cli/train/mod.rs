//! `lq-infer train`

mod args;
mod course;
mod data;
mod finish;
mod network;

pub(super) use args::TrainArgs;

use super::failure::{Failure, Outcome};
use super::files::{need_file, usage};
use super::{open, output};
use crate::convert::CustomNetwork;
use crate::error::Error;
use crate::session::Engine;
use crate::train::{Augment, On, Settings, Trainer};
use course::Course;
use data::{Pictures, Role, Source};
use std::path::{Path, PathBuf};

/// Share of the training pictures that are held out if no others are given.
const HELD_OUT: f64 = 0.1;

/// Runs the command.
pub(super) fn run(args: &TrainArgs) -> Outcome {
    need_file(&args.output)?;
    let state = state_file(args)?;
    let engine = open::engine(&args.device.device)?;
    let on = machine(&engine);
    let (mut trainer, pictures) = match &args.resume {
        Some(path) => resumed(args, &on, path)?,
        None => started(args, &on)?,
    };
    if let Some(path) = &args.teacher {
        trainer.set_teacher(&network::float(path)?)?;
    }
    output::note(&match &on {
        On::Cpu => "training on the CPU".to_owned(),
        On::Gpu(_) => format!("training on {}", engine.device_name()),
    });
    Course { args, state: &state, pictures: &pictures }.run(&mut trainer)?;
    finish::run(args, &state, &mut trainer, &pictures.validation, &engine)
}

/// Where an engine's device trains: on itself if it is a GPU, else on the CPU.
fn machine(engine: &Engine) -> On {
    engine.gpu().map_or(On::Cpu, |gpu| On::Gpu(Box::new(gpu.clone())))
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
    if args.resume.is_none()
        && let Ok((_, settings, position)) = Trainer::peek(&state)
        && position.epoch < settings.epochs
    {
        let epoch = position.epoch + 1;
        return Err(usage(
            &state,
            &format!(
                "holds a training in epoch {epoch} of {}; --resume goes on with it, --state names another file",
                settings.epochs
            ),
        ));
    }
    Ok(state)
}

fn started(args: &TrainArgs, on: &On) -> Result<(Trainer, Pictures), Failure> {
    let own = args.graph.as_deref().map(CustomNetwork::read).transpose()?;
    let source = Source::find(&args.data, own.as_ref().map_or(&[][..], |network| &network.labels[..]), Role::Training)?;
    let count = source.count_classes()?;
    let subject = network::subject(args, own, source.classes(), count)?;
    let rule = subject.network.preprocess.resize;
    let settings = args.settings.settings(rule.crop[0].max(rule.crop[1]))?;
    let pictures = pictures(args, source, &subject.network, &settings)?;
    let float = args.from.as_deref().map(network::float).transpose()?;
    let start = float.as_ref().map_or(crate::train::Start::Random, |packed| crate::train::Start::From(&packed.params));
    let trainer = Trainer::new(on, subject, settings, start, &pictures.training)?;
    Ok((trainer, pictures))
}

fn resumed(args: &TrainArgs, on: &On, path: &Path) -> Result<(Trainer, Pictures), Failure> {
    let (subject, settings, _) = Trainer::peek(path)?;
    let source = Source::find(&args.data, &subject.network.labels, Role::Training)?;
    let pictures = pictures(args, source, &subject.network, &settings)?;
    Ok((Trainer::resume(on, path, &pictures.training)?, pictures))
}

/// Reads all pictures, and checks them before anything is learned.
fn pictures(
    args: &TrainArgs,
    source: Source,
    network: &CustomNetwork,
    settings: &Settings,
) -> Result<Pictures, Failure> {
    let rule = &network.preprocess.resize;
    let numbered = || (0..network.graph.classes()).map(|class| class.to_string()).collect();
    let classes = source.classes().unwrap_or_else(numbered);
    let other = args.val.as_deref().map(|path| Source::find(path, &classes, Role::Validation)).transpose()?;
    let training = source.read(rule, settings.augment != Augment::Crop)?;
    training.check(&args.data, &classes)?;
    let (training, validation) = match other {
        Some(other) => (training, other.read(rule, true)?),
        None => training.split(HELD_OUT, settings.seed),
    };
    let held = args.val.as_deref().unwrap_or(&args.data);
    if validation.is_empty() {
        return Err(Error::bad_input(held, "holds no picture").into());
    }
    if let Some(label) = validation.labels.iter().find(|&&label| label >= classes.len()) {
        return Err(Error::bad_input(held, format!("has class {label}, the network has {}", classes.len())).into());
    }
    Ok(Pictures { training, validation })
}
