//! What the network says of the picture: classes and their probabilities.

use super::style::{accent, trough};
use super::textures::Textures;
use crate::session::Session;
use crate::state::{Answer, Device, Found};
use eframe::egui::{self, Align, Align2, Color32, Layout, Rect, RichText, Sense, TextStyle, vec2};
use lq_infer::Prediction;

/// Edge of the picture that the network sees.
const SEEN: f32 = 96.0;
const BAR: f32 = 8.0;

/// Draws the right half of the window.
pub(super) fn show(ui: &mut egui::Ui, session: &Session, textures: &Textures) {
    match &session.state.answer {
        // The line at the bottom says why.
        _ if matches!(session.state.device, Device::Failed(_)) => {
            ui.label("The network cannot run here.");
        }
        Answer::None => {
            ui.label(RichText::new("What the network sees in a picture, and how sure it is, will appear here.").weak());
        }
        Answer::Waiting(None) => {
            ui.horizontal(|ui| {
                ui.spinner();
                ui.label(RichText::new("The picture is waiting for the network.").weak());
            });
        }
        Answer::Failed(problem) => {
            ui.add(egui::Label::new(RichText::new(problem).color(ui.visuals().error_fg_color)).wrap());
        }
        Answer::Found(found) => result(ui, found, textures, false),
        Answer::Waiting(Some(found)) => result(ui, found, textures, true),
    }
    if session.options.model.is_none() {
        ui.with_layout(Layout::bottom_up(Align::Min), |ui| {
            let note = "The model is a demonstration: it names one of its classes whatever it is shown.";
            ui.add(egui::Label::new(RichText::new(note).small().weak()).wrap());
        });
    }
}

/// The best class beside what the network sees, then the bars. An old result is dimmed.
fn result(ui: &mut egui::Ui, found: &Found, textures: &Textures, old: bool) {
    if old {
        ui.multiply_opacity(0.5);
    }
    let top = &found.classification.top;
    ui.horizontal(|ui| {
        if let Some(texture) = textures.seen() {
            let size = texture.size_vec2();
            let image = egui::Image::new((texture.id(), size * (SEEN / size.x.max(size.y))));
            ui.add(image).on_hover_text("The picture as the network sees it: resized and cropped");
        }
        ui.add_space(8.0);
        ui.vertical(|ui| {
            if let Some(best) = top.first() {
                ui.add_space(8.0);
                ui.add(egui::Label::new(RichText::new(&best.label).heading().strong()).truncate());
                ui.label(format!("{:.1} % sure", 100.0 * best.probability));
            }
            ui.label(RichText::new(format!("{} from pixels to result", duration(found.took))).weak());
        });
    });
    ui.add_space(16.0);
    for (at, prediction) in top.iter().enumerate() {
        bar(ui, prediction, at == 0);
        ui.add_space(4.0);
    }
    ui.add_space(8.0);
    digest(ui, &found.classification.digest);
}

/// A class: its label, its probability, and below them a bar of that length.
fn bar(ui: &mut egui::Ui, prediction: &Prediction, best: bool) {
    let text = ui.text_style_height(&TextStyle::Body);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), text + 4.0 + BAR), Sense::hover());
    let (painter, visuals) = (ui.painter(), ui.visuals());
    let colour = if best { visuals.strong_text_color() } else { visuals.text_color() };
    let font = TextStyle::Body.resolve(ui.style());
    let percent = format!("{:.1} %", 100.0 * prediction.probability);
    painter.text(rect.right_top(), Align2::RIGHT_TOP, percent, font.clone(), colour);
    painter.text(rect.left_top(), Align2::LEFT_TOP, &prediction.label, font, colour);
    let whole = Rect::from_min_max(rect.left_bottom() - vec2(0.0, BAR), rect.right_bottom());
    painter.rect_filled(whole, BAR / 2.0, trough(visuals));
    let width = whole.width() * prediction.probability.clamp(0.0, 1.0) as f32;
    // A narrower one would not be round.
    if width >= BAR / 2.0 {
        let filled = Rect::from_min_size(whole.min, vec2(width, BAR));
        let colour: Color32 = accent(visuals);
        painter.rect_filled(filled, BAR / 2.0, if best { colour } else { colour.gamma_multiply(0.6) });
    }
}

/// The digest of the logits; a click copies it.
fn digest(ui: &mut egui::Ui, digest: &str) {
    let short: String = digest.chars().take(16).collect();
    let text = RichText::new(format!("digest {short}...")).monospace().weak();
    let label = ui.add(egui::Label::new(text).sense(Sense::click()));
    if label
        .on_hover_text(format!("{digest}\nSHA-256 of the logits, the same on every device. Click to copy."))
        .clicked()
    {
        ui.ctx().copy_text(digest.to_owned());
    }
}

/// A duration with a unit that suits it.
fn duration(time: std::time::Duration) -> String {
    let ms = 1e3 * time.as_secs_f64();
    match ms {
        ..10.0 => format!("{ms:.1} ms"),
        ..1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn durations_have_two_to_three_digits() {
        let shown = [450, 9_940, 47_400, 1_260_000].map(|us| duration(Duration::from_micros(us)));
        assert_eq!(shown, ["0.5 ms", "9.9 ms", "47 ms", "1.3 s"]);
    }
}
