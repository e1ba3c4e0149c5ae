//! Roofline plots: the work per second of launches over their work per byte, with the device's peaks as ceilings, on
//! logarithmic axes.

use super::bars::WIDTHS;
use super::scale::Log;
use super::stack;
use super::svg::{Anchor, Size, Svg};
use super::units::{digits, prefixed, time};
use crate::bench::report::{Peaks, StepTime};

/// How many launches are numbered in the plot: those that take longest.
const NAMED: usize = 5;

/// A launch that computes.
struct Point<'a> {
    step: &'a StepTime,
    /// Its number in the table.
    number: usize,
    /// Whether its work is products of bytes rather than words.
    byte_products: bool,
    /// Work per byte, and per second.
    at: [f64; 2],
}

fn points(steps: &[StepTime]) -> Vec<Point<'_>> {
    let points = steps.iter().enumerate().map(|(at, step)| {
        let byte_products = step.byte_products > step.words;
        let work = if byte_products { step.byte_products } else { step.words };
        Point { step, number: at + 1, byte_products, at: [work / step.bytes, work / step.seconds] }
    });
    points.filter(|point| point.at.iter().all(|n| *n > 0.0 && n.is_finite())).collect()
}

/// The plot, drawn once for each width of the page; None if no launch computes anything.
pub(super) fn roofline(steps: &[StepTime], peaks: &Peaks, id: &str, subject: &str) -> Option<String> {
    let mut points = points(steps);
    points.sort_by(|a, b| b.step.seconds.total_cmp(&a.step.seconds));
    let title = format!("Roofline of {subject}");
    let ceilings = if peaks.words > 0.0 { ", with the device's measured peaks as ceilings" } else { "" };
    let description =
        &format!("Each launch's work per second (upwards) and per byte of memory (to the right){ceilings}.");
    let drawings = WIDTHS.map(|(width, class)| {
        let svg = draw(&points, peaks, width)?;
        Some(svg.inline(&format!("{id}-{class}"), class, HEIGHT, &title, description))
    });
    let drawings: Option<Vec<String>> = drawings.into_iter().collect();
    let entries = [(0, "launches that count 32-bit words".to_owned()), (1, "launches that multiply bytes".to_owned())];
    Some(drawings?.concat() + &stack::legend(&entries))
}

const HEIGHT: f64 = 330.0;

/// A ceiling: work per second, its unit, and the class of its line.
type Roof = (f64, &'static str, &'static str);

/// A plot under construction.
struct Plot<'a> {
    svg: Svg,
    /// Work per byte, and per second.
    axes: [Log; 2],
    /// Left, right, top and bottom.
    frame: [f64; 4],
    points: &'a [Point<'a>],
    /// Positions of texts, so that none covers another.
    taken: Vec<[f64; 2]>,
}

fn draw(points: &[Point], peaks: &Peaks, width: f64) -> Option<Svg> {
    let frame @ [left, right, top, bottom] = [46.0, width - 10.0, 12.0, HEIGHT - 44.0];
    let roofs = [(peaks.words, "words", "words"), (peaks.byte_products, "products", "products")];
    let roofs: Vec<Roof> = roofs.into_iter().filter(|roof| roof.0 > 0.0).collect();
    // Leave room around the points, and for the corners of the roofs.
    let corners = roofs.iter().map(|roof| roof.0 / peaks.bytes);
    let x = Log::over(points.iter().map(|p| p.at[0]).chain(corners), left, right)?;
    let heights = points.iter().flat_map(|p| [0.7 * p.at[1], 1.5 * p.at[1]]);
    let y = Log::over(heights.chain(roofs.iter().map(|roof| 1.5 * roof.0)), bottom, top)?;
    let mut plot = Plot { svg: Svg::new(width), axes: [x, y], frame, points, taken: Vec::new() };
    plot.grid();
    plot.memory(peaks.bytes, roofs.iter().map(|roof| roof.0).fold(0.0, f64::max));
    roofs.iter().for_each(|roof| plot.roof(roof, peaks.bytes));
    plot.dots();
    roofs.iter().for_each(|roof| plot.name(roof));
    plot.numbers();
    Some(plot.svg)
}

impl Plot<'_> {
    /// The position of a point with these numbers.
    fn place(&self, [per_byte, per_second]: [f64; 2]) -> [f64; 2] {
        [self.axes[0].at(per_byte), self.axes[1].at(per_second)]
    }

    fn grid(&mut self) {
        let [left, right, top, bottom] = self.frame;
        for tick in self.axes[0].ticks(if right < 500.0 { 4 } else { 8 }) {
            let at = self.axes[0].at(tick);
            self.svg.line("grid", [at, top], [at, bottom]);
            let anchor = if at > right - 15.0 { Anchor::End } else { Anchor::Middle };
            self.svg.text(Size::Small, "dim", anchor, [at, bottom + 15.0], 60.0, &power(tick));
        }
        for tick in self.axes[1].ticks(6) {
            let at = self.axes[1].at(tick);
            self.svg.line("grid", [left, at], [right, at]);
            self.svg.text(Size::Small, "dim", Anchor::End, [left - 5.0, at + 4.0], left - 6.0, &power(tick));
        }
        let middle = [(left + right) / 2.0, bottom + 34.0];
        let text = "words or products per byte of memory";
        self.svg.text(Size::Small, "dim", Anchor::Middle, middle, right - left, text);
    }

    /// Draws the slope of a memory with `bytes` per second, up to the highest roof.
    fn memory(&mut self, bytes: f64, highest: f64) {
        let ([low, high], [floor, top]) = (self.axes[0].range(), self.axes[1].range());
        // Clip it to the plot.
        let from = (floor / bytes).max(low);
        let to = (if highest > 0.0 { highest } else { top } / bytes).min(high);
        if bytes > 0.0 && to > from {
            let ends = [from, to].map(|per_byte| self.place([per_byte, bytes * per_byte]));
            self.svg.line("roof memory", ends[0], ends[1]);
        }
    }

    fn roof(&mut self, (peak, _, class): &Roof, bytes: f64) {
        let [low, high] = self.axes[0].range();
        let corner = if bytes > 0.0 { (peak / bytes).max(low) } else { low };
        let ends = [corner, high].map(|per_byte| self.place([per_byte, *peak]));
        self.svg.line(&format!("roof {class}"), ends[0], ends[1]);
    }

    /// Labels a roof above its line, or below it if another label is there.
    fn name(&mut self, (peak, unit, _): &Roof) {
        let [right, level] = self.place([self.axes[0].range()[1], *peak]);
        let above = self.taken.iter().all(|t| (t[1] - (level - 5.0)).abs() > 14.0);
        let place = [right - 4.0, if above { level - 5.0 } else { level + 13.0 }];
        let text = format!("{} {unit}/s", prefixed(*peak).trim_end());
        self.svg.text(Size::Small, "strong", Anchor::End, place, 150.0, &text);
        // Mark its whole length as taken, in steps of the width that `is_free` checks.
        self.taken.extend((0..6).map(|k| [place[0] - 10.0 - 25.0 * f64::from(k), place[1]]));
    }

    /// Draws the launches, the longest on top.
    fn dots(&mut self) {
        for (rank, Point { step, number, byte_products, at }) in self.points.iter().enumerate().rev() {
            let (rate, density) = (prefixed(at[1]), digits(at[0]));
            let hint = format!(
                "{number}. {} ({}): {}, {rate}/s at {density} per byte",
                step.layer,
                step.kernel,
                time(step.seconds)
            );
            let class = if *byte_products { "k1 dot" } else { "k0 dot" };
            let place = self.place(*at);
            self.svg.circle(class, place, if rank < NAMED { 5.5 } else { 4.0 }, &hint);
        }
    }

    /// Writes the numbers of the launches that take longest, where there is room beside them.
    fn numbers(&mut self) {
        let [left, right, top, bottom] = self.frame;
        for point in self.points.iter().take(NAMED) {
            let [px, py] = self.place(point.at);
            let near = [[px, py - 9.0], [px, py + 17.0], [px + 16.0, py + 4.0], [px - 16.0, py + 4.0]];
            let within = |[x, y]: [f64; 2]| x > left + 14.0 && x < right - 14.0 && y > top + 10.0 && y < bottom - 3.0;
            let free = near.into_iter().find(|place| within(*place) && self.is_free(*place));
            if let Some(place) = free {
                self.svg.text(Size::Small, "strong", Anchor::Middle, place, 40.0, &point.number.to_string());
                self.taken.push(place);
            }
        }
    }

    /// Whether a number at this position covers neither text nor launches.
    fn is_free(&self, [x, y]: [f64; 2]) -> bool {
        let texts = self.taken.iter().all(|t| (t[0] - x).abs() > 26.0 || (t[1] - y).abs() > 13.0);
        let mut dots = self.points.iter().map(|point| self.place(point.at));
        texts && dots.all(|d| (d[0] - x).abs() > 13.0 || (d[1] - (y - 4.0)).abs() > 9.0)
    }
}

/// A power of ten, in short.
fn power(tick: f64) -> String {
    match tick.log10().round() as i32 {
        exponent @ -3..=-1 => format!("{}", 1.0 / 10f64.powi(-exponent)),
        exponent @ 0..=14 => {
            format!("{}{}", 10i32.pow(exponent as u32 % 3), ["", "k", "M", "G", "T"][exponent as usize / 3])
        }
        exponent => format!("1e{exponent}"),
    }
}
