//! What follows a training: the packed model, what the integer engine makes of it, and the command to run next.

use super::args::TrainArgs;
use crate::backend::Control;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::source::with_golden;
use crate::cli::{layers, output};
use crate::convert::{Checkpoint, Conversion, ConvertOptions, Unquantized, convert, convert_graph};
use crate::error::{Error, Result};
use crate::files::replace_file;
use crate::session::{Batch, Engine, Model, PrepareOptions};
use crate::train::{Dataset, Evaluation, Trainer};
use std::path::Path;

/// Images of a run.
const BATCH: usize = 16;

/// Converts the state, and compares the integer engine with the network as it was trained.
pub(super) fn run(
    args: &TrainArgs,
    state: &Path,
    trainer: &mut Trainer,
    validation: &Dataset,
    engine: &Engine,
) -> Outcome {
    let Conversion { packed, report, .. } = converted(trainer, state)?;
    let model = with_golden(state, packed)?;
    model.save(&args.output).map_err(Failure::of_writing)?;
    let curve = args.output.with_extension("svg");
    let drawing = crate::bench::html::learning_curve(&model.header().name, &points(trainer));
    replace_file(&curve, drawing.as_bytes()).map_err(Failure::of_writing)?;
    layers::print(&report)?;
    let own = trainer.evaluate(validation, &|_, _| {})?;
    let integer = classes(&model, engine, validation)?;
    print_agreement(&own, &integer, validation, engine)?;
    output::line(&format!(
        "{}: {}; learning curve in {}",
        args.output.display(),
        model.header().name,
        curve.display()
    ))?;
    let (output, picture) = (args.output.display(), "PICTURE.png");
    output::line(&format!("next: lq-infer --model {output} {picture}"))?;
    output::line(&format!("  or: lq-infer eval {output} DIR, with pictures that were not trained on"))
}

/// The trained network as `convert` makes it.
fn converted(trainer: &Trainer, state: &Path) -> Result<Conversion> {
    let (subject, checkpoint) = (trainer.subject(), Checkpoint::open(state)?);
    let network = &subject.network;
    let labels = Some(network.labels.clone()).filter(|labels| !labels.is_empty());
    let options = ConvertOptions { labels, unquantized: Unquantized::Expected, ..ConvertOptions::default() };
    let bar = output::long_progress(0, "numbers");
    let track = output::track(&bar);
    let conversion = match &subject.arch {
        Some(arch) => {
            let input_size = Some(network.graph.input_shape().h);
            convert(&checkpoint, &ConvertOptions { arch: Some(arch.clone()), input_size, ..options }, &track)
        }
        None => convert_graph(&checkpoint, network, &options, &track),
    };
    bar.finish_and_clear();
    let mut conversion = conversion?;
    conversion.packed.header.source.converter = provenance(trainer);
    Ok(conversion)
}

/// How the model was made, in one line.
fn provenance(trainer: &Trainer) -> String {
    let settings = trainer.settings();
    format!(
        "lq-infer {} train, {} epochs of batches of {}, lr {}, weight decay {}, seed {}",
        env!("CARGO_PKG_VERSION"),
        settings.epochs,
        settings.batch,
        settings.rate,
        settings.decay,
        settings.seed
    )
}

/// The classes that the integer engine gives.
fn classes(model: &Model, engine: &Engine, data: &Dataset) -> Result<Vec<usize>, Failure> {
    let max_batch = BATCH.min(data.len());
    let net = engine.prepare_with(model, PrepareOptions { max_batch, ..PrepareOptions::default() })?;
    let bar = output::progress(data.len(), "images");
    let rule = &model.header().preprocess.resize;
    let starts = (0..data.len()).step_by(max_batch);
    let batches = starts.map(|at| Ok(Batch::Pixels(data.pixels(at..data.len().min(at + max_batch), rule)?)));
    let mut classes = Vec::with_capacity(data.len());
    net.stream(batches, &Control::default(), |logits| {
        let top = net.classification(logits, Some(1)).top;
        classes.push(top.first().map_or(0, |prediction| prediction.class));
        bar.inc(1);
        Ok::<_, Error>(())
    })?;
    bar.finish_and_clear();
    Ok(classes)
}

fn print_agreement(own: &Evaluation, integer: &[usize], data: &Dataset, engine: &Engine) -> Outcome {
    let right = integer.iter().zip(&data.labels).filter(|(found, label)| found == label).count();
    let differ = integer.iter().zip(&own.classes).filter(|(a, b)| a != b).count();
    let percent = |share: f64| format!("{:.2}%", 100.0 * share);
    let count = data.len();
    output::line(&format!("{count} validation pictures: {} as trained", percent(own.score.accuracy)))?;
    let integers = percent(right as f64 / count.max(1) as f64);
    output::line(&format!(
        "{count} validation pictures: {integers} in integers on {}, {differ} of them in another class than as trained",
        engine.device_name()
    ))
}

/// Accuracies by epoch: of training and of validation.
fn points(trainer: &Trainer) -> Vec<(f64, Option<f64>)> {
    let history = &trainer.position().history;
    history.iter().map(|epoch| (epoch.accuracy, epoch.validation.map(|score| score.accuracy))).collect()
}
