//! `program.c`, compiled against the header and linked with the static library, under AddressSanitizer.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The static library that this test was built with.
fn library() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.parent().unwrap().join("liblq_infer_c.a")
}

#[test]
#[cfg(target_os = "linux")]
fn a_c_program_finds_what_the_header_promises() {
    let (here, folder) = (Path::new(env!("CARGO_MANIFEST_DIR")), tempfile::tempdir().unwrap());
    let program = folder.path().join("program");
    let compiled = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-g", "-fsanitize=address,undefined", "-I"])
        .arg(here.join("include"))
        .arg(here.join("tests/program.c"))
        .arg("-o")
        .arg(&program)
        .arg(library())
        .args(["-lm", "-lpthread", "-ldl"])
        .status()
        .expect("a C compiler");
    assert!(compiled.success());
    let root = here.join("../..");
    let run = Command::new(&program)
        .arg(root.join("models/resnet20-cifar10-w2a2.safetensors"))
        .arg(root.join("examples/ship.png"))
        .env("NODEVICE_SELECT", "1")
        // Drivers of GPUs keep memory until the process ends.
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(run.status.success(), "{}{}", text(&run.stdout), text(&run.stderr));
    assert!(text(&run.stdout).ends_with("all right\n"));
}
