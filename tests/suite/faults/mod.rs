//! Unlucky machines: special files, full disks, signals, limits, forks. What Linux offers to provoke them.

mod inputs;
mod limits;
mod outputs;
mod signals;

use crate::common::program::{command, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const SHIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ship.png");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/resnet20-cifar10-w2a2.safetensors");
const PROGRAM: &str = env!("CARGO_BIN_EXE_lq-infer");

/// More than any of these commands takes; one that still runs then hangs.
const PATIENCE: Duration = Duration::from_secs(60);

fn fifo(path: PathBuf) -> PathBuf {
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

/// Runs a command that must end.
fn ends(command: &mut Command) -> Output {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{command:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

/// Names of the files in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
