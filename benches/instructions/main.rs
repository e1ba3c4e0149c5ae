//! Counts the instructions that the CPU's kernels execute on one thread, under valgrind, and compares them with the
//! committed figures. Unlike times they hardly vary, so that small losses show on any machine.
//!
//!     cargo bench --bench instructions -- [--update]
//!
//! It fails if a figure has grown by more than 3 % and 20,000 instructions. Valgrind knows no AVX-512 and no AVX-VNNI:
//! what counts is AVX2 and portable code.

mod callgrind;
#[path = "../common/mod.rs"]
mod common;
mod counted;
mod figures;

use callgrind::Valgrind;
use common::Outcome;
use figures::{Figures, compare};
use std::path::Path;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    match arguments.next().as_deref() {
        None => check(),
        Some("--update") => update(),
        Some(callgrind::INSIDE) => counted::run(),
        Some(other) => Err(format!("unknown option {other}").into()),
    }
}

/// Figures of the program as it is now; None, with a remark, if they cannot be had here.
fn found() -> Outcome<Option<Figures>> {
    let Some(valgrind) = Valgrind::find() else {
        eprintln!("valgrind is not installed: no instructions were counted");
        return Ok(None);
    };
    Ok(Some(Figures { compiler: compiler()?, instructions: valgrind.count()? }))
}

fn check() -> Outcome<()> {
    let Some(found) = found()? else { return Ok(()) };
    let expected = Figures::read(&file())?;
    let comparison = compare(&expected, &found);
    print!("{comparison}");
    match comparison.failures() {
        0 => Ok(()),
        n => Err(format!(
            "{n} figures need attention; if they are meant to be so: cargo bench --bench instructions -- --update"
        )
        .into()),
    }
}

fn update() -> Outcome<()> {
    let found = found()?.ok_or("there is nothing to write")?;
    if let Ok(before) = Figures::read(&file()) {
        print!("{}", compare(&before, &found));
    }
    Ok(found.write(&file())?)
}

fn file() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/expected.json")
}

/// What chooses the instructions, beside the sources: the compiler's version and the target.
fn compiler() -> Outcome<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = String::from_utf8(std::process::Command::new(rustc).arg("--version").output()?.stdout)?;
    Ok(format!("{}, {}-{}", version.trim(), std::env::consts::ARCH, std::env::consts::OS))
}
