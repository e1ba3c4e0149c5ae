//! `lq-infer devices`

use super::failure::{Failure, Outcome};
use super::{open, output, table};
use crate::backend::gpu::Gpu;
use crate::bench::check;
use crate::error::Error;
use crate::session::{AdapterLimits, DeviceInfo, DeviceSelector, Engine};
use clap::Args;
use serde::Serialize;

/// What a check found.
#[derive(Serialize)]
struct Checked {
    healthy: bool,
    /// Why the device is not healthy.
    problem: Option<String>,
    /// After how many rounds the device ends the loops of an invocation, if it does. Larger layers are divided.
    loop_rounds: Option<usize>,
}

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    info: &'a DeviceInfo,
    /// Whether `auto` takes it.
    auto: bool,
    /// Set with `--check`, for devices that can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Checked>,
}

#[derive(Args, Debug)]
pub(super) struct DevicesArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Run every kernel on each device and compare with the reference; `auto` does not take a device that differs
    #[arg(long)]
    check: bool,
    /// Only this device, as for classification [default: all]
    #[arg(long, value_name = "SEL")]
    device: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &DevicesArgs) -> Outcome {
    let all = open::builder().devices();
    let usual = DeviceSelector::Auto.choose(&all).ok().map(|device| device.index);
    let devices = match &args.device {
        Some(selector) => vec![selector.parse().unwrap_or(DeviceSelector::Auto).choose(&all)?.clone()],
        None => all,
    };
    if args.check {
        return check_all(&devices, usual, args.json);
    }
    if args.json {
        return devices
            .iter()
            .try_for_each(|info| output::json(&Line { info, auto: usual == Some(info.index), check: None }));
    }
    let header = ["", "name", "api", "kind", "pci id", "driver"].map(str::to_owned).to_vec();
    let rows = devices.iter().map(|d| {
        let pci = d.pci_id.clone().unwrap_or_default();
        let mark = if usual == Some(d.index) { "*" } else { "" };
        vec![format!("{}{mark}", d.index), d.name.clone(), d.api.clone(), kind(d), pci, d.driver.clone()]
    });
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let verbose = output::is_verbose();
    for (at, lines) in table::fitted(&rows, &[], table::room()).iter().enumerate() {
        lines.iter().try_for_each(|line| output::line(line))?;
        if let Some(device) = at.checked_sub(1).and_then(|index| devices.get(index)).filter(|_| verbose) {
            details(device).iter().try_for_each(|line| output::line(&format!("     {line}")))?;
        }
    }
    match devices.iter().any(|device| usual == Some(device.index)) {
        true => output::line("* what `auto` takes"),
        false => Ok(()),
    }
}

fn kind(device: &DeviceInfo) -> String {
    match (&device.unusable, &device.failed_check) {
        (Some(reason), _) => format!("unusable: {reason}"),
        (None, Some(problem)) => format!("failed its check: {problem}"),
        (None, None) if device.api == "cpu" => "processor".into(),
        (None, None) if device.software => "software".into(),
        (None, None) => "hardware".into(),
    }
}

fn details(device: &DeviceInfo) -> Vec<String> {
    let mut lines = vec![format!("id {}", device.id)];
    if let Some(processor) = &device.processor {
        lines.push(format!("threads {}, instructions {}", processor.threads, processor.instructions));
    }
    lines.extend(device.gpu.iter().flat_map(limits));
    lines
}

fn limits(gpu: &AdapterLimits) -> [String; 2] {
    let megabytes = |bytes: u64| bytes >> 20;
    let [least, most] = gpu.subgroups;
    let features = [
        ("subgroup operations", gpu.subgroup_operations),
        ("timestamps", gpu.timestamps),
        ("timestamps in passes", gpu.timestamps_in_passes),
        ("pipeline cache", gpu.pipeline_cache),
        ("f16", gpu.f16),
    ];
    let list = |has: bool| -> String {
        let names: Vec<&str> = features.iter().filter(|f| f.1 == has).map(|f| f.0).collect();
        if names.is_empty() { "nothing".into() } else { names.join(", ") }
    };
    [
        format!(
            "buffers up to {} MiB, {} per shader, each bound up to {} MiB; workgroups up to {}, subgroups {least} to \
             {most}",
            megabytes(gpu.buffer_bytes),
            gpu.storage_buffers,
            megabytes(gpu.binding_bytes),
            gpu.workgroup_invocations
        ),
        format!("has {}; lacks {}", list(true), list(false)),
    ]
}

/// Checks every device that can be used, and stores the results.
fn check_all(devices: &[DeviceInfo], usual: Option<usize>, json: bool) -> Outcome {
    let (mut wrong, mut failed) = (None, None);
    for info in devices {
        if let Some(reason) = &info.unusable {
            output::note(&format!("{}: left out: {reason}", info.label()));
            continue;
        }
        let (found, loop_rounds) = check_one(info);
        let problem = match found {
            Ok(None) => None,
            Ok(Some(fault)) => Some(wrong.insert(fault).clone()),
            Err(error) => Some(failed.insert(error.to_string()).clone()),
        };
        let limit = loop_rounds.map_or(String::new(), |most| {
            format!("; it ends loops after {most} rounds, so layers with longer ones are divided")
        });
        match (json, &problem) {
            (true, _) => {
                let check = Some(Checked { healthy: problem.is_none(), problem, loop_rounds });
                output::json(&Line { info, auto: usual == Some(info.index), check })?;
            }
            (false, None) => output::line(&format!("healthy  {}{limit}", info.label()))?,
            (false, Some(problem)) => output::line(&format!("FAILED   {}: {problem}", info.label()))?,
        }
    }
    match (wrong, failed) {
        (Some(_), _) => Err(Error::VerificationFailed("a device computes other bits than the reference".into()).into()),
        (None, Some(_)) => Err(Failure::new(1, "a device could not be checked")),
        (None, None) => Ok(()),
    }
}

/// What is wrong with a device, if anything, and after how many rounds it ends loops, if it does. A device that cannot
/// run the kernels fails its check, too.
fn check_one(info: &DeviceInfo) -> (Result<Option<String>, Error>, Option<usize>) {
    match open::builder().device(DeviceSelector::Index(info.index)).build() {
        Ok(engine) => {
            let rounds = Gpu::of(&**engine.backend()).and_then(|gpu| gpu.most_rounds().ok().flatten());
            (check_engine(&engine), rounds)
        }
        Err(error) => (Err(error), None),
    }
}

fn check_engine(engine: &Engine) -> Result<Option<String>, Error> {
    let found = check(&**engine.backend()).map(|fault| fault.map(|f| f.to_string()));
    match &found {
        Ok(fault) => engine.backend().keep_verdict(fault.as_deref()),
        // These are temporary, and say nothing about the device.
        Err(Error::OutOfMemory { .. } | Error::DeviceLost { .. }) => {}
        Err(error) => engine.backend().keep_verdict(Some(&error.to_string())),
    }
    found
}
