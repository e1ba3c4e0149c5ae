//! `lq-infer bench`

use super::{Failure, Outcome, output, parse_count};
use crate::backend::gpu::shader_hash;
use crate::backend::{CancelToken, Control};
use crate::bench::report::{Cell, Device, Peaks, Report, SCHEMA};
use crate::bench::{Job, Reference, host, measure, random_model, void};
use crate::error::Error;
use crate::format::replace_file;
use crate::session::{DeviceInfo, Engine, Model, device_matching, devices};
use crate::zoo::Uniform;
use clap::Args;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

/// Seed of random parameters.
const SEED: u64 = 1;
/// Time for all cells of a quick run, and for one cell of another.
const QUICK: Duration = Duration::from_secs(6);
const SECONDS: f64 = 3.0;

#[derive(Args, Debug)]
pub struct BenchArgs {
    /// Packed models [default: the bundled one]
    models: Vec<PathBuf>,
    /// Networks of the zoo with random parameters, by id
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    net: Vec<String>,
    /// Bits of weights and activations of these networks
    #[arg(long, value_name = "W/A", value_delimiter = ',', default_value = "2/2", value_parser = parse_bits)]
    bits: Vec<Bits>,
    /// As for classification, several separated by commas, or `all`
    #[arg(long, value_name = "SEL", value_delimiter = ',', default_value = "auto")]
    device: Vec<String>,
    /// Images per run
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1", value_parser = parse_count)]
    batch: Vec<usize>,
    /// Time for each model, device and batch size [default: 3]
    #[arg(long, value_name = "S", value_parser = parse_seconds, conflicts_with = "quick")]
    seconds: Option<f64>,
    /// Short and rough: six seconds for all figures together, beside preparing
    #[arg(long)]
    quick: bool,
    /// Write the report as JSON (benches/README.md describes it)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the figures as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug)]
struct Bits {
    weights: usize,
    activations: usize,
}

fn parse_bits(text: &str) -> Result<Bits, String> {
    let parsed = text.split_once('/').and_then(|(w, a)| Some((w.parse().ok()?, a.parse().ok()?)));
    match parsed {
        Some((weights @ 1..=8, activations @ 1..=8)) => Ok(Bits { weights, activations }),
        _ => Err("must be bits of weights and of activations, 1 to 8, such as 1/2".into()),
    }
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number of seconds from 0.01 to 3600".into()),
    }
}

/// A model to measure.
struct Subject {
    model: Model,
    source: String,
    load: Duration,
    reference: Reference,
}

/// Runs the command.
pub fn run(args: &BenchArgs) -> Outcome {
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
    print(&report)?;
    if let Some(path) = &args.json {
        report.write(path).map_err(output::write_failure)?;
    }
    if let Some(path) = &args.csv {
        replace_file(path, report.csv().as_bytes()).map_err(output::write_failure)?;
    }
    match outcome {
        Err(Error::Cancelled) => {
            Err(Failure { code: 1, message: Some("interrupted: the report is not complete".into()) })
        }
        Err(error) => Err(error.into()),
        Ok(()) => verdict(&report),
    }
}

/// Wrong digests fail the run; so does a run without a single figure.
fn verdict(report: &Report) -> Outcome {
    let wrong = |cell: &&Cell| cell.digest.found.as_ref().is_some_and(|found| *found != cell.digest.expected);
    if let Some(cell) = report.cells.iter().find(wrong) {
        let name = report.devices.get(cell.device).map_or("a device", |d| d.name.as_str());
        return Err(Error::VerificationFailed(format!("{name} computed wrong logits of {}", cell.model)).into());
    }
    match report.cells.iter().any(|cell| cell.warm.is_some()) {
        true => Ok(()),
        false => Err(Failure { code: 1, message: Some("no device gave a figure".into()) }),
    }
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

fn print(report: &Report) -> Outcome {
    let header = ["device", "api", "model", "batch", "ms/batch", "+-", "p95", "images/s", "digest"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(report.cells.iter().map(|cell| row(report, cell)));
    output::table_of(&rows, &[3, 4, 5, 6, 7]).iter().try_for_each(|line| output::line(line))?;
    for cell in &report.cells {
        let noise = cell.warm.iter().flat_map(|warm| &warm.noise);
        let remarks: Vec<&str> = cell.problem.iter().chain(noise).map(String::as_str).collect();
        if !remarks.is_empty() {
            let (name, api) = device(report, cell);
            let remarks = remarks.join("; ");
            output::line(&format!("! {name} ({api}), {}, batch {}: {remarks}", cell.model, cell.batch))?;
        }
    }
    Ok(())
}

/// Name and API of a cell's device. What follows a name in brackets is the driver's compiler.
fn device<'a>(report: &'a Report, cell: &Cell) -> (&'a str, &'a str) {
    let device = report.devices.get(cell.device);
    device.map_or(("?", "?"), |d| (d.name.split(" (").next().unwrap_or(&d.name), &d.api))
}

fn row(report: &Report, cell: &Cell) -> Vec<String> {
    let (name, api) = device(report, cell);
    let mut row = vec![name.to_owned(), api.to_owned(), cell.model.clone(), cell.batch.to_string()];
    match &cell.warm {
        Some(warm) => {
            let ms = |seconds: f64| format!("{:.3}", 1e3 * seconds);
            let spread = format!("{:.1}%", 100.0 * warm.wall.spread);
            row.extend([ms(warm.wall.median), spread, ms(warm.wall.p95), format!("{:.1}", warm.images_per_second)]);
        }
        None => row.extend(["-", "-", "-", "-"].map(str::to_owned)),
    }
    row.push(match &cell.digest.found {
        Some(found) if *found == cell.digest.expected => found.chars().take(8).collect(),
        Some(_) => "WRONG".to_owned(),
        None => "-".to_owned(),
    });
    row
}
