//! Launches below the roofs that a device's peaks set: work per second over work per byte, both as logarithms.

use super::bars::WIDTHS;
use super::scale::Log;
use super::stack;
use super::svg::{Anchor, Size, Svg};
use super::units::{digits, prefixed, time};
use crate::bench::report::{Peaks, StepTime};

/// Launches whose numbers are written beside them: those that take longest.
const NAMED: usize = 5;

/// A launch that computes.
struct Point<'a> {
    step: &'a StepTime,
    /// Its number in the table.
    number: usize,
    /// Whether its work is products of bytes, and not words.
    macs: bool,
    /// Work per byte, and per second.
    at: [f64; 2],
}

fn points(steps: &[StepTime]) -> Vec<Point<'_>> {
    let points = steps.iter().enumerate().map(|(at, step)| {
        let macs = step.macs > step.words;
        let work = if macs { step.macs } else { step.words };
        Point { step, number: at + 1, macs, at: [work / step.bytes, work / step.seconds] }
    });
    points.filter(|point| point.at.iter().all(|n| *n > 0.0 && n.is_finite())).collect()
}

/// A drawing in every width; None if no launch computes anything.
pub fn roofline(steps: &[StepTime], peaks: &Peaks, id: &str, subject: &str) -> Option<String> {
    let mut points = points(steps);
    points.sort_by(|a, b| b.step.seconds.total_cmp(&a.step.seconds));
    let title = format!("Roofline of {subject}");
    let description = "Work per second of each launch over its work per byte of memory, with the device's measured peaks as ceilings.";
    let drawings = WIDTHS.map(|(width, class)| {
        let svg = draw(&points, peaks, width)?;
        Some(svg.inline(&format!("{id}-{class}"), class, HEIGHT, &title, description))
    });
    let drawings: Option<Vec<String>> = drawings.into_iter().collect();
    let entries = [(0, "launches that count 32-bit words".to_owned()), (1, "launches that multiply bytes".to_owned())];
    Some(drawings?.concat() + &stack::legend(&entries))
}

const HEIGHT: f64 = 330.0;

/// Places of texts already written, so that none is written over another.
type Taken = Vec<[f64; 2]>;

fn draw(points: &[Point], peaks: &Peaks, width: f64) -> Option<Svg> {
    let [left, right, top, bottom] = [46.0, width - 10.0, 12.0, HEIGHT - 44.0];
    let ceilings =
        [(peaks.words, "words", "roof0"), (peaks.macs, "products", "roof1")].into_iter().filter(|c| c.0 > 0.0);
    let ceilings: Vec<(f64, &str, &str)> = ceilings.collect();
    // Room around the points, and for the corners of the roofs.
    let corners = ceilings.iter().map(|(peak, ..)| peak / peaks.bytes);
    let x = Log::over(points.iter().map(|p| p.at[0]).chain(corners), left, right)?;
    let heights = points.iter().flat_map(|p| [0.7 * p.at[1], 1.5 * p.at[1]]);
    let y = Log::over(heights.chain(ceilings.iter().map(|c| 1.5 * c.0)), bottom, top)?;
    let mut svg = Svg::new(width);
    axes(&mut svg, &x, &y, [left, right, top, bottom]);
    let mut taken = roofs(&mut svg, peaks, &ceilings, &x, &y);
    let dots: Vec<[f64; 2]> = points.iter().map(|p| [x.at(p.at[0]), y.at(p.at[1])]).collect();
    for (rank, point) in points.iter().enumerate().rev() {
        let step = point.step;
        let hint = format!(
            "{}. {} ({}): {}, {}/s at {} per byte",
            point.number,
            step.layer,
            step.kernel,
            time(step.seconds),
            prefixed(point.at[1]),
            digits(point.at[0])
        );
        svg.circle(
            if point.macs { "k1 dot" } else { "k0 dot" },
            dots[rank],
            if rank < NAMED { 5.5 } else { 4.0 },
            &hint,
        );
    }
    for (rank, point) in points.iter().enumerate().take(NAMED) {
        let [px, py] = dots[rank];
        let near = [[px, py - 9.0], [px, py + 17.0], [px + 16.0, py + 4.0], [px - 16.0, py + 4.0]];
        let within = |[x, y]: [f64; 2]| x > left + 14.0 && x < right - 14.0 && y > top + 10.0 && y < bottom - 3.0;
        let texts = |[x, y]: [f64; 2]| taken.iter().all(|t| (t[0] - x).abs() > 26.0 || (t[1] - y).abs() > 13.0);
        let dots = |[x, y]: [f64; 2]| dots.iter().all(|d| (d[0] - x).abs() > 13.0 || (d[1] - (y - 4.0)).abs() > 9.0);
        if let Some(place) = near.into_iter().find(|place| within(*place) && texts(*place) && dots(*place)) {
            svg.text(Size::Small, "strong", Anchor::Middle, place, 40.0, &point.number.to_string());
            taken.push(place);
        }
    }
    Some(svg)
}

fn axes(svg: &mut Svg, x: &Log, y: &Log, [left, right, top, bottom]: [f64; 4]) {
    for tick in x.ticks(if right < 500.0 { 4 } else { 8 }) {
        let at = x.at(tick);
        svg.line("grid", [at, top], [at, bottom]);
        let anchor = if at > right - 15.0 { Anchor::End } else { Anchor::Middle };
        svg.text(Size::Small, "dim", anchor, [at, bottom + 15.0], 60.0, &power(tick));
    }
    for tick in y.ticks(6) {
        let at = y.at(tick);
        svg.line("grid", [left, at], [right, at]);
        svg.text(Size::Small, "dim", Anchor::End, [left - 5.0, at + 4.0], left - 6.0, &power(tick));
    }
    let middle = [(left + right) / 2.0, bottom + 34.0];
    svg.text(Size::Small, "dim", Anchor::Middle, middle, right - left, "words or products per byte of memory");
}

/// A power of ten, short.
fn power(tick: f64) -> String {
    match tick.log10().round() as i32 {
        exponent @ -3..=-1 => format!("{}", 1.0 / 10f64.powi(-exponent)),
        exponent @ 0..=14 => {
            format!("{}{}", 10i32.pow(exponent as u32 % 3), ["", "k", "M", "G", "T"][exponent as usize / 3])
        }
        exponent => format!("1e{exponent}"),
    }
}

/// Draws the ceilings with their names, and tells where these stand.
fn roofs(svg: &mut Svg, peaks: &Peaks, ceilings: &[(f64, &str, &str)], x: &Log, y: &Log) -> Taken {
    let [low, high] = x.range();
    let mut taken: Taken = Vec::new();
    for (peak, name, class) in ceilings {
        let corner = if peaks.bytes > 0.0 { (peak / peaks.bytes).max(low) } else { low };
        let [from, to, level] = [x.at(corner), x.at(high), y.at(*peak)];
        svg.line(&format!("roof {class}"), [from, level], [to, level]);
        let above = taken.iter().all(|t| (t[1] - (level - 5.0)).abs() > 14.0);
        let place = [to - 4.0, if above { level - 5.0 } else { level + 13.0 }];
        let text = format!("{} {name}/s", prefixed(*peak).trim_end());
        svg.text(Size::Small, "strong", Anchor::End, place, 150.0, &text);
        // Its whole length, in steps that the test for free places is wide.
        taken.extend((0..6).map(|k| [place[0] - 10.0 - 25.0 * f64::from(k), place[1]]));
    }
    let most = ceilings.iter().map(|c| c.0).fold(0.0, f64::max);
    if peaks.bytes > 0.0 {
        // Cut where it leaves the drawing.
        let [floor, roof] = y.range();
        let from = (floor / peaks.bytes).max(low);
        let to = ((if most > 0.0 { most } else { roof }) / peaks.bytes).min(high);
        let at = |intensity: f64| [x.at(intensity), y.at(peaks.bytes * intensity)];
        if to > from {
            svg.line("roof memory", at(from), at(to));
        }
    }
    taken
}
