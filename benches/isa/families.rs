//! Families of AMD's GPUs, for which Mesa's driver compiles without any of them at hand.

use crate::common::Outcome;
use crate::driver::{Compiled, Driver};
use crate::shaders::Source;
use crate::spirv;
use lq_infer::internals::bench::isa::{Class, Code, Sought};
use lq_infer::internals::bench::model::{Figure, Figures, Loads, Machine, of_family};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The families, oldest first.
pub const FAMILIES: [&str; 5] = ["polaris10", "vega10", "navi10", "navi21", "gfx1100"];
/// The one that stands for other makers' devices in the model of time.
pub const STAND_IN: &str = "navi21";

/// The argument that makes this program compile the shaders listed in a file.
pub const INSIDE: &str = "--compile";

/// Where Mesa's packages put the description of the driver.
const DRIVERS: [&str; 2] =
    ["/usr/share/vulkan/icd.d/radeon_icd.x86_64.json", "/usr/share/vulkan/icd.d/radeon_icd.json"];

/// Mesa's Vulkan driver for AMD.
pub struct Radv(PathBuf);

/// What became of shaders on one family.
pub struct Family {
    pub name: &'static str,
    pub machine: &'static Machine,
    pub figures: Figures,
    pub sources: Vec<Source>,
    /// The disassembly of each of them.
    pub texts: Vec<String>,
}

impl Radv {
    /// None if it is not installed.
    pub fn find() -> Option<Self> {
        DRIVERS.iter().map(PathBuf::from).find(|path| path.is_file()).map(Radv)
    }

    /// Compiles shaders for a family. The driver reads which one from the environment when it is loaded, so another process
    /// does it.
    pub fn compile(&self, name: &'static str, sources: Vec<Source>) -> Outcome<Family> {
        let folder = tempfile::tempdir()?;
        let list = folder.path().join("shaders.json");
        std::fs::write(&list, serde_json::to_vec(&sources)?)?;
        let output = Command::new(std::env::current_exe()?)
            .arg(INSIDE)
            .arg(&list)
            .env("RADV_FORCE_FAMILY", name)
            .env("VK_DRIVER_FILES", &self.0)
            .env("VK_ICD_FILENAMES", &self.0)
            .env("MESA_SHADER_CACHE_DISABLE", "1")
            .env("NODEVICE_SELECT", "1")
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("compiling for {name}: {}", output.status).into());
        }
        let (version, compiled): (String, Vec<Compiled>) = serde_json::from_slice(&output.stdout)?;
        let machine = machine(name)?;
        let mut figures = Figures { compiler: version, ..Figures::default() };
        for (source, compiled) in sources.iter().zip(&compiled) {
            let figure = figure(source, compiled, machine).map_err(|e| format!("{name}, {}: {e}", source.name))?;
            figures.shaders.insert(source.name.clone(), figure);
        }
        Ok(Family { name, machine, figures, texts: compiled.into_iter().map(|c| c.text).collect(), sources })
    }
}

/// The device that stands for a family.
pub fn machine(name: &str) -> Outcome<&'static Machine> {
    Ok(of_family(name).ok_or_else(|| format!("the model of time has no device of family {name}"))?)
}

/// Compiles the shaders listed in a file and prints what became of them.
pub fn inside(list: &Path) -> Outcome<()> {
    let sources: Vec<Source> = serde_json::from_slice(&std::fs::read(list)?)?;
    let driver = Driver::open()?.ok_or("there is no Vulkan device")?;
    let compile = |source: &Source| -> Outcome<Compiled> {
        let spirv = spirv::translated(&source.wgsl, driver.abilities())?;
        driver.compile(&spirv, source.storage_buffers)
    };
    let compiled = sources.iter().map(|s| compile(s).map_err(|e| format!("{}: {e}", s.name).into()));
    let compiled = compiled.collect::<Outcome<Vec<Compiled>>>()?;
    serde_json::to_writer(std::io::stdout().lock(), &(&driver.version, compiled))?;
    Ok(())
}

fn figure(source: &Source, compiled: &Compiled, machine: &Machine) -> Outcome<Figure> {
    let statistic = |name: &str| -> Outcome<u64> {
        let known = || compiled.statistics.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let value = compiled.statistics.get(name).copied();
        Ok(value.ok_or_else(|| format!("the driver does not tell '{name}', only {}", known()))?)
    };
    let sought = match source.kernel.as_str() {
        "bitconv" => Sought::Words,
        "limbconv" | "limbsum" => Sought::Bytes,
        _ => Sought::Any,
    };
    let code = Code::parse(&compiled.text, sought)?;
    let issue = machine.issue(&code.step);
    let count = |class| code.step.of(class) as u64;
    Ok(Figure {
        kernel: source.kernel.clone(),
        variant: source.variant.clone(),
        instructions: statistic("Instructions")?,
        issue: rounded(issue),
        per_product: if source.products > 0 { rounded(issue / source.products as f64) } else { 0.0 },
        loads: Loads { scalar: count(Class::ScalarLoad), vector: count(Class::VectorLoad), local: count(Class::Local) },
        sgprs: statistic("SGPRs")?,
        vgprs: statistic("VGPRs")?,
        waves: statistic("Subgroups per SIMD")?,
        spills: statistic("Spilled SGPRs")? + statistic("Spilled VGPRs")?,
        scratch: statistic("Scratch size")?,
        lanes: compiled.lanes,
        products: source.products,
        code,
        ..Figure::of(&source.wgsl)
    })
}

/// To three decimals.
fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}
