use super::*;
use crate::bench::report::{Report, sample};

/// A run of one model on two devices, with these rates and spreads.
fn run(name: &str, figures: [(f64, f64); 2]) -> NamedReport {
    let mut report = sample::full();
    report.cells = vec![report.cells[2].clone(), report.cells[6].clone()];
    for (cell, (rate, spread)) in report.cells.iter_mut().zip(figures) {
        cell.source = "bundled".into();
        let warm = cell.warm.as_mut().unwrap();
        (warm.images_per_second, warm.wall.spread, warm.noise) = (rate, spread, Vec::new());
    }
    NamedReport { name: name.into(), report }
}

fn verdicts(comparison: &Comparison) -> Vec<(Option<f64>, &str)> {
    comparison.rows.iter().map(|row| (row.ratio, row.verdict.text())).collect()
}

#[test]
fn differences_must_exceed_both_spreads() {
    let first = run("a", [(100.0, 0.125), (100.0, 0.0)]);
    let second = run("b", [(125.0, 0.125), (50.0, 0.25)]);
    let third = run("c", [(126.0, 0.125), (100.0, 0.0)]);
    let comparison = Comparison::new(vec![first, second, third]);
    let base = (Some(1.0), "baseline");
    let rest =
        [(Some(1.25), "within noise"), (Some(0.5), "slower"), (Some(1.26), "faster"), (Some(1.0), "within noise")];
    assert_eq!(verdicts(&comparison), [&[base, base][..], &rest].concat());
    assert_eq!(comparison.mismatches, [""; 0]);
    comparison.check().unwrap();
}

#[test]
fn doubted_figures_are_neither() {
    for doubted in 0..2 {
        let mut runs = vec![run("a", [(100.0, 0.0); 2]), run("b", [(200.0, 0.0); 2])];
        runs[doubted].report.cells[1].warm.as_mut().unwrap().noise.push("other programs".into());
        let comparison = Comparison::new(runs);
        assert_eq!(verdicts(&comparison)[2..], [(Some(2.0), "faster"), (Some(2.0), "doubted")]);
    }
}

#[test]
fn only_the_same_work_is_compared() {
    let verdict = |change: &dyn Fn(&mut Report)| {
        let mut other = run("b", [(200.0, 0.0); 2]);
        change(&mut other.report);
        let comparison = Comparison::new(vec![run("a", [(100.0, 0.0); 2]), other]);
        let row = comparison.rows.iter().find(|row| row.run == 1 && row.cell == 0).unwrap();
        (row.verdict.text().to_owned(), row.ratio, comparison.check())
    };
    let comparable = |change: &dyn Fn(&mut Report)| {
        let (text, ratio, check) = verdict(change);
        check.unwrap();
        assert_eq!(ratio.is_some(), text == "faster");
        text
    };
    assert_eq!(comparable(&|_| {}), "faster");
    assert_eq!(comparable(&|r| r.cells[0].source = "another".into()), "another model");
    assert_eq!(comparable(&|r| r.cells[0].batch = 5), "no baseline");
    assert_eq!(comparable(&|r| r.cells[0].bits = "1/1".into()), "no baseline");
    assert_eq!(comparable(&|r| r.cells[0].warm = None), "no figure");
    // A device that the first run does not have is compared with that run's first one of its kind, and with no other.
    assert_eq!(comparable(&|r| r.devices[0].id = "new".into()), "faster");
    let processor = |r: &mut Report| {
        (r.devices[0].id, r.devices[0].api, r.devices[0].name) = ("cpu".into(), "cpu".into(), "cpu".into())
    };
    assert_eq!(comparable(&processor), "no baseline of its kind");
}

/// Two hardware GPUs of other names, each with a processor beside it.
fn machine(run_name: &str, gpu: &str, rates: [f64; 2]) -> NamedReport {
    let mut run = run(run_name, [(rates[0], 0.0), (rates[1], 0.0)]);
    let [cpu, gpu_at] = [run.report.cells[0].device, run.report.cells[1].device];
    let cpu = &mut run.report.devices[cpu];
    (cpu.id, cpu.name, cpu.api) = ("cpu".into(), "cpu".into(), "cpu".into());
    let device = &mut run.report.devices[gpu_at];
    (device.id, device.name, device.api) = (format!("vulkan:{gpu}"), gpu.into(), "vulkan".into());
    run
}

#[test]
fn a_gpu_is_compared_with_a_gpu() {
    let runs = || vec![machine("old", "RTX 3060", [10.0, 100.0]), machine("new", "RTX 3090", [11.0, 200.0])];
    let comparison = Comparison::new(runs());
    assert_eq!(verdicts(&comparison)[2..], [(Some(1.1), "faster"), (Some(2.0), "faster")]);
    let against =
        |comparison: &Comparison, row: usize| comparison.base_device(&comparison.rows[row]).unwrap().name.clone();
    assert_eq!([2, 3].map(|row| against(&comparison, row)), ["cpu", "RTX 3060"]);
    assert_eq!(comparison.advice(), None);

    // A chosen baseline is compared with everything, its own run included.
    let chosen = Comparison::with_baseline(runs(), &"cpu".parse().unwrap()).unwrap();
    let expected = [(Some(1.0), "baseline"), (Some(10.0), "faster"), (Some(1.1), "faster"), (Some(20.0), "faster")];
    assert_eq!(verdicts(&chosen), expected);
    let error = Comparison::with_baseline(runs(), &"RTX 3090".parse().unwrap()).unwrap_err();
    assert_eq!(error.kind(), crate::error::ErrorKind::NoAdapter);
    assert!(error.to_string().contains("RTX 3060"), "{error}");
}

#[test]
fn devices_of_one_machine_are_compared() {
    let mut one = machine("one", "RTX 3060", [10.0, 100.0]);
    let device = one.report.cells[0].device;
    let first = &mut one.report.devices[device];
    (first.id, first.name, first.api) = ("vulkan:RTX 3090".into(), "RTX 3090".into(), "vulkan".into());
    let comparison = Comparison::new(vec![one]);
    assert_eq!(verdicts(&comparison), [(Some(1.0), "baseline"), (Some(10.0), "faster")]);
    assert!(comparison.compares());
    let single = Comparison::new(vec![machine("one", "RTX 3060", [10.0, 100.0])]);
    assert_eq!(verdicts(&single), [(Some(1.0), "baseline"); 2], "a processor and a GPU are of two kinds");
    assert!(!single.compares());
}

#[test]
fn runs_of_other_work_say_what_to_do() {
    let mut other = run("b", [(200.0, 0.0); 2]);
    other.report.cells.iter_mut().for_each(|cell| cell.batch = 77);
    let comparison = Comparison::new(vec![run("a", [(100.0, 0.0); 2]), other]);
    assert!(
        comparison.advice().is_some_and(|advice| advice.contains("same arguments") && advice.contains("--baseline"))
    );
}

#[test]
fn comparisons_are_written_as_json() {
    let comparison = Comparison::new(vec![run("a", [(100.0, 0.0); 2]), run("b", [(200.0, 0.0); 2])]);
    let json: serde_json::Value = serde_json::from_str(&comparison.json().unwrap()).unwrap();
    let figure = &json["figures"][2];
    assert_eq!((&figure["run"], &figure["ratio"], &figure["verdict"]), (&"b".into(), &2.0.into(), &"faster".into()));
    assert_eq!(
        figure["against"],
        json["runs"][0]["report"]["devices"][comparison.runs[0].report.cells[0].device]["id"]
    );
    assert_eq!((json["figures"].as_array().unwrap().len(), &json["schema"]), (4, &1.into()));
}

#[test]
fn other_digests_are_errors() {
    let mut runs = vec![run("a", [(100.0, 0.0); 2]), run("b", [(200.0, 0.0); 2])];
    for cell in &mut runs[1].report.cells {
        cell.digest.expected = "cd".repeat(32);
        cell.digest.found = Some("cd".repeat(32));
    }
    let comparison = Comparison::new(runs.clone());
    assert_eq!(verdicts(&comparison)[2..], [(None, "digests differ"); 2]);
    assert_eq!(comparison.mismatches.len(), 1, "one for both devices: {:?}", comparison.mismatches);
    let error = comparison.check().unwrap_err();
    assert_eq!(error.kind(), crate::error::ErrorKind::VerificationFailed);
    assert!(["DIGESTS DIFFER", "abababababab", "cdcdcdcdcdcd"].iter().all(|part| error.to_string().contains(part)));

    // A device that disagrees with its own reference, in a run that agrees with the other.
    runs[1] = run("b", [(200.0, 0.0); 2]);
    runs[1].report.cells[1].digest.found = Some("00".repeat(32));
    let comparison = Comparison::new(runs);
    assert!(comparison.mismatches[0].contains("of b gives 000000000000"), "{:?}", comparison.mismatches);
    assert_eq!(verdicts(&comparison)[3], (None, "digests differ"));
}

#[test]
fn tables_have_a_field_for_each_column() {
    let comparison = Comparison::new(vec![run("a, or b", [(100.0, 0.0); 2]), run("c", [(200.0, 0.0); 2])]);
    let csv = comparison.csv();
    let columns = csv.lines().next().unwrap().split(',').count();
    let line = csv.lines().nth(3).unwrap();
    // No field of this line contains a comma.
    assert_eq!(line.split(',').count(), columns);
    assert!(line.starts_with("c,2026-") && line.ends_with(",2,faster"));
    assert!(csv.lines().nth(1).unwrap().starts_with("\"a, or b\","));
}

#[test]
fn runs_are_named_by_their_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("new")).unwrap();
    let paths = ["box.json", "new/box.json", "other.json"].map(|name| folder.path().join(name));
    paths.iter().for_each(|path| sample::full().write(path).unwrap());
    let names: Vec<String> = NamedReport::read(&paths).unwrap().into_iter().map(|run| run.name).collect();
    assert_eq!(names, [paths[0].display().to_string(), paths[1].display().to_string(), "other".to_owned()]);
    assert!(NamedReport::read(&[folder.path().join("none.json")]).unwrap_err().to_string().contains("none.json"));
}
