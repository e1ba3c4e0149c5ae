//! `lq-infer verify`

use super::profile::Profiling;
use super::{Failure, Outcome, VerifyArgs, open_engine, open_model, output};
use crate::error::Error;
use crate::session::{Engine, GoldenReport, Model, devices, verify};
use serde::Serialize;

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

/// Runs the command.
pub fn run(args: &VerifyArgs) -> Outcome {
    args.profile.around(|profiling| verify_on(args, profiling))
}

fn verify_on(args: &VerifyArgs, profiling: &Profiling) -> Outcome {
    let model = profiling.host("load", || open_model(args.model.as_ref()))?;
    if model.header().golden.is_empty() {
        return Err(Failure { code: 3, message: Some("the model holds no golden vectors to verify".into()) });
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
    let options = crate::session::PrepareOptions { max_batch: images, progress: &|_, _| {} };
    Ok(verify(&engine.prepare_with(model, options)?)?)
}

type Opened = (String, Result<Engine, Failure>);

fn engines(selector: &str) -> Result<Vec<Opened>, Failure> {
    if selector != "all" {
        let engine = open_engine(selector)?;
        return Ok(vec![(engine.device_name(), Ok(engine))]);
    }
    let mut opened = Vec::new();
    for device in devices() {
        match &device.unusable {
            Some(reason) => output::note(&format!("{} ({}): left out: {reason}", device.name, device.api)),
            None => opened.push((format!("{} ({})", device.name, device.api), open_engine(&device.index.to_string()))),
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
    let kind = format!("{images} x {}", format!("{input:?}").to_lowercase());
    match holds {
        true => output::line(&format!("ok      {device}: {kind}: {found}")),
        false => output::line(&format!("DIFFERS {device}: {kind}: {found}, recorded {expected}")),
    }
}
