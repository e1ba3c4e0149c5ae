//! What the window looks like: the picture on the left, on the right what the network says of it.

mod answer;
mod picture;
mod style;
mod textures;

pub(crate) use style::style;
pub(crate) use textures::{Textures, save};

use crate::session::Session;
use crate::state::Device;
use eframe::egui::{self, Align, Layout, Margin, RichText, ThemePreference};
use std::path::PathBuf;

/// Size of a new window.
pub(crate) const SIZE: [f32; 2] = [880.0, 540.0];
/// A smaller window would not be of use.
pub(crate) const LEAST_SIZE: [f32; 2] = [640.0, 460.0];

const MARGIN: i8 = 20;

/// Draws everything. Returns the file that the user asks for.
pub(crate) fn show(ui: &mut egui::Ui, session: &mut Session, textures: &mut Textures) -> Option<PathBuf> {
    textures.follow(ui.ctx(), session.state.picture.as_ref());
    let fill = ui.visuals().panel_fill;
    let frame = egui::Frame::new().fill(fill).inner_margin(Margin::symmetric(MARGIN, 12));
    egui::Panel::top("header").frame(frame).resizable(false).show(ui, |ui| header(ui, session));
    egui::Panel::bottom("footer").frame(frame).resizable(false).show(ui, |ui| footer(ui, session));
    let frame = egui::Frame::new().fill(fill).inner_margin(Margin::same(MARGIN));
    let half = (ui.available_width() / 2.0).round();
    let left = egui::Panel::left("picture").frame(frame).resizable(false).exact_size(half).show_separator_line(false);
    let asked = left.show(ui, |ui| picture::show(ui, session, textures)).inner;
    egui::CentralPanel::default().frame(frame).show(ui, |ui| answer::show(ui, session, textures));
    asked
}

/// The model and the choice of a theme.
fn header(ui: &mut egui::Ui, session: &Session) {
    let header = session.model.header();
    let input = header.graph.input_shape();
    ui.horizontal(|ui| {
        ui.label(RichText::new(&header.name).strong().size(16.0));
        let facts = format!("{} classes, {} x {} pixels", header.labels.len(), input.w, input.h);
        ui.label(RichText::new(facts).weak());
        ui.with_layout(Layout::right_to_left(Align::Center), themes);
    });
}

/// The choice between dark and light.
fn themes(ui: &mut egui::Ui) {
    let mut theme = ui.ctx().options(|options| options.theme_preference);
    for (value, name) in
        [(ThemePreference::Dark, "Dark"), (ThemePreference::Light, "Light"), (ThemePreference::System, "System")]
    {
        if ui.selectable_value(&mut theme, value, RichText::new(name).small()).changed() {
            ui.ctx().set_theme(theme);
        }
    }
}

/// The device.
fn footer(ui: &mut egui::Ui, session: &Session) {
    let state = &session.state;
    ui.horizontal(|ui| match &state.device {
        Device::Preparing(progress) => {
            let what =
                if state.losses > 0 { "The device was lost. Preparing another one" } else { "Preparing the network" };
            ui.label(what);
            let (done, total) = progress.unwrap_or((0, 1));
            let share = done as f32 / total.max(1) as f32;
            let colour = style::accent(ui.visuals());
            ui.add(egui::ProgressBar::new(share).desired_width(160.0).desired_height(8.0).fill(colour));
            if progress.is_some() {
                ui.label(RichText::new(format!("{done} of {total} kernels")).weak());
            }
        }
        Device::Ready { name, prepared_in } => {
            ui.label(name);
            let seconds = format!("shared with this window, ready in {:.1} s", prepared_in.as_secs_f64());
            ui.label(RichText::new(seconds).weak());
            if state.losses > 0 {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let times = if state.losses == 1 { "once".to_owned() } else { format!("{} times", state.losses) };
                    ui.label(RichText::new(format!("lost and replaced {times}")).weak());
                });
            }
        }
        Device::Failed(problem) => {
            ui.add(egui::Label::new(RichText::new(problem).color(ui.visuals().error_fg_color)).wrap());
        }
    });
}
