//! The generated text in front of a shader: constants, the shape, uniforms and bindings. The declarations here and the
//! bind group on the device are made from the same list of [`Port`]s, so they cannot disagree.

use super::unroll::unroll;
use std::collections::HashMap;
use std::fmt::Write;

/// Defines a uniform struct for Rust and its declaration in WGSL from one list of fields.
macro_rules! uniform {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
        pub(super) struct $name { $($(#[$field_doc])* pub $field: u32),+ }

        impl $name {
            /// The same struct in WGSL.
            pub(super) const WGSL: &str =
                concat!("struct ", stringify!($name), " {", $(" ", stringify!($field), ": u32,"),+, " }\n");
        }
    };
}

uniform! {
    /// The uniform of a batch. Padded to 16 bytes, which some drivers require.
    Params {
        /// Images in the batch.
        images,
        /// Always 0, which the driver's compiler does not know. Added to bounds of loops that it must not unroll,
        /// because compiling them unrolled would take seconds.
        zero,
        /// Unused.
        pad_0,
        /// Unused.
        pad_1,
    }
}

/// A buffer as a shader declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Port {
    /// Its name in the shader.
    pub name: &'static str,
    /// Element type.
    pub element: &'static str,
    /// Whether the shader writes it.
    pub write: bool,
}

/// Collects what a shader knows about its launch: constants, which are part of its text, and the shape, which it reads
/// at run time so that layers of different shapes share a pipeline.
#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    text: String,
    /// The unsigned constants, which the bounds of unrolled loops may name.
    numbers: HashMap<String, usize>,
    shape: Vec<(&'static str, u32)>,
}

impl Header {
    /// Adds an unsigned constant.
    pub(super) fn number(&mut self, name: &str, value: usize) -> &mut Self {
        self.numbers.insert(name.to_owned(), value);
        self.line(format_args!("const {name}: u32 = {value}u;"))
    }

    /// Adds generated functions.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// The header followed by `files`, whose marked loops are unrolled.
    pub(super) fn complete(&self, files: &[&str]) -> String {
        let number = |name: &str| self.numbers.get(name).copied();
        files.iter().fold(self.text.clone(), |text, file| text + &unroll(file, &number))
    }

    /// Adds a number that differs from layer to layer. In the shader it is a private variable, set by `load_shape()`.
    pub(super) fn shape(&mut self, name: &'static str, value: usize) -> &mut Self {
        // Extents are below 2^31 (`Recording::max_images` and the limits of tensors).
        self.shape.push((name, value as u32));
        self
    }

    /// Replaces a number of the shape.
    pub(super) fn reshape(&mut self, name: &'static str, value: usize) {
        self.shape.iter_mut().filter(|(known, _)| *known == name).for_each(|(_, old)| *old = value as u32);
    }

    /// The words of the shape's uniform.
    pub(super) fn shape_words(&self) -> Vec<u32> {
        let mut words: Vec<u32> = self.shape.iter().map(|&(_, value)| value).collect();
        words.resize(words.len().next_multiple_of(4), 0);
        words
    }

    fn declare_shape(&mut self) {
        let shape = std::mem::take(&mut self.shape);
        let vectors = shape.len().div_ceil(4);
        self.line(format_args!("@group(0) @binding(1) var<uniform> shape: array<vec4<u32>, {vectors}>;"));
        for (name, _) in &shape {
            self.line(format_args!("var<private> {name}: u32;"));
        }
        self.line(format_args!("fn load_shape() {{"));
        for (i, (name, _)) in shape.iter().enumerate() {
            self.line(format_args!("    {name} = shape[{}][{}];", i / 4, i % 4));
        }
        self.line(format_args!("}}"));
        self.shape = shape;
    }

    /// Adds a signed constant.
    pub(super) fn signed(&mut self, name: &str, value: i32) -> &mut Self {
        self.line(format_args!("const {name}: i32 = {value}i;"))
    }

    /// Adds a flag.
    pub(super) fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.line(format_args!("const {name}: bool = {value};"))
    }

    /// Defines `LOAD` (`width`: 1, 2 or 4), `Planes`, the words of so many planes, and `plane_of`, which gets one of
    /// them.
    pub(super) fn planes(&mut self, width: usize) -> &mut Self {
        self.number("LOAD", width).words("Planes", "plane_of", width)
    }

    /// Defines `ty`, a vector of `width` (1, 2 or 4) words or a single one, and `word_of`, a function that gets one of
    /// them.
    pub(super) fn words(&mut self, ty: &str, word_of: &str, width: usize) -> &mut Self {
        let (of, element) = if width == 1 { ("u32".to_owned(), "v") } else { (format!("vec{width}<u32>"), "v[k]") };
        self.line(format_args!("alias {ty} = {of};"));
        self.line(format_args!("fn {word_of}(v: {ty}, k: u32) -> u32 {{ return {element}; }}"))
    }

    /// Declares the uniforms and the buffers. A port that is absent becomes a private variable: the shader only uses
    /// it under a flag that is false, but its text must be valid all the same.
    pub(super) fn ports(&mut self, ports: &[(Port, bool)]) -> &mut Self {
        self.text.push_str(Params::WGSL);
        self.line(format_args!("@group(0) @binding(0) var<uniform> params: Params;"));
        self.declare_shape();
        let mut binding = 1;
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

    fn line(&mut self, line: std::fmt::Arguments) -> &mut Self {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
        self
    }
}
