//! `lq-infer explain`

use super::args::{DeviceArg, parse_count};
use super::failure::{Failure, Outcome};
use super::subject::{Bits, Subject, parse_bits};
use super::{open, output, table};
use crate::backend::{Clock, Control};
use crate::bench::model::{ASSUMPTIONS, Modelled, elsewhere};
use crate::bench::report::Bound;
use crate::bench::{Explanation, Group, Launch, Prediction, Remark, explain, measure, settle};
use crate::text;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Time for measurements.
const BUDGET: Duration = Duration::from_secs(2);
/// Length of lines of text.
const LINE: usize = 100;
/// Longest name of a layer in the table.
const NAME: usize = 30;

#[derive(Args, Debug)]
pub(super) struct ExplainArgs {
    /// Packed model [default: the bundled one]
    #[arg(conflicts_with = "net")]
    model: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArg,
    /// A network of the zoo with random parameters, by id
    #[arg(long, value_name = "ID")]
    net: Option<String>,
    /// Bits of its weights and activations; 32 for float activations
    #[arg(long, value_name = "W/A", default_value = "2/2", value_parser = parse_bits, requires = "net")]
    bits: Bits,
    /// Images per run
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse_count)]
    batch: usize,
    /// Print one JSON object (benches/README.md describes it)
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(args: &ExplainArgs) -> Outcome {
    let info = open::chosen(&args.device.device)?;
    let subject = match (&args.net, &args.model) {
        (Some(net), _) => Subject::random(net, args.bits)?,
        (None, Some(path)) => Subject::file(path)?,
        (None, None) => Subject::bundled()?,
    };
    let (mut device, opened) = crate::bench::open(&info, open::builder());
    let Some(mut opened) = opened else {
        return Err(Failure::new(4, device.problem.unwrap_or_default()));
    };
    let job = subject.job(args.batch, BUDGET, Some(&opened));
    let mut cell = measure(&job, &opened.engine, 0, &Control::default())?;
    settle(&mut device, &mut opened, std::slice::from_mut(&mut cell));
    let mut explanation = explain(&device, &cell)?;
    explanation.modelled =
        elsewhere(&*job.plan()?, args.batch, &device.name).map_err(|problem| Failure::new(1, problem))?;
    if args.json {
        return output::json(&explanation);
    }
    lines(&explanation).iter().try_for_each(|line| output::line(line))
}

fn lines(e: &Explanation) -> Vec<String> {
    let mut lines = heading(e);
    lines.push(String::new());
    lines.extend(launches(e));
    lines.push(String::new());
    lines.extend(groups(e));
    if !e.remarks.is_empty() {
        lines.extend([String::new(), "Why the slowest launches are not faster:".into()]);
        let told = e.remarks.chunk_by(|a, b| a.reason == b.reason && a.kernel == b.kernel);
        lines.extend(told.flat_map(remark));
    }
    if !e.predictions.is_empty() {
        lines.push(String::new());
        lines.extend(predictions(e));
    }
    if !e.modelled.is_empty() {
        lines.push(String::new());
        lines.extend(modelled(e));
    }
    lines.push(String::new());
    lines.extend(e.answers.iter().flat_map(|answer| wrapped(answer, "")));
    lines.extend(e.doubt.iter().chain(&e.noise).flat_map(|remark| wrapped(&format!("! {remark}"), "")));
    lines
}

/// `text` in lines that fit.
fn wrapped(text: &str, indent: &str) -> Vec<String> {
    text::wrapped(text, indent, table::line(LINE))
}

fn heading(e: &Explanation) -> Vec<String> {
    let [h, w, c] = e.input;
    let peaks = e.device.peaks.unwrap_or_default();
    let clock = match e.clock {
        Clock::Host => "the host's clock around each",
        Clock::Dispatches => "the GPU's timestamps between dispatches",
        Clock::Passes => "the GPU's timestamps around passes of one dispatch each",
        Clock::Submissions => "the host's clock around submissions of one dispatch each, round trip included",
    };
    let name = &e.device.name;
    let device = if e.device.api == "cpu" { name.clone() } else { format!("{name} ({})", e.device.api) };
    let lines = [
        format!("{}, {h}x{w}x{c}, batch {}, on {device}", e.model, e.batch),
        format!(
            "A run takes {} (+- {:.1} %), {:.1} images/s, digest {:.8}",
            ms(e.wall.median),
            100.0 * e.wall.spread,
            e.images_per_second,
            e.digest
        ),
        match e.doubt {
            Some(_) => "At best: unknown, see below".to_owned(),
            None => format!(
                "At best: {:.1} G words counted, {:.1} G byte products, {:.1} GB moved per second; {:.1} us to launch",
                peaks.words / 1e9,
                peaks.byte_products / 1e9,
                peaks.bytes / 1e9,
                1e6 * e.device.launch.unwrap_or(0.0)
            ),
        },
        format!("Launches by {clock}"),
    ];
    lines.iter().flat_map(|line| wrapped(line, "")).collect()
}

/// The launches. Columns about bounds are left out if the device's peaks are not known.
fn launches(e: &Explanation) -> Vec<String> {
    let header = ["layer", "kernel", "output", "W/A", "MMAC", "work", "kB", "op/B", "us", "least us", "share", "bound"];
    let known = if e.doubt.is_none() { header.len() } else { header.len() - 3 };
    let rows = std::iter::once(header.map(str::to_owned).to_vec()).chain(e.launches.iter().map(row));
    let rows = rows.map(|row| row.into_iter().take(known).collect());
    output::table_of(&rows.collect::<Vec<_>>(), &[4, 5, 6, 7, 8, 9, 10])
}

fn row(launch: &Launch) -> Vec<String> {
    let step = &launch.step;
    let window = step.window.map_or(String::new(), |[h, w]| format!(" {h}x{w}"));
    let [h, w, c] = step.output;
    let millions = |n: f64, unit: &str| if n > 0.0 { format!("{:.2}{unit}", n / 1e6) } else { String::new() };
    let work = if step.words > 0.0 { millions(step.words, " Mw") } else { millions(step.byte_products, " Mp") };
    let bound = match step.bound {
        Bound::Popcount => "count",
        Bound::ByteProducts => "products",
        Bound::Memory => "memory",
        Bound::Launch => "launch",
    };
    let us = |seconds: f64| format!("{:.1}", 1e6 * seconds);
    vec![
        shortened(&step.layer),
        format!("{}{window}", step.kernel),
        format!("{h}x{w}x{c}"),
        step.planes.map_or(String::new(), |[w, a]| format!("{w}/{a}")),
        millions(step.network_macs, ""),
        work,
        format!("{:.1}", step.bytes / 1e3),
        if launch.intensity > 0.0 { format!("{:.0}", launch.intensity) } else { String::new() },
        us(step.seconds),
        us(launch.least),
        format!("{:.0}%", 100.0 * step.share),
        bound.to_owned(),
    ]
}

/// Shortens a long name at its beginning, which tells less than its end.
fn shortened(name: &str) -> String {
    let length = name.chars().count();
    match length <= NAME {
        true => name.to_owned(),
        false => format!("..{}", name.chars().skip(length - NAME + 2).collect::<String>()),
    }
}

fn groups(e: &Explanation) -> Vec<String> {
    let row = |g: &Group| {
        let counted = g.launches > 0;
        let launches = if counted { g.launches.to_string() } else { String::new() };
        let share = match counted && g.seconds > 0.0 && e.doubt.is_none() {
            true => format!("{:.0}%", 100.0 * g.least / g.seconds),
            false => String::new(),
        };
        vec![g.name.clone(), launches, ms(g.seconds), format!("{:.0}%", 100.0 * g.share), share]
    };
    let header = ["", "launches", "time", "of all", "share of bounds"].map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(header).chain(e.groups.iter().map(row)).collect();
    let mut lines = output::table_of(&rows, &[1, 2, 3, 4]);
    if let Some(share) = e.square_share {
        let share = 100.0 * share;
        lines.extend(wrapped(
            &format!("All 3x3 bit convolutions together reach {share:.0} % of the popcount peak."),
            "",
        ));
    }
    lines
}

/// One remark about several launches that it applies to alike.
fn remark(alike: &[Remark]) -> Vec<String> {
    let Some(first) = alike.first() else { return Vec::new() };
    let layers = alike.iter().map(|r| r.layer.as_str()).collect::<Vec<_>>().join(", ");
    wrapped(&format!("{layers} ({}): {}", first.kernel, first.reason), "  ")
}

/// A table of predicted times: a row for each width of weights, a column for each width of activations.
fn predictions(e: &Explanation) -> Vec<String> {
    let first = e.predictions.first().map(|p| p.weights);
    let of_first = e.predictions.iter().filter(|p| Some(p.weights) == first);
    let widths: Vec<Option<usize>> = of_first.map(|p| p.activations).collect();
    let cell = |p: &Prediction| format!("{} ({:.2}x)", ms(p.seconds), p.speedup);
    let head = |a: &Option<usize>| a.map_or("A float".to_owned(), |a| format!("A{a}"));
    let mut rows = vec![std::iter::once(String::new()).chain(widths.iter().map(head)).collect::<Vec<_>>()];
    for of_weights in e.predictions.chunks(widths.len()) {
        let name = of_weights.first().map_or(String::new(), |p| format!("W{}", p.weights));
        rows.push(std::iter::once(name).chain(of_weights.iter().map(cell)).collect());
    }
    let right: Vec<usize> = (1..=widths.len()).collect();
    let title = format!(
        "Predicted for other widths: bit convolutions scaled with the product of their planes, the rest as measured \
         ({} at {}):",
        ms(e.wall.median),
        e.bits
    );
    wrapped(&title, "").into_iter().chain(output::table_of(&rows, &right)).collect()
}

/// A table of what other devices would take by the model, and what that assumes.
fn modelled(e: &Explanation) -> Vec<String> {
    let row = |m: &Modelled| {
        let rate = format!("{:.0}", m.images_per_second);
        let similar = match m.similar {
            0 => String::new(),
            n => format!("{n} of {} launches from similar shaders", m.launches.len()),
        };
        vec![m.device.clone(), ms(m.seconds), rate, similar]
    };
    let header = ["", "all launches", "images/s", ""].map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(header).chain(e.modelled.iter().map(row)).collect();
    let title = "Modelled, not measured, for other devices (without sending the input and reading the result):";
    let assumptions = wrapped(&format!("Assumed: {}", ASSUMPTIONS.join(" ")), "  ");
    wrapped(title, "").into_iter().chain(output::table_of(&rows, &[1, 2])).chain(assumptions).collect()
}

fn ms(seconds: f64) -> String {
    format!("{:.3} ms", 1e3 * seconds)
}
