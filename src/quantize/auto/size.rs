//! The size of a packed file.

use super::price::{Costs, Price};
use crate::error::{Error, Result};
use crate::format::{Header, Packed, to_bytes};
use crate::graph::{Dtype, Graph, ParamSpec, Params, Role, Tensor};
use crate::text::bytes;
use std::path::Path;

/// What a file says besides: how it was made, a longer name, results that other machines must reproduce.
const REMARKS: usize = 1024;

/// The size of the file of a quantized network.
#[derive(Clone, Copy, Debug)]
pub struct FileSize<'a> {
    /// The network in float.
    pub float: &'a Packed,
    /// Most bytes.
    pub most: usize,
}

impl Price for FileSize<'_> {
    /// Counts the bytes of a file whose parameters are all 0.
    fn of(&self, graph: &Graph) -> Result<Costs> {
        let bad = |problem: String| Error::bad_model(Path::new(&self.float.header.name), problem);
        let specs = graph.parameters().map_err(bad)?;
        let tensors = specs.iter().map(|spec| (spec.name(), zeros(spec))).collect();
        let params = Params::new(graph, tensors).map_err(bad)?;
        let header = Header { graph: graph.clone(), ..self.float.header.clone() };
        let length =
            to_bytes(&Packed { header, params, mean_image: self.float.mean_image.clone() }).map_err(bad)?.len();
        let mut costs = Costs { all: (length + REMARKS) as f64, ..Costs::default() };
        for spec in specs.iter().filter(|spec| matches!(spec.role, Role::Planes | Role::WeightBasis)) {
            *costs.layers.entry(spec.layer.clone()).or_default() += (4 * numbers(spec)) as f64;
        }
        Ok(costs)
    }

    fn most(&self, _: f64) -> f64 {
        self.most as f64
    }

    fn counts_activations(&self) -> bool {
        false
    }

    fn text(&self, cost: f64) -> String {
        bytes(cost as usize)
    }
}

fn numbers(spec: &ParamSpec) -> usize {
    spec.shape.iter().product()
}

fn zeros(spec: &ParamSpec) -> Tensor {
    match spec.dtype {
        Dtype::F32 => Tensor::from_f32(spec.shape.clone(), vec![0.0; numbers(spec)]),
        Dtype::U32 => Tensor::from_u32(spec.shape.clone(), vec![0; numbers(spec)]),
    }
}
