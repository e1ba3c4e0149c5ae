//! Bars of images per second, with whiskers for the spread. Where there is no figure, the reason takes the bar's place.

use super::label::Label;
use super::scale::Linear;
use super::svg::{Anchor, Size, Svg, width};
use super::units::{digits, percent, times};
use crate::bench::report::Cell;

/// The widths of drawings, for screens and for phones.
pub(super) const WIDTHS: [(f64, &str); 2] = [(920.0, "wide"), (340.0, "narrow")];

/// Bars that share an axis: one network at one batch size.
pub(super) struct Group {
    /// The network and batch size.
    pub title: String,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// A device's images per second.
pub(super) struct Bar {
    label: Label,
    /// Text at the right end ("1.25x faster").
    note: String,
    /// The figure, or why there is none.
    figure: Result<Figure, String>,
    /// The float32 baseline's text and images per second.
    float32: Option<(String, f64)>,
}

struct Figure {
    rate: f64,
    /// Where the rate of another run may lie, up to twice the rate.
    range: [f64; 2],
    text: String,
    doubted: bool,
}

impl Bar {
    /// The bar of `cell`.
    pub(super) fn new(label: Label, cell: &Cell, note: String) -> Self {
        let figure = cell.warm.as_ref().map(|warm| {
            let (rate, spread, doubted) = (warm.images_per_second, warm.wall.spread.max(0.0), !warm.noise.is_empty());
            let mark = if doubted { " !" } else { "" };
            Figure {
                rate,
                range: [rate / (1.0 + spread), rate / (1.0 - spread.min(0.5))],
                text: format!("{} ± {}{mark}", digits(rate), percent(spread)),
                doubted,
            }
        });
        let float32 = cell.timed_float32().map(|float32| {
            let text =
                format!("{} {}, takes {}", float32.name, digits(float32.images_per_second), times(float32.times));
            (text, float32.images_per_second)
        });
        let reason = || cell.problem.clone().unwrap_or_else(|| "not measured".to_owned());
        Bar { label, note, figure: figure.ok_or_else(reason), float32 }
    }

    fn most(&self) -> f64 {
        let figure = self.figure.as_ref().map_or(0.0, |f| f.range[1]);
        figure.max(self.float32.as_ref().map_or(0.0, |float32| float32.1))
    }
}

/// The layout of a drawing of one of the [`WIDTHS`].
struct Layout {
    width: f64,
    /// Start and end of the axis.
    axis: [f64; 2],
    /// Whether labels are above their bars instead of to the left.
    above: bool,
}

impl Layout {
    fn new(width: f64, notes: bool) -> Self {
        match width < 600.0 {
            true => Layout { width, axis: [1.0, width - 106.0], above: true },
            false => Layout { width, axis: [280.0, width - if notes { 250.0 } else { 130.0 }], above: false },
        }
    }
}

/// Draws groups of bars; returns the drawing and its height.
pub(super) fn draw(groups: &[Group], width: f64, heading: Option<(&str, &str)>) -> (Svg, f64) {
    let notes = groups.iter().flat_map(|group| &group.bars).any(|bar| !bar.note.is_empty());
    let (mut svg, layout) = (Svg::new(width), Layout::new(width, notes));
    let mut y = 4.0;
    if let Some((title, remark)) = heading {
        svg.text(Size::Title, "strong", Anchor::Start, [1.0, y + 14.0], width - 2.0, title);
        svg.text(Size::Small, "dim", Anchor::Start, [1.0, y + 32.0], width - 2.0, remark);
        y += 46.0;
    }
    for group in groups {
        y = draw_group(&mut svg, &layout, group, y) + 14.0;
    }
    (svg, y - 8.0)
}

fn draw_group(svg: &mut Svg, layout: &Layout, group: &Group, top: f64) -> f64 {
    svg.text(Size::Label, "strong", Anchor::Start, [1.0, top + 14.0], layout.width - 2.0, &group.title);
    let [from, to] = layout.axis;
    let axis = Linear { most: group.bars.iter().map(Bar::most).fold(0.0, f64::max), from, to };
    let first = top + 24.0;
    let end = first + group.bars.iter().map(|bar| height(layout, bar)).sum::<f64>();
    for tick in axis.ticks(if layout.above { 3 } else { 6 }) {
        let x = axis.at(tick);
        svg.line("grid", [x, first], [x, end + 3.0]);
        let anchor = if tick == 0.0 { Anchor::Start } else { Anchor::Middle };
        svg.text(Size::Small, "dim", anchor, [x, end + 15.0], 70.0, &short(tick));
    }
    let mut y = first;
    for bar in &group.bars {
        draw_bar(svg, layout, &axis, bar, y);
        y += height(layout, bar);
    }
    end + 18.0
}

/// A round number.
fn short(tick: f64) -> String {
    if tick >= 1000.0 { format!("{tick:.0}") } else { format!("{}", (tick * 1e6).round() / 1e6) }
}

fn height(layout: &Layout, bar: &Bar) -> f64 {
    let label = if layout.above { 18.0 } else { 0.0 };
    label + if bar.float32.is_some() { 42.0 } else { 27.0 }
}

fn draw_bar(svg: &mut Svg, layout: &Layout, axis: &Linear, bar: &Bar, top: f64) {
    let noted = if bar.note.is_empty() { 0.0 } else { width(&bar.note, Size::Small) + 8.0 };
    let y = top + if layout.above { 18.0 } else { 3.0 };
    let (base, anchor, x, room) = match layout.above {
        true => (top + 13.0, Anchor::Start, 1.0, layout.width - 2.0 - noted),
        false => (y + 14.0, Anchor::End, axis.from - 10.0, axis.from - 12.0),
    };
    let label = bar.label.whole();
    svg.shortened(Size::Label, "", anchor, [x, base], room, [&bar.label.fitted(room, Size::Label), &label]);
    svg.text(Size::Small, "dim", Anchor::End, [layout.width - 1.0, base], noted, &bar.note);
    // Notes above the bars leave them the whole width.
    let right = layout.width - if layout.above { 0.0 } else { noted };
    match &bar.figure {
        Ok(figure) => draw_figure(svg, axis, figure, &label, [y, right]),
        Err(reason) => {
            let (text, room) = (format!("no figure: {reason}"), right - axis.from - 1.0);
            svg.rect("missing", [axis.from + 0.5, y + 0.5, room - 1.0, 19.0], &format!("{label}: {text}"));
            svg.text(Size::Small, "bad", Anchor::Start, [axis.from + 8.0, y + 14.0], room - 16.0, &text);
        }
    }
    if let Some((text, rate)) = &bar.float32 {
        let hint = format!("{label}: {text}");
        draw_float32(svg, axis, (text, *rate), &hint, [y + 22.0, layout.width]);
    }
}

fn draw_figure(svg: &mut Svg, axis: &Linear, figure: &Figure, label: &str, [y, right]: [f64; 2]) {
    let [low, high] = figure.range.map(|rate| axis.at(rate));
    let (bar, text) = if figure.doubted { ("bar doubted", "warn") } else { ("bar", "") };
    let length = axis.at(figure.rate) - axis.from;
    svg.rect(bar, [axis.from, y, length.max(1.0), 20.0], &format!("{label}: {} images/s", figure.text));
    let middle = y + 10.0;
    svg.line("whisker", [low, middle], [high, middle]);
    for x in [low, high] {
        svg.line("whisker", [x, middle - 4.0], [x, middle + 4.0]);
    }
    svg.text(Size::Small, text, Anchor::Start, [high + 6.0, y + 14.0], right - high - 8.0, &figure.text);
}

/// Draws the float32 baseline as a thin bar below the other, with its text to the right or, if there is no room,
/// inside.
fn draw_float32(svg: &mut Svg, axis: &Linear, (text, rate): (&str, f64), hint: &str, [y, right]: [f64; 2]) {
    let end = axis.at(rate);
    svg.rect("float32", [axis.from, y + 1.0, end - axis.from, 9.0], hint);
    let room = right - end - 8.0;
    match width(text, Size::Small) <= room || end < axis.from + 150.0 {
        true => svg.text(Size::Small, "dim", Anchor::Start, [end + 6.0, y + 10.0], room, text),
        false => svg.text(Size::Small, "inside", Anchor::End, [end - 6.0, y + 9.5], end - axis.from - 10.0, text),
    }
}
