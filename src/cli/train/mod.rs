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
use crate::train::{Augment, On, Settings, Start, Trainer};
use course::Course;
use data::{Pictures, Role, Source};
use std::path::{Path, PathBuf};

/// Most classes that are named.
const NAMED: usize = 12;
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
    let place = match &on {
        On::Cpu => "the CPU",
        On::Gpu(_) => &engine.device_name(),
    };
    tell(&trainer, &pictures, place);
    Course { args, state: &state, pictures: &pictures }.run(&mut trainer)?;
    finish::run(args, &state, &mut trainer, &pictures.validation, &engine)
}

/// Where an engine's device trains: on itself if it is a GPU, else on the CPU.
fn machine(engine: &Engine) -> On {
    engine.gpu().map_or(On::Cpu, |gpu| On::Gpu(Box::new(gpu.clone())))
}

/// Says what is about to be learned, or that nothing is left to learn.
fn tell(trainer: &Trainer, Pictures { training, validation }: &Pictures, place: &str) {
    let (subject, settings) = (trainer.subject(), trainer.settings());
    let CustomNetwork { name, graph, labels, .. } = &subject.network;
    let names = match labels.len() {
        1..=NAMED => format!(" ({})", labels.join(", ")),
        _ => String::new(),
    };
    output::note(&format!("training {name} {} on {place}, for {} classes{names}", graph.widths(), graph.classes()));
    let (epochs, batches, batch) = (settings.epochs, trainer.batches(training), settings.batch);
    output::note(&format!(
        "{} pictures to learn from, {} held out; {epochs} epochs of {batches} batches of {batch}",
        training.len(),
        validation.len()
    ));
    if trainer.is_done() {
        output::note("this training is finished; its results are written again");
    }
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
    {
        let epochs = settings.epochs;
        let what = match position.epoch < epochs {
            true => format!("holds a training in epoch {} of {epochs}; --resume goes on with it", position.epoch + 1),
            false => format!("holds a finished training of {epochs} epochs; remove it to train anew"),
        };
        return Err(usage(&state, &format!("{what}, --state or another --output keeps both")));
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
    let start = match (&float, args.from.as_deref()) {
        (Some(float), Some(path)) => Start::From { float, path },
        _ => Start::Random,
    };
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
