//! Compiles the shaders of networks for GPUs that are not at hand, and compares the machine code with committed figures.
//!
//!     cargo bench --bench isa -- [--update | --list | --times | --keep FOLDER]
//!
//! Mesa's Vulkan driver for AMD (RADV) compiles for any family of GPUs without having one, and tells the instructions. So a
//! shader that became slower shows on any machine: in instructions of the hot loop, loads, registers, spills. How dispatches
//! divide their work needs no driver. Fails if a figure became worse (`compare.rs` says by how much it may).
//!
//! `--update` writes the figures, `--list` prints all of them, `--times` what each layer would take by the model of time
//! (`src/bench/model/`), and `--keep` writes shaders and machine code to a folder.

#![allow(unreachable_pub)] // a program has no callers outside

#[path = "../common/mod.rs"]
mod common;
mod compare;
mod driver;
mod families;
mod shaders;
mod spirv;
mod tables;

use common::Outcome;
use common::verdict::Verdict;
use compare::Change;
use families::{FAMILIES, Family, Radv, STAND_IN};
use lq_infer::internals::bench::model::Figures;
use shaders::{Division, Network, Source};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    let first = arguments.next();
    let mut path = || -> Outcome<PathBuf> { Ok(arguments.next().ok_or("a path is missing")?.into()) };
    match first.as_deref() {
        Some(families::INSIDE) => families::inside(&path()?),
        Some("--keep") => keep(&path()?),
        Some("--update") => update(),
        Some("--list") => found()?.map_or(Ok(()), |found| tables::list(&found.families, &found.divisions)),
        Some("--times") => found()?.map_or(Ok(()), |found| tables::times(&found.networks, stand_in(&found)?, true)),
        Some(other) => Err(format!("unknown option {other}").into()),
        None => check(),
    }
}

/// Everything that is found out about the current shaders.
struct Found {
    networks: Vec<Network>,
    /// Those that are compiled for the family that stands for others; the first ones, `of_amd`, for every family.
    sources: Vec<Source>,
    of_amd: usize,
    families: Vec<Family>,
    divisions: BTreeMap<String, Division>,
}

/// None without the driver.
fn found() -> Outcome<Option<Found>> {
    let Some(radv) = Radv::find() else {
        eprintln!("Mesa's Vulkan driver for AMD is not installed (package mesa-vulkan-drivers): nothing was compiled");
        return Ok(None);
    };
    let (networks, kinds) = (shaders::networks()?, shaders::kinds());
    let of_amd = shaders::shaders(&networks, &kinds[..1]).len();
    let sources = shaders::shaders(&networks, &kinds);
    let of_family = |name: &str| if name == STAND_IN { sources.len() } else { of_amd };
    let families = FAMILIES.into_iter().map(|name| radv.compile(name, &sources[..of_family(name)]));
    let families = families.collect::<Outcome<Vec<Family>>>()?;
    let divisions = shaders::divisions(&networks, &kinds)?;
    Ok(Some(Found { networks, sources, of_amd, families, divisions }))
}

fn stand_in(found: &Found) -> Outcome<&Family> {
    Ok(found.families.iter().find(|family| family.name == STAND_IN).ok_or("its family was not compiled for")?)
}

fn check() -> Outcome<()> {
    let Some(found) = found()? else { return Ok(()) };
    let mut failures = judge(&found)?;
    failures += report("dispatches", &compare::divisions(&read_divisions()?, &found.divisions));
    println!(
        "{} shaders for AMD, {} more for other kinds, on {} families, and {} dispatches were compared",
        found.of_amd,
        found.sources.len() - found.of_amd,
        found.families.len(),
        found.divisions.len()
    );
    tables::times(&found.networks, stand_in(&found)?, false)?;
    match failures {
        0 => Ok(()),
        n => {
            Err(format!("{n} figures need attention; if they are meant to be so: cargo bench --bench isa -- --update")
                .into())
        }
    }
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
        for (source, text) in found.sources.iter().zip(&family.texts).filter(|(source, _)| is_worse(source)) {
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
        for (source, text) in found.sources.iter().zip(&family.texts) {
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
