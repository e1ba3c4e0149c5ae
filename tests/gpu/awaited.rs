//! Calls that are awaited: one thread of the device serves all of them, and each has its own deadline and end.

use crate::common::devices::gpus;
use lq_infer::{
    Batch, CancelToken, Control, DeviceSelector, Engine, ErrorKind, Model, Net, PrepareOptions, verify, verify_async,
};
use pollster::block_on;
use std::sync::Arc;
use std::time::{Duration, Instant};

const IMAGE: usize = 32 * 32 * 3;
const CALLS: usize = 48;

fn nets() -> Vec<Net> {
    let options = PrepareOptions { max_batch: 4, ..PrepareOptions::default() };
    let net =
        |gpu| Engine::from_backend(Arc::new(gpu)).prepare_with(&Model::bundled().unwrap(), options.clone()).unwrap();
    gpus().into_iter().map(net).collect()
}

fn pixels(images: usize) -> Batch {
    Batch::Pixels((0..images * IMAGE).map(|k| (k * 7919 % 256) as u8).collect())
}

fn tensor(images: usize) -> Batch {
    Batch::Tensor((0..images * IMAGE).map(|k| (k * 7919 % 256) as f32 / 256.0).collect())
}

fn on_cpu(batch: &Batch) -> Vec<Vec<f32>> {
    let net =
        Engine::builder().device(DeviceSelector::Cpu).build().unwrap().prepare(&Model::bundled().unwrap()).unwrap();
    net.logits(batch, &Control::default()).unwrap()
}

/// Threads of this process that see to asynchronous work of devices.
#[cfg(target_os = "linux")]
fn workers() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks
        .filter(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name == "lq-infer gpu\n"))
        .count()
}

#[cfg(not(target_os = "linux"))]
fn workers() -> usize {
    1
}

pub fn one_thread_serves_all_calls() {
    // The first image of any number is the same, and batches are run in pieces.
    let (expected, of_tensor) = (on_cpu(&pixels(10)), on_cpu(&tensor(5)));
    for net in nets() {
        // The thread gives itself its name once it runs, so it has one when the first call is done.
        assert_eq!(block_on(net.logits_async(pixels(1), Control::default())).unwrap(), expected[..1]);
        let calls: Vec<_> =
            (0..CALLS).map(|call| net.logits_async(pixels(call % 10 + 1), Control::default())).collect();
        let other = net.logits_async(tensor(5), Control::default());
        // Other tests may run at the same time, but not for dozens of devices.
        assert!((1..CALLS / 2).contains(&workers()), "{} threads", workers());
        for (call, logits) in calls.into_iter().enumerate() {
            assert_eq!(block_on(logits).unwrap(), expected[..call % 10 + 1], "{}", net.device_name());
        }
        assert_eq!(block_on(other).unwrap(), of_tensor);
        assert_eq!(block_on(net.logits_async(pixels(0), Control::default())).unwrap(), [[0.0; 0]; 0]);
        assert_eq!(block_on(verify_async(&net)).unwrap(), verify(&net).unwrap());
    }
}

pub fn each_call_ends_when_its_caller_says_so() {
    let expected = on_cpu(&pixels(1));
    for net in nets() {
        let long = || pixels(2000);
        let (cancel, begin) = (CancelToken::new(), Instant::now());
        let cancelled = net.logits_async(long(), Control { cancel: Some(cancel.clone()), deadline: None });
        let deadline = Some(begin + Duration::from_millis(30));
        let late = net.logits_async(long(), Control { cancel: None, deadline });
        drop(net.logits_async(long(), Control::default()));
        let right = net.logits_async(pixels(1), Control::default());
        let wrong = net.logits_async(Batch::Pixels(vec![0; 7]), Control::default());
        let kind = |outcome: lq_infer::Result<Vec<Vec<f32>>>| outcome.err().map(|error| error.kind());
        assert_eq!(kind(block_on(late)), Some(ErrorKind::DeadlineExceeded));
        cancel.cancel();
        assert_eq!(kind(block_on(cancelled)), Some(ErrorKind::Cancelled));
        assert_eq!(block_on(right).unwrap(), expected);
        assert_eq!(kind(block_on(wrong)), Some(ErrorKind::Usage));
    }
}
