//! Files to read that are no files, have no end, or change while they are read.

use super::{MODEL, SHIP, command, ends, fifo, stderr};
use lq_infer::{Control, DeviceSelector, Engine, Model};

/// Commands that read the file FILE, in all places where a path is given.
const READERS: [&[&str]; 13] = [
    &["--device", "cpu", "FILE"],
    &["--device", "cpu", "FILE.npy"],
    &["--device", "cpu", "--model", "FILE", SHIP],
    &["inspect", "FILE"],
    &["verify", "FILE", "--device", "cpu"],
    &["export", "FILE", "-o", "OUT"],
    &["convert", "FILE", "-o", "OUT"],
    &["convert", "CHECKPOINT", "--graph", "FILE", "-o", "OUT"],
    &["convert", "CHECKPOINT", "--labels", "FILE", "-o", "OUT"],
    &["convert", "CHECKPOINT", "--mean-image", "FILE", "-o", "OUT"],
    &["convert", "CHECKPOINT", "--verify", "FILE", "FILE"],
    &["bench", "--compare", "FILE"],
    &["bench", "FILE", "--device", "cpu", "--quick"],
];

#[test]
fn pipes_and_devices_are_refused_and_never_block() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let exported = ends(&mut command(&["export", MODEL, "-o", &at("float.safetensors")]));
    assert!(exported.status.success(), "{}", stderr(&exported));
    fifo(folder.path().join("pipe"));
    fifo(folder.path().join("pipe.npy"));
    std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", at("zero.npy")).unwrap();
    for reader in READERS {
        for (name, found) in [("pipe", "a pipe"), ("zero", "a device")] {
            let args: Vec<String> = reader
                .iter()
                .map(|arg| match *arg {
                    "FILE" => at(name),
                    "FILE.npy" => at(name) + ".npy",
                    "CHECKPOINT" => at("float.safetensors"),
                    "OUT" => at("out.safetensors"),
                    other => other.to_owned(),
                })
                .collect();
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let output = ends(&mut command(&args));
            let error = stderr(&output);
            assert_eq!(output.status.code(), Some(3), "{args:?}: {error}");
            assert!(error.contains(&format!("is {found}, expected a regular file")), "{args:?}: {error}");
        }
    }
}

#[test]
fn a_model_that_is_truncated_or_overwritten_while_in_use_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    std::fs::copy(MODEL, &path).unwrap();
    let engine = Engine::builder().device(DeviceSelector::Cpu).build().unwrap();
    let logits = |model: &Model| {
        let batch = lq_infer::Batch::Pixels(vec![77; 32 * 32 * 3]);
        engine.prepare(model).unwrap().logits(&batch, &Control::default()).unwrap()
    };
    let model = Model::open(&path).unwrap();
    let expected = logits(&model);
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(1000).unwrap();
    assert_eq!(logits(&model), expected);
    std::fs::write(&path, vec![0xaa; 100_000]).unwrap();
    assert_eq!(logits(&model), expected);
}

#[test]
fn long_names_and_lists_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (path, float) = (folder.path().join("graph.json"), folder.path().join("float.safetensors"));
    assert!(ends(&mut command(&["export", MODEL, "-o", float.to_str().unwrap()])).status.success());
    let graph = |name: &str, inputs: &str| {
        let preprocess = r#"{"resize":{"shorter_edge":8,"filter":"pillow-bilinear","crop":[8,8]},"channels":"rgb","normalize":{"kind":"tensor-only","range":1.0}}"#;
        let input = r#"{"name":"x","op":{"kind":"input","shape":{"h":8,"w":8,"c":3}},"inputs":[]}"#;
        format!(
            r#"{{"version":1,"name":"n","graph":[{input},{{"name":"{name}","op":{{"kind":"concat"}},"inputs":[{inputs}]}}],"preprocess":{preprocess}}}"#
        )
    };
    let cases = [
        (graph(&"n".repeat(600_000), &vec![r#""x""#; 300_000].join(",")), "has 600000 bytes"),
        (graph("join", &vec![r#""x""#; 300_000].join(",")), "has 300000 inputs"),
        (graph("join", &format!(r#""{}""#, "y".repeat(2000))), "has 2000 bytes"),
    ];
    for (text, problem) in cases {
        std::fs::write(&path, text).unwrap();
        let start = std::time::Instant::now();
        let args = ["convert", float.to_str().unwrap(), "--graph", path.to_str().unwrap(), "-o", "/dev/null"];
        let output = ends(&mut command(&args));
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{error}");
        assert!(error.contains(problem) && error.len() < 4096, "{problem}: {error}");
        assert!(start.elapsed().as_secs() < 5, "{problem}: {:?}", start.elapsed());
    }
}

#[test]
fn an_array_without_images_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.npy");
    std::fs::write(&path, crate::common::writers::npy("|u1", false, "(0, 32, 32, 3)", &[])).unwrap();
    let output = ends(&mut command(&["--device", "cpu", path.to_str().unwrap()]));
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("holds no image"), "{}", stderr(&output));
}
