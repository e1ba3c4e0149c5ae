//! `lq-infer explain`: figures that fit each other, and a text that fits a terminal.

use crate::common::devices::gpus;
use crate::common::program::{fails, json_lines, run, stderr, stdout};
use lq_infer::internals::backend::Clock;
use lq_infer::internals::bench::Explanation;
use lq_infer::internals::bench::report::Bound;

fn explanation(args: &[&str]) -> Explanation {
    let lines = json_lines(&run(&[&["explain", "--json"], args].concat()));
    assert_eq!(lines.len(), 1);
    serde_json::from_value(lines[0].clone()).unwrap()
}

fn assert_consistent(e: &Explanation) {
    assert_eq!((e.schema, e.launches.is_empty()), (1, false));
    if let Some(doubt) = &e.doubt {
        // The machine was too busy for its peaks to be measured: then nothing is concluded from them.
        assert!(doubt.contains("disturbed") && e.remarks.is_empty() && e.answers.is_empty());
        return;
    }
    let peaks = e.device.peaks.unwrap();
    assert!(peaks.words > 0.0 && peaks.byte_products > 0.0 && peaks.bytes > 0.0);
    for launch in &e.launches {
        let step = &launch.step;
        assert!(step.seconds >= 0.0 && step.bytes > 0.0, "{step:?}");
        let (bound, least) = step.least(&peaks, e.device.launch.unwrap());
        assert_eq!((bound, least), (step.bound, launch.least));
        let share = if step.seconds > 0.0 { least / step.seconds } else { 0.0 };
        assert!((step.share - share).abs() <= 1e-6 * share, "{step:?}");
        assert_eq!(step.words > 0.0, step.kernel == "bitconv");
        assert_eq!(step.planes.is_some(), step.kernel == "bitconv");
        assert!(bound != Bound::Popcount || step.words > 0.0);
    }
    let launches: f64 = e.launches.iter().map(|l| l.step.seconds).sum();
    let groups: f64 = e.groups.iter().take(3).map(|g| g.seconds).sum();
    assert!((groups - launches.min(e.wall.median)).abs() <= 1e-9 * launches, "they are parts of a run");
    assert_eq!(e.groups.iter().map(|g| g.launches).sum::<usize>(), e.launches.len());
    assert!((e.groups.iter().map(|g| g.share).sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(!e.remarks.is_empty() && e.remarks.iter().all(|r| !r.reason.is_empty()));
    assert!(!e.answers.is_empty());
}

#[test]
fn the_bundled_model_on_the_cpu() {
    let e = explanation(&["--device", "cpu", "--batch", "2"]);
    assert_consistent(&e);
    assert_eq!((e.batch, e.clock, e.bits.as_str(), e.predictions.len()), (2, Clock::Host, "2/2", 16));
    let convs: Vec<_> = e.launches.iter().filter(|l| l.step.kernel == "bitconv").collect();
    assert_eq!(convs.len(), 18);
    // 32x32 pixels of 16 channels to 16 channels, of two images.
    assert_eq!(convs[0].step.network_macs, 2.0 * 32.0 * 32.0 * 9.0 * 16.0 * 16.0);
    assert_eq!(convs[0].step.words, 2.0 * 32.0 * 32.0 * 9.0 * 16.0 * 4.0);
    let at = |w, a| e.predictions.iter().find(|p| (p.weights, p.activations) == (w, Some(a))).unwrap().seconds;
    assert!(at(1, 1) <= at(1, 2) && at(1, 2) <= at(2, 2) && at(2, 2) < at(4, 4));
    assert!((at(2, 2) / e.wall.median - 1.0).abs() < 1e-6, "nothing changes at the model's own widths");
}

#[test]
fn any_network_on_any_gpu() {
    for gpu in gpus() {
        let name = &gpu.info().name;
        let e = explanation(&["--device", name, "--net", "cifar-resnet-20", "--bits", "1/2"]);
        assert_consistent(&e);
        assert_eq!(e.bits, "1/2");
        assert!(e.clock != Clock::Host && e.launches.iter().any(|l| l.step.planes == Some([1, 2])));
    }
}

#[test]
fn the_text_fits_a_terminal() {
    let output = run(&["explain", "--device", "cpu"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    for line in text.lines() {
        assert!(line.chars().count() <= 120, "{} columns: {line}", line.chars().count());
    }
    // On a machine that is too busy for its peaks to be measured, nothing is concluded from them.
    let doubted = text.contains("something disturbed");
    for part in ["At best:", "bitconv 3x3", "limbsum", "bit convolutions", "Predicted", "W1", "A4"] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    assert_eq!(["Why the slowest", "share of bounds"].map(|part| text.contains(part)), [!doubted, true], "{text}");
}

#[test]
fn wrong_arguments() {
    fails(&["explain", "--device", "no-such-device"], 4, &["no-such-device"]);
    fails(&["explain", "no-such-file.safetensors"], 3, &["no-such-file"]);
    fails(&["explain", "--net", "no-such-net"], 2, &["no-such-net"]);
    fails(&["explain", "--net", "cifar-resnet-20", "--bits", "0/1"], 2, &["0/1"]);
    fails(&["explain", "file", "--net", "cifar-resnet-20"], 2, &["--net"]);
}
