//! When everything was that a program did with its nets.

use crate::backend::{Recorder, Timeline};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Records what nets do, and what their host does besides, on one time line. Clones record the same.
///
/// Nets of an engine that was given one ([`super::Engine::profiled`]) time each step of every run: they wait for a batch before
/// they begin the next, and the steps of a GPU may take longer than they do otherwise. The logits are the same. Every step
/// is kept, of every image on a CPU: about a hundred bytes each.
#[derive(Clone, Debug)]
pub struct Profile {
    begin: Instant,
    host: Arc<Recorder>,
    nets: Arc<Mutex<Vec<Recorded>>>,
}

/// A net, by name, and what it does.
type Recorded = (String, Arc<Recorder>);

/// What one net did, or the host besides.
#[derive(Clone, Debug)]
pub struct Section {
    /// Model and device of the net; empty for the host.
    pub name: String,
    /// Since the profile began. A net's host track has "lower" and "compile", and for each run "pack" (the input into words), what
    /// the backend did, and "join" (words to logits).
    pub timeline: Timeline,
}

impl Profile {
    /// The time line begins now.
    pub fn start() -> Self {
        let begin = Instant::now();
        Profile { begin, host: Arc::new(Recorder::since(begin)), nets: Arc::default() }
    }

    /// Does `work` and records it under `name`.
    pub fn host<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        Recorder::host(Some(&self.host), name, work)
    }

    /// What was done until now: the host, then the nets in the order in which they were prepared.
    pub fn sections(&self) -> Vec<Section> {
        let nets = self.nets.lock().unwrap_or_else(PoisonError::into_inner);
        let host = Section { name: String::new(), timeline: self.host.so_far() };
        let net =
            |(name, recorder): &(String, Arc<Recorder>)| Section { name: name.clone(), timeline: recorder.so_far() };
        std::iter::once(host).chain(nets.iter().map(net)).collect()
    }

    /// For what a net does.
    pub(super) fn net(&self, name: String) -> Arc<Recorder> {
        let recorder = Arc::new(Recorder::since(self.begin));
        self.nets.lock().unwrap_or_else(PoisonError::into_inner).push((name, recorder.clone()));
        recorder
    }
}
