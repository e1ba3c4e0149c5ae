//! What a compiler made of shaders, as it is kept in `benches/isa/figures/`.

use super::machine::Machine;
use super::time::{Resources, Shader};
use crate::bench::isa::Code;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The figures of one family of devices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// The driver and its version. Figures of different ones are not comparable.
    pub compiler: String,
    /// The shaders, by the first network, layer and kernel that uses them.
    pub shaders: BTreeMap<String, Figure>,
}

/// The figures of a shader.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// The kernel.
    pub kernel: String,
    /// Its variant.
    pub variant: String,
    /// The beginning of the SHA-256 of its text.
    pub text: String,
    /// Instructions of the whole program.
    pub instructions: u64,
    /// Instructions of a step, at full rate.
    pub issue: f64,
    /// The same for each pair of words, or of bytes, that is multiplied; 0 for kernels that multiply nothing.
    pub per_product: f64,
    /// Loads of a step.
    pub loads: Loads,
    /// Scalar registers.
    pub sgprs: u64,
    /// Vector registers.
    pub vgprs: u64,
    /// Waves that a SIMD holds.
    pub waves: u64,
    /// Registers that did not fit.
    pub spills: u64,
    /// Bytes of memory for what did not fit in registers.
    pub scratch: u64,
    /// Invocations of a wave.
    pub lanes: u32,
    /// Products of a step.
    pub products: usize,
    /// Its instructions.
    pub code: Code,
}

/// Loads by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loads {
    /// Of scalar registers.
    pub scalar: u64,
    /// Of vector registers.
    pub vector: u64,
    /// From the memory of a workgroup, and stores to it.
    pub local: u64,
}

/// The beginning of the SHA-256 of a shader's text.
fn hash(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl Figures {
    /// The committed figures of RDNA 2.
    ///
    /// # Errors
    /// They are damaged.
    pub fn bundled() -> Result<Self, String> {
        Figures::parse(include_str!("../../../benches/isa/figures/navi21.json"))
    }

    /// From a file's text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|e| format!("not figures of machine code: {e}"))
    }

    /// As a file's text, with a line for each shader.
    ///
    /// # Errors
    /// Numbers that JSON does not have.
    pub fn text(&self) -> Result<String, String> {
        let json = |value: Result<String, serde_json::Error>| value.map_err(|e| e.to_string());
        let line = |(name, figure)| -> Result<String, String> {
            Ok(format!("    {}: {}", json(serde_json::to_string(name))?, json(serde_json::to_string(figure))?))
        };
        let lines: Result<Vec<String>, String> = self.shaders.iter().map(line).collect();
        let compiler = json(serde_json::to_string(&self.compiler))?;
        Ok(format!("{{\n  \"compiler\": {compiler},\n  \"shaders\": {{\n{}\n  }}\n}}\n", lines?.join(",\n")))
    }

    /// The figure of the shader with this text.
    pub fn of_text(&self, text: &str) -> Option<&Figure> {
        let hash = hash(text);
        self.shaders.values().find(|figure| figure.text == hash)
    }

    /// The figure that is most like a shader of this kernel and variant that makes so many products in a step.
    pub fn similar(&self, kernel: &str, variant: &str, products: usize) -> Option<&Figure> {
        let far = |figure: &Figure| (figure.products.max(1) as f64 / products.max(1) as f64).ln().abs();
        let of_kernel = self.shaders.values().filter(|figure| figure.kernel == kernel);
        of_kernel.min_by(|a, b| (a.variant != variant).cmp(&(b.variant != variant)).then(far(a).total_cmp(&far(b))))
    }
}

impl Figure {
    /// The figure of a shader with these statistics.
    pub fn of(text: &str) -> Self {
        Figure { text: hash(text), ..Figure::default() }
    }

    /// The shader for the model of time, on `machine`. Where a step makes another number of `products` than here, it takes
    /// proportionally more or fewer instructions, and so does a turn, which finishes proportionally more or fewer sums. Waves
    /// are those that the registers allow.
    pub fn shader(&self, machine: &Machine, products: usize) -> Shader {
        let factor = if self.products > 0 && products > 0 { products as f64 / self.products as f64 } else { 1.0 };
        let mut code = Code { once: self.code.once.clone(), others: self.code.others.clone(), ..Code::default() };
        code.step.add_times(&self.code.step, factor);
        code.turn.add_times(&self.code.turn, factor);
        let own = machine.family.is_some();
        let lanes = if own { self.lanes } else { machine.subgroups[1] };
        let waves = if own { self.waves as usize } else { machine.registers / self.vgprs.max(1) as usize };
        Shader { code, resources: Resources { lanes, waves: waves.clamp(1, machine.waves) } }
    }
}
