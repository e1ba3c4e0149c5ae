//! What a device has to say about a piece of work.

use std::fmt;
use std::pin::Pin;

/// An error that comes to light sooner or later.
type Answer = Pin<Box<dyn Future<Output = Option<wgpu::Error>> + Send>>;

/// What a device has to say about a piece of work: natively at once, in a browser later.
pub(super) struct Report {
    what: String,
    answers: Vec<Answer>,
}

impl Report {
    /// Runs `work`, which is called `what`, and returns the report on it.
    pub(super) fn on<T>(device: &wgpu::Device, what: &str, work: impl FnOnce() -> T) -> (T, Self) {
        let scopes = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation]
            .map(|filter| device.push_error_scope(filter));
        let result = work();
        // Scopes must be popped in reverse order of their creation.
        let answers = scopes.into_iter().rev().map(|scope| Box::pin(scope.pop()) as Answer).collect();
        (result, Report { what: what.to_owned(), answers })
    }

    /// What the work is called, and its error if it had one.
    pub(super) async fn read(self) -> (String, Option<wgpu::Error>) {
        let mut error = None;
        for answer in self.answers {
            error = answer.await.or(error);
        }
        (self.what, error)
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Report").field("what", &self.what).finish_non_exhaustive()
    }
}
