//! Runs with times: the same logits as without, every part once, and nothing where it cannot have been. On every device of this
//! machine, and on GPUs that were opened without some or all kinds of timestamps.

use crate::common::devices::gpus;
use crate::common::kernels::{Problem, bits, input, pictures, resnet20};
use lq_infer::internals::backend::cpu::Cpu;
use lq_infer::internals::backend::gpu::{Gpu, GpuNet, adapters};
use lq_infer::internals::backend::reference::Reference;
use lq_infer::internals::backend::{Backend, CancelToken, Clock, Control, Detail, Executable, Span, Timeline, Track};
use lq_infer::internals::error::ErrorKind;
use lq_infer::internals::plan::Plan;
use lq_infer::internals::tensor::Window;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn problems() -> [Problem; 3] {
    let size = [10, 24];
    [
        bits(1, 2, [20, 33, 16], [5, 6], Window::same(3, 1, [5, 6])),
        pictures(40, size, Window::same(7, 2, size)),
        resnet20(2),
    ]
}

fn plan(problem: &Problem) -> Arc<Plan> {
    Arc::new(Plan::new(problem.program()).unwrap())
}

/// A timed run, with what is true of all of them checked.
fn timed(net: &dyn Executable, words: &[u32], images: usize, detail: Detail) -> Timeline {
    let control = Control::default();
    let expected = net.run(words, images, &control).unwrap();
    let begin = Instant::now();
    let (output, timeline) = net.timed(words, images, detail, &control).unwrap();
    let wall = begin.elapsed();
    assert_eq!(output, expected);
    for pair in timeline.spans.windows(2) {
        let [a, b] = pair else { unreachable!() };
        let apart = a.track < b.track || (a.track == b.track && a.start + a.length <= b.start);
        assert!(apart, "{a:?} and then {b:?}");
    }
    assert!(timeline.spans.iter().all(|span| span.start + span.length <= wall), "longer than {wall:?}: {timeline:?}");
    timeline
}

fn on(timeline: &Timeline, track: Track) -> Vec<&Span> {
    timeline.spans.iter().filter(|span| span.track == track).collect()
}

/// Every step once for each image, and what each took.
fn assert_steps(backend: &dyn Backend, problem: &Problem, images: usize) {
    let plan = plan(problem);
    let net = backend.prepare(plan.clone(), images, &|_, _| Ok(())).unwrap();
    let words = input(plan.program(), images, 1);
    let timeline = timed(&*net, &words, images, Detail::Steps);
    assert_eq!(timeline.clock, Clock::Host);
    for (index, step) in plan.program().steps.iter().enumerate() {
        let spans: Vec<&Span> = timeline.spans.iter().filter(|span| span.step == Some(index)).collect();
        assert_eq!(spans.len(), images, "{}: step {index} on {}", problem.name, backend.name());
        assert!(spans.iter().all(|span| span.name == step.name && span.kernel == step.kernel.name()));
    }
    let each = timeline.per_step(plan.program().steps.len());
    let sum: Duration = timeline.spans.iter().map(|span| span.length).sum();
    assert_eq!(each.into_iter().sum::<Duration>(), sum);
    assert_eq!(timeline.device(), None);
    assert!(timed(&*net, &words, images, Detail::Parts).spans.iter().all(|span| span.step.is_none()));
}

pub fn steps_of_processors() {
    let pool = |threads: usize| Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap());
    let pools = [pool(1), pool(3)];
    for problem in problems() {
        for cpu in Cpu::all() {
            pools.iter().for_each(|pool| assert_steps(&cpu.clone().with_pool(pool.clone()), &problem, 5));
        }
        [false, true].into_iter().for_each(|parallel| assert_steps(&Reference { parallel }, &problem, 3));
    }
}

fn prepare(gpu: &Gpu, plan: &Arc<Plan>, images: usize) -> GpuNet {
    gpu.prepare_net(plan, images, &|_, _| Ok(())).unwrap()
}

/// What a GPU with these features times steps with.
fn clock(gpu: &Gpu) -> Clock {
    let features = gpu.device().features();
    match () {
        () if features.contains(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES) => Clock::Dispatches,
        () if features.contains(wgpu::Features::TIMESTAMP_QUERY) => Clock::Passes,
        () => Clock::Submissions,
    }
}

/// The host's parts, in order and with nothing of a GPU after them.
fn assert_parts(timeline: &Timeline, parts: &[&str]) {
    let host = on(timeline, Track::Host);
    assert_eq!(host.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), parts);
    let wait = host[parts.len() - 2];
    let device = on(timeline, Track::Device);
    assert!(device.iter().all(|span| span.start + span.length <= wait.start + wait.length), "{timeline:?}");
}

fn assert_dispatches(gpu: &Gpu, problem: &Problem, images: usize) {
    let plan = plan(problem);
    let net = prepare(gpu, &plan, images);
    let words = input(plan.program(), images, 1);
    let parts = timed(&net, &words, images, Detail::Parts);
    assert_parts(&parts, &["upload", "wait", "readback"]);
    let whole = on(&parts, Track::Device);
    match clock(gpu) {
        Clock::Submissions => assert!(whole.is_empty() && parts.device().is_none()),
        _ => assert!(whole.len() == 1 && whole[0].step.is_none() && parts.device() == Some(whole[0].length)),
    }

    // On a busy machine some timestamps may be late, so that a run falls back to a coarser clock.
    let mut runs = (0..10).map(|_| timed(&net, &words, images, Detail::Steps));
    let steps = runs.find(|steps| steps.clock == clock(gpu)).unwrap_or_else(|| panic!("{}", gpu.name()));
    match steps.clock {
        Clock::Submissions => {
            let device = on(&steps, Track::Device);
            let host = on(&steps, Track::Host);
            assert_eq!(
                host.iter().map(|span| span.name.as_str()).collect::<Vec<_>>(),
                ["upload", "wait", "readback", "one by one"]
            );
            assert!(device[0].start >= host[3].start);
        }
        _ => assert_parts(&steps, &["upload", "wait", "readback"]),
    }
    let found: Vec<_> = on(&steps, Track::Device).iter().map(|s| (s.name.as_str(), s.kernel, s.step)).collect();
    let expected: Vec<_> = net.dispatches().iter().map(|d| (d.name.as_str(), d.kernel, Some(d.step))).collect();
    assert_eq!(found, expected, "{} on {}", problem.name, gpu.name());
    let each: Duration = steps.per_step(plan.program().steps.len()).into_iter().sum();
    assert!(each > Duration::ZERO && Some(each) <= steps.device(), "{each:?} of {:?}", steps.device());
}

pub fn dispatches_of_gpus() {
    for gpu in gpus() {
        problems().iter().for_each(|problem| [1, 3].into_iter().for_each(|n| assert_dispatches(&gpu, problem, n)));
    }
}

/// Dispatches that do two steps are there, and have the index of the first.
pub fn steps_that_are_done_together_have_one_time() {
    let problem = &problems()[1];
    for gpu in gpus() {
        let plan = plan(problem);
        let net = prepare(&gpu, &plan, 1);
        let steps = plan.program().steps.len();
        assert!(net.dispatches().len() < steps, "no two steps are done together");
        let timeline = timed(&net, &input(plan.program(), 1, 1), 1, Detail::Steps);
        let spans = |step| timeline.spans.iter().filter(|span| span.step == Some(step)).count();
        let second = (0..steps).find(|&step| spans(step) == 0).unwrap();
        assert_eq!((spans(second - 1), timeline.per_step(steps)[second]), (1, Duration::ZERO));
    }
}

/// Every usable adapter, opened by a caller with no more features than these.
fn borrowed(features: wgpu::Features) -> Vec<Gpu> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let open = |adapter: wgpu::Adapter| {
        let descriptor = wgpu::DeviceDescriptor {
            required_features: adapter.features() & features,
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).unwrap();
        Gpu::from_wgpu(device, queue, None).ok()
    };
    let found = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let opened: Vec<Gpu> = found.into_iter().filter_map(open).map(|gpu| gpu.with_cache(None)).collect();
    assert_eq!(opened.len(), adapters().iter().filter(|a| a.unusable.is_none()).count());
    opened
}

pub fn devices_of_callers_are_timed_with_what_they_have() {
    for features in [wgpu::Features::empty(), wgpu::Features::TIMESTAMP_QUERY] {
        borrowed(features).iter().for_each(|gpu| assert_dispatches(gpu, &problems()[0], 2));
    }
}

/// Runs of other threads do not get between the parts of a timed one, whatever it is timed with.
pub fn threads_may_time_and_run_at_once() {
    let plan = &plan(&problems()[0]);
    for gpu in borrowed(wgpu::Features::empty()).into_iter().chain(gpus()) {
        let net = &prepare(&gpu, plan, 2);
        let rounds = |seed: u64| {
            let words = input(plan.program(), 2, seed);
            let expected = net.run(&words, 2, &Control::default()).unwrap();
            for round in 0..6 {
                let detail = if (seed + round).is_multiple_of(2) { Detail::Parts } else { Detail::Steps };
                assert_eq!(net.timed(&words, 2, detail, &Control::default()).unwrap().0, expected);
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|seed| drop(scope.spawn(move || rounds(seed)))));
    }
}

pub fn wrong_and_cancelled_calls_are_errors() {
    let problem = &problems()[0];
    let plan = plan(problem);
    let words = input(plan.program(), 2, 1);
    let cancel = CancelToken::new();
    cancel.cancel();
    let cancelled = Control { cancel: Some(cancel), deadline: None };
    let mut nets: Vec<Box<dyn Executable>> = vec![Cpu::default().prepare(plan.clone(), 2, &|_, _| Ok(())).unwrap()];
    nets.extend(gpus().iter().map(|gpu| gpu.prepare(plan.clone(), 2, &|_, _| Ok(())).unwrap()));
    for net in nets {
        for detail in [Detail::Parts, Detail::Steps] {
            let kind = |images, control: &Control| net.timed(&words, images, detail, control).unwrap_err().kind();
            assert_eq!(kind(1, &Control::default()), ErrorKind::Usage);
            assert_eq!(kind(3, &Control::default()), ErrorKind::Usage);
            assert_eq!(kind(2, &cancelled), ErrorKind::Cancelled);
            let (nothing, timeline) = net.timed(&[], 0, detail, &Control::default()).unwrap();
            assert!(nothing.is_empty() && timeline.spans.is_empty());
        }
    }
}
