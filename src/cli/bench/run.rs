//! Measures and makes the report.

use super::BenchArgs;
use crate::backend::gpu::shader_hash;
use crate::backend::{CancelToken, Control};
use crate::bench::report::{Device, Peaks, Report, SCHEMA};
use crate::bench::{Job, Reference, host, measure, random_model, void};
use crate::cli::{Failure, output};
use crate::error::Error;
use crate::session::{DeviceInfo, Engine, Model, device_matching, devices};
use crate::zoo::Uniform;
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant, SystemTime};

/// Seed of random parameters.
const SEED: u64 = 1;
/// Time for all cells of a quick run, and for one cell of another.
const QUICK: Duration = Duration::from_secs(6);
const SECONDS: f64 = 3.0;

/// A model to measure.
struct Subject {
    model: Model,
    source: String,
    load: Duration,
    reference: Reference,
}

/// Measures what `args` ask for: the report, and what ended it before its time, if anything did.
pub fn measured(args: &BenchArgs) -> Result<(Report, Result<(), Error>), Failure> {
    let devices = selected(&args.device)?;
    let cancel = CancelToken::new();
    cancel_on_interrupt(&cancel);
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
    let outcome = fill(&mut report, args, &subjects, devices, &control);
    report.complete = outcome.is_ok();
    Ok((report, outcome))
}

/// The first interrupt asks for an end, the second one has it.
fn cancel_on_interrupt(cancel: &CancelToken) {
    let cancel = cancel.clone();
    let handler = move || {
        if cancel.is_cancelled() {
            std::process::exit(130);
        }
        output::note("stopping; interrupt again to stop at once");
        cancel.cancel();
    };
    // Without a handler an interrupt ends the program, as it would any other.
    let _ = ctrlc::set_handler(handler);
}

fn selected(selectors: &[String]) -> Result<Vec<DeviceInfo>, Failure> {
    let mut chosen: Vec<DeviceInfo> = Vec::new();
    for selector in selectors {
        let found = match selector.as_str() {
            "all" => devices(),
            _ => vec![device_matching(&selector.parse().unwrap_or_default())?],
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
    let mut subjects = Vec::new();
    let mut add = |source: String, make: &dyn Fn() -> Result<Model, Error>| -> Result<(), Failure> {
        let start = Instant::now();
        let model = make()?;
        let load = start.elapsed();
        let reference = Reference::new(&model)?;
        subjects.push(Subject { model, source, load, reference });
        Ok(())
    };
    for path in &args.models {
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        add(hash, &|| Model::open(path))?;
    }
    for net in &args.net {
        for bits in &args.bits {
            let widths = Uniform::bits(bits.weights, bits.activations);
            add(format!("random, seed {SEED}"), &|| random_model(net, &widths, SEED))?;
        }
    }
    if args.models.is_empty() && args.net.is_empty() {
        add("bundled".to_owned(), &Model::bundled)?;
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
    let cells = devices.len() * subjects.len() * args.batch.len();
    let budget = match args.quick {
        true => QUICK / cells.max(1) as u32,
        false => Duration::from_secs_f64(args.seconds.unwrap_or(SECONDS)),
    };
    let bar = output::progress(cells, "figures");
    for (number, info) in devices.into_iter().enumerate() {
        let opened = open(&info);
        report.devices.push(describe(info, &opened));
        for subject in subjects {
            for &batch in &args.batch {
                let Subject { model, source, load, reference } = subject;
                let job = Job { model, source, load: *load, reference, batch, budget };
                report.cells.push(match &opened {
                    Ok((engine, _)) => measure(&job, engine, number, control)?,
                    Err(problem) => void(&job, number, Some(problem.clone())),
                });
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// The device with its peak, or why it cannot be measured.
fn open(info: &DeviceInfo) -> Result<(Engine, f64), String> {
    if let Some(reason) = &info.unusable {
        return Err(reason.clone());
    }
    let opened = Engine::builder().device(crate::session::DeviceSelector::Index(info.index)).build();
    let engine = opened.map_err(|e| e.to_string())?;
    let peak = engine.popcount_rate().map_err(|e| e.to_string())?;
    Ok((engine, peak))
}

fn describe(info: DeviceInfo, opened: &Result<(Engine, f64), String>) -> Device {
    let id = [Some(info.api.as_str()), info.pci_id.as_deref(), Some(info.name.as_str())];
    Device {
        id: id.into_iter().flatten().collect::<Vec<_>>().join(":"),
        name: info.name,
        api: info.api,
        driver: info.driver,
        pci_id: info.pci_id,
        software: info.software,
        peaks: opened.as_ref().ok().map(|(_, words)| Peaks { words: *words, ..Peaks::default() }),
        problem: opened.as_ref().err().cloned(),
    }
}
