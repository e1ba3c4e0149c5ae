//! Measures, and fills the report.

use super::args::BenchArgs;
use crate::backend::gpu::shader_hash;
use crate::backend::{CancelToken, Control};
use crate::bench::report::{Report, SCHEMA};
use crate::bench::{Job, host, measure, settle, unmeasured};
use crate::cli::failure::Failure;
use crate::cli::subject::Subject;
use crate::cli::{interrupt, open, output};
use crate::error::Error;
use crate::files::{check_replaceable, is_stream};
use crate::session::{DeviceInfo, DeviceSelector};
use std::time::{Duration, SystemTime};

/// Time for all cells of a quick run together.
const QUICK: Duration = Duration::from_secs(6);
/// Seconds for each cell of any other run.
const SECONDS: f64 = 3.0;

/// What was measured.
pub(super) struct Measured {
    pub report: Report,
    /// The id of the device that others are compared with, if one was chosen.
    pub baseline: Option<String>,
    /// The error that ended it early, if any.
    pub outcome: Result<(), Error>,
}

/// Measures what `args` ask for.
pub(super) fn measured(args: &BenchArgs) -> Result<Measured, Failure> {
    let devices = selected(&args.device)?;
    let baseline = args.baseline.as_deref().map(|selector| baseline(selector, &devices)).transpose()?;
    let cancel = CancelToken::new();
    interrupt::cancels(&cancel);
    let mut report = Report {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        shaders: shader_hash(),
        began: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        quick: args.quick,
        complete: false,
        host: host(),
        devices: Vec::new(),
        cells: Vec::new(),
    };
    let subjects = subjects(args)?;
    let control = Control { cancel: Some(cancel), deadline: None };
    let files = [&args.json, &args.csv, &args.html, &args.svg];
    files.into_iter().flatten().try_for_each(|path| check_replaceable(path)).map_err(Failure::of_writing)?;
    let outcome = fill(&mut report, args, &subjects, devices, &control);
    report.complete = outcome.is_ok();
    Ok(Measured { report, baseline, outcome })
}

/// The id of one of the devices that are measured.
fn baseline(selector: &str, devices: &[DeviceInfo]) -> Result<String, Failure> {
    let selector: DeviceSelector = selector.parse().unwrap_or_default();
    Ok(selector.choose(devices)?.id.clone())
}

/// `all`, each of them once.
fn distinct<T: Copy + PartialEq>(all: &[T]) -> Vec<T> {
    let mut once: Vec<T> = Vec::new();
    all.iter().for_each(|one| {
        if !once.contains(one) {
            once.push(*one)
        }
    });
    once
}

/// Writes what the report holds so far, so that a later failure does not lose it. A pipe is given the whole report
/// only, at the end.
fn keep(report: &Report, args: &BenchArgs) -> Result<(), Error> {
    args.json.as_ref().filter(|path| !is_stream(path)).map_or(Ok(()), |path| report.write(path))
}

fn selected(selectors: &[String]) -> Result<Vec<DeviceInfo>, Failure> {
    let mut chosen: Vec<DeviceInfo> = Vec::new();
    for selector in selectors {
        let found = match selector.as_str() {
            "all" => open::builder().devices(),
            _ => vec![open::chosen(selector)?],
        };
        for device in found {
            if chosen.iter().all(|d| d.index != device.index) {
                chosen.push(device);
            }
        }
    }
    Ok(chosen)
}

fn subjects(args: &BenchArgs) -> Result<Vec<Subject>, Failure> {
    let files = args.models.iter().map(|path| Subject::file(path));
    let random = args.random.all().map(|(net, bits)| Subject::random(net, bits));
    let mut subjects: Vec<Subject> = Vec::new();
    for subject in files.chain(random) {
        let subject = subject?;
        if subjects.iter().all(|other| !other.is_same(&subject)) {
            subjects.push(subject);
        }
    }
    if subjects.is_empty() {
        subjects.push(Subject::bundled()?);
    }
    Ok(subjects)
}

fn fill(
    report: &mut Report,
    args: &BenchArgs,
    subjects: &[Subject],
    devices: Vec<DeviceInfo>,
    control: &Control,
) -> Result<(), Error> {
    let batches = distinct(&args.batch);
    let cells = devices.len() * subjects.len() * batches.len();
    let budget = match args.quick {
        true => QUICK / cells.max(1) as u32,
        false => Duration::from_secs_f64(args.seconds.unwrap_or(SECONDS)),
    };
    let bar = output::long_progress(cells, "figures");
    for (number, info) in devices.into_iter().enumerate() {
        let (device, mut opened) = crate::bench::open(&info, open::builder());
        let problem = device.problem.clone();
        report.devices.push(device);
        let first = report.cells.len();
        for subject in subjects {
            for &batch in &batches {
                let against_f32 = args.against.is_some();
                let job = Job { against_f32, ..subject.job(batch, budget, opened.as_ref()) };
                report.cells.push(match &opened {
                    Some(opened) => measure(&job, &opened.engine, number, control)?,
                    None => unmeasured(&job, number, problem.clone()),
                });
                if let (Some(opened), Some(device)) = (&mut opened, report.devices.get_mut(number)) {
                    settle(device, opened, &mut report.cells[first..]);
                }
                // A failure here is ignored: the report is written again at the end, and its error is reported then.
                let _ = keep(report, args);
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    Ok(())
}
