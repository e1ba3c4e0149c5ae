//! A kernel made ready for one program: its text, constants, buffers and size.

use super::super::header::{Header, Port};
use super::texts::COMMON;
use super::variant::WORKGROUP_SIZE;
use crate::fixed::VALUE_MAX;
use crate::lower::TensorId;

/// What a port of a shader is connected to.
#[derive(Clone, Debug)]
pub(crate) enum PortSource {
    /// A tensor of the program.
    Tensor(TensorId),
    /// Weights or tables, uploaded once.
    Words(Vec<u32>),
    /// Nothing: the shader does not use it with these constants.
    Absent,
}

/// The loops in which an invocation of a convolution spends its time: in each of `turns` turns it makes `steps` steps and
/// then finishes sums. All zero for kernels without such loops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nest {
    /// Turns of an invocation.
    pub turns: usize,
    /// Steps of a turn.
    pub steps: usize,
    /// Products of a step, in the units of [`Work`](crate::lower::Work): pairs of words, or of bytes.
    pub products: usize,
}

/// A kernel made ready for one program.
pub(crate) struct Launch {
    /// Constants of the kernel.
    pub header: Header,
    /// Buffers in order of their bindings.
    pub ports: Vec<(Port, PortSource)>,
    /// Invocations per image and layer.
    pub per_image: usize,
    /// Layers of the dispatch: its size along z.
    pub layers: usize,
    /// Invocations of a workgroup.
    pub workgroup_size: u32,
    /// Whole files behind the header, in order.
    pub files: Vec<&'static str>,
    /// Rounds that the loops of an invocation make at most; see [`super::rounds`].
    pub rounds: usize,
    /// Where it spends its time.
    pub nest: Nest,
}

impl Launch {
    /// A launch of `per_image` invocations, without buffers and constants of its own so far.
    pub(crate) fn new(per_image: usize, files: &[&'static str]) -> Self {
        let mut header = Header::default();
        header.signed("VALUE_MAX", VALUE_MAX).shape("PER_IMAGE", per_image);
        let files = [COMMON].into_iter().chain(files.iter().copied()).collect();
        let (ports, nest) = Default::default();
        Launch { header, ports, per_image, layers: 1, workgroup_size: WORKGROUP_SIZE, files, rounds: 0, nest }
    }

    /// Adds a buffer that the shader reads.
    pub(crate) fn read(
        &mut self,
        name: &'static str,
        element: &'static str,
        source: impl Into<PortSource>,
    ) -> &mut Self {
        self.ports.push((Port { name, element, write: false }, source.into()));
        self
    }

    /// Adds a buffer that the shader writes.
    pub(crate) fn write(
        &mut self,
        name: &'static str,
        element: &'static str,
        tensor: impl Into<Option<TensorId>>,
    ) -> &mut Self {
        self.ports.push((Port { name, element, write: true }, tensor.into().into()));
        self
    }
}

impl From<TensorId> for PortSource {
    fn from(tensor: TensorId) -> Self {
        PortSource::Tensor(tensor)
    }
}

impl From<Vec<u32>> for PortSource {
    fn from(words: Vec<u32>) -> Self {
        PortSource::Words(words)
    }
}

impl From<Option<TensorId>> for PortSource {
    fn from(tensor: Option<TensorId>) -> Self {
        tensor.map_or(PortSource::Absent, PortSource::Tensor)
    }
}
