//! Explanations of made-up figures.

use super::*;
use crate::backend::Clock;
use crate::bench::report::{Bound, DigestCheck, Float32Baseline, Peaks, Stats, StepTime, Warm};

/// A billion of everything per second, ten microseconds a launch.
fn device() -> Device {
    Device {
        id: "test".into(),
        name: "device".into(),
        api: "cpu".into(),
        driver: String::new(),
        pci_id: None,
        software: false,
        peaks: Some(Peaks { words: 1e9, byte_products: 1e9, bytes: 1e9 }),
        launch: Some(1e-5),
        problem: None,
    }
}

/// A 3x3 bit convolution of 1x1xC, with so many words per sum.
fn conv(layer: &str, planes: [usize; 2], outputs: usize, words: f64, seconds: f64) -> StepTime {
    let words = words * (outputs * planes[0] * planes[1]) as f64;
    let mut step = StepTime {
        layer: layer.into(),
        kernel: "bitconv".into(),
        seconds,
        words,
        byte_products: 0.0,
        bytes: 8.0 * outputs as f64,
        network_macs: 32.0 * words / (planes[0] * planes[1]) as f64,
        planes: Some(planes),
        window: Some([3, 3]),
        output: [1, 1, outputs],
        bound: Bound::Popcount,
        share: 0.0,
    };
    bind(&mut step);
    step
}

fn other(kernel: &str, byte_products: f64, bytes: f64, seconds: f64) -> StepTime {
    let mut step = conv(kernel, [1, 1], 100, 0.0, seconds);
    step = StepTime {
        kernel: kernel.into(),
        byte_products,
        bytes,
        network_macs: byte_products / 12.0,
        planes: None,
        window: None,
        ..step
    };
    bind(&mut step);
    step
}

fn bind(step: &mut StepTime) {
    let (bound, least) = step.least(&device().peaks.unwrap(), 1e-5);
    step.bound = bound;
    step.share = least / step.seconds;
}

fn cell(steps: Vec<StepTime>, wall: f64) -> Cell {
    let wall = Stats { count: 20, least: wall, median: wall, p95: wall, p99: wall, spread: 0.0 };
    Cell {
        device: 0,
        model: "net".into(),
        source: "test".into(),
        bits: "2/2".into(),
        input: [1, 1, 1],
        batch: 1,
        model_bytes: None,
        parameters: None,
        network_macs: None,
        cold: None,
        digest: DigestCheck { expected: "right".into(), found: Some("right".into()), against: "cpu-reference".into() },
        warm: Some(Warm {
            wall,
            images_per_second: 1.0 / wall.median,
            parts: None,
            steps,
            clock: Clock::Host,
            probe: [1e9; 2],
            noise: Vec::new(),
        }),
        float32: None,
        problem: None,
    }
}

fn answer<'a>(e: &'a Explanation, part: &str) -> Option<&'a String> {
    e.answers.iter().find(|a| a.contains(part))
}

fn reason(e: &Explanation, layer: &str) -> String {
    e.remarks.iter().find(|r| r.layer == layer).unwrap_or_else(|| panic!("{layer}: {:?}", e.remarks)).reason.clone()
}

/// Half of a run are bit convolutions: without them it would be twice as fast, at 1/1 they take a quarter.
#[test]
fn predictions_scale_bit_convolutions_only() {
    let steps = vec![conv("c", [2, 2], 1000, 100.0, 0.5e-3), other("limbconv", 3e5, 1e3, 0.4e-3)];
    let e = explain(&device(), &cell(steps, 1e-3)).unwrap();
    let at = |w, a| e.predictions.iter().find(|p| (p.weights, p.activations) == (w, Some(a))).unwrap();
    assert_eq!(e.predictions.len(), 16);
    assert!((at(2, 2).seconds - 1e-3).abs() < 1e-9 && (at(1, 1).seconds - 0.625e-3).abs() < 1e-9, "{:?}", at(1, 1));
    assert!((at(1, 2).seconds - 0.75e-3).abs() < 1e-9 && (at(4, 4).seconds - 2.5e-3).abs() < 1e-9);
    assert!((at(1, 1).speedup - 1.6).abs() < 1e-9);
    let names: Vec<_> = e.groups.iter().map(|g| (g.name.as_str(), g.launches, (1e6 * g.seconds).round())).collect();
    let expected = [("bit convolutions", 1, 500.0), ("float layers", 1, 400.0), ("other kernels", 0, 0.0)];
    assert_eq!(names[..3], expected);
    assert_eq!(names[3], ("outside of launches", 0, 100.0));
    assert!(e.answers[0].contains("50 %") && e.answers[0].contains("2.0 times"), "{:?}", e.answers);
    assert!(e.answers[1].contains("4.0 times less") && e.answers[1].contains("1.6 times"), "{:?}", e.answers);
    assert!(e.answers.iter().any(|a| a.contains("stay float take 40 %")), "{:?}", e.answers);
    assert_eq!(e.square_share, Some(0.8));
}

#[test]
fn launches_are_no_shorter_at_fewer_bits() {
    let steps = vec![conv("c", [2, 2], 10, 9.0, 2e-5)];
    let e = explain(&device(), &cell(steps, 2e-5)).unwrap();
    let least = e.predictions.iter().find(|p| (p.weights, p.activations) == (1, Some(1))).unwrap();
    assert!((least.seconds - 1e-5).abs() < 1e-12, "{least:?}");
    assert!(reason(&e, "c").starts_with("launching it costs 10.0 us"), "{}", reason(&e, "c"));
    assert!(e.answers.iter().any(|a| a.contains("1 launches at 10.0 us")), "{:?}", e.answers);
}

#[test]
fn reasons_follow_from_the_figures() {
    // Each sum costs as much as 40 words more: 9 words per sum suffer, 200 do not.
    let time = |outputs: f64, words: f64| 4.0 * outputs * (words + 40.0) * 2e-9;
    let short = conv("short", [2, 2], 9000, 9.0, time(9000.0, 9.0));
    let middle = conv("middle", [2, 2], 1000, 36.0, time(1000.0, 36.0));
    let long = conv("long", [2, 2], 900, 200.0, time(900.0, 200.0));
    let mut half_empty = conv("half", [2, 2], 900, 200.0, time(900.0, 200.0));
    half_empty.network_macs /= 2.0;
    let steps = vec![short, middle, long, half_empty];
    let e = explain(&device(), &cell(steps, 4e-3)).unwrap();
    let short = reason(&e, "short");
    assert!(short.contains("9 words per sum") && short.contains("counting 40"), "{short}");
    assert!(!reason(&e, "long").contains("words per sum"), "{}", reason(&e, "long"));
    assert!(reason(&e, "half").contains("fill 50 %"), "{}", reason(&e, "half"));

    let fast = conv("fast", [1, 1], 1000, 300.0, 0.4e-3);
    let copied = other("split", 0.0, 3.2e6, 4e-3);
    let products = other("limbsum", 1e6, 10.0, 5e-3);
    let slow_copy = other("pointwise", 0.0, 1e5, 1e-3);
    let e = explain(&device(), &cell(vec![fast], 0.5e-3)).unwrap();
    assert!(reason(&e, "fast").contains("counts at 75 %"), "{}", reason(&e, "fast"));
    assert!(e.answers[1].contains("no bits left"), "{:?}", e.answers);
    let e = explain(&device(), &cell(vec![copied, products, slow_copy], 1e-2)).unwrap();
    assert_eq!(reason(&e, "split"), "memory: 3.20 MB at 1 GB/s take 3.20 ms of the 4 ms");
    assert!(reason(&e, "limbsum").contains("12 products of bytes for each"), "{}", reason(&e, "limbsum"));
    assert!(e.predictions.is_empty() && e.answers[0].contains("No layer is a bit convolution"));
}

/// Each was timed with the way there and back: together they take twice as long as a run.
#[test]
fn times_of_launches_are_parts_of_a_run() {
    let steps = vec![conv("c", [2, 2], 1000, 100.0, 1.5e-3), other("limbconv", 3e5, 1e3, 0.5e-3)];
    let mut cell = cell(steps, 1e-3);
    cell.warm.as_mut().unwrap().clock = Clock::Submissions;
    let e = explain(&Device { launch: Some(0.4e-3), ..device() }, &cell).unwrap();
    let groups: Vec<_> = e.groups.iter().map(|g| ((1e6 * g.seconds).round(), (100.0 * g.share).round())).collect();
    assert_eq!(groups, [(750.0, 75.0), (250.0, 25.0), (0.0, 0.0), (0.0, 0.0)]);
    assert!(e.answers[0].contains("75 %") && e.answers[0].contains("4.0 times"), "{:?}", e.answers);
    assert_eq!(answer(&e, "launches at"), None, "submissions tell nothing of launches");
    cell.warm.as_mut().unwrap().clock = Clock::Passes;
    let e = explain(&Device { launch: Some(0.4e-3), ..device() }, &cell).unwrap();
    assert!(answer(&e, "2 launches at 200 us each are 40 %").is_some(), "{:?}", e.answers);
}

#[test]
fn larger_batches_share_the_launches_of_gpus_only() {
    let gpu = Device { api: "vulkan".into(), ..device() };
    let mut cell = cell(vec![conv("c", [2, 2], 10, 9.0, 2e-5)], 2e-5);
    for (device, batches) in [(gpu, true), (device(), false)] {
        let e = explain(&device, &cell).unwrap();
        assert_eq!(answer(&e, "1 launches at").unwrap().contains("larger batches"), batches);
        assert_eq!(reason(&e, "c").contains("larger batches"), batches);
    }
    cell.batch = 2;
    assert_eq!(answer(&explain(&device(), &cell).unwrap(), "launches at"), None);
}

#[test]
fn data_in_caches_are_faster_than_memory() {
    let e = explain(&device(), &cell(vec![other("split", 0.0, 3.2e6, 2e-3)], 3e-3)).unwrap();
    let reason = reason(&e, "split");
    assert!(reason.starts_with("its 3.20 MB take 2 ms, less than main memory allows (3.20 ms)"), "{reason}");
    let mut products = other("limbsum", 1e6, 10.0, 2e-3);
    products.bytes = 0.9 * products.byte_products;
    let e = explain(&device(), &cell(vec![StepTime { seconds: 0.8e-3, ..products }], 3e-3)).unwrap();
    let reason = self::reason(&e, "limbsum");
    assert!(!reason.contains("moving"), "{reason}");
}

/// A probe that was disturbed finds a peak far below what launches reach: nothing follows from it.
#[test]
fn disturbed_peaks_explain_nothing() {
    let steps = || vec![conv("c", [2, 2], 1000, 100.0, 0.3e-3), other("limbconv", 3e5, 1e3, 0.4e-3)];
    let e = explain(&device(), &cell(steps(), 1e-3)).unwrap();
    assert!(e.doubt.is_some_and(|doubt| doubt.contains("disturbed")));
    assert!(e.remarks.is_empty() && e.answers.is_empty() && e.square_share.is_none());
    assert!(e.launches.iter().all(|launch| (launch.least, launch.step.share) == (0.0, 0.0)));
    assert!(e.groups.iter().all(|group| group.least == 0.0));
    assert_eq!(e.predictions.len(), 16, "they need no peaks");
    // Five percent above the peak are the probe's own noise.
    let mut steps = steps();
    steps[0].seconds = 0.38e-3;
    bind(&mut steps[0]);
    let e = explain(&device(), &cell(steps.clone(), 1e-3)).unwrap();
    assert!(e.doubt.is_none() && !e.answers.is_empty() && e.launches[0].step.share > 1.0);
    // Launches that cost more than all launches took.
    let slow = Device { launch: Some(0.9e-3), ..device() };
    assert!(explain(&slow, &cell(steps, 1e-3)).unwrap().doubt.is_some());
}

#[test]
fn float_activations_stay() {
    let single = || conv("float", [1, 32], 1000, 9.0, 1e-3);
    let e = explain(&device(), &cell(vec![single()], 1e-3)).unwrap();
    assert!(e.predictions.iter().all(|p| p.activations.is_none()));
    assert!(e.answers[1].starts_with("It has single weight planes already"), "{:?}", e.answers);
    assert_eq!(e.answers[0], "Bit convolutions take 100 % of a run.");
    // Planes of zeros follow those of values beside codes.
    let padded = StepTime { planes: Some([1, 33]), ..single() };
    let e = explain(&device(), &cell(vec![padded], 1e-3)).unwrap();
    assert!(e.predictions.iter().all(|p| p.activations.is_none()));
    // 288 thousand words stay, of 1152 thousand a quarter.
    let steps = vec![single(), conv("codes", [2, 2], 32_000, 9.0, 1.2e-3)];
    let e = explain(&device(), &cell(steps, 2e-3)).unwrap();
    assert!(e.answers[1].contains("2.5 times less"), "{:?}", e.answers);
}

#[test]
fn figures_from_elsewhere_may_be_absurd() {
    let step = StepTime { output: [usize::MAX; 3], planes: Some([usize::MAX; 2]), ..conv("c", [1, 1], 10, 1e3, 1e-3) };
    let float32 = Float32Baseline {
        name: "f32".into(),
        wall: Stats::default(),
        device: None,
        images_per_second: 0.0,
        times: 0.0,
        problem: Some("it does not fit".into()),
    };
    let absurd = Cell { batch: usize::MAX, float32: Some(float32), ..cell(vec![step], 1e-3) };
    let e = explain(&device(), &absurd).unwrap();
    assert_eq!(answer(&e, "f32"), None, "there is no figure of it");
}

#[test]
fn small_layers_are_compared_with_the_best() {
    let large = conv("large", [1, 1], 9000, 100.0, 1e-3);
    let small = conv("small", [1, 1], 1000, 100.0, 0.9e-3);
    let e = explain(&device(), &cell(vec![large, small], 2e-3)).unwrap();
    let reason = reason(&e, "small");
    assert!(reason.contains("'large', which computes 9 times as many numbers, reaches 90 %"), "{reason}");
}

#[test]
fn wrong_or_missing_figures_are_not_explained() {
    let mut wrong = cell(vec![conv("c", [2, 2], 10, 9.0, 2e-5)], 2e-5);
    wrong.digest.found = Some("other".into());
    assert!(matches!(explain(&device(), &wrong), Err(Error::VerificationFailed(_))));
    let none = Cell { warm: None, problem: Some("it broke".into()), ..cell(Vec::new(), 1.0) };
    assert!(explain(&device(), &none).unwrap_err().to_string().contains("it broke"));
    assert!(explain(&device(), &cell(Vec::new(), 1.0)).unwrap_err().to_string().contains("not timed"));
}

#[test]
fn explanations_read_back() {
    let e = explain(&device(), &cell(vec![conv("c", [2, 2], 10, 9.0, 2e-5)], 2e-5)).unwrap();
    let text = serde_json::to_string(&e).unwrap();
    assert_eq!(serde_json::from_str::<Explanation>(&text).unwrap(), e);
}
