//! The threads that compute.

use crate::threads::enter;
use std::sync::Arc;

/// The threads of a pool of the caller's, or rayon's global ones.
#[derive(Clone, Default)]
pub(super) struct Threads(Option<Arc<rayon::ThreadPool>>);

impl Threads {
    /// The threads of `pool`.
    pub(super) fn of(pool: Arc<rayon::ThreadPool>) -> Self {
        Threads(Some(pool))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        match &self.0 {
            Some(pool) => pool.current_num_threads(),
            None => enter().map_or(1, |()| rayon::current_num_threads()),
        }
    }

    /// Runs `f` on one of them. The caller has entered ([`enter`]).
    pub(super) fn run<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        match &self.0 {
            Some(pool) => pool.install(f),
            None => rayon::scope(|_| f()),
        }
    }
}
