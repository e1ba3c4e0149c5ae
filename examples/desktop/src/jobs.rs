//! Work that goes on while the window is drawn, and wakes the window when there is something to see.

use crate::state::Event;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Has the window drawn again; any thread may call it.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// A future that is polled whenever the window is drawn.
pub(crate) struct Job<T> {
    future: Pin<Box<dyn Future<Output = T> + Send>>,
    alarm: Arc<Alarm>,
    begun: Instant,
}

/// Its waker, which remembers when it was called: the window may be drawn a while later.
struct Alarm {
    wake: Wake,
    rang: Mutex<Option<Instant>>,
}

impl std::task::Wake for Alarm {
    fn wake(self: Arc<Self>) {
        *self.rang.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        (self.wake)();
    }
}

impl<T> Job<T> {
    /// A job that `start` begins.
    pub(crate) fn begin<F: Future<Output = T> + Send + 'static>(wake: &Wake, start: impl FnOnce() -> F) -> Self {
        let begun = Instant::now();
        let alarm = Arc::new(Alarm { wake: wake.clone(), rang: Mutex::new(None) });
        Job { future: Box::pin(start()), alarm, begun }
    }

    /// What came of it and how long it took, once it is done. The future's first poll is what gives it the waker, so this has to be
    /// called once soon after the beginning.
    pub(crate) fn poll(&mut self) -> Option<(T, Duration)> {
        let waker = Waker::from(self.alarm.clone());
        let Poll::Ready(output) = self.future.as_mut().poll(&mut Context::from_waker(&waker)) else { return None };
        let rang = *self.alarm.rang.lock().unwrap_or_else(PoisonError::into_inner);
        Some((output, rang.unwrap_or_else(Instant::now) - self.begun))
    }
}

/// Takes a job that is done out of its place.
pub(crate) fn finished<T>(place: &mut Option<Job<T>>) -> Option<(T, Duration)> {
    let done = place.as_mut()?.poll()?;
    *place = None;
    Some(done)
}

/// Events from other threads.
pub(crate) struct Inbox {
    sender: Sender<Event>,
    receiver: Receiver<Event>,
}

impl Default for Inbox {
    fn default() -> Self {
        let (sender, receiver) = channel();
        Inbox { sender, receiver }
    }
}

impl Inbox {
    /// A function that sends an event here and wakes the window. Once the inbox is gone it does nothing.
    pub(crate) fn sender(&self, wake: &Wake) -> impl Fn(Event) + Clone + Send + Sync + 'static {
        let (sender, wake) = (self.sender.clone(), wake.clone());
        move |event| {
            if sender.send(event).is_ok() {
                wake();
            }
        }
    }

    /// The events that came since the last call.
    pub(crate) fn take(&self) -> Vec<Event> {
        self.receiver.try_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn counting() -> (Wake, Arc<AtomicU32>) {
        let count = Arc::new(AtomicU32::new(0));
        let counter = count.clone();
        let wake = move || {
            counter.fetch_add(1, Ordering::SeqCst);
        };
        (Arc::new(wake), count)
    }

    /// A future that another thread ends.
    #[derive(Clone, Default)]
    struct Later(Arc<Mutex<(bool, Option<Waker>)>>);

    impl Later {
        fn end(&self) {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            state.1.take().expect("nobody waits").wake();
        }
    }

    impl Future for Later {
        type Output = &'static str;

        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            let mut state = self.0.lock().unwrap();
            state.1 = Some(context.waker().clone());
            if state.0 { Poll::Ready("done") } else { Poll::Pending }
        }
    }

    #[test]
    fn a_job_wakes_the_window_once_and_its_time_ends_there() {
        let (wake, count) = counting();
        let later = Later::default();
        let mut job = Some(Job::begin(&wake, || later.clone()));
        assert!(finished(&mut job).is_none() && job.is_some());
        assert_eq!(count.load(Ordering::SeqCst), 0);
        std::thread::spawn(move || later.end()).join().unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 1);
        let rang = job.as_ref().unwrap().begun.elapsed();
        std::thread::sleep(Duration::from_millis(20));
        let (output, took) = finished(&mut job).unwrap();
        assert!(output == "done" && took <= rang && job.is_none());
    }

    #[test]
    fn events_wake_the_window_until_the_inbox_is_gone() {
        let (wake, count) = counting();
        let inbox = Inbox::default();
        let send = inbox.sender(&wake);
        send(Event::Progress(1, 2));
        send(Event::Progress(2, 2));
        assert!(matches!(inbox.take()[..], [Event::Progress(1, 2), Event::Progress(2, 2)]));
        assert!(inbox.take().is_empty());
        drop(inbox);
        send(Event::Progress(1, 2));
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }
}
