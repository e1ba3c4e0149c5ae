//! `lq-infer INPUT...`

use super::args::{DeviceArg, parse_count};
use super::array::Array;
use super::failure::{Failure, Outcome, exit_code};
use super::inputs::{self, Input};
use super::profile::{ProfileArg, Profiling};
use super::{open, output};
use crate::backend::Control;
use crate::error::Error;
use crate::session::{Classification, Model, Net, Prediction, PrepareOptions};
use clap::Args;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

/// Images per run if `--batch` is absent.
const DEFAULT_BATCH: usize = 16;

#[derive(Args, Debug)]
pub(super) struct ClassifyArgs {
    /// Packed model [default: the bundled CIFAR-10 ResNet-20]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArg,
    /// Classes to report
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = parse_count)]
    top_k: usize,
    /// Images per run [default: up to 16]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    batch: Option<usize>,
    /// One JSON object per input and line
    #[arg(long)]
    json: bool,
    /// Also print logits and their digest
    #[arg(long)]
    logits: bool,
    #[command(flatten)]
    profile: ProfileArg,
    /// Pictures, directories, '-' (a picture on standard input), or .npy (u8 [N,H,W,3] pixels or f32 [N,H,W,C]
    /// tensors)
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,
}

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    input: &'a str,
    index: usize,
    model: &'a str,
    device: &'a str,
    top: &'a [Prediction],
    #[serde(skip_serializing_if = "Option::is_none")]
    logits: Option<&'a [f32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a str>,
}

/// What printing a result needs, and whether any input failed.
struct Report<'a> {
    args: &'a ClassifyArgs,
    net: &'a Net,
    device: String,
    /// There are several images: each gets one line instead of a list.
    many: bool,
    max_batch: usize,
    profiling: &'a Profiling,
    failed: Failed,
}

/// The exit code of the first input that failed.
#[derive(Default)]
struct Failed(Cell<Option<u8>>);

/// Why a sequence of batches ended early.
enum Halt {
    Batch(Error),
    Printing(Failure),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Halt::Batch(error)
    }
}

/// Runs the command.
pub(super) fn run(args: &ClassifyArgs) -> Outcome {
    args.profile.around(|profiling| classify(args, profiling))
}

fn classify(args: &ClassifyArgs, profiling: &Profiling) -> Outcome {
    if args.inputs.is_empty() {
        return Err(Failure::new(2, "no INPUT given; see lq-infer --help"));
    }
    let model = profiling.host("load", || open::model(args.model.as_ref()))?;
    let failed = Failed::default();
    let mut sources = Vec::new();
    for path in &args.inputs {
        match inputs::expand(path, &model) {
            Ok(found) => sources.extend(found),
            Err(error) => failed.note(&error),
        }
    }
    let images: usize = sources.iter().map(Input::len).sum();
    if images == 0 {
        return failed.outcome();
    }
    let max_batch = args.batch.unwrap_or(DEFAULT_BATCH).min(images);
    let engine = profiling.engine(profiling.host("open device", || open::engine(&args.device.device))?);
    let bar = output::progress(0, "kernels");
    let progress = Some(Arc::new(output::track(&bar)) as _);
    let net = engine.prepare_with(&model, PrepareOptions { max_batch, progress, ..PrepareOptions::default() })?;
    bar.finish_and_clear();
    let pictures = sources.iter().any(|source| !matches!(source, Input::Array(_)));
    tell(args, &model, &engine.device_name(), pictures);
    let many = images > 1 || args.inputs.len() > 1;
    let report = Report { args, net: &net, device: engine.device_name(), many, max_batch, profiling, failed };
    for group in sources.chunk_by(|a, b| !matches!((a, b), (Input::Array(_), _) | (_, Input::Array(_)))) {
        match group {
            [Input::Array(array)] => report.array(array)?,
            pictures => report.pictures(pictures)?,
        }
    }
    report.failed.outcome()
}

/// Notes which device computes, and what the bundled model is not for.
fn tell(args: &ClassifyArgs, model: &Model, device: &str, pictures: bool) {
    let used = format!("{} on {device}", model.header().name);
    if args.model.is_none() && pictures {
        let (count, input) = (model.header().graph.classes(), model.header().graph.input_shape());
        output::note(&format!(
            "note: {used}. It is a demonstration: it knows {count} classes at {} x {} pixels, and names one of them \
             whatever it is shown. --model takes your own.",
            input.h, input.w
        ));
    } else if !args.json {
        output::note(&format!("note: {used}"));
    }
}

impl Failed {
    /// Prints the error of an input; the other inputs are still run.
    fn note(&self, error: &Error) {
        output::error(&error.to_string());
        self.0.set(self.0.get().or(Some(exit_code(error))));
    }

    /// The failure of the command. The errors were printed already, so it has an exit code only.
    fn outcome(&self) -> Outcome {
        self.0.get().map_or(Ok(()), |code| Err(Failure { code, message: None }))
    }
}

impl Report<'_> {
    fn pictures(&self, pictures: &[Input]) -> Outcome {
        // Names of the pictures whose logits are still to come.
        let names = RefCell::new(VecDeque::new());
        let keep = |input: &Input, loaded: Result<Vec<u8>, Error>| {
            match &loaded {
                Ok(_) => names.borrow_mut().push_back(input.name()),
                Err(error) => self.failed.note(error),
            }
            Ok(loaded.ok())
        };
        let batches = inputs::batches(pictures, self.max_batch, self.net.model(), self.profiling, keep);
        self.net.stream(batches.map(|batch| batch.map_err(Failure::from)), &Control::default(), |logits| {
            let name = names.borrow_mut().pop_front().unwrap_or_default();
            self.print(&name, None, logits)
        })
    }

    fn array(&self, array: &Array) -> Outcome {
        let name = array.path().display().to_string();
        let rows = array.len();
        let starts = (0..rows).step_by(self.max_batch);
        let batch = |start| self.profiling.host("read", || array.rows(start..rows.min(start + self.max_batch)));
        let mut row = 0..;
        let outcome = self.net.stream(starts.map(|start| Ok(batch(start)?)), &Control::default(), |logits| {
            self.print(&name, row.next(), logits).map_err(Halt::Printing)
        });
        match outcome {
            Ok(()) => Ok(()),
            Err(Halt::Batch(Error::BadInput { problem, .. })) => {
                self.failed.note(&Error::bad_input(array.path(), problem));
                Ok(())
            }
            Err(Halt::Batch(error)) => Err(error.into()),
            Err(Halt::Printing(failure)) => Err(failure),
        }
    }

    /// Prints one result; `row` is set for arrays.
    fn print(&self, name: &str, row: Option<usize>, logits: Vec<f32>) -> Outcome {
        let result = self.net.classification(logits, Some(self.args.top_k));
        if !self.args.json {
            return self.print_text(name, row, &result);
        }
        output::json(&Line {
            input: name,
            index: row.unwrap_or(0),
            model: &self.net.model().header().name,
            device: &self.device,
            top: &result.top,
            logits: self.args.logits.then_some(&result.logits),
            digest: self.args.logits.then_some(&result.digest),
        })
    }

    fn print_text(&self, name: &str, row: Option<usize>, result: &Classification) -> Outcome {
        let name = row.map_or(name.to_owned(), |row| format!("{name}[{row}]"));
        let percent = |p: &Prediction| 100.0 * p.probability;
        if self.many {
            let top = result.top.iter().map(|p| format!("{} {:.1}%", p.label, percent(p)));
            output::line(&format!("{name}: {}", top.collect::<Vec<_>>().join(", ")))?;
        } else {
            output::line(&name)?;
            for p in &result.top {
                output::line(&format!("  {:>5.1}%  {}", percent(p), p.label))?;
            }
        }
        if self.args.logits {
            let logits: Vec<String> = result.logits.iter().map(ToString::to_string).collect();
            output::line(&format!("  logits {}", logits.join(" ")))?;
            output::line(&format!("  digest {}", result.digest))?;
        }
        Ok(())
    }
}
