//! The learning curve of a training: accuracy by epoch.

use super::scale::Linear;
use super::svg::{Anchor, Size, Svg};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
/// Room for the numbers at the left, and for the line at the top.
const LEFT: f64 = 44.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 40.0;
/// Radius of a point.
const POINT: f64 = 1.5;

/// A drawing of the accuracies of training and validation after each epoch, as a file.
pub fn learning_curve(name: &str, epochs: &[(f64, Option<f64>)]) -> String {
    let mut svg = Svg::new(WIDTH);
    let across = Linear { most: epochs.len().max(1) as f64, from: LEFT, to: WIDTH - 8.0 };
    let up = Linear { most: 100.0, from: HEIGHT - BOTTOM, to: TOP };
    svg.text(Size::Title, "strong", Anchor::Start, [0.0, 14.0], WIDTH, &format!("{name}: accuracy by epoch"));
    for tick in up.ticks(5) {
        let y = up.at(tick);
        svg.line("grid", [LEFT, y], [WIDTH - 8.0, y]);
        svg.text(Size::Small, "dim", Anchor::End, [LEFT - 6.0, y + 4.0], LEFT, &format!("{tick}%"));
    }
    for tick in across.ticks(10) {
        svg.text(
            Size::Small,
            "dim",
            Anchor::Middle,
            [across.at(tick), HEIGHT - BOTTOM + 16.0],
            60.0,
            &tick.to_string(),
        );
    }
    svg.text(Size::Small, "dim", Anchor::End, [WIDTH - 8.0, HEIGHT - 6.0], 60.0, "epoch");
    let training: Vec<f64> = epochs.iter().map(|(training, _)| *training).collect();
    let validation: Vec<f64> = epochs.iter().filter_map(|(_, validation)| *validation).collect();
    for (series, what, shares) in [("a", "training", &training), ("b", "validation", &validation)] {
        let at = |epoch: usize| [across.at(epoch as f64 + 1.0), up.at(100.0 * shares[epoch])];
        for epoch in 1..shares.len() {
            svg.line(&format!("curve-{series}"), at(epoch - 1), at(epoch));
        }
        for (epoch, share) in shares.iter().enumerate() {
            let hint = format!("epoch {}: {what} {:.2}%", epoch + 1, 100.0 * share);
            svg.circle(&format!("point-{series}"), at(epoch), POINT, &hint);
        }
    }
    for (series, what, x) in [("a", "training pictures, while learning", LEFT), ("b", "validation pictures", 340.0)] {
        svg.line(&format!("curve-{series}"), [x, 30.0], [x + 20.0, 30.0]);
        svg.text(Size::Small, "dim", Anchor::Start, [x + 26.0, 34.0], 260.0, what);
    }
    let last = validation.last().map_or(String::new(), |share| format!(", {:.2}% in the end", 100.0 * share));
    let description =
        format!("Accuracy after each of {} epochs on training and validation pictures{last}.", epochs.len());
    svg.file(HEIGHT, &format!("Learning curve of {name}"), &description, super::page::CHART)
}
