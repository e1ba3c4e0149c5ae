//! What is generated in front of a shader: constants, the uniform struct and the bindings. The same list of [`Port`]s
//! makes the declarations here and the bind group on the device, so they cannot disagree.

use std::fmt::Write;

/// Defines a uniform struct for Rust and its declaration in WGSL from one list of fields.
macro_rules! uniform {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct $name { $($(#[$field_doc])* pub $field: u32),+ }

        impl $name {
            /// The same struct in WGSL.
            pub const WGSL: &str =
                concat!("struct ", stringify!($name), " {", $(" ", stringify!($field), ": u32,"),+, " }\n");
        }
    };
}

uniform! {
    /// All that a shader learns at run time. Padded to the 16 bytes that some drivers want of a uniform.
    Params {
        /// Images in the batch.
        images,
        /// Always 0. Added to the bounds of loops that a driver must not unroll: it would take seconds to compile them.
        zero,
        /// Unused.
        pad_0,
        /// Unused.
        pad_1,
    }
}

/// How a shader sees a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name in the shader.
    pub name: &'static str,
    /// Element type.
    pub element: &'static str,
    /// Whether the shader writes it.
    pub write: bool,
}

/// Collects constants.
#[derive(Clone, Debug, Default)]
pub struct Header {
    text: String,
}

impl Header {
    /// Adds an unsigned constant.
    pub fn number(&mut self, name: &str, value: usize) -> &mut Self {
        self.line(format_args!("const {name}: u32 = {value}u;"))
    }

    /// Adds a signed constant.
    pub fn signed(&mut self, name: &str, value: i32) -> &mut Self {
        self.line(format_args!("const {name}: i32 = {value}i;"))
    }

    /// Adds a flag.
    pub fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.line(format_args!("const {name}: bool = {value};"))
    }

    /// Defines `Planes`, a vector of `width` (1, 2 or 4) planes, and `plane_of`, which takes one out.
    pub fn planes(&mut self, width: usize) -> &mut Self {
        let (ty, element) = if width == 1 { ("u32".to_owned(), "v") } else { (format!("vec{width}<u32>"), "v[k]") };
        self.number("LOAD", width).line(format_args!("alias Planes = {ty};"));
        self.line(format_args!("fn plane_of(v: Planes, k: u32) -> u32 {{ return {element}; }}"))
    }

    /// Declares the uniform and the buffers. A port that is absent becomes a private stand-in: the shader's text names
    /// it under a flag that is false, and has to parse all the same.
    pub fn ports(&mut self, ports: &[(Port, bool)]) -> &mut Self {
        self.text.push_str(Params::WGSL);
        self.line(format_args!("@group(0) @binding(0) var<uniform> params: Params;"));
        let mut binding = 0;
        for (Port { name, element, write }, present) in ports {
            if !present {
                self.line(format_args!("var<private> {name}: array<{element}, 1>;"));
                continue;
            }
            binding += 1;
            let access = if *write { "read_write" } else { "read" };
            self.line(format_args!("@group(0) @binding({binding}) var<storage, {access}> {name}: array<{element}>;"));
        }
        self
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn line(&mut self, line: std::fmt::Arguments) -> &mut Self {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
        self
    }
}
