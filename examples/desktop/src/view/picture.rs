//! The picture, and how to get another one.

use super::style::trough;
use super::textures::Textures;
use crate::session::Session;
use eframe::egui::{self, Align2, FontId, Rect, RichText, Sense, Shape, Stroke, TextureHandle, Vec2, pos2, vec2};
use std::path::PathBuf;

const ROUNDING: u8 = 8;
/// Between the picture and the edge of its place.
const MARGIN: f32 = 10.0;
/// Height of the row with the path.
const ROW: f32 = 30.0;

/// Draws the left half of the window. Returns the file that the user asks for.
pub(super) fn show(ui: &mut egui::Ui, session: &mut Session, textures: &Textures) -> Option<PathBuf> {
    let note = session.state.problem.as_ref().map_or(0.0, |_| 46.0);
    let (place, _) = ui.allocate_exact_size(ui.available_size() - vec2(0.0, ROW + 12.0 + note), Sense::hover());
    match textures.whole() {
        Some(texture) => picture(ui, texture, place),
        None => invitation(ui, place),
    }
    if ui.input(|input| !input.raw.hovered_files.is_empty()) {
        let stroke = Stroke::new(2.0, super::style::accent(ui.visuals()));
        ui.painter().rect_stroke(place, ROUNDING, stroke, egui::StrokeKind::Inside);
    }
    ui.add_space(4.0);
    let asked = path_row(ui, session);
    if let Some(problem) = &session.state.problem {
        let text = RichText::new(problem).small().color(ui.visuals().error_fg_color);
        ui.add(egui::Label::new(text).wrap());
    }
    asked
}

/// The whole picture, as large as fits.
fn picture(ui: &egui::Ui, texture: &TextureHandle, place: Rect) {
    let room = place.shrink(MARGIN);
    let at = Rect::from_center_size(room.center(), fitted(texture.size_vec2(), room.size()));
    ui.painter().rect_filled(place, ROUNDING, trough(ui.visuals()));
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    ui.painter().image(texture.id(), at, uv, egui::Color32::WHITE);
}

/// The size at which a picture is shown within `room`. If its pixels are large enough to be seen, all are of the same size.
fn fitted(size: Vec2, room: Vec2) -> Vec2 {
    let scale = (room.x / size.x).min(room.y / size.y).max(0.0);
    size * if scale > 3.0 { scale.floor() } else { scale }
}

/// What is there before the first picture.
fn invitation(ui: &egui::Ui, place: Rect) {
    let (painter, visuals) = (ui.painter(), ui.visuals());
    painter.rect_filled(place, ROUNDING, trough(visuals));
    let inner = place.shrink(MARGIN);
    let corners = [inner.left_top(), inner.right_top(), inner.right_bottom(), inner.left_bottom(), inner.left_top()];
    painter.extend(Shape::dashed_line(&corners, Stroke::new(1.0, visuals.weak_text_color()), 6.0, 5.0));
    let centre = place.center();
    painter.text(
        centre,
        Align2::CENTER_BOTTOM,
        "Drop a picture here",
        FontId::proportional(18.0),
        visuals.text_color(),
    );
    let formats = "PNG, JPEG, WebP, BMP, GIF or TIFF";
    let below = centre + vec2(0.0, 8.0);
    painter.text(below, Align2::CENTER_TOP, formats, FontId::proportional(13.0), visuals.weak_text_color());
}

/// A field for a path, and a button.
fn path_row(ui: &mut egui::Ui, session: &mut Session) -> Option<PathBuf> {
    ui.horizontal(|ui| {
        let button = vec2(72.0, ROW);
        let width = ui.available_width() - button.x - ui.spacing().item_spacing.x;
        let field = egui::TextEdit::singleline(&mut session.typed)
            .hint_text("or type the path of one")
            .align(Align2::LEFT_CENTER)
            .margin(egui::Margin::symmetric(8, 4));
        let field = ui.add_sized([width, ROW], field);
        let entered = field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        let path = session.typed.trim();
        let clicked = ui.add_enabled(!path.is_empty(), egui::Button::new("Open").min_size(button)).clicked();
        ((clicked || entered) && !path.is_empty()).then(|| PathBuf::from(path))
    })
    .inner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiny_pictures_are_magnified_by_whole_numbers_and_others_fit() {
        assert_eq!(fitted(vec2(32.0, 32.0), vec2(400.0, 350.0)), vec2(320.0, 320.0));
        assert_eq!(fitted(vec2(200.0, 160.0), vec2(400.0, 350.0)), vec2(400.0, 320.0));
        assert_eq!(fitted(vec2(800.0, 200.0), vec2(400.0, 350.0)), vec2(400.0, 100.0));
        assert_eq!(fitted(vec2(800.0, 200.0), vec2(0.0, 350.0)), vec2(0.0, 0.0));
    }
}
