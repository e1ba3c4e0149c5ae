//! Colours and sizes of text.

use eframe::egui::{self, Color32, FontFamily, FontId, TextStyle, Visuals};

/// The colour of bars and progress.
pub(super) fn accent(visuals: &Visuals) -> Color32 {
    if visuals.dark_mode { Color32::from_rgb(76, 146, 246) } else { Color32::from_rgb(30, 104, 224) }
}

/// The background of bars and of the place for a picture.
pub(super) fn trough(visuals: &Visuals) -> Color32 {
    if visuals.dark_mode { Color32::from_gray(43) } else { Color32::from_gray(229) }
}

/// Sets the sizes of text, in both themes, and text that is easier to read than egui's.
pub(crate) fn style(context: &egui::Context) {
    context.all_styles_mut(|style| {
        let sizes = [
            (TextStyle::Small, 12.0, FontFamily::Proportional),
            (TextStyle::Body, 14.0, FontFamily::Proportional),
            (TextStyle::Button, 14.0, FontFamily::Proportional),
            (TextStyle::Monospace, 12.5, FontFamily::Monospace),
            (TextStyle::Heading, 28.0, FontFamily::Proportional),
        ];
        style.text_styles = sizes.map(|(name, size, family)| (name, FontId::new(size, family))).into();
        style.spacing.item_spacing = egui::vec2(8.0, 8.0);
        style.spacing.button_padding = egui::vec2(12.0, 5.0);
        let grey = if style.visuals.dark_mode { Color32::from_gray(205) } else { Color32::from_gray(45) };
        style.visuals.widgets.noninteractive.fg_stroke.color = grey;
        style.visuals.weak_text_alpha = 0.65;
    });
}
