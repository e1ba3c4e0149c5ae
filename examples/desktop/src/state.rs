//! What the window shows, and what has to be done next. Knows neither the interface nor the device, so that it can be tested
//! without either.

#[cfg(test)]
mod tests;

use lq_infer::{Classification, Pixels};
use std::sync::Arc;
use std::time::Duration;

/// What the window shows.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) device: Device,
    pub(crate) picture: Option<Arc<Picture>>,
    pub(crate) answer: Answer,
    /// What went wrong with the file that was opened last.
    pub(crate) problem: Option<String>,
    /// How many devices were lost so far.
    pub(crate) losses: u32,
    /// How many were lost since the last answer.
    in_a_row: u32,
    /// Number of the last request to open a file.
    request: u64,
}

/// The network on its device.
#[derive(Debug, PartialEq)]
pub(crate) enum Device {
    /// Kernels are compiled: how many of them are done, and in total, once that is known.
    Preparing(Option<(usize, usize)>),
    Ready {
        name: String,
        prepared_in: Duration,
    },
    /// The network cannot run there, and why.
    Failed(String),
}

impl Default for Device {
    fn default() -> Self {
        Device::Preparing(None)
    }
}

/// A picture from a file.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) name: String,
    pub(crate) pixels: Pixels,
    /// The picture as it is displayed.
    pub(crate) shown: Pixels,
    /// The picture as the network gets it: resized and cropped.
    pub(crate) seen: Pixels,
}

/// What the network says of the picture.
#[derive(Debug, Default)]
pub(crate) enum Answer {
    #[default]
    None,
    /// It is not known yet. What was said of the picture before stays on display, because a blink would be tiring.
    Waiting(Option<Found>),
    Found(Found),
    Failed(String),
}

/// A classification and what it took.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) classification: Classification,
    /// From the picture's pixels to probabilities.
    pub(crate) took: Duration,
}

/// What has happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// The user wants to see the picture in a file.
    Wanted,
    /// The outcome of a request to open a file, which has this number.
    Opened(u64, Result<Arc<Picture>, String>),
    /// So many kernels are compiled, of so many.
    Progress(usize, usize),
    /// The network is ready, on a device of this name.
    Prepared(String, Duration),
    NotPrepared(String),
    Classified(Found),
    NotClassified(String),
    /// The device was lost, and why.
    Lost(String),
}

/// What has to be done now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Open the file that the user wants; the outcome has this number.
    Open(u64),
    /// Classify the picture.
    Classify,
    /// Get a new device.
    Rebuild,
}

/// So many devices may be lost one after the other before the network is given up: it may be the network that they cannot bear.
const PATIENCE: u32 = 3;

impl State {
    /// Takes note of `event`, and says what has to be done.
    pub(crate) fn apply(&mut self, event: Event) -> Option<Action> {
        match event {
            Event::Wanted => {
                self.request += 1;
                Some(Action::Open(self.request))
            }
            // The user wants another file by now.
            Event::Opened(request, _) if request != self.request => None,
            Event::Opened(_, outcome) => self.opened(outcome),
            Event::Progress(done, total) => {
                // The last of them may arrive after the network.
                if let Device::Preparing(progress) = &mut self.device {
                    *progress = Some((done, total));
                }
                None
            }
            Event::Prepared(name, prepared_in) => {
                self.device = Device::Ready { name, prepared_in };
                self.classify()
            }
            Event::NotPrepared(problem) => {
                self.device = Device::Failed(problem);
                None
            }
            Event::Classified(found) => {
                (self.answer, self.in_a_row) = (Answer::Found(found), 0);
                None
            }
            Event::NotClassified(problem) => {
                self.answer = Answer::Failed(problem);
                None
            }
            Event::Lost(reason) => Some(self.lost(reason)),
        }
    }

    /// Whether the network should be prepared on a device that is new.
    pub(crate) fn wants_network(&self) -> bool {
        matches!(self.device, Device::Preparing(_))
    }

    fn opened(&mut self, outcome: Result<Arc<Picture>, String>) -> Option<Action> {
        match outcome {
            Ok(picture) => {
                (self.picture, self.problem) = (Some(picture), None);
                self.wait();
                self.classify()
            }
            Err(problem) => {
                self.problem = Some(problem);
                None
            }
        }
    }

    /// The window needs another device in any case. The picture is classified again there: the answer may have been on its way,
    /// and it is the same on every device.
    fn lost(&mut self, reason: String) -> Action {
        self.losses += 1;
        self.in_a_row += 1;
        self.device = match self.in_a_row {
            ..=PATIENCE => Device::Preparing(None),
            _ => Device::Failed(format!("{} devices were lost one after the other: {reason}", self.in_a_row)),
        };
        self.wait();
        Action::Rebuild
    }

    /// An answer is expected, if there is a picture.
    fn wait(&mut self) {
        self.answer = match std::mem::take(&mut self.answer) {
            _ if self.picture.is_none() => Answer::None,
            Answer::Found(found) | Answer::Waiting(Some(found)) => Answer::Waiting(Some(found)),
            Answer::None | Answer::Waiting(None) | Answer::Failed(_) => Answer::Waiting(None),
        };
    }

    fn classify(&self) -> Option<Action> {
        let ready = matches!(self.device, Device::Ready { .. });
        (ready && matches!(self.answer, Answer::Waiting(_))).then_some(Action::Classify)
    }
}
