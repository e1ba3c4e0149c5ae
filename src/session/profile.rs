//! Profiles: what nets and their host did, and when.

use crate::backend::{Recorder, Timeline};
use crate::platform::Instant;
use std::sync::{Arc, Mutex, PoisonError};

/// Records what nets do, and what the host does besides, on one timeline. Clones add to the same record.
///
/// The nets of a profiled engine ([`super::Engine::profiled`]) time each step of every run. Batches then do not
/// overlap, and steps on a GPU may take longer than usual; the logits are the same. Every step takes about a hundred
/// bytes of memory, on a CPU for every image.
#[derive(Clone, Debug)]
pub struct Profile {
    begin: Instant,
    host: Arc<Recorder>,
    nets: Arc<Mutex<Vec<Recorded>>>,
}

/// The name of a net, and the record of what it does.
type Recorded = (String, Arc<Recorder>);

/// What one net did, or what the host did besides.
#[derive(Clone, Debug)]
pub struct Section {
    /// Model and device of the net; empty for the host.
    pub name: String,
    /// From the start of the profile. A net's host track has "lower" and "compile", and for each run "pack"
    /// (from the input to words), what the backend did, and "join" (from words to logits).
    pub timeline: Timeline,
}

impl Profile {
    /// Starts the timeline.
    pub fn start() -> Self {
        let begin = Instant::now();
        Profile { begin, host: Arc::new(Recorder::since(begin)), nets: Arc::default() }
    }

    /// Does `work` and records it under `name`.
    pub fn host<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        Recorder::host(Some(&self.host), name, work)
    }

    /// What was recorded until now: the host, then the nets in the order in which they were prepared.
    pub fn sections(&self) -> Vec<Section> {
        let nets = self.nets.lock().unwrap_or_else(PoisonError::into_inner);
        let host = Section { name: String::new(), timeline: self.host.so_far() };
        let net =
            |(name, recorder): &(String, Arc<Recorder>)| Section { name: name.clone(), timeline: recorder.so_far() };
        std::iter::once(host).chain(nets.iter().map(net)).collect()
    }

    /// The record for a net of this name.
    pub(super) fn net(&self, name: String) -> Arc<Recorder> {
        let recorder = Arc::new(Recorder::since(self.begin));
        self.nets.lock().unwrap_or_else(PoisonError::into_inner).push((name, recorder.clone()));
        recorder
    }
}
