//! One network on one GPU, used by many threads and by a host application: nothing of one call shows in another,
//! waiting ends when the caller says so, and a lost device is reported as one.

use crate::common;
use crate::common::devices::gpus;
use crate::common::kernels::{input, params, resnet20};
use lq_infer::internals::backend::gpu::{FloatNet, Gpu};
use lq_infer::internals::backend::{Backend, CancelToken, Control, Traced};
use lq_infer::internals::error::ErrorKind;
use lq_infer::internals::plan::Plan;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A call may return so long after its deadline: the machine may have other things to do, but no wait lasts this long.
const LATE: Duration = Duration::from_secs(1);

/// Whether calls on this device must hold their deadlines. Mesa's OpenGL compiles and computes inside the call that
/// submits, which nothing can interrupt.
fn is_punctual(gpu: &Gpu) -> bool {
    gpu.info().api != "gl"
}

fn plan() -> Arc<Plan> {
    Arc::new(Plan::new(resnet20(2).program()).unwrap())
}

fn until(time: Duration) -> Control {
    Control { cancel: None, deadline: Some(Instant::now() + time) }
}

/// Runs `work` on so many threads, which are numbered.
fn threads(count: u64, work: impl Fn(u64) + Sync) {
    std::thread::scope(|scope| {
        (0..count).for_each(|number| {
            drop(scope.spawn({
                let work = &work;
                move || work(number)
            }))
        });
    });
}

/// The longest of several delays.
#[derive(Default)]
struct Longest(std::sync::Mutex<Duration>);

impl Longest {
    fn add(&self, delay: Duration) {
        let mut longest = self.0.lock().unwrap();
        *longest = delay.max(*longest);
    }

    /// Prints it beside the time of one call, for runs on an idle machine; on any machine it must be bearable.
    fn check(&self, what: &str, gpu: &Gpu, alone: Duration) {
        let late = *self.0.lock().unwrap();
        println!("{what} on {} ({}): {late:?} late at most; one call takes {alone:?}", gpu.info().name, gpu.info().api);
        assert!(late < LATE + alone || !is_punctual(gpu), "{late:?}");
    }
}

pub fn deadlines_hold_on_sixteen_threads() {
    const IMAGES: usize = 4;
    let plan = plan();
    let words = input(plan.program(), IMAGES, 1);
    let expected = common::run(plan.program(), &words, IMAGES, true);
    for gpu in gpus() {
        let net = gpu.prepare(plan.clone(), IMAGES, &|_, _| Ok(())).unwrap();
        let (done, late) = (AtomicUsize::new(0), Longest::default());
        net.run(&words, IMAGES, &Control::default()).unwrap();
        let start = Instant::now();
        net.run(&words, IMAGES, &Control::default()).unwrap();
        let alone = start.elapsed();
        threads(16, |number| {
            for nth in 0..12 {
                // Some are certain to pass, some are not.
                let time = Duration::from_millis(if nth == 11 { 60_000 } else { (number * 5 + nth * 11) % 120 });
                let start = Instant::now();
                match net.run(&words, IMAGES, &until(time)) {
                    Ok(logits) => {
                        assert_eq!(logits, expected);
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(e) => {
                        assert_eq!(e.kind(), ErrorKind::DeadlineExceeded, "{e}");
                        late.add(start.elapsed().saturating_sub(time));
                    }
                }
            }
        });
        late.check("deadlines", &gpu, alone);
        assert!(done.into_inner() >= 16);
    }
}

/// Calls of many batches end soon after they are cancelled, on all threads.
pub fn long_calls_can_be_cancelled_on_sixteen_threads() {
    let model = lq_infer::Model::bundled().unwrap();
    let many = lq_infer::Batch::Pixels(vec![90; 500 * 32 * 32 * 3]);
    for gpu in gpus() {
        let engine = lq_infer::Engine::from_backend(Arc::new(gpu.clone()));
        let options = lq_infer::PrepareOptions { max_batch: 2, ..Default::default() };
        let net = engine.prepare_with(&model, options).unwrap();
        let two = lq_infer::Batch::Pixels(vec![90; 2 * 32 * 32 * 3]);
        net.logits(&two, &Control::default()).unwrap();
        let start = Instant::now();
        net.logits(&two, &Control::default()).unwrap();
        let (alone, late) = (start.elapsed(), Longest::default());
        threads(16, |number| {
            let cancel = CancelToken::new();
            let control = Control { cancel: Some(cancel.clone()), deadline: None };
            let cancelled = std::thread::scope(|scope| {
                let call = scope.spawn(|| net.logits(&many, &control));
                std::thread::sleep(Duration::from_millis(50 + 7 * number));
                let cancelled = Instant::now();
                cancel.cancel();
                assert_eq!(call.join().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
                cancelled
            });
            late.add(cancelled.elapsed());
        });
        late.check("cancellation", &gpu, alone);
    }
}

/// A host application that polls its device on a thread of its own disturbs no call, and no panic reaches its hook.
pub fn a_host_may_poll_beside_us() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let file = info.location().map_or("", |l| l.file());
        PANICS.fetch_add(usize::from(file.contains("wgpu")), Ordering::Relaxed);
        before(info);
    }));
    let plan = plan();
    let words = input(plan.program(), 1, 2);
    let expected = common::run(plan.program(), &words, 1, true);
    for gpu in gpus() {
        let net = gpu.prepare(plan.clone(), 1, &|_, _| Ok(())).unwrap();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    gpu.device().poll(wgpu::PollType::Poll).unwrap();
                }
            });
            threads(4, |_| {
                for _ in 0..25 {
                    assert_eq!(net.run(&words, 1, &Control::default()).unwrap(), expected);
                }
            });
            over.store(true, Ordering::Relaxed);
        });
    }
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
}

pub fn traces_and_runs_do_not_mix() {
    let plan = plan();
    let words = [3, 4, 5, 6].map(|seed| input(plan.program(), 1, seed));
    for gpu in gpus() {
        let net = gpu.prepare(plan.clone(), 1, &|_, _| Ok(())).unwrap();
        let traces: Vec<Vec<Traced>> = words.iter().map(|words| net.trace(words).unwrap()).collect();
        threads(4, |number| {
            let (own, trace) = (&words[number as usize], &traces[number as usize]);
            for _ in 0..20 {
                assert!(net.trace(own).unwrap() == *trace, "{}", gpu.info().name);
                net.run(own, 1, &Control::default()).unwrap();
            }
        });
    }
}

/// Also where the caller owns the device and its callbacks.
pub fn a_lost_device_is_reported_as_lost() {
    let plan = plan();
    let words = input(plan.program(), 1, 9);
    for owner in gpus() {
        let (device, queue) = (owner.device().clone(), owner.queue().clone());
        let borrowed = Gpu::from_wgpu(device.clone(), queue, None).unwrap().with_cache(None);
        let nets = [&owner, &borrowed].map(|gpu| gpu.prepare(plan.clone(), 1, &|_, _| Ok(())).unwrap());
        device.destroy();
        for (gpu, net) in [owner.clone(), borrowed].into_iter().zip(nets) {
            let kinds = [
                net.run(&words, 1, &Control::default()).err().map(|e| e.kind()),
                net.trace(&words).err().map(|e| e.kind()),
                gpu.prepare(plan.clone(), 1, &|_, _| Ok(())).err().map(|e| e.kind()),
            ];
            assert_eq!(kinds, [Some(ErrorKind::DeviceLost); 3], "{}", gpu.info().name);
        }
    }
}

/// A call that waits for a device.
type Wait<'a> = &'a dyn Fn(&Control) -> lq_infer::Result<()>;

/// Work on the device cannot be stopped, but waiting for it can.
pub fn every_wait_ends_when_the_caller_says_so() {
    let problem = resnet20(2);
    let plan = plan();
    let real: Vec<f32> = (0..32 * 32 * 3 * 4).map(|i| (i % 7) as f32).collect();
    for gpu in gpus() {
        let net = gpu.prepare_net(&plan, 1, &|_, _| Ok(())).unwrap();
        let float = FloatNet::new(&gpu, &problem.graph, &params(&problem.graph, 1), 4).unwrap();
        let waits: [Wait; 3] =
            [&|control| net.rerun(0, 1, 20, control), &|control| float.run(&real, control).map(drop), &|control| {
                float.rerun(0, 10, control)
            }];
        for wait in waits {
            // lavapipe compiles shaders when they first run, and takes no commands meanwhile.
            wait(&Control::default()).unwrap();
            let start = Instant::now();
            let kind = wait(&until(Duration::from_millis(3))).err().map(|e| e.kind());
            assert!(start.elapsed() < LATE || !is_punctual(&gpu), "{}: {:?}", gpu.info().api, start.elapsed());
            // A fast device may be done by then.
            assert!([None, Some(ErrorKind::DeadlineExceeded)].contains(&kind), "{kind:?}");
            let cancel = CancelToken::new();
            cancel.cancel();
            let control = Control { cancel: Some(cancel), deadline: None };
            assert_eq!(wait(&control).err().map(|e| e.kind()), Some(ErrorKind::Cancelled));
        }
    }
}
