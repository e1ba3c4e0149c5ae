//! What outlives a window: a lost device takes its window along, and the next one goes on from here.

use crate::jobs::{Inbox, Wake};
use crate::network::Network;
use crate::options::Options;
use crate::pictures;
use crate::state::{Action, Answer, Device, Event, Found, State};
use lq_infer::Model;
use serde_json::json;
use std::path::{Path, PathBuf};

/// The program's state, apart from windows and devices.
pub(crate) struct Session {
    pub(crate) model: Model,
    pub(crate) options: Options,
    pub(crate) state: State,
    /// The path in the input field.
    pub(crate) typed: String,
    /// Files that were opened.
    files: Inbox,
    /// The file that was wanted last.
    wanted: PathBuf,
}

impl Session {
    pub(crate) fn new(model: Model, options: Options) -> Self {
        let (state, files) = (State::default(), Inbox::default());
        Session { model, options, state, typed: String::new(), files, wanted: PathBuf::new() }
    }

    /// Begins to open a picture.
    pub(crate) fn open(&mut self, path: &Path, network: &mut Network, wake: &Wake) {
        self.wanted = path.to_owned();
        self.typed = path.display().to_string();
        self.happened(Event::Wanted, network, wake);
    }

    /// Takes note of what has happened since the last call, and does what follows.
    pub(crate) fn go_on(&mut self, network: &mut Network, wake: &Wake) {
        for event in self.files.take() {
            self.happened(event, network, wake);
        }
        // Only now: a new picture has ended the classification of the one before, whose answer would not belong to it.
        for event in network.events() {
            self.happened(event, network, wake);
        }
    }

    fn happened(&mut self, event: Event, network: &mut Network, wake: &Wake) {
        let found = matches!(event, Event::Classified(_));
        match self.state.apply(event) {
            Some(Action::Open(number)) => self.read(number, wake),
            Some(Action::Classify) => self.state.picture.iter().for_each(|picture| network.classify(picture)),
            // The window closes, and `main` opens another one.
            Some(Action::Rebuild) | None => {}
        }
        if found && self.options.json {
            self.print();
        }
    }

    /// Reads, decodes and resizes the wanted file on a thread of its own: a photo takes longer than a frame.
    fn read(&self, number: u64, wake: &Wake) {
        let (path, model, send) = (self.wanted.clone(), self.model.clone(), self.files.sender(wake));
        let failed = send.clone();
        let read = move || send(Event::Opened(number, pictures::open(&path, &model)));
        if let Err(error) = std::thread::Builder::new().name("open".into()).spawn(read) {
            failed(Event::Opened(number, Err(format!("no thread to read the file: {error}"))));
        }
    }

    /// Prints the answer as a line of JSON.
    fn print(&self) {
        let (
            State { picture: Some(picture), answer: Answer::Found(Found { classification, .. }), .. },
            Device::Ready { name, .. },
        ) = (&self.state, &self.state.device)
        else {
            return;
        };
        let line = json!({
            "input": picture.name,
            "model": self.model.header().name,
            "device": name,
            "losses": self.state.losses,
            "top": classification.top,
            "digest": classification.digest,
        });
        println!("{line}");
    }

    /// Why there will be no answer, if that is so.
    pub(crate) fn failure(&self) -> Option<&str> {
        match (&self.state.problem, &self.state.device, &self.state.answer) {
            (Some(problem), ..) | (_, Device::Failed(problem), _) | (_, _, Answer::Failed(problem)) => Some(problem),
            _ => None,
        }
    }
}
