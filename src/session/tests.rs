//! Sequences that fail, and preparations that are stopped.

use super::{Batch, DeviceSelector, Engine, Model, Net, PrepareOptions};
use crate::backend::cpu::Cpu;
use crate::backend::{Backend, CancelToken, Control, Executable, Peak, Progress};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Plan;
use std::any::Any;
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::time::{Duration, Instant};

const IMAGE: usize = 32 * 32 * 3;
/// Kernels of [`Slow`].
const KERNELS: usize = 5000;

fn net(max_batch: usize) -> Net {
    let engine = Engine::builder().device(DeviceSelector::Cpu).build().unwrap();
    engine.prepare_with(&Model::bundled().unwrap(), PrepareOptions { max_batch, ..Default::default() }).unwrap()
}

fn logits(net: &Net, batches: Vec<Result<Batch>>) -> (usize, Error) {
    let mut seen = 0;
    let outcome = net.stream(batches, &Control::default(), |_| {
        seen += 1;
        Ok(())
    });
    (seen, outcome.unwrap_err())
}

#[test]
fn logits_of_the_batches_before_a_bad_one_still_come() {
    let net = net(2);
    let good = || Ok(Batch::Tensor(vec![0.5; 3 * IMAGE]));
    let (seen, error) = logits(&net, vec![good(), good(), Ok(Batch::Tensor(vec![f32::NAN; IMAGE])), good()]);
    assert_eq!((seen, error.kind()), (6, ErrorKind::BadInput));
    let (seen, error) = logits(&net, vec![good(), Err(Error::Usage("no more".into())), good()]);
    assert_eq!((seen, error.to_string().as_str()), (3, "no more"));
    let (seen, error) = logits(&net, vec![good(), Ok(Batch::Pixels(vec![0; IMAGE]))]);
    assert_eq!((seen, error.kind()), (3, ErrorKind::Usage));
    let (seen, error) = logits(&net, vec![good(), Ok(Batch::Tensor(vec![0.0; IMAGE + 1]))]);
    assert_eq!((seen, error.kind()), (3, ErrorKind::Usage));
}

/// A device that takes a millisecond for every kernel, and says how it ended.
struct Slow(Mutex<mpsc::Sender<ErrorKind>>);

impl Backend for Slow {
    fn name(&self) -> String {
        "slow".into()
    }

    fn prepare(&self, plan: Arc<Plan>, max_batch: usize, progress: Progress) -> Result<Box<dyn Executable>> {
        for kernel in 0..KERNELS {
            std::thread::sleep(Duration::from_millis(1));
            if let Err(error) = progress(kernel, KERNELS) {
                self.0.lock().unwrap().send(error.kind()).unwrap();
                return Err(error);
            }
        }
        Cpu::default().prepare(plan, max_batch, progress)
    }

    fn rate(&self, peak: Peak) -> Result<f64> {
        Cpu::default().rate(peak)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn slow() -> (Engine, mpsc::Receiver<ErrorKind>) {
    let (sender, ended) = mpsc::channel();
    (Engine::from_backend(Arc::new(Slow(Mutex::new(sender)))), ended)
}

#[test]
fn preparing_ends_after_the_kernel_at_which_it_is_cancelled() {
    let (engine, _ended) = slow();
    let cancel = CancelToken::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let progress = {
        let (cancel, told) = (cancel.clone(), told.clone());
        move |done, total| {
            told.lock().unwrap().push((done, total));
            if done == 2 {
                cancel.cancel();
            }
        }
    };
    let control = Control { cancel: Some(cancel), deadline: None };
    let options = PrepareOptions { max_batch: 1, progress: Some(Arc::new(progress)), control };
    let outcome = pollster::block_on(engine.prepare_async(&Model::bundled().unwrap(), options));
    assert_eq!(outcome.err().unwrap().kind(), ErrorKind::Cancelled);
    assert_eq!(*told.lock().unwrap(), [(0, KERNELS), (1, KERNELS), (2, KERNELS)]);
}

#[test]
fn preparing_has_a_deadline() {
    let control = Control { cancel: None, deadline: Some(Instant::now() + Duration::from_millis(20)) };
    let options = PrepareOptions { control, ..PrepareOptions::default() };
    let outcome = slow().0.prepare_with(&Model::bundled().unwrap(), options);
    assert_eq!(outcome.err().unwrap().kind(), ErrorKind::DeadlineExceeded);
}

#[test]
fn dropping_the_future_ends_the_preparation() {
    let (engine, ended) = slow();
    drop(engine.prepare_async(&Model::bundled().unwrap(), PrepareOptions::default()));
    // If it was cancelled before the first kernel, the device was never asked, and is gone with its sender.
    drop(engine);
    let kind = ended.recv_timeout(Duration::from_secs(10));
    assert!(matches!(kind, Ok(ErrorKind::Cancelled) | Err(mpsc::RecvTimeoutError::Disconnected)), "{kind:?}");
}

#[test]
fn a_net_is_prepared_without_blocking() {
    let engine = Engine::builder().device(DeviceSelector::Cpu).build().unwrap();
    let model = Model::bundled().unwrap();
    let net = pollster::block_on(engine.prepare_async(&model, PrepareOptions::default())).unwrap();
    let batch = Batch::Pixels(vec![7; IMAGE]);
    let expected = engine.prepare(&model).unwrap().logits(&batch, &Control::default()).unwrap();
    assert_eq!(net.logits(&batch, &Control::default()).unwrap(), expected);
}

/// The fast CPU, which remembers the plan that it was given.
#[derive(Default)]
struct Watched(Mutex<Weak<Plan>>);

impl Backend for Watched {
    fn name(&self) -> String {
        "watched".into()
    }

    fn prepare(&self, plan: Arc<Plan>, max_batch: usize, progress: Progress) -> Result<Box<dyn Executable>> {
        *self.0.lock().unwrap() = Arc::downgrade(&plan);
        Cpu::default().prepare(plan, max_batch, progress)
    }

    fn rate(&self, peak: Peak) -> Result<f64> {
        Cpu::default().rate(peak)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[test]
fn a_prepared_net_keeps_no_plan() {
    let watched = Arc::new(Watched::default());
    let net = Engine::from_backend(watched.clone()).prepare(&Model::bundled().unwrap()).unwrap();
    assert!(watched.0.lock().unwrap().upgrade().is_none());
    let batch = Batch::Pixels(vec![7; IMAGE]);
    assert_eq!(net.logits(&batch, &Control::default()).unwrap().len(), 1);
    assert!(net.plan(&batch).unwrap().program().steps.len() > 1);
}
