//! Benchmarks: figures only for right results, noise that is told, reports that are whole.

use lq_infer::internals::backend::{Backend, Control, Detail, Executable, Peak, Timeline, Traced, cpu::Cpu};
use lq_infer::internals::bench::compare::{Comparison, NamedReport, Verdict};
use lq_infer::internals::bench::report::{Cell, Report};
use lq_infer::internals::bench::{ExpectedLogits, Job, measure, random_model};
use lq_infer::internals::plan::Plan;
use lq_infer::internals::zoo::Uniform;
use lq_infer::{DeviceSelector, Engine, Model, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A CPU that flips the lowest bit of a logit from its `right`-th run on.
struct Broken {
    right: usize,
}

struct BrokenNet {
    net: Box<dyn Executable>,
    right: usize,
    runs: AtomicUsize,
}

impl Backend for Broken {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn name(&self) -> String {
        "broken".into()
    }

    fn prepare(
        &self,
        plan: Arc<Plan>,
        images: usize,
        progress: lq_infer::internals::backend::Progress,
    ) -> Result<Box<dyn Executable>> {
        let net = Cpu::default().prepare(plan, images, progress)?;
        Ok(Box::new(BrokenNet { net, right: self.right, runs: AtomicUsize::new(0) }))
    }

    fn rate(&self, peak: Peak) -> Result<f64> {
        Cpu::default().rate(peak)
    }
}

impl Executable for BrokenNet {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn max_batch(&self) -> usize {
        self.net.max_batch()
    }

    fn run(&self, input: &[u32], images: usize, control: &Control) -> Result<Vec<u32>> {
        Ok(self.spoil(self.net.run(input, images, control)?))
    }

    fn timed(&self, input: &[u32], images: usize, detail: Detail, control: &Control) -> Result<(Vec<u32>, Timeline)> {
        let (output, timeline) = self.net.timed(input, images, detail, control)?;
        Ok((self.spoil(output), timeline))
    }

    fn trace(&self, input: &[u32]) -> Result<Vec<Traced>> {
        self.net.trace(input)
    }
}

impl BrokenNet {
    fn spoil(&self, mut output: Vec<u32>) -> Vec<u32> {
        if self.runs.fetch_add(1, Ordering::Relaxed) >= self.right {
            // The high word of a logit, so that it cannot vanish in rounding.
            output.iter_mut().for_each(|word| *word ^= 1);
        }
        output
    }
}

fn cell(engine: &Engine, model: &Model, budget: Duration) -> Cell {
    let reference = ExpectedLogits::new(model).unwrap();
    let (load, ceiling) = (Duration::ZERO, None);
    let job = Job { model, source: "test", load, reference: &reference, batch: 6, budget, ceiling, against_f32: true };
    measure(&job, engine, 0, &Control::default()).unwrap()
}

pub fn wrong_digests_void_figures() {
    let model = Model::bundled().unwrap();
    for right in [0, 1, 12] {
        let engine = Engine::from_backend(Arc::new(Broken { right }));
        // Long enough for more runs than that, also on a busy machine.
        let cell = cell(&engine, &model, Duration::from_millis(1500));
        assert_eq!(cell.warm, None, "right for {right} runs");
        assert!(cell.problem.unwrap().contains("wrong digest"));
        assert_ne!(cell.digest.found.unwrap(), cell.digest.expected);
    }
    // The same backend, never wrong, has figures: the comparison is not against everything.
    let engine = Engine::from_backend(Arc::new(Broken { right: usize::MAX }));
    let cell = cell(&engine, &model, Duration::from_secs(1));
    assert_eq!(cell.digest.found.unwrap(), cell.digest.expected);
    assert!(cell.warm.unwrap().wall.count > 0);
}

pub fn runs_on_gpus_have_parts() {
    let engine = Engine::builder().device(DeviceSelector::Gpu).build().unwrap();
    let parts = cell(&engine, &Model::bundled().unwrap(), Duration::from_millis(300)).warm.unwrap().parts.unwrap();
    assert!((3..=50).contains(&parts.upload.count) && parts.upload.least > 0.0 && parts.readback.least > 0.0);
    if let Some(device) = parts.device {
        assert!(device.count == parts.upload.count && device.least > 0.0);
    }
    let cpu = Engine::builder().device(DeviceSelector::Cpu).build().unwrap();
    assert_eq!(cell(&cpu, &Model::bundled().unwrap(), Duration::from_millis(50)).warm.unwrap().parts, None);
}

pub fn programs_beside_are_noticed() {
    let threads = std::thread::available_parallelism().unwrap().get();
    let hog = || Command::new("sh").args(["-c", "while :; do :; done"]).stdout(Stdio::null()).spawn().unwrap();
    let mut hogs: Vec<_> = (0..threads).map(|_| hog()).collect();
    let cell = cell(&Engine::builder().build().unwrap(), &Model::bundled().unwrap(), Duration::from_millis(1500));
    for hog in &mut hogs {
        hog.kill().unwrap();
        hog.wait().unwrap();
    }
    let noise = cell.warm.unwrap().noise;
    assert!(noise.iter().any(|remark| remark.contains("other programs")), "{noise:?}");
}

pub fn random_models_are_the_same_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, seed| {
        let path = folder.path().join(name);
        random_model("cifar-resnet-20", &Uniform::bits(1, 2), seed).unwrap().save(&path).unwrap();
        std::fs::read(path).unwrap()
    };
    assert!(file("first", 1) == file("second", 1) && file("third", 1) != file("fourth", 2));
    assert!(random_model("vgg-tiny", &Uniform::bits(1, 2), 1).unwrap_err().to_string().contains("vgg-tiny"));
}

/// The rival runs on GPUs; a CPU says so, and keeps its own figures.
pub fn float32_is_a_rival_on_gpus_only() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    for device in ["cpu", "vulkan"] {
        if device == "vulkan" && crate::common::devices::gpus().iter().all(|gpu| gpu.info().api != device) {
            continue;
        }
        let arguments = ["bench", "--quick", "--device", device, "--against", "f32", "--json"];
        let output = lq_infer().args(arguments).arg(&json).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report = Report::read(&json).unwrap();
        let (warm, rival) = (report.cells[0].warm.as_ref().unwrap(), report.cells[0].float32.as_ref().unwrap());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.lines().next().unwrap().ends_with("f32"), "{text}");
        match &rival.problem {
            Some(problem) => assert!(device == "cpu" && problem.contains("GPUs only"), "{device}: {problem}"),
            None => {
                assert_eq!(device, "vulkan");
                assert!(rival.wall.count + 1 >= warm.wall.count && rival.wall.least > 0.0);
                assert_eq!(rival.times, rival.wall.median / warm.wall.median);
                assert_eq!(rival.images_per_second, 1.0 / rival.wall.median);
                let timed = warm.parts.unwrap().device.is_some();
                assert_eq!(rival.device.is_some_and(|device| device.least > 0.0), timed);
            }
        }
    }
}

fn lq_infer() -> Command {
    Command::new(env!("CARGO_BIN_EXE_lq-infer"))
}

pub fn reports_are_complete_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let [json, csv, html, svg] =
        ["json", "csv", "html", "svg"].map(|kind| folder.path().join("report").with_extension(kind));
    let mut command = lq_infer();
    command.args(["bench", "--quick", "--device", "cpu,cpu-reference", "--batch", "1,2"]);
    for (option, path) in [("--json", &json), ("--csv", &csv), ("--html", &html), ("--svg", &svg)] {
        command.arg(option).arg(path);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = Report::read(&json).unwrap();
    assert!(report.complete && report.quick);
    assert_eq!((report.devices.len(), report.cells.len()), (2, 4));
    assert_eq!(report.shaders.len(), 64);
    for cell in &report.cells {
        let warm = cell.warm.as_ref().unwrap();
        assert_eq!(cell.digest.found.as_deref(), Some(cell.digest.expected.as_str()));
        assert!(warm.wall.least > 0.0 && warm.wall.least <= warm.wall.median && warm.wall.median <= warm.wall.p95);
        assert_eq!(warm.images_per_second, cell.batch as f64 / warm.wall.median);
        let cold = cell.cold.unwrap();
        assert!(cold.load > 0.0 && cold.lower > 0.0 && cold.first_run > 0.0);
    }
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().skip(1).take(4).all(|line| line.contains("cifar-resnet-20 2/2")), "{text}");
    let table = std::fs::read_to_string(&csv).unwrap();
    let columns = table.lines().next().unwrap().split(',').count();
    assert_eq!(table.lines().count(), 5);
    // The driver of a CPU is quoted: "2 threads, avx512".
    assert!(table.lines().skip(1).all(|line| line.split(',').count() >= columns));

    let page = std::fs::read_to_string(&html).unwrap();
    assert!(
        page.starts_with("<!DOCTYPE html>") && page.contains(&report.shaders) && page.contains("cifar-resnet-20 2/2")
    );
    let drawing = std::fs::read_to_string(&svg).unwrap();
    assert!(
        drawing.starts_with("<svg xmlns=")
            && drawing.contains("cpu-reference")
            && drawing.contains("color-scheme: dark")
    );

    report.write(&json).unwrap();
    assert_eq!(Report::read(&json).unwrap(), report);
    compared(folder.path(), &report);
    let problem = |change: &dyn Fn(&mut Report)| {
        let mut changed = report.clone();
        change(&mut changed);
        changed.write(&json).unwrap();
        Report::read(&json).unwrap_err().to_string()
    };
    let other_version = problem(&|r| r.schema = 7);
    assert!(other_version.contains("schema 7, expected 1") && other_version.contains("report.json"));
    assert!(problem(&|r| r.cells[1].device = 9).contains("device 9 of 2"));
    for text in ["", "{}", "[1]", "{\"schema\": 1}"] {
        std::fs::write(&json, text).unwrap();
        assert!(Report::read(&json).unwrap_err().to_string().contains("is no benchmark report"), "{text}");
    }
    assert!(Report::read(Path::new("nowhere.json")).unwrap_err().to_string().contains("nowhere.json"));
}

/// What `--compare` makes of a report and changed copies of it.
fn compared(folder: &Path, report: &Report) {
    let [before, after, page] = ["before.json", "after.json", "page.html"].map(|name| folder.join(name));
    report.write(&before).unwrap();
    let run = |change: &dyn Fn(&mut Report), files: &[&Path]| {
        let mut changed = report.clone();
        change(&mut changed);
        changed.write(&after).unwrap();
        lq_infer().args(["bench", "--compare"]).args(files).arg("--html").arg(&page).output().unwrap()
    };
    let twice_as_fast = |r: &mut Report| {
        for warm in r.cells.iter_mut().filter_map(|cell| cell.warm.as_mut()) {
            warm.images_per_second *= 2.0;
        }
    };
    let output = run(&twice_as_fast, &[&before, &after]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let [header, lines @ ..] = &text.lines().take(9).collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert!(header.contains("ratio  verdict"));
    assert_eq!(
        lines.iter().filter(|line| line.contains(" before ") && line.contains("1.000  baseline")).count(),
        4,
        "{text}"
    );
    assert_eq!(lines.iter().filter(|line| line.contains(" after ") && line.contains("2.000  ")).count(), 4, "{text}");
    assert!(std::fs::read_to_string(&page).unwrap().contains("before, after"));

    // Another digest is not a matter of speed.
    let other = |r: &mut Report| {
        (r.cells[0].digest.expected, r.cells[0].digest.found) = ("00".repeat(32), Some("00".repeat(32)))
    };
    let output = run(&other, &[&before, &after]);
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8(output.stderr).unwrap().contains("DIGESTS DIFFER"));
    assert!(String::from_utf8(output.stdout).unwrap().contains("digests differ"));

    // One report is shown again.
    let output = run(&|_| {}, &[&before]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("device"));
    assert!(std::fs::read_to_string(&page).unwrap().contains("First inference"));

    let output = run(&|r| r.schema = 7, &[&before, &after]);
    assert_eq!(output.status.code(), Some(3));
}

/// Runs of one machine are within each other's spread, or say that something was in the way. One of the three may have met with noise
/// that it did not notice.
pub fn repeated_runs_agree() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["first", "second", "third"].map(|name| folder.path().join(name).with_extension("json"));
    for path in &paths {
        let output = lq_infer().args(["bench", "--seconds", "1", "--device", "cpu", "--json"]).arg(path).output();
        assert!(output.unwrap().status.success());
    }
    let [first, second, third] = &paths;
    let compare = |a: &PathBuf, b: &PathBuf| {
        let comparison = Comparison::new(NamedReport::read(&[a.clone(), b.clone()]).unwrap());
        comparison.check().unwrap();
        assert_eq!((comparison.rows.len(), &comparison.rows[0].verdict), (2, &Verdict::Baseline));
        comparison.rows[1].verdict.clone()
    };
    let verdicts = [compare(first, second), compare(second, third), compare(first, third)];
    let agrees = |verdict: &Verdict| matches!(verdict, Verdict::WithinNoise | Verdict::Doubted);
    assert!(verdicts.iter().any(agrees), "{verdicts:?}");
}

pub fn wrong_arguments_are_usage_errors() {
    let code = |arguments: &[&str]| lq_infer().arg("bench").args(arguments).output().unwrap().status.code();
    assert_eq!(code(&["--net", "cifar-resnet-20", "--bits", "9/1"]), Some(2));
    assert_eq!(code(&["--net", "no-such-net"]), Some(2));
    assert_eq!(code(&["--batch", "0"]), Some(2));
    assert_eq!(code(&["--quick", "--seconds", "1"]), Some(2));
    for measuring in [["--quick", "--csv=x"], ["--net", "cifar-resnet-20"], ["--batch", "1"], ["--device", "cpu"]] {
        assert_eq!(code(&[&measuring[..], &["--compare", "a.json", "b.json"]].concat()), Some(2), "{measuring:?}");
    }
    assert_eq!(code(&["model.safetensors", "--compare", "a.json"]), Some(2));
    assert_eq!(code(&["--compare", "no-such-report.json", "b.json"]), Some(3));
    assert_eq!(code(&["--against", "f64"]), Some(2));
    assert_eq!(code(&["--device", "no-such-device"]), Some(4));
    assert_eq!(code(&["no-such-file.safetensors"]), Some(3));
    for file in ["--json", "--csv", "--html", "--svg"] {
        // An hour, were anything measured first.
        assert_eq!(code(&["--seconds", "3600", "--device", "cpu", file, "no/such/folder/report"]), Some(1));
    }
}

#[cfg(unix)]
pub fn interrupted_runs_leave_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let arguments = ["bench", "--seconds", "1", "--device", "cpu", "--batch", "1,2,3,4,5,6,7,8", "--json"];
    let mut run = lq_infer().args(arguments).arg(&json).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // The report is written whenever a cell is done.
    let cells = || Report::read(&json).map_or(0, |report| report.cells.len());
    while cells() < 2 {
        assert_eq!(run.try_wait().unwrap(), None, "it ended before it could be interrupted");
        std::thread::sleep(Duration::from_millis(20));
    }
    let interrupt = Command::new("sh").args(["-c", &format!("kill -INT {}", run.id())]).status().unwrap();
    assert!(interrupt.success());
    assert_eq!(run.wait().unwrap().code(), Some(1));
    let report = Report::read(&json).unwrap();
    assert!(!report.complete);
    assert!((2..8).contains(&report.cells.len()));
    assert!(report.cells.iter().all(|cell| cell.warm.is_some()));
}
