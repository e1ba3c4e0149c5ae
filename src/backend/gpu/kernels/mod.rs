//! The table of all shaders, and how each kernel of a program becomes a [`Launch`]: constants, buffers and a size.

mod convs;
mod epilogue;
mod groups;
mod small;

use super::header::{Header, Port};
use crate::fixed::VALUE_MAX;
use crate::lower::{Kernel, Program, TensorId, TensorSpec};

/// A shader's text behind the generated header: the files of `shaders/` it consists of, in order.
pub struct Shader {
    /// Name of the kernel it runs.
    pub kernel: &'static str,
    /// Whole files.
    pub files: &'static [&'static str],
}

const COMMON: &str = include_str!("../../../../shaders/include/common.wgsl");
const RANKS: &str = include_str!("../../../../shaders/include/ranks.wgsl");
const EPILOGUE: &str = include_str!("../../../../shaders/include/epilogue.wgsl");
const WIDE: &str = include_str!("../../../../shaders/include/wide.wgsl");
const LIMBCONV: &str = include_str!("../../../../shaders/limbconv.wgsl");

/// Every shader.
pub const SHADERS: [Shader; 11] = [
    Shader { kernel: "bitconv", files: &[COMMON, RANKS, EPILOGUE, include_str!("../../../../shaders/bitconv.wgsl")] },
    Shader { kernel: "limbconv", files: &[COMMON, RANKS, EPILOGUE, LIMBCONV] },
    Shader { kernel: "limbsum", files: &[COMMON, RANKS, EPILOGUE, LIMBCONV] },
    Shader { kernel: "quantize", files: &[COMMON, RANKS, include_str!("../../../../shaders/quantize.wgsl")] },
    Shader { kernel: "pointwise", files: &[COMMON, WIDE, include_str!("../../../../shaders/pointwise.wgsl")] },
    Shader { kernel: "maxpool", files: &[COMMON, include_str!("../../../../shaders/maxpool.wgsl")] },
    Shader { kernel: "avgpool", files: &[COMMON, include_str!("../../../../shaders/avgpool.wgsl")] },
    Shader { kernel: "split", files: &[COMMON, include_str!("../../../../shaders/split.wgsl")] },
    Shader { kernel: "slice", files: &[COMMON, include_str!("../../../../shaders/slice.wgsl")] },
    Shader { kernel: "levels", files: &[COMMON, include_str!("../../../../shaders/levels.wgsl")] },
    Shader { kernel: "join", files: &[COMMON, include_str!("../../../../shaders/join.wgsl")] },
];

/// What a shader's port is connected to.
#[derive(Clone, Debug)]
pub enum Source {
    /// A tensor of the program.
    Tensor(TensorId),
    /// Weights or tables, uploaded once.
    Words(Vec<u32>),
    /// Nothing: the shader does not use it with these constants.
    Absent,
}

/// A kernel made ready for one program.
pub struct Launch {
    /// Constants of the kernel.
    pub header: Header,
    /// Buffers in order of their bindings.
    pub ports: Vec<(Port, Source)>,
    /// Invocations per image.
    pub per_image: usize,
}

impl Launch {
    /// A launch of `per_image` invocations without buffers or constants of its own yet.
    fn new(per_image: usize) -> Self {
        let mut header = Header::default();
        header.signed("VALUE_MAX", VALUE_MAX).shape("PER_IMAGE", per_image);
        Launch { header, ports: Vec::new(), per_image }
    }

    fn read(&mut self, name: &'static str, element: &'static str, source: Source) -> &mut Self {
        self.ports.push((Port { name, element, write: false }, source));
        self
    }

    fn write(&mut self, name: &'static str, element: &'static str, tensor: Option<TensorId>) -> &mut Self {
        let source = tensor.map_or(Source::Absent, Source::Tensor);
        self.ports.push((Port { name, element, write: true }, source));
        self
    }
}

/// The launch of one kernel.
pub fn launch(kernel: &Kernel, program: &Program) -> Launch {
    let tensors = Tensors(&program.tensors);
    match kernel {
        Kernel::BitConv(k) => convs::bitconv(k, tensors),
        Kernel::LimbConv(k) => convs::limbconv(k, tensors),
        Kernel::LimbSum(k) => convs::limbsum(k, tensors),
        Kernel::Quantize(k) => small::quantize(k, tensors),
        Kernel::Pointwise(k) => small::pointwise(k, tensors),
        Kernel::MaxPool(k) => small::pool(k.input, &k.window, k.output, tensors),
        Kernel::AvgPool(k) => small::pool(k.input, &k.window, k.output, tensors),
        Kernel::Split(k) => small::split(k, tensors),
        Kernel::Slice(k) => small::slice(k, tensors),
        Kernel::Levels(k) => small::levels(k, tensors),
        Kernel::Join(k) => small::join(k, tensors),
    }
}

/// The tensors of a program by id.
#[derive(Clone, Copy)]
struct Tensors<'a>(&'a [TensorSpec]);

impl<'a> Tensors<'a> {
    fn get(self, id: TensorId) -> &'a TensorSpec {
        &self.0[id]
    }

    /// Channels of an optional tensor.
    fn channels(self, id: Option<TensorId>) -> usize {
        id.map_or(0, |id| self.get(id).shape.c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shader_names_its_reference() {
        for shader in &SHADERS {
            assert!(
                shader.files.last().is_some_and(|text| text.contains("Reference: src/backend/cpu/")),
                "{}",
                shader.kernel
            );
        }
    }
}
