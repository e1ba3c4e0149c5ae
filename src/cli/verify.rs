//! `lq-infer verify`

use super::failure::{Failure, Outcome};
use super::profile::{ProfileArg, Profiling};
use super::subject::{Bits, RandomNets, random};
use super::{open, output};
use crate::error::Error;
use crate::session::{DeviceSelector, Engine, GoldenReport, Model, PrepareOptions, add_golden, verify};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    device: &'a str,
    model: &'a str,
    input: crate::format::GoldenInput,
    images: usize,
    expected: &'a str,
    found: &'a str,
    holds: bool,
}

#[derive(Args, Debug)]
pub(super) struct VerifyArgs {
    /// Packed model [default: the bundled one]
    #[arg(conflicts_with = "net")]
    model: Option<PathBuf>,
    #[command(flatten)]
    random: RandomNets,
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
    if args.random.all().next().is_none() {
        let model = profiling.host("load", || open::model(args.model.as_ref()))?;
        if model.header().golden.is_empty() {
            return Err(Failure::new(3, "the model holds no golden vectors to verify"));
        }
        let engines = profiling.host("open device", || engines(&args.device))?;
        return Verified::default().with(&model, &engines, args.json, profiling)?.verdict();
    }
    let engines = profiling.host("open device", || engines(&args.device))?;
    let mut verified = Verified::default();
    for (net, bits) in args.random.all() {
        let model = profiling.host("load", || random_with_golden(net, bits))?;
        verified = verified.with(&model, &engines, args.json, profiling)?;
    }
    verified.verdict()
}

/// A network with random parameters, and golden vectors that the CPU has computed.
fn random_with_golden(net: &str, bits: Bits) -> Result<Model, Error> {
    let cpu = Engine::builder().device(DeviceSelector::Cpu).build()?;
    add_golden(random(net, bits)?.packed().clone(), &cpu)
}

/// What was found so far.
#[derive(Default)]
struct Verified {
    /// Whether a digest differs.
    differs: bool,
    /// The exit code of the first failure to compute one.
    failed: Option<u8>,
}

impl Verified {
    /// Verifies and prints the golden vectors of `model` on all devices.
    fn with(mut self, model: &Model, engines: &[Opened], json: bool, profiling: &Profiling) -> Result<Self, Failure> {
        for (name, engine) in engines {
            let reports = match engine {
                Ok(engine) => check(&profiling.engine(engine.clone()), model),
                Err(failure) => Err(Failure { code: failure.code, message: failure.message.clone() }),
            };
            match reports {
                Ok(reports) => {
                    for report in reports {
                        self.differs |= !report.holds();
                        print(json, name, &model.header().name, &report)?;
                    }
                }
                Err(failure) => {
                    let message = failure.message.unwrap_or_default();
                    output::error(&format!("{name}: {message}"));
                    self.failed.get_or_insert(failure.code);
                }
            }
        }
        Ok(self)
    }

    fn verdict(self) -> Outcome {
        match (self.differs, self.failed) {
            (true, _) => Err(Error::VerificationFailed("a device computed other logits than recorded".into()).into()),
            (false, Some(code)) => Err(Failure { code, message: None }),
            (false, None) => Ok(()),
        }
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

fn print(json: bool, device: &str, model: &str, report: &GoldenReport) -> Outcome {
    let GoldenReport { input, images, expected, found } = report;
    let holds = report.holds();
    if json {
        return output::json(&Line { device, model, input: *input, images: *images, expected, found, holds });
    }
    let what = format!("{device}: {model}: {images} x {}", input.name());
    match holds {
        true => output::line(&format!("ok      {what}: {found}")),
        false => output::line(&format!("DIFFERS {what}: {found}, recorded {expected}")),
    }
}
