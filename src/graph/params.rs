//! Parameters: the named tensors of a graph's layers, independent of where their bytes live.

use super::{Graph, Op, Weights};
use crate::quant::{live_bits, words};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The bytes behind a tensor: a file that was read, a static, or memory that the tensor owns.
pub type Bytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Element type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// 32-bit floats.
    F32,
    /// 32-bit words.
    U32,
}

/// One parameter: a shape and little-endian 4-byte elements.
#[derive(Clone)]
pub struct Tensor {
    /// Type of the elements.
    pub dtype: Dtype,
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    bytes: Bytes,
    range: std::ops::Range<usize>,
}

impl Tensor {
    /// A view of `range` in `bytes`. The range must be aligned to 4 bytes in memory and be as long as the shape says.
    pub fn view(dtype: Dtype, shape: Vec<usize>, bytes: Bytes, range: std::ops::Range<usize>) -> Result<Self, String> {
        let expected = shape.iter().try_fold(4usize, |n, &d| n.checked_mul(d));
        let slice = (*bytes).as_ref().get(range.clone()).ok_or("tensor lies outside its file")?;
        if expected != Some(slice.len()) {
            return Err(format!("tensor of shape {shape:?} has {} bytes", slice.len()));
        }
        if bytemuck::try_cast_slice::<u8, u32>(slice).is_err() {
            return Err("tensor is not aligned to 4 bytes".into());
        }
        Ok(Tensor { dtype, shape, bytes, range })
    }

    /// A float tensor that owns its elements. [`Params::new`] refuses it unless their number matches the shape.
    pub fn from_f32(shape: Vec<usize>, data: Vec<f32>) -> Self {
        let range = 0..data.len() * 4;
        Tensor { dtype: Dtype::F32, shape, bytes: Arc::new(Owned(data)), range }
    }

    /// A tensor of packed words that owns its elements. [`Params::new`] refuses it unless their number matches the
    /// shape.
    pub fn from_u32(shape: Vec<usize>, data: Vec<u32>) -> Self {
        let range = 0..data.len() * 4;
        Tensor { dtype: Dtype::U32, shape, bytes: Arc::new(Owned(data)), range }
    }

    /// The raw little-endian bytes.
    pub fn bytes(&self) -> &[u8] {
        &(*self.bytes).as_ref()[self.range.clone()]
    }

    /// The elements as floats; if the tensor holds words, their bit patterns are reinterpreted.
    pub fn f32(&self) -> &[f32] {
        bytemuck::cast_slice(self.bytes())
    }

    /// The elements as words; if the tensor holds floats, these are their bit patterns.
    pub fn u32(&self) -> &[u32] {
        bytemuck::cast_slice(self.bytes())
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}{:?}", self.dtype, self.shape)
    }
}

struct Owned<T>(Vec<T>);

impl<T: bytemuck::NoUninit> AsRef<[u8]> for Owned<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Float convolution weights, `[out, kh, kw, in]`, where `in` counts the input channels of one group.
    Weight,
    /// Packed weight codes, `[out, kh, kw, words, bits]`, where `words` hold the input channels of one group (see
    /// [`crate::quant::pack`]).
    Planes,
    /// Weight basis, `[bits, out]`.
    WeightBasis,
    /// Bias, `[out]`.
    Bias,
    /// Rows gamma, beta, mean, variance: `[4, channels]`.
    BatchNorm,
    /// Activation basis, `[bits]`.
    ActivationBasis,
}

impl Role {
    /// Name of the tensor within its layer. Its full name is `<layer>/<suffix>`.
    pub fn suffix(self) -> &'static str {
        match self {
            Role::Weight => "weight",
            Role::Planes => "planes",
            Role::WeightBasis | Role::ActivationBasis => "basis",
            Role::Bias => "bias",
            Role::BatchNorm => "batch_norm",
        }
    }
}

/// A parameter that a graph needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamSpec {
    /// The layer that it belongs to.
    pub layer: String,
    /// What it is for.
    pub role: Role,
    /// Type of its elements.
    pub dtype: Dtype,
    /// Its extents, outermost first.
    pub shape: Vec<usize>,
}

impl ParamSpec {
    /// Full tensor name.
    pub fn name(&self) -> String {
        format!("{}/{}", self.layer, self.role.suffix())
    }
}

impl Graph {
    /// Every parameter of the graph, in layer order.
    pub fn parameters(&self) -> Result<Vec<ParamSpec>, String> {
        let facts = self.facts()?;
        let mut specs = Vec::new();
        for (id, node) in self.nodes().iter().enumerate() {
            let input = node.inputs.first().map(|&i| facts[i]);
            let mut add = |role, shape: Vec<usize>| {
                let dtype = if role == Role::Planes { Dtype::U32 } else { Dtype::F32 };
                specs.push(ParamSpec { layer: node.name.clone(), role, dtype, shape });
            };
            match (&node.op, input) {
                (Op::Conv { outputs, window, weights, bias, groups }, Some(input)) => {
                    let ([kh, kw], inputs) = (window.kernel, input.shape.c / groups);
                    match weights {
                        Weights::Float => add(Role::Weight, vec![*outputs, kh, kw, inputs]),
                        Weights::Planes { bits } => {
                            add(Role::Planes, vec![*outputs, kh, kw, words(inputs), *bits]);
                            add(Role::WeightBasis, vec![*bits, *outputs]);
                        }
                    }
                    if *bias {
                        add(Role::Bias, vec![*outputs]);
                    }
                }
                (Op::BatchNorm { .. }, _) => add(Role::BatchNorm, vec![4, facts[id].shape.c]),
                (Op::Quantize { bits, .. }, _) => add(Role::ActivationBasis, vec![*bits]),
                _ => {}
            }
        }
        Ok(specs)
    }
}

/// The parameters of a graph, checked to be complete and of the right shapes.
#[derive(Clone, Debug, Default)]
pub struct Params {
    tensors: BTreeMap<String, Tensor>,
}

impl Params {
    /// Checks that `tensors` are exactly the parameters of `graph`, that all floats are finite, that no variance is
    /// negative, and that packed words have no bits past the last channel.
    pub fn new(graph: &Graph, tensors: BTreeMap<String, Tensor>) -> Result<Self, String> {
        let specs = graph.parameters()?;
        let facts = graph.facts()?;
        let input = |node: &super::Node| {
            let groups = if let Op::Conv { groups, .. } = node.op { groups } else { 1 };
            node.inputs.first().map_or(0, |&i| facts[i].shape.c / groups)
        };
        let channels: HashMap<&str, usize> = graph.nodes().iter().map(|n| (n.name.as_str(), input(n))).collect();
        for spec in &specs {
            let name = spec.name();
            let tensor = tensors.get(&name).ok_or_else(|| {
                format!("layer '{}': tensor '{name}' of shape {:?} is missing", spec.layer, spec.shape)
            })?;
            check(spec, tensor, channels[spec.layer.as_str()])?;
        }
        let known: std::collections::HashSet<String> = specs.iter().map(ParamSpec::name).collect();
        if let Some(name) = tensors.keys().find(|n| !known.contains(*n)) {
            return Err(format!("tensor '{name}' belongs to no layer of the graph"));
        }
        Ok(Params { tensors })
    }

    /// The parameter of `layer` with this role. [`Params::new`] ensures that it exists for every parameter of the
    /// graph.
    pub fn get(&self, layer: &str, role: Role) -> Result<&Tensor, String> {
        let name = format!("{layer}/{}", role.suffix());
        self.tensors.get(&name).ok_or_else(|| format!("layer '{layer}': tensor '{name}' is missing"))
    }

    /// All tensors by name.
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }
}

/// `channels` counts the input channels in one group of the parameter's layer.
fn check(spec: &ParamSpec, tensor: &Tensor, channels: usize) -> Result<(), String> {
    let name = spec.name();
    let count: usize = spec.shape.iter().product();
    if (tensor.dtype, &tensor.shape, tensor.bytes().len() / 4) != (spec.dtype, &spec.shape, count) {
        return Err(format!(
            "layer '{}': tensor '{name}' is {:?}{:?}, expected {:?}{:?}",
            spec.layer, tensor.dtype, tensor.shape, spec.dtype, spec.shape
        ));
    }
    let floats = if spec.dtype == Dtype::F32 { tensor.f32() } else { &[] };
    if let Some(i) = floats.iter().position(|v| !v.is_finite()) {
        return Err(format!("layer '{}': tensor '{name}' has {} at {i}", spec.layer, floats[i]));
    }
    match spec.role {
        Role::BatchNorm => check_variance(spec, tensor),
        Role::Planes => check_dead_bits(spec, tensor, channels),
        _ => Ok(()),
    }
}

fn check_variance(spec: &ParamSpec, tensor: &Tensor) -> Result<(), String> {
    let variance = &tensor.f32()[3 * spec.shape[1]..];
    match variance.iter().position(|&v| v < 0.0) {
        None => Ok(()),
        Some(c) => Err(format!("layer '{}': variance of channel {c} is {}, below 0", spec.layer, variance[c])),
    }
}

fn check_dead_bits(spec: &ParamSpec, tensor: &Tensor, channels: usize) -> Result<(), String> {
    let (words, bits) = (spec.shape[3], spec.shape[4]);
    let legal = |(i, &w): (usize, &u32)| w & !live_bits(channels, i / bits % words) == 0;
    if tensor.u32().iter().enumerate().all(legal) {
        return Ok(());
    }
    Err(format!("layer '{}': '{}' has bits past its {channels} input channels", spec.layer, spec.name()))
}
