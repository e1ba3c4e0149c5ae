//! Parameters of networks: ordinary numbers, and extreme ones among them.

use super::Draws;
use crate::target::checked;
use lq_infer::internals::graph::{Graph, Op, ParamSpec, Params, Role, Tensor};
use lq_infer::internals::quant::live_bits;

/// Most numbers of a network's parameters.
const MAX_NUMBERS: usize = 1 << 16;
const EXTREMES: [f32; 14] =
    [0.0, -0.0, 1.0, -1.0, 1e-45, -1e-38, 1e-20, -1e-9, 1e-3, 1e4, 1e9, -1e20, f32::MAX, f32::MIN];

/// Parameters of `graph`, if they are few.
pub fn parameters(graph: &Graph, draws: &mut Draws) -> Option<Params> {
    let specs = checked(graph.parameters())?;
    let sizes = specs.iter().map(|spec| spec.shape.iter().try_fold(1usize, |n, &dim| n.checked_mul(dim)));
    let total = sizes.into_iter().try_fold(0usize, |sum, size| sum.checked_add(size?));
    total.filter(|total| *total <= MAX_NUMBERS)?;
    // One in so many numbers is extreme; none with 0.
    let extreme = draws.pick(&[0, 0, 0, 1, 7, 100]);
    let tensors = specs.iter().map(|spec| (spec.name(), tensor(graph, spec, extreme, draws))).collect();
    checked(Params::new(graph, tensors))
}

fn tensor(graph: &Graph, spec: &ParamSpec, extreme: usize, draws: &mut Draws) -> Tensor {
    let count = spec.shape.iter().product::<usize>();
    if spec.role == Role::Planes {
        let (words, bits, channels) = (spec.shape[3], spec.shape[4], channels(graph, &spec.layer));
        let word = |i: usize| draws.word() & live_bits(channels, i / bits % words);
        return Tensor::from_u32(spec.shape.clone(), (0..count).map(word).collect());
    }
    let last_row = count / spec.shape[0].max(1) * spec.shape[0].saturating_sub(1);
    let number = |i: usize| match draws.word() as usize {
        word if extreme > 0 && word % extreme == 0 => EXTREMES[word / extreme % EXTREMES.len()],
        // The last row of a batch norm holds variances.
        _ if spec.role == Role::BatchNorm && i >= last_row => draws.uniform(0.2, 2.0) as f32,
        _ => draws.uniform(-1.0, 1.5) as f32,
    };
    Tensor::from_f32(spec.shape.clone(), (0..count).map(number).collect())
}

/// Input channels of each group of a convolution.
fn channels(graph: &Graph, layer: &str) -> usize {
    let node = graph.nodes().iter().find(|node| node.name == layer).expect("a parameter belongs to a layer");
    let Op::Conv { groups, .. } = node.op else { return 0 };
    let facts = graph.facts().expect("the graph has been checked");
    facts[node.inputs[0]].shape.c / groups
}
