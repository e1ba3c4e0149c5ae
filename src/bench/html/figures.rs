//! Tables of a report's figures.

use super::page::paragraph;
use super::stack;
use super::subjects::{by_subject, device_name};
use super::table::{Field, Table};
use super::units::{digits, percent, prefixed, time, times};
use crate::bench::compare::{Comparison, Verdict};
use crate::bench::names::Names;
use crate::bench::report::{Cell, Device, Report};

/// The ratio of each of a run's figures to that of the device that it is compared with.
pub(super) fn ratios(compared: &Comparison) -> Option<Vec<Option<f64>>> {
    let cells = compared.runs.first()?.report.cells.len();
    let mut ratios = vec![None; cells];
    for row in compared.rows.iter().filter(|row| !matches!(row.verdict, Verdict::NotComparable(_))) {
        if let Some(ratio) = ratios.get_mut(row.cell) {
            *ratio = row.ratio;
        }
    }
    compared.compares().then_some(ratios)
}

/// The table of whole runs. `ratios` are those of [`ratios`], if the run's devices are compared.
pub(super) fn results(names: &Names, report: &Report, ratios: Option<&[Option<f64>]>) -> String {
    let float32 = report.cells.iter().any(|cell| cell.float32.is_some());
    let gpu = report.cells.iter().any(|cell| gpu(cell).is_some());
    let mut columns = vec!["Device", "Median#", "±#", "p95#", "p99#", "Images/s#"];
    columns.extend(gpu.then_some("GPU#"));
    columns.extend(float32.then_some(["float32#", "takes#"]).into_iter().flatten());
    columns.extend(ratios.map(|_| "Ratio#"));
    columns.push("Digest");
    let mut table = Table::new("Whole runs, per batch", &columns);
    for (title, cells) in by_subject(names, report.cells.iter().enumerate().map(|(at, cell)| (cell, at))) {
        table.group(&title);
        for (cell, at) in cells {
            let mut row = vec![Field::text(device_name(names, report, cell))];
            row.extend(figures(cell).map(Field::maybe));
            row.extend(gpu.then(|| Field::maybe(self::gpu(cell).map(time))));
            if float32 {
                let timed = cell.timed_float32();
                row.push(Field::maybe(timed.map(|r| time(r.wall.median))));
                row.push(Field::maybe(timed.map(|r| times(r.times))));
            }
            row.extend(ratios.map(|all| Field::maybe(all.get(at).copied().flatten().map(times))));
            row.push(digest(cell));
            table.row(row);
            remarks(&mut table, cell);
        }
    }
    table.finish()
}

/// The median, spread, percentiles and rate.
fn figures(cell: &Cell) -> [Option<String>; 5] {
    let Some(warm) = &cell.warm else { return Default::default() };
    let (wall, mark) = (warm.wall, if warm.noise.is_empty() { "" } else { " !" });
    let rate = format!("{}{mark}", digits(warm.images_per_second));
    [time(wall.median), percent(wall.spread), time(wall.p95), time(wall.p99), rate].map(Some)
}

/// The median time on the GPU.
fn gpu(cell: &Cell) -> Option<f64> {
    cell.warm.as_ref()?.parts?.device.map(|device| device.median)
}

/// Whether a cell's digest is right.
pub(super) fn digest(cell: &Cell) -> Field {
    match &cell.digest.found {
        Some(found) if *found == cell.digest.expected => {
            let short: String = found.chars().take(8).collect();
            Field::marked("good", format!("{short} right"))
        }
        Some(_) => Field::marked("bad", "WRONG"),
        None => Field::text("-"),
    }
}

/// Adds remarks: why there is no figure, or why it is doubtful.
pub(super) fn remarks(table: &mut Table, cell: &Cell) {
    if let Some(problem) = &cell.problem {
        table.remark("bad", &format!("no figure: {problem}"));
    }
    if let Some(warm) = cell.warm.as_ref().filter(|warm| !warm.noise.is_empty()) {
        table.remark("warn", &format!("! {}", warm.noise.join("; ")));
    }
    if let Some(problem) = cell.float32.as_ref().and_then(|float32| float32.problem.as_ref()) {
        table.remark("warn", &format!("float32: {problem}"));
    }
}

/// The table of the parts of runs on GPUs, if there are any.
pub(super) fn parts(names: &Names, report: &Report) -> String {
    let columns = ["Device", "Upload#", "GPU#", "Readback#", "Whole#"];
    let mut table = Table::new("Parts of a run on a GPU, per batch", &columns);
    let measured = |cell: &Cell| cell.warm.as_ref().and_then(|warm| Some((warm.parts?, warm.wall.median)));
    let cells = report.cells.iter().filter_map(|cell| Some((cell, measured(cell)?)));
    let groups = by_subject(names, cells);
    for (title, cells) in &groups {
        table.group(title);
        for (cell, (parts, whole)) in cells {
            table.row(vec![
                Field::text(device_name(names, report, cell)),
                Field::text(time(parts.upload.median)),
                Field::maybe(parts.device.map(|device| time(device.median))),
                Field::text(time(parts.readback.median)),
                Field::text(time(*whole)),
            ]);
        }
    }
    if groups.is_empty() { String::new() } else { table.finish() }
}

/// How long first inferences take, as a drawing and as a table.
pub(super) fn cold(names: &Names, report: &Report, id: &str) -> String {
    let columns = ["Device", "Load#", "Lower#", "Compile#", "First run#", "Together#"];
    let mut table = Table::new("A first inference, in its parts", &columns);
    let starts = by_subject(names, report.cells.iter().filter_map(|cell| Some((cell, cell.cold?))));
    if starts.is_empty() {
        return paragraph("lead", "No device finished a first inference.");
    }
    let mut drawn = Vec::new();
    for (title, cells) in starts {
        table.group(&title);
        let named = cells.into_iter().map(|(cell, cold)| (device_name(names, report, cell), stack::cold_parts(&cold)));
        let named: Vec<(String, [f64; 4])> = named.collect();
        for (name, parts) in &named {
            let times = parts.iter().copied().chain([parts.iter().sum()]).map(|seconds| Field::text(time(seconds)));
            table.row([Field::text(name)].into_iter().chain(times).collect());
        }
        drawn.push((title, named));
    }
    let text = "What a new process waits for: opening the model (or making random parameters), lowering it to \
                integers, preparing kernels and weights on the device, and the first batch.";
    paragraph("lead", text) + &stack::cold(&drawn, &format!("{id}cold")) + &table.finish()
}

/// The table of devices.
pub(super) fn devices(report: &Report) -> String {
    let columns = ["Device", "API", "PCI id", "Driver", "Kind", "Words/s#", "Products/s#", "Memory#"];
    let mut table = Table::new("Devices, with their peak rates, measured by probes that do nothing else", &columns);
    for device in &report.devices {
        let peak = |of: Option<f64>, unit: &str| {
            Field::maybe(of.filter(|n| *n > 0.0).map(|n| format!("{}{unit}", prefixed(n))))
        };
        let peaks = device.peaks;
        table.row(vec![
            Field::text(&device.name),
            Field::text(&device.api),
            Field::maybe(device.pci_id.clone()),
            Field::text(&device.driver),
            Field::text(kind(device)),
            peak(peaks.map(|p| p.words), ""),
            peak(peaks.map(|p| p.byte_products), ""),
            peak(peaks.map(|p| p.bytes), "B/s"),
        ]);
        if let Some(problem) = &device.problem {
            table.remark("bad", problem);
        }
    }
    table.finish()
}

fn kind(device: &Device) -> &'static str {
    match (device.api.as_str(), device.software) {
        ("cpu", _) => "processor",
        (_, true) => "software",
        _ => "hardware",
    }
}
