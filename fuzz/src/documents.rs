//! Files that are opened by their paths: reports, graphs, checkpoints of any kind.

use crate::network;
use crate::target::{checked, refused};
use lq_infer::DeviceSelector;
use lq_infer::internals::bench::compare::{Comparison, NamedReport};
use lq_infer::internals::bench::html;
use lq_infer::internals::convert::{Checkpoint, ConvertOptions, CustomNetwork, convert_graph};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The fixtures of the library's tests.
pub const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures");

/// A file of these bytes. The next call with the same name overwrites it.
pub fn file(name: &str, data: &[u8]) -> PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let memory = Path::new("/dev/shm");
    let folder = FOLDER.get_or_init(|| match memory.is_dir() {
        true => TempDir::new_in(memory).expect("memory can be written"),
        false => TempDir::new().expect("there is a folder for temporary files"),
    });
    let path = folder.path().join(name);
    std::fs::write(&path, data).expect("a temporary file can be written");
    path
}

/// A benchmark report: read, compared with itself, and shown as pages, tables and JSON.
pub fn report(data: &[u8]) {
    let path = file("report.json", data);
    let Some(runs) = checked(NamedReport::read(&[path.clone(), path])) else { return };
    for run in &runs {
        html::report_svg(&run.report);
        assert!(run.report.csv().lines().count() > run.report.cells.len());
    }
    for runs in [runs[..1].to_vec(), runs] {
        shown(&Comparison::new(runs.clone()));
        if let Some(comparison) = checked(Comparison::with_baseline(runs, &DeviceSelector::Index(0))) {
            shown(&comparison);
        }
    }
}

fn shown(comparison: &Comparison) {
    checked(comparison.check());
    checked(comparison.json());
    comparison.csv();
    comparison.advice();
    assert!(html::report(comparison).contains("</html>"));
    html::comparison(comparison);
    html::comparison_svg(comparison);
}

/// A graph file. What is read can be written, and read again; a small one runs with random parameters.
pub fn graph(data: &[u8]) {
    let Some(read) = checked(CustomNetwork::read(&file("graph.json", data))) else { return };
    let written = serde_json::to_string(&read).expect("a network can be written");
    assert_eq!(CustomNetwork::parse(&written), Ok(read.clone()));
    network::run_graph(&read.graph, &read.preprocess.normalize, &mut network::Draws::new(data));
}

/// The graph in a file of an exported network.
pub fn exported(data: &[u8]) {
    checked(CustomNetwork::read(&file("exported.safetensors", data)));
}

/// A small network and its checkpoint.
pub fn small() -> (CustomNetwork, Checkpoint) {
    let folder = Path::new(FIXTURES).join("custom_net");
    let network = CustomNetwork::read(&folder.join("float-ends.json")).expect("a graph file of the tests");
    (network, Checkpoint::open(&folder.join("float-ends.pt")).expect("a checkpoint of the tests"))
}

/// The mean image of a conversion.
pub fn mean_image(data: &[u8]) {
    static SMALL: OnceLock<(CustomNetwork, Checkpoint)> = OnceLock::new();
    let (network, checkpoint) = SMALL.get_or_init(|| {
        let (mut network, checkpoint) = small();
        network.preprocess.normalize =
            serde_json::from_str(r#"{"kind": "tensor-only", "range": 1.0}"#).expect("the network takes tensors");
        (network, checkpoint)
    });
    let options = ConvertOptions { mean_image: Some(file("mean.npy", data)), ..ConvertOptions::default() };
    checked(convert_graph(checkpoint, network, &options, &|_, _| {}));
}

/// A checkpoint of any kind: opened, hashed, and converted as one of the zoo's networks and as one of one's own. To work out
/// which network it is takes a second, so that is done now and then.
pub fn checkpoint(data: &[u8]) {
    static NETWORK: OnceLock<CustomNetwork> = OnceLock::new();
    let network = NETWORK.get_or_init(|| small().0);
    let Some(checkpoint) = checked(Checkpoint::open(&file("checkpoint", data))) else { return };
    checked(checkpoint.sha256());
    let recognized = data.len() % 64 == 0;
    let arch = (!recognized).then(|| "cifar-resnet-20".to_owned());
    let options = ConvertOptions { arch, ..ConvertOptions::default() };
    let converted = checked(lq_infer::convert(&checkpoint, &options, &|_, _| {}));
    let custom = checked(convert_graph(&checkpoint, network, &ConvertOptions::default(), &|_, _| {}));
    for conversion in converted.into_iter().chain(custom) {
        if let Err(problem) = conversion.packed.check() {
            refused(problem);
        }
    }
}
