//! Stacked bars: times one after the other, as segments.

use super::bars::WIDTHS;
use super::escape::{element, escape};
use super::scale::Linear;
use super::svg::{Anchor, Size, Svg, width};
use super::units::time;
use crate::bench::report::Cold;

/// A part of a bar.
pub(super) struct Segment {
    /// The time that it stands for.
    pub seconds: f64,
    /// The number of its colour.
    pub colour: usize,
    /// Written inside if there is room.
    pub label: String,
    /// Shown when the pointer rests on it.
    pub hint: String,
}

/// The number of colours. The last one is shared by everything that has no colour of its own.
pub(super) const COLOURS: usize = 7;

/// Draws segments, beginning at the start of the axis.
pub(super) fn draw(svg: &mut Svg, axis: &Linear, [y, height]: [f64; 2], segments: &[Segment]) {
    let mut before = 0.0;
    for segment in segments {
        let [from, to] = [before, before + segment.seconds].map(|seconds| axis.at(seconds));
        let class = format!("k{}", segment.colour.min(COLOURS - 1));
        svg.rect(&class, [from, y, to - from, height], &segment.hint);
        // Where there is no room for the whole path, there may be room for its last part.
        let last = segment.label.rsplit('/').next().unwrap_or_default();
        let fitting = [segment.label.as_str(), last].into_iter().find(|l| width(l, Size::Small) + 6.0 <= to - from);
        if let Some(label) = fitting {
            let middle = [(from + to) / 2.0, y + height / 2.0 + 4.0];
            svg.text(Size::Small, "segment", Anchor::Middle, middle, to - from, label);
        }
        before += segment.seconds;
    }
}

/// A legend of the colours.
pub(super) fn legend(entries: &[(usize, String)]) -> String {
    let item = |(colour, text): &(usize, String)| {
        let class = format!("key k{}", (*colour).min(COLOURS - 1));
        element("li", &[], &format!("{}{}", element("span", &[("class", &class)], ""), escape(text)))
    };
    element("ul", &[("class", "legend")], &entries.iter().map(item).collect::<String>())
}

/// The parts of a first inference.
pub(super) const COLD: [&str; 4] = ["load", "lower", "compile", "first run"];

/// The times of these parts.
pub(super) fn cold_parts(cold: &Cold) -> [f64; 4] {
    [cold.load, cold.lower, cold.compile, cold.first_run].map(|s| if s.is_finite() { s.max(0.0) } else { 0.0 })
}

/// A title, and below it the first inferences: the name of each and the times of its parts.
pub(super) type Starts = (String, Vec<(String, [f64; 4])>);

/// First inferences as one bar each, drawn once for each width of the page.
pub(super) fn cold(starts: &[Starts], id: &str) -> String {
    let title = "Time of a first inference, in its parts";
    let description = "One bar for each model and device; the table below has the same figures.";
    let drawings = WIDTHS.map(|(width, class)| {
        let (svg, height) = draw_cold(starts, width);
        svg.inline(&format!("{id}-{class}"), class, height, title, description)
    });
    let entries: Vec<(usize, String)> = COLD.iter().map(|part| (*part).to_owned()).enumerate().collect();
    drawings.concat() + &legend(&entries)
}

fn draw_cold(starts: &[Starts], width: f64) -> (Svg, f64) {
    let above = width < 600.0;
    let (mut svg, mut y) = (Svg::new(width), 4.0);
    for (title, bars) in starts {
        // Each network has its own axis, so that one that is slow to start does not dwarf the others.
        let most = bars.iter().map(|(_, parts)| parts.iter().sum()).fold(0.0, f64::max);
        let axis = Linear { most, from: if above { 1.0 } else { 280.0 }, to: width - 72.0 };
        svg.text(Size::Label, "strong", Anchor::Start, [1.0, y + 14.0], width - 2.0, title);
        y += 23.0;
        for (label, parts) in bars {
            let (anchor, place, room) = match above {
                true => (Anchor::Start, [1.0, y + 12.0], width - 2.0),
                false => (Anchor::End, [axis.from - 10.0, y + 14.0], axis.from - 12.0),
            };
            svg.text(Size::Label, "", anchor, place, room, label);
            y += if above { 17.0 } else { 0.0 };
            draw_start(&mut svg, &axis, [width, y], label, parts);
            y += 26.0;
        }
        y += 10.0;
    }
    (svg, y)
}

fn draw_start(svg: &mut Svg, axis: &Linear, [width, y]: [f64; 2], label: &str, parts: &[f64; 4]) {
    let segments = parts.iter().zip(COLD).enumerate().map(|(colour, (seconds, part))| {
        let hint = format!("{label}: {part} {}", time(*seconds));
        Segment { seconds: *seconds, colour, label: part.to_owned(), hint }
    });
    draw(svg, axis, [y, 20.0], &segments.collect::<Vec<_>>());
    let total = parts.iter().sum();
    let end = axis.at(total);
    svg.text(Size::Small, "", Anchor::Start, [end + 6.0, y + 14.0], width - end - 6.0, &time(total));
}
