//! Counts the instructions that the CPU's kernels execute on one thread, under valgrind, and compares the counts with
//! committed figures. Unlike times, counts hardly vary, so even small regressions show on any machine.
//!
//!     cargo bench --package instructions -- [--update]
//!
//! Fails if a figure has grown by more than 3 % and 20,000 instructions. Valgrind supports neither AVX-512 nor
//! AVX-VNNI, so only AVX2 and portable code are counted.

#![allow(unreachable_pub)] // a program has no callers outside

mod callgrind;
#[path = "../common/mod.rs"]
mod common;
mod counted;
mod figures;
#[path = "../common/verdict.rs"]
mod verdict;

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

/// The figures of the current code. Without valgrind, prints a remark and returns None.
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
            "{n} figures need attention; if they are meant to be so: cargo bench --package instructions -- --update"
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
    Path::new(env!("CARGO_MANIFEST_DIR")).join("expected.json")
}

/// The compiler's version and target, which affect the figures as the sources do.
fn compiler() -> Outcome<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = String::from_utf8(std::process::Command::new(rustc).arg("--version").output()?.stdout)?;
    Ok(format!("{}, {}-{}", version.trim(), std::env::consts::ARCH, std::env::consts::OS))
}
