//! Compiles the shaders of networks for GPUs that are not at hand, and compares the machine code with committed figures.
//!
//!     cargo bench --bench isa -- [--update | --list | --times | --keep FOLDER | --here DEVICE]
//!
//! Mesa's Vulkan driver for AMD (RADV) compiles for any family of GPUs without having one, and tells the instructions. So a
//! shader that became slower shows on any machine: in instructions of the hot loop, loads, registers, spills. How dispatches
//! divide their work needs no driver. Fails if a figure became worse (`compare.rs` says by how much it may).
//!
//! `--update` writes the figures, `--list` prints all of them, `--times` what each layer would take by the model of time
//! (`src/bench/model/`), `--keep` writes shaders and machine code to a folder, and `--here` prints
//! what the driver at hand says of the shaders for one of the model's devices.

#![allow(unreachable_pub)] // a program has no callers outside

#[path = "../common/mod.rs"]
mod common;
mod compare;
mod division;
mod driver;
mod families;
mod shaders;
mod spirv;
mod tables;
mod training;
#[path = "../common/verdict.rs"]
mod verdict;

use common::Outcome;
use compare::Change;
use division::Division;
use driver::Driver;
use families::{FAMILIES, Family, Radv, STAND_IN};
use lq_infer::internals::bench::model::{Figures, MACHINES, Machine, compared};
use shaders::{Network, Source};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use verdict::Verdict;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    let first = arguments.next();
    let mut path = || -> Outcome<PathBuf> { Ok(arguments.next().ok_or("a path is missing")?.into()) };
    match first.as_deref() {
        Some(families::INSIDE) => families::inside(&path()?),
        Some("--keep") => keep(&path()?),
        Some("--here") => here(&path()?.to_string_lossy()),
        Some("--update") => update(),
        Some("--list") => found()?.map_or(Ok(()), |found| tables::list(&found.families, &found.divisions)),
        Some("--times") => found()?.map_or(Ok(()), |found| tables::times(&found.networks, stand_in(&found)?)),
        Some(other) => Err(format!("unknown option {other}").into()),
        None => check(),
    }
}

/// Everything that is found out about the current shaders.
struct Found {
    networks: Vec<Network>,
    families: Vec<Family>,
    divisions: BTreeMap<String, Division>,
}

/// None without the driver.
fn found() -> Outcome<Option<Found>> {
    let Some(radv) = Radv::find() else {
        eprintln!("Mesa's Vulkan driver for AMD is not installed (package mesa-vulkan-drivers): nothing was compiled");
        return Ok(None);
    };
    let networks = shaders::networks()?;
    // What the model of time compares is compiled for the family that stands for others.
    let compared = compared(families::machine(STAND_IN)?.name);
    let compile = |name| -> Outcome<Family> {
        let own = families::machine(name)?;
        let machines = if name == STAND_IN { compared.clone() } else { vec![own] };
        let mut sources = shaders::shaders(&networks, &machines);
        sources.extend(training::shaders(own)?);
        radv.compile(name, sources)
    };
    let families = FAMILIES.into_iter().map(compile).collect::<Outcome<Vec<Family>>>()?;
    let divisions = shaders::divisions(&networks, &compared)?;
    Ok(Some(Found { networks, families, divisions }))
}

fn stand_in(found: &Found) -> Outcome<&Family> {
    Ok(found.families.iter().find(|family| family.name == STAND_IN).ok_or("its family was not compiled for")?)
}

fn check() -> Outcome<()> {
    let Some(found) = found()? else { return Ok(()) };
    let mut failures = judge(&found)?;
    failures += report("dispatches", &compare::divisions(&read_divisions()?, &found.divisions));
    let shaders: usize = found.families.iter().map(|family| family.sources.len()).sum();
    let (families, dispatches) = (found.families.len(), found.divisions.len());
    println!("{shaders} compiled shaders of {families} families and {dispatches} dispatches were compared");
    match failures {
        0 => Ok(()),
        n => {
            Err(format!("{n} figures need attention; if they are meant to be so: cargo bench --bench isa -- --update")
                .into())
        }
    }
}

/// Compiles with the driver that the environment selects and prints what it tells, for drivers of other makers (`nvidia.sh`).
fn here(device: &str) -> Outcome<()> {
    let machines: &'static [Machine] = &MACHINES;
    let machine =
        machines.iter().find(|machine| machine.id == device).ok_or_else(|| format!("unknown device {device}"))?;
    let driver = Driver::open()?.ok_or("there is no Vulkan device")?;
    println!("{} ({}), shaders for {}", driver.name, driver.version, machine.name);
    let mut sources = shaders::shaders(&shaders::networks()?, &[machine]);
    sources.extend(training::shaders(machine)?);
    for source in sources {
        let compiled = driver.compile(&spirv::translated(&source.wgsl, driver.abilities())?, source.storage_buffers)?;
        let statistics: Vec<String> = compiled.statistics.iter().map(|(name, n)| format!("{name} {n}")).collect();
        println!("{} ({}), subgroups of {}: {}", source.name, source.variant, compiled.lanes, statistics.join(", "));
    }
    Ok(())
}

/// Judges the shaders of all families and returns how many figures fail.
fn judge(found: &Found) -> Outcome<usize> {
    let mut failures = 0;
    for family in &found.families {
        let expected = Figures::parse(&read(&file(family.name))?)?;
        if expected.compiler != family.figures.compiler {
            let (before, now) = (&expected.compiler, &family.figures.compiler);
            println!("{}: not comparable: the figures are of {before}, here is {now}", family.name);
            continue;
        }
        let changes = compare::shaders(&expected, &family.figures);
        failures += report(family.name, &changes);
        let is_worse = |source: &Source| changes.iter().any(|c| c.name == source.name && c.verdict == Verdict::Worse);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("isa");
        for (source, text) in family.sources.iter().zip(&family.texts).filter(|(source, _)| is_worse(source)) {
            println!("  its machine code: {}", write_code(&folder, family.name, source, text)?.display());
        }
    }
    Ok(failures)
}

fn report(title: &str, changes: &[Change]) -> usize {
    changes.iter().for_each(|change| println!("{title}: {change}"));
    changes.iter().filter(|change| change.verdict.fails()).count()
}

fn update() -> Outcome<()> {
    let found = found()?.ok_or("there is nothing to write")?;
    for family in &found.families {
        if let Ok(before) = read(&file(family.name)).and_then(|text| Ok(Figures::parse(&text)?)) {
            report(family.name, &compare::shaders(&before, &family.figures));
        }
        std::fs::write(file(family.name), family.figures.text()?)?;
    }
    if let Ok(before) = read_divisions() {
        report("dispatches", &compare::divisions(&before, &found.divisions));
    }
    Ok(std::fs::write(file("dispatches"), tables::lines(&found.divisions)?)?)
}

/// Writes all shaders and what they compile to.
fn keep(folder: &Path) -> Outcome<()> {
    let Some(found) = found()? else { return Ok(()) };
    for family in &found.families {
        for (source, text) in family.sources.iter().zip(&family.texts) {
            write_code(folder, family.name, source, text)?;
        }
    }
    Ok(())
}

/// Writes a shader and its machine code beside each other, and returns the path of the latter.
fn write_code(folder: &Path, family: &str, source: &Source, text: &str) -> Outcome<PathBuf> {
    let name: String = source.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let path = folder.join(family).join(name + ".txt");
    std::fs::create_dir_all(folder.join(family))?;
    std::fs::write(path.with_extension("wgsl"), &source.wgsl)?;
    std::fs::write(&path, text)?;
    Ok(path)
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/isa/figures/{name}.json"))
}

fn read(path: &Path) -> Outcome<String> {
    Ok(std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?)
}

fn read_divisions() -> Outcome<BTreeMap<String, Division>> {
    let path = file("dispatches");
    Ok(serde_json::from_str(&read(&path)?).map_err(|e| format!("{}: {e}", path.display()))?)
}
