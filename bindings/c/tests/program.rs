//! C programs against the header: `program.c` with the static library, under AddressSanitizer, and the example of the
//! README with either library.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The library of this name that the test was built with.
fn library(name: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.parent().unwrap().join(name)
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `cc` for a program in the standard that the header is for, without warnings.
fn compiler() -> Command {
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-g", "-I"]).arg(here().join("include"));
    cc
}

/// What a command prints. It has to end well.
fn printed(command: &mut Command) -> String {
    let done = command.env("NODEVICE_SELECT", "1").output().expect("a C compiler");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{command:?}\n{}{}", text(&done.stdout), text(&done.stderr));
    text(&done.stdout)
}

const SYSTEM: [&str; 3] = ["-lm", "-lpthread", "-ldl"];

#[test]
fn a_c_program_finds_what_the_header_promises() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    let mut cc = compiler();
    cc.arg("-fsanitize=address,undefined").arg(here().join("tests/program.c")).arg("-o").arg(&program);
    printed(cc.arg(library("liblq_infer_c.a")).args(SYSTEM));
    let (root, mut run) = (here().join("../.."), Command::new(&program));
    run.arg(root.join("models/resnet20-cifar10-w2a2.safetensors")).arg(root.join("examples/ship.png"));
    // Drivers of GPUs keep memory until the process ends.
    let shown = printed(run.env("ASAN_OPTIONS", "detect_leaks=0"));
    assert!(shown.ends_with("all right\n"), "{shown}");

    // The digest of the picture is that of the library in Rust.
    let net = lq_infer::Engine::builder().device(lq_infer::DeviceSelector::Cpu).build().unwrap();
    let net = net.prepare(&lq_infer::Model::bundled().unwrap()).unwrap();
    let picture = lq_infer::Pixels::open(root.join("examples/ship.png")).unwrap();
    let digest = net.classify(&picture, &lq_infer::ClassifyOptions::default()).unwrap().digest;
    assert!(shown.contains(&format!("digest {digest}\n")), "{digest} is not in {shown}");
}

/// The only C program in the README, as a file.
fn example(folder: &Path) -> PathBuf {
    let readme = std::fs::read_to_string(here().join("README.md")).unwrap();
    let programs: Vec<&str> = readme.split("```c\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [program] = programs[..] else { panic!("the README has {} C programs, expected one", programs.len()) };
    let file = folder.join("example.c");
    std::fs::write(&file, program).unwrap();
    file
}

fn assert_classes(printed: &str) {
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines.len() == 3 && lines.iter().all(|line| line.contains('%')), "{printed}");
}

#[test]
fn the_example_of_the_readme_runs_with_the_static_library() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("example");
    let mut cc = compiler();
    printed(cc.arg(example(folder.path())).arg("-o").arg(&program).arg(library("liblq_infer_c.a")).args(SYSTEM));
    assert_classes(&printed(&mut Command::new(program)));
}

/// A program that was linked with the library by its path asks for it by name, so both can move.
#[test]
fn the_example_of_the_readme_runs_with_the_shared_library() {
    let folder = tempfile::tempdir().unwrap();
    let [built, moved] = ["built", "moved"].map(|name| folder.path().join(name));
    std::fs::create_dir(&built).unwrap();
    std::fs::copy(library("liblq_infer_c.so"), built.join("liblq_infer_c.so")).unwrap();
    for (name, linked) in [
        ("by-path", vec![built.join("liblq_infer_c.so").into_os_string()]),
        ("by-name", vec!["-L".into(), built.clone().into_os_string(), "-llq_infer_c".into()]),
    ] {
        let mut cc = compiler();
        cc.arg(example(folder.path())).arg("-o").arg(folder.path().join(name)).args(linked);
        printed(cc.arg("-Wl,-rpath,$ORIGIN/moved"));
    }
    std::fs::rename(&built, &moved).unwrap();
    for name in ["by-path", "by-name"] {
        assert_classes(&printed(&mut Command::new(folder.path().join(name))));
    }
}
