//! The network on the device that draws the window.

use crate::jobs::{Inbox, Job, Wake, finished};
use crate::state::{Event, Found, Picture};
use lq_infer::{Classification, ClassifyOptions, Engine, Error, ErrorKind, Model, Net, PrepareOptions, wgpu};
use std::sync::Arc;

/// A device, and what goes on there. Dropping it cancels that.
pub(crate) struct Network {
    device: wgpu::Device,
    engine: lq_infer::Result<Engine>,
    preparing: Option<Job<lq_infer::Result<Net>>>,
    net: Option<Net>,
    classifying: Option<Job<lq_infer::Result<Classification>>>,
    inbox: Inbox,
    wake: Wake,
    lost: bool,
}

impl Network {
    /// Shares the window's device.
    pub(crate) fn on(device: wgpu::Device, queue: wgpu::Queue, wake: Wake) -> Self {
        let inbox = Inbox::default();
        let engine = Engine::from_wgpu(device.clone(), queue);
        // The callback is the owner's, so the engine has to be told.
        let note = engine.as_ref().ok().map(Engine::device_lost_note);
        let send = inbox.sender(&wake);
        device.set_device_lost_callback(move |_, message| {
            note.iter().for_each(|note| note(&message));
            send(Event::Lost(message));
        });
        // Without a handler wgpu panics. What concerns the network is an error of its calls; this is about drawing.
        device.on_uncaptured_error(Arc::new(|error| eprintln!("{error}")));
        Network { device, engine, preparing: None, net: None, classifying: None, inbox, wake, lost: false }
    }

    /// Begins to make `model` ready to run.
    pub(crate) fn prepare(&mut self, model: &Model) {
        let send = self.inbox.sender(&self.wake);
        let engine = match &self.engine {
            Ok(engine) => engine,
            Err(error) => return send(Event::NotPrepared(error.to_string())),
        };
        let progress: Arc<dyn Fn(usize, usize) + Send + Sync> =
            Arc::new(move |done, total| send(Event::Progress(done, total)));
        let options = PrepareOptions { progress: Some(progress), ..PrepareOptions::default() };
        self.preparing = Some(Job::begin(&self.wake, || engine.prepare_async(model, options)));
    }

    /// Begins to classify a picture. If another one is being classified, that is cancelled.
    pub(crate) fn classify(&mut self, picture: &Picture) {
        let pixels = picture.pixels.clone();
        let begin = |net: &Net| Job::begin(&self.wake, || net.classify_async(pixels, ClassifyOptions::default()));
        self.classifying = self.net.as_ref().map(begin);
    }

    /// What has happened since the last call.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        let mut events = self.inbox.take();
        if let Some((outcome, took)) = finished(&mut self.preparing) {
            events.push(match outcome {
                Ok(net) => Event::Prepared(self.net.insert(net).device_name(), took),
                Err(error) => failure(&error, Event::NotPrepared),
            });
        }
        if let Some((outcome, took)) = finished(&mut self.classifying) {
            events.push(match outcome {
                Ok(classification) => Event::Classified(Found { classification, took }),
                Err(error) => failure(&error, Event::NotClassified),
            });
        }
        // The device's callback and every call on it say that it is lost. Once is enough, and nothing comes after that.
        if self.lost {
            return Vec::new();
        }
        if let Some(at) = events.iter().position(|event| matches!(event, Event::Lost(_))) {
            self.lost = true;
            events.truncate(at + 1);
        }
        events
    }

    /// Whether nothing can be drawn any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Loses the device, as an unplugged GPU or a driver that starts anew would.
    pub(crate) fn destroy_device(&self) {
        self.device.destroy();
        // The device's callback runs within a poll.
        let _ = self.device.poll(wgpu::PollType::Poll);
    }
}

fn failure(error: &Error, otherwise: impl Fn(String) -> Event) -> Event {
    match error.kind() {
        ErrorKind::DeviceLost => Event::Lost(error.to_string()),
        _ => otherwise(error.to_string()),
    }
}
