//! The launches of a run, in order.

use super::bars::WIDTHS;
use super::scale::Linear;
use super::stack::{self, COLOURS, Segment};
use super::svg::{Anchor, Size, Svg};
use super::table::{Field, Table};
use super::units::{percent, prefixed, time};
use crate::backend::Clock;
use crate::bench::report::{Bound, StepTime};

/// The launches as segments of a bar, with a legend of their colours.
pub(super) fn timeline(steps: &[StepTime], id: &str, subject: &str) -> String {
    let kernels = kernels(steps);
    let sum: f64 = steps.iter().map(seconds).sum();
    let title = format!("Launches of {subject}, in order");
    let description = format!("{} launches, {} together; the table below lists them.", steps.len(), time(sum));
    let drawings = WIDTHS.map(|(width, class)| {
        let svg = draw(steps, &kernels, sum, width);
        svg.inline(&format!("{id}-{class}"), class, HEIGHT, &title, &description)
    });
    let shares = kernels.iter().map(|(name, s)| format!("{name} {}", percent(s / sum.max(f64::MIN_POSITIVE))));
    drawings.concat() + &stack::legend(&shares.enumerate().collect::<Vec<_>>())
}

const HEIGHT: f64 = 74.0;

/// The kernels' names and total times, longest first.
fn kernels(steps: &[StepTime]) -> Vec<(&str, f64)> {
    let mut kernels: Vec<(&str, f64)> = Vec::new();
    for step in steps {
        match kernels.iter_mut().find(|(name, _)| *name == step.kernel) {
            Some((_, sum)) => *sum += seconds(step),
            None => kernels.push((&step.kernel, seconds(step))),
        }
    }
    kernels.sort_by(|a, b| b.1.total_cmp(&a.1));
    kernels
}

fn seconds(step: &StepTime) -> f64 {
    if step.seconds.is_finite() { step.seconds.max(0.0) } else { 0.0 }
}

fn draw(steps: &[StepTime], kernels: &[(&str, f64)], sum: f64, width: f64) -> Svg {
    let mut svg = Svg::new(width);
    let axis = Linear { most: sum, from: 1.0, to: width - 1.0 };
    let segments = steps.iter().map(|step| {
        let colour = kernels.iter().position(|(name, _)| *name == step.kernel).unwrap_or(COLOURS);
        let hint = format!("{} ({}): {}", step.layer, step.kernel, time(step.seconds));
        Segment { seconds: seconds(step), colour, label: step.layer.clone(), hint }
    });
    stack::draw(&mut svg, &axis, [4.0, 46.0], &segments.collect::<Vec<_>>());
    let ticks = axis.ticks(if width < 600.0 { 3 } else { 8 });
    for tick in ticks {
        let x = axis.at(tick);
        svg.line("tick", [x, 51.0], [x, 56.0]);
        let (anchor, room) = match x {
            x if x < 30.0 => (Anchor::Start, 60.0),
            x if x > width - 30.0 => (Anchor::End, 60.0),
            _ => (Anchor::Middle, 60.0),
        };
        svg.text(Size::Small, "dim", anchor, [x, 69.0], room, &if tick == 0.0 { "0".into() } else { time(tick) });
    }
    svg
}

/// A table of every launch with its work and, if peaks are `known`, what limits it.
pub(super) fn table(steps: &[StepTime], known: bool, caption: &str) -> String {
    let columns =
        ["#", "Layer", "Kernel", "Time#", "Share#", "Words#", "Products#", "Bytes#", "Bound by", "Of that peak#"];
    let mut table = Table::new(caption, &columns);
    let sum = steps.iter().map(seconds).sum::<f64>().max(f64::MIN_POSITIVE);
    for (at, step) in steps.iter().enumerate() {
        let amount = |n: f64| Field::text(if n > 0.0 { prefixed(n) } else { "-".to_owned() });
        table.row(vec![
            Field::text((at + 1).to_string()),
            Field::text(&step.layer),
            Field::text(&step.kernel),
            Field::text(time(step.seconds)),
            Field::text(percent(step.seconds / sum)),
            amount(step.words),
            amount(step.byte_products),
            amount(step.bytes),
            Field::maybe(known.then(|| bound(step.bound).to_owned())),
            Field::maybe(known.then(|| percent(step.share))),
        ]);
    }
    table.finish()
}

fn bound(bound: Bound) -> &'static str {
    match bound {
        Bound::Popcount => "counting words",
        Bound::ByteProducts => "products of bytes",
        Bound::Memory => "memory",
        Bound::Launch => "the launch itself",
    }
}

/// A sentence about how launches were timed, and how that affects the times.
pub(super) fn clock(clock: Clock) -> &'static str {
    match clock {
        Clock::Host => "Timed with the host's clock around each step.",
        Clock::Dispatches => "Timed with GPU timestamps between the dispatches of a single pass, as in an untimed run.",
        Clock::Passes => {
            "Timed with GPU timestamps around a separate pass for each dispatch. The passes cost time that an untimed \
             run does not spend."
        }
        Clock::Submissions => {
            "Timed with the host's clock around a separate submission for each dispatch. The times include the round \
             trip to the GPU."
        }
    }
}
