//! What one report says, section by section.

use super::bars::{self, Bar, Group, WIDTHS};
use super::page::{details, facts, paragraph, section};
use super::table::{Field, Table};
use super::units::{digits, percent, prefixed, time, times};
use super::{roofline, stack, timeline};
use crate::bench::report::{Cell, Device, Report};

/// The device of a cell: name and API.
pub fn device_name(report: &Report, cell: &Cell) -> String {
    report.devices.get(cell.device).map_or("?".to_owned(), label)
}

fn label(device: &Device) -> String {
    match device.api.as_str() {
        "cpu" => device.short_name().to_owned(),
        api => format!("{} ({api})", device.short_name()),
    }
}

/// A model at a batch size ("vgg-small 1/2, batch 8"); the name of a random network has its widths already.
pub fn subject(cell: &Cell) -> String {
    match cell.model.ends_with(&cell.bits) {
        true => format!("{}, batch {}", cell.model, cell.batch),
        false => format!("{} {}, batch {}", cell.model, cell.bits, cell.batch),
    }
}

/// The machine and the program.
pub fn identity(report: &Report) -> String {
    let host = &report.host;
    let memory = host.memory.map_or("unknown".to_owned(), |bytes| format!("{}B", prefixed(bytes as f64)));
    facts(&[
        ("Processor", format!("{}, {} threads", host.cpu, host.threads)),
        ("System", format!("{}, {}", host.os, host.architecture)),
        ("Memory", memory),
        ("Began (UTC)", report.began.clone()),
        ("Version", format!("lq-infer {}", report.version)),
        ("Shaders (SHA-256)", report.shaders.clone()),
    ])
}

/// What a reader must know before the figures.
pub fn notices(report: &Report) -> String {
    let mut all = String::new();
    for cell in &report.cells {
        if cell.digest.found.as_ref().is_some_and(|found| *found != cell.digest.expected) {
            let text = format!("{} computed wrong logits of {}.", device_name(report, cell), subject(cell));
            all.push_str(&paragraph("notice error", &text));
        }
    }
    if !report.complete {
        all.push_str(&paragraph("notice", "The run was interrupted: figures that it did not come to are missing."));
    }
    if report.quick {
        all.push_str(&paragraph("notice", "A short run: its figures are rougher than those of a long one."));
    }
    let doubted = report.cells.iter().filter(|c| c.warm.as_ref().is_some_and(|w| !w.noise.is_empty())).count();
    if doubted > 0 {
        let text = format!("{doubted} of {} figures should not be relied on; each says why.", report.cells.len());
        all.push_str(&paragraph("notice", &text));
    }
    all
}

/// `items` under the subjects of their cells, in the order of their appearance.
pub fn by_subject<'a, T>(items: impl Iterator<Item = (&'a Cell, T)>) -> Vec<(String, Vec<(&'a Cell, T)>)> {
    let mut groups: Vec<(String, Vec<(&Cell, T)>)> = Vec::new();
    for (cell, item) in items {
        let title = subject(cell);
        match groups.iter_mut().find(|group| group.0 == title) {
            Some(group) => group.1.push((cell, item)),
            None => groups.push((title, vec![(cell, item)])),
        }
    }
    groups
}

/// Cells as bars, each with its label and a note.
pub fn groups<'a>(cells: impl Iterator<Item = (&'a Cell, (String, String))>) -> Vec<Group> {
    let group = |(title, cells): (String, Vec<(&Cell, (String, String))>)| {
        let bars = cells.into_iter().map(|(cell, (label, note))| Bar::new(label, cell, note));
        Group { title, bars: bars.collect() }
    };
    by_subject(cells).into_iter().map(group).collect()
}

/// The cells of a report with the names of their devices.
fn named(report: &Report) -> Vec<(String, Vec<(&Cell, String)>)> {
    by_subject(report.cells.iter().map(|cell| (cell, device_name(report, cell))))
}

/// Bars in every width, and how to read them.
pub fn bars(groups: &[Group], id: &str) -> String {
    let drawings = WIDTHS.map(|(width, class)| {
        let (svg, height) = bars::draw(groups, width, None);
        let title = "Images per second of each device";
        svg.inline(&format!("{id}-{class}"), class, height, title, "The table below has the same figures.")
    });
    paragraph("lead", &format!("Images per second, {READ}.")) + &drawings.concat()
}

/// How to read bars.
pub const READ: &str = "longer is faster; whiskers show the spread, dashed bars are doubted (!)";

/// Bars of one report.
pub fn report_groups(report: &Report) -> Vec<Group> {
    groups(report.cells.iter().map(|cell| (cell, (device_name(report, cell), String::new()))))
}

/// All sections of a report; `id` keeps its ids apart from others of the page.
pub fn all(report: &Report, id: &str) -> String {
    let results = bars(&report_groups(report), &format!("{id}bars")) + &results(report) + &parts(report);
    [
        section("Results", &results),
        section("First inference", &cold(report, id)),
        launches(report, id),
        section("Devices", &devices(report)),
    ]
    .concat()
}

fn results(report: &Report) -> String {
    let rivals = report.cells.iter().any(|cell| cell.rival.is_some());
    let gpu = report.cells.iter().any(|cell| gpu(cell).is_some());
    let mut columns = vec!["Device", "Median#", "±#", "p95#", "p99#", "Images/s#"];
    columns.extend(gpu.then_some("GPU#"));
    columns.extend(rivals.then_some(["float32#", "takes#"]).into_iter().flatten());
    columns.push("Digest");
    let mut table = Table::new("Whole runs, per batch", &columns);
    for (title, cells) in named(report) {
        table.group(&title);
        for (cell, name) in cells {
            let mut row = vec![Field::text(name)];
            row.extend(figures(cell).map(Field::maybe));
            row.extend(gpu.then(|| Field::maybe(self::gpu(cell).map(time))));
            if rivals {
                let rival = cell.rival.as_ref();
                row.push(Field::maybe(rival.map(|r| time(r.wall.median))));
                row.push(Field::maybe(rival.map(|r| times(r.times))));
            }
            row.push(digest(cell));
            table.row(row);
            remarks(&mut table, cell);
        }
    }
    table.finish()
}

/// Median, spread, percentiles and rate.
fn figures(cell: &Cell) -> [Option<String>; 5] {
    let Some(warm) = &cell.warm else { return Default::default() };
    let (wall, mark) = (warm.wall, if warm.noise.is_empty() { "" } else { " !" });
    let rate = format!("{}{mark}", digits(warm.images_per_second));
    [time(wall.median), percent(wall.spread), time(wall.p95), time(wall.p99), rate].map(Some)
}

fn gpu(cell: &Cell) -> Option<f64> {
    cell.warm.as_ref()?.parts?.device.map(|device| device.median)
}

/// Whether a cell's digest is right.
pub fn digest(cell: &Cell) -> Field {
    match &cell.digest.found {
        Some(found) if *found == cell.digest.expected => {
            let short: String = found.chars().take(8).collect();
            Field::marked("good", format!("{short} right"))
        }
        Some(_) => Field::marked("bad", "WRONG"),
        None => Field::text("-"),
    }
}

/// Why there is no figure, or none to rely on.
pub fn remarks(table: &mut Table, cell: &Cell) {
    if let Some(problem) = &cell.problem {
        table.remark("bad", &format!("no figure: {problem}"));
    }
    if let Some(warm) = cell.warm.as_ref().filter(|warm| !warm.noise.is_empty()) {
        table.remark("warn", &format!("! {}", warm.noise.join("; ")));
    }
    if let Some(problem) = cell.rival.as_ref().and_then(|rival| rival.problem.as_ref()) {
        table.remark("warn", &format!("float32: {problem}"));
    }
}

/// Parts of runs on GPUs, if any were measured.
fn parts(report: &Report) -> String {
    let columns = ["Device", "Upload#", "GPU#", "Readback#", "Whole#"];
    let mut table = Table::new("Parts of a run on a GPU, per batch", &columns);
    let measured = |cell: &Cell| cell.warm.as_ref().and_then(|warm| Some((warm.parts?, warm.wall.median)));
    let cells = report.cells.iter().filter_map(|cell| Some((cell, measured(cell)?)));
    let groups = by_subject(cells);
    for (title, cells) in &groups {
        table.group(title);
        for (cell, (parts, whole)) in cells {
            table.row(vec![
                Field::text(device_name(report, cell)),
                Field::text(time(parts.upload.median)),
                Field::maybe(parts.device.map(|device| time(device.median))),
                Field::text(time(parts.readback.median)),
                Field::text(time(*whole)),
            ]);
        }
    }
    if groups.is_empty() { String::new() } else { table.finish() }
}

fn cold(report: &Report, id: &str) -> String {
    let columns = ["Device", "Load#", "Lower#", "Compile#", "First run#", "Together#"];
    let mut table = Table::new("A first inference, in its parts", &columns);
    let starts = by_subject(report.cells.iter().filter_map(|cell| Some((cell, cell.cold?))));
    if starts.is_empty() {
        return paragraph("lead", "No device came to a first inference.");
    }
    let mut drawn = Vec::new();
    for (title, cells) in starts {
        table.group(&title);
        let named = cells.into_iter().map(|(cell, cold)| (device_name(report, cell), stack::cold_parts(&cold)));
        let named: Vec<(String, [f64; 4])> = named.collect();
        for (name, parts) in &named {
            let times = parts.iter().copied().chain([parts.iter().sum()]).map(|seconds| Field::text(time(seconds)));
            table.row([Field::text(name)].into_iter().chain(times).collect());
        }
        drawn.push((title, named));
    }
    let text = "What a new process waits for: opening the model (or making random parameters), lowering it to integers, kernels and weights \
                of the device, and the first batch.";
    paragraph("lead", text) + &stack::cold(&drawn, &format!("{id}cold")) + &table.finish()
}

/// Timeline and roofline of every cell whose launches were timed.
fn launches(report: &Report, id: &str) -> String {
    let mut all = String::new();
    for (at, cell) in report.cells.iter().enumerate() {
        let Some(warm) = cell.warm.as_ref().filter(|warm| !warm.steps.is_empty()) else { continue };
        let name = format!("{} on {}", subject(cell), device_name(report, cell));
        let mut body = paragraph("lead", timeline::clock(warm.clock));
        body.push_str(&timeline::timeline(&warm.steps, &format!("{id}line{at}"), &name));
        let peaks = report.devices.get(cell.device).and_then(|device| device.peaks).unwrap_or_default();
        if let Some(roofline) = roofline::roofline(&warm.steps, &peaks, &format!("{id}roof{at}"), &name) {
            let memory = match peaks.bytes {
                bytes if bytes > 0.0 => format!(" The slope is its memory's {}B/s.", prefixed(bytes)),
                _ => String::new(),
            };
            let text = format!(
                "Each launch below the device's measured peaks.{memory} The numbers are those of the table, of the launches that take \
                 longest. Launches that only move data have no place here."
            );
            body.push_str(&(paragraph("lead", &text) + &roofline));
        }
        let table = timeline::table(&warm.steps, &format!("Launches of {name}, per batch"));
        body.push_str(&details(&format!("All {} launches", warm.steps.len()), false, &table));
        all.push_str(&details(&name, all.is_empty(), &body));
    }
    if all.is_empty() { all } else { section("Launches", &all) }
}

fn devices(report: &Report) -> String {
    let columns = ["Device", "API", "PCI id", "Driver", "Kind", "Words/s#", "Products/s#", "Memory#"];
    let mut table = Table::new("Devices, with their peaks by probes that do nothing else", &columns);
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
            peak(peaks.map(|p| p.macs), ""),
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
