//! The threads of this process: rayon's, which a system may refuse to start and which do not survive a fork.

use crate::error::{Error, Result};
use crate::platform::process;
use rayon::prelude::*;
use std::sync::OnceLock;

/// What was found when this library first needed threads.
struct Start {
    /// The process that it was in.
    process: u32,
    /// Whether rayon's global threads could be started, or had been already.
    started: bool,
}

static START: OnceLock<Start> = OnceLock::new();

/// Makes sure that the calling thread may use rayon without a panic or a hang. Every public call that computes begins
/// with this.
///
/// Where the system refuses threads (limits on processes or memory), all of rayon's work of this thread is done by this
/// thread itself.
///
/// # Errors
/// [`Error::Usage`] in a process that was forked after the first call: the threads stayed in its parent.
/// [`Error::Device`] if not even a single-threaded pool can be made.
pub(crate) fn enter() -> Result<()> {
    let start = START.get_or_init(|| Start { process: process(), started: start() });
    if start.process != process() {
        return Err(Error::Usage(
            "this process was forked after lq-infer had been used, and threads and devices stayed in its parent; \
             use it only after forking, or start processes without fork (\"spawn\" in Python's multiprocessing)"
                .into(),
        ));
    }
    if start.started { Ok(()) } else { alone() }
}

/// What `work` makes of each item, in order: by several threads if that is `worth` waking them and they can be used.
pub(crate) fn each<T: Send, R: Send>(items: Vec<T>, worth: bool, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    if !worth || enter().is_err() {
        return items.into_iter().map(work).collect();
    }
    items.into_par_iter().map(&work).collect()
}

/// Starts rayon's global threads, unless somebody else has.
fn start() -> bool {
    // Rayon panics if its global pool was never built and cannot be, so it is built here, where that is an error. For
    // this error there is no variant to compare with; only the one of a pool that exists already has no source.
    rayon::ThreadPoolBuilder::new().build_global().map_or_else(|e| std::error::Error::source(&e).is_none(), |()| true)
}

/// Makes the calling thread the only member of a pool, which rayon uses for whatever this thread does from now on.
fn alone() -> Result<()> {
    if rayon::current_thread_index().is_some() {
        return Ok(());
    }
    match rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build() {
        Ok(pool) => {
            // It lasts as long as the thread: dropping it would not free the thread for another pool.
            std::mem::forget(pool);
            Ok(())
        }
        Err(e) => Err(Error::Device { device: "cpu".into(), problem: format!("no threads can be started: {e}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_can_do_all_the_work_alone() {
        let sum = std::thread::spawn(|| {
            alone().unwrap();
            alone().unwrap();
            assert_eq!(rayon::current_num_threads(), 1);
            rayon::scope(|_| (0..1000u32).into_par_iter().sum::<u32>())
        });
        assert_eq!(sum.join().unwrap(), 499_500);
        enter().unwrap();
    }

    #[test]
    fn a_pool_of_somebody_else_is_used() {
        enter().unwrap();
        assert!(start(), "the global pool exists already");
    }
}
