//! `lq-infer verify`

use super::failure::{Failure, Outcome};
use super::profile::{ProfileArg, Profiling};
use super::{open, output};
use crate::error::Error;
use crate::session::{Engine, GoldenReport, Model, PrepareOptions, verify};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    device: &'a str,
    input: crate::format::GoldenInput,
    images: usize,
    expected: &'a str,
    found: &'a str,
    holds: bool,
}

#[derive(Args, Debug)]
pub(super) struct VerifyArgs {
    /// Packed model [default: the bundled one]
    model: Option<PathBuf>,
    /// Device as for classification, or `all`
    #[arg(long, value_name = "SEL", default_value = "auto")]
    device: String,
    /// Print JSON, one object per device and golden vector
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    profile: ProfileArg,
}

/// Runs the command.
pub(super) fn run(args: &VerifyArgs) -> Outcome {
    args.profile.around(|profiling| verify_on(args, profiling))
}

fn verify_on(args: &VerifyArgs, profiling: &Profiling) -> Outcome {
    let model = profiling.host("load", || open::model(args.model.as_ref()))?;
    if model.header().golden.is_empty() {
        return Err(Failure::new(3, "the model holds no golden vectors to verify"));
    }
    let mut all_hold = true;
    let mut failed = None;
    for (name, engine) in profiling.host("open device", || engines(&args.device))? {
        let reports = engine.and_then(|engine| check(&profiling.engine(engine), &model));
        match reports {
            Ok(reports) => {
                for report in reports {
                    all_hold &= report.holds();
                    print(args.json, &name, &report)?;
                }
            }
            Err(failure) => {
                let message = failure.message.unwrap_or_default();
                output::error(&format!("{name}: {message}"));
                failed.get_or_insert(failure.code);
            }
        }
    }
    match (all_hold, failed) {
        (false, _) => Err(Error::VerificationFailed("a device computed other logits than recorded".into()).into()),
        (true, Some(code)) => Err(Failure { code, message: None }),
        (true, None) => Ok(()),
    }
}

fn check(engine: &Engine, model: &Model) -> Result<Vec<GoldenReport>, Failure> {
    let images = model.header().golden.iter().map(|g| g.images).max().unwrap_or(1);
    let options = PrepareOptions { max_batch: images, ..PrepareOptions::default() };
    Ok(verify(&engine.prepare_with(model, options)?)?)
}

type Opened = (String, Result<Engine, Failure>);

fn engines(selector: &str) -> Result<Vec<Opened>, Failure> {
    if selector != "all" {
        let engine = open::engine(selector)?;
        return Ok(vec![(engine.device_name(), Ok(engine))]);
    }
    let mut opened = Vec::new();
    for device in open::builder().devices() {
        match &device.unusable {
            Some(reason) => output::note(&format!("{}: left out: {reason}", device.label())),
            None => opened.push((device.label(), open::engine(&device.index.to_string()))),
        }
    }
    Ok(opened)
}

fn print(json: bool, device: &str, report: &GoldenReport) -> Outcome {
    let GoldenReport { input, images, expected, found } = report;
    let holds = report.holds();
    if json {
        return output::json(&Line { device, input: *input, images: *images, expected, found, holds });
    }
    let kind = format!("{images} x {}", input.name());
    match holds {
        true => output::line(&format!("ok      {device}: {kind}: {found}")),
        false => output::line(&format!("DIFFERS {device}: {kind}: {found}, recorded {expected}")),
    }
}
