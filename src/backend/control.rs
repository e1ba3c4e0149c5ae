//! How a caller stops work early.

use crate::error::{Error, Result};
use crate::platform::Instant;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Cancellation and a deadline for a piece of work. The default has neither.
///
/// ```
/// use lq_infer::{ClassifyOptions, Control, Engine, ErrorKind, Model, Pixels};
/// use std::time::Duration;
///
/// let net = Engine::builder().device("cpu").build()?.prepare(&Model::bundled()?)?;
/// let control = Control::within(Duration::ZERO);
/// let outcome = net.classify(&Pixels::from_rgb(&[128; 12], 2, 2, 6)?, &ClassifyOptions { control, ..Default::default() });
/// assert_eq!(outcome.err().map(|error| error.kind()), Some(ErrorKind::DeadlineExceeded));
/// # Ok::<(), lq_infer::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// Stops the work when it is cancelled.
    pub cancel: Option<CancelToken>,
    /// Stops the work when it is reached.
    pub deadline: Option<Instant>,
}

impl Control {
    /// A deadline `timeout` from now, without a way to cancel. There is none if the clock does not reach that far.
    pub fn within(timeout: Duration) -> Self {
        Control { cancel: None, deadline: Instant::now().checked_add(timeout) }
    }

    /// An error if the work should stop now.
    pub fn check(&self) -> Result<()> {
        if self.cancel.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Err(Error::Cancelled);
        }
        if self.deadline.is_some_and(|d| Instant::now() >= d) {
            return Err(Error::DeadlineExceeded);
        }
        Ok(())
    }
}

/// A flag that cancels work. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    flag: Arc<AtomicBool>,
    /// Cancelling it cancels this one too.
    parent: Option<Arc<CancelToken>>,
}

impl CancelToken {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that is cancelled with `parent`, and can be cancelled alone.
    pub(crate) fn child(parent: Option<CancelToken>) -> Self {
        CancelToken { flag: Arc::default(), parent: parent.map(Arc::new) }
    }

    /// Asks the work to stop; it does so at the next step or batch.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Whether [`CancelToken::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.flag.load(Ordering::Relaxed) || self.parent.as_ref().is_some_and(|parent| parent.is_cancelled())
    }
}
