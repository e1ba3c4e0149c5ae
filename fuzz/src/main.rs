//! Coverage-guided tests of everything that reads files which others made, and of networks that fuzzed bytes describe. One
//! program, because linking takes longer than compiling; the environment variable `FUZZ_TARGET` chooses what it tests. The
//! script `run` beside this folder builds and runs it.
//!
//! A target must return for all bytes. Panics, overflows, endless loops and unbounded memory are faults, and so is an error
//! message of more than one line.
#![no_main]

mod archives;
mod arrays;
mod documents;
mod network;
mod pictures;
mod seals;
mod seeds;
mod target;
#[path = "../../tests/common/torch_files.rs"]
#[allow(dead_code)] // the tests of the library use all of it
mod torch_files;
#[path = "../../tests/common/writers.rs"]
#[allow(dead_code)]
mod writers;

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use target::Target;

static CHOSEN: OnceLock<&'static Target> = OnceLock::new();

fuzz_target!(
    init: start(),
    |data: &[u8]| CHOSEN.get().expect("libFuzzer calls `init` first").test(data)
);

/// Chooses the target. With `FUZZ_SEEDS`, the name of a folder, writes the seeds of all targets there instead, and ends.
/// With `FUZZ_LIST`, prints the names of all targets, and ends.
fn start() {
    let targets = Target::all();
    if std::env::var_os("FUZZ_LIST").is_some() {
        targets.iter().for_each(|target| println!("{}", target.name));
        std::process::exit(0);
    }
    if let Some(folder) = std::env::var_os("FUZZ_SEEDS") {
        seeds::write(folder.as_ref()).expect("the folder of the seeds can be written");
        std::process::exit(0);
    }
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let Some(target) = targets.iter().find(|target| target.name == name) else {
        eprintln!("FUZZ_TARGET is {name:?}; run this program with fuzz/run");
        std::process::exit(2);
    };
    CHOSEN.get_or_init(|| target);
}
