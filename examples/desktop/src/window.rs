//! A window, from its opening to its end.

use crate::jobs::Wake;
use crate::network::Network;
use crate::session::Session;
use crate::state::Answer;
use crate::view::{self, Textures};
use eframe::egui_wgpu::{WgpuSetup, WgpuSetupCreateNew};
use eframe::{CreationContext, NativeOptions, egui};
use lq_infer::wgpu;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Why a window ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The user closed it.
    #[default]
    Closed,
    DeviceLost,
    /// It could not do what the command line asks for.
    Failed(String),
}

/// How the window looks, which the next one takes over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    place: Option<egui::Rect>,
    theme: egui::ThemePreference,
}

impl Default for Look {
    fn default() -> Self {
        Look { place: None, theme: egui::ThemePreference::System }
    }
}

/// Opens a window and returns when it has ended.
pub(crate) fn open(session: &mut Session, look: &mut Look) -> Result<Ending, String> {
    let ending = Arc::new(Mutex::new(Ending::Closed));
    let mut viewport = egui::ViewportBuilder::default()
        .with_title("lq-infer")
        .with_inner_size(look.place.map_or(view::SIZE, |place| place.size().into()))
        .with_min_inner_size(view::LEAST_SIZE);
    if let Some(place) = look.place {
        viewport = viewport.with_position(place.min);
    }
    let mut options = NativeOptions { viewport, ..NativeOptions::default() };
    options.wgpu_options.wgpu_setup = setup();
    let told = ending.clone();
    let create: eframe::AppCreator<'_> =
        Box::new(move |context| Ok(Box::new(Window::new(context, session, look, told)?)));
    eframe::run_native("lq-infer", options, create).map_err(|error| error.to_string())?;
    let ending = std::mem::take(&mut *ending.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(ending)
}

/// A device with the adapter's own limits: larger networks need more than the interface.
fn setup() -> WgpuSetup {
    let mut setup = WgpuSetupCreateNew::without_display_handle();
    setup.device_descriptor = Arc::new(|adapter| wgpu::DeviceDescriptor {
        required_limits: adapter.limits(),
        ..wgpu::DeviceDescriptor::default()
    });
    WgpuSetup::CreateNew(setup)
}

struct Window<'a> {
    session: &'a mut Session,
    look: &'a mut Look,
    network: Network,
    textures: Textures,
    wake: Wake,
    /// The screenshot, once it was asked for.
    shot: Option<Receiver<Result<(), String>>>,
    ending: Arc<Mutex<Ending>>,
}

impl<'a> Window<'a> {
    fn new(
        context: &CreationContext<'_>,
        session: &'a mut Session,
        look: &'a mut Look,
        ending: Arc<Mutex<Ending>>,
    ) -> Result<Self, String> {
        let render = context.wgpu_render_state.as_ref().ok_or("the window is not drawn by wgpu")?;
        context.egui_ctx.set_theme(look.theme);
        view::style(&context.egui_ctx);
        let repaint = context.egui_ctx.clone();
        let wake: Wake = Arc::new(move || repaint.request_repaint());
        let mut network = Network::on(render.device.clone(), render.queue.clone(), wake.clone());
        if session.state.wants_network() {
            network.prepare(&session.model);
        }
        if session.state.picture.is_none()
            && let Some(path) = session.options.picture.take()
        {
            session.open(&path, &mut network, &wake);
        }
        Ok(Window { session, look, network, textures: Textures::default(), wake, shot: None, ending })
    }

    fn end(&self, context: &egui::Context, ending: Ending) {
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner) = ending;
        context.send_viewport_cmd(egui::ViewportCommand::Close);
    }

    /// Does what the command line asks for once there is an answer.
    fn obey(&mut self, context: &egui::Context) {
        let options = &mut self.session.options;
        let answered = matches!(self.session.state.answer, Answer::Found(_));
        if options.lose_device && answered {
            options.lose_device = false;
            self.network.destroy_device();
        } else if let Some(path) = options.screenshot.clone() {
            self.shoot(context, path, answered);
        }
    }

    fn shoot(&mut self, context: &egui::Context, path: PathBuf, answered: bool) {
        match &self.shot {
            None if answered => {
                let (sender, shot) = channel();
                let wake = self.wake.clone();
                context.request_screenshot(move |window| {
                    let _ = sender.send(view::save(&window, &path));
                    wake();
                });
                self.shot = Some(shot);
            }
            None => {
                if let Some(failure) = self.session.failure() {
                    self.end(context, Ending::Failed(failure.to_owned()));
                }
            }
            Some(shot) => match shot.try_recv() {
                Ok(Ok(())) => self.end(context, Ending::Closed),
                Ok(Err(problem)) => self.end(context, Ending::Failed(problem)),
                Err(_) => {}
            },
        }
    }

    fn remember_look(&mut self, context: &egui::Context) {
        let place = context.input(|input| {
            let viewport = input.viewport();
            Some(egui::Rect::from_min_size(viewport.outer_rect?.min, viewport.inner_rect?.size()))
        });
        *self.look =
            Look { place: place.or(self.look.place), theme: context.options(|options| options.theme_preference) };
    }
}

impl eframe::App for Window<'_> {
    fn logic(&mut self, context: &egui::Context, _: &mut eframe::Frame) {
        self.session.go_on(&mut self.network, &self.wake);
        if !self.network.is_lost() {
            self.obey(context);
            // The device may have been lost by that.
            self.session.go_on(&mut self.network, &self.wake);
        }
        if self.network.is_lost() {
            self.end(context, Ending::DeviceLost);
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        // egui panics if it draws anything on a lost device.
        if self.network.is_lost() {
            return;
        }
        let dropped = ui.input(|input| input.raw.dropped_files.last().map(|file| file.path().to_owned()));
        let asked = view::show(ui, self.session, &mut self.textures);
        if let Some(path) = dropped.or(asked) {
            self.session.open(&path, &mut self.network, &self.wake);
        }
        self.remember_look(ui.ctx());
    }
}
