//! Checks that a device computes what the reference computes, with small networks that use every kernel, and with layers
//! whose sums are long.

use super::random::random_program;
use crate::backend::{Backend, Control, noise, reference};
use crate::error::{Error, Result};
use crate::graph::{Encoding, GraphBuilder, NodeId, Op, Ties, Weights};
use crate::lower::{InputKind, TensorId};
use crate::plan::Plan;
use crate::tensor::{Shape, Window};
use std::collections::HashMap;
use std::sync::Arc;

/// Images per whole run.
const IMAGES: usize = 2;

/// The first difference from the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kernel that is wrong; None if each kernel is right by itself and yet whole runs are wrong.
    pub kernel: Option<&'static str>,
    /// The layer it computed.
    pub layer: String,
    /// The number of words that differ, and the number of all words.
    pub differing: [usize; 2],
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [differing, all] = self.differing;
        match self.kernel {
            Some(kernel) => write!(f, "{kernel} (layer '{}') computes {differing} of {all} words wrong", self.layer),
            None => write!(f, "each kernel is right, but {differing} of {all} words of whole runs are wrong"),
        }
    }
}

/// Runs every kernel on `backend`, and returns the first difference from the reference, if there is any.
///
/// # Errors
/// The device's errors.
pub fn check(backend: &dyn Backend) -> Result<Option<Fault>> {
    for plan in plans().map_err(Error::Usage)? {
        if let Some(fault) = check_plan(backend, &Arc::new(plan))? {
            return Ok(Some(fault));
        }
    }
    Ok(None)
}

/// Checks the kernels of one plan, then whole runs.
fn check_plan(backend: &dyn Backend, plan: &Arc<Plan>) -> Result<Option<Fault>> {
    let input = noise(plan);
    let mut expected: HashMap<TensorId, Vec<u32>> = HashMap::new();
    reference::trace(plan, &input, &mut |tensor, words| drop(expected.insert(tensor, words.to_vec())))?;
    let net = backend.prepare(plan.clone(), IMAGES, &|_, _| Ok(()))?;
    let traced = net.trace(&input)?;
    // A concatenation is complete when its last part was written.
    let last: HashMap<TensorId, usize> =
        traced.iter().flat_map(|t| t.written.iter().map(|(id, _)| (*id, t.step))).collect();
    for launch in &traced {
        let complete = launch.written.iter().filter(|(id, _)| last.get(id) == Some(&launch.step));
        for (id, words) in complete {
            if let Some(differing) = differing(words, expected.get(id).map_or(&[], |words| words)) {
                let step = &plan.program().steps[launch.step];
                let (kernel, layer) = (Some(step.kernel.name()), step.name.clone());
                return Ok(Some(Fault { kernel, layer, differing }));
            }
        }
    }
    let logits = expected.get(&plan.program().logits.tensor()).map_or(&[][..], |words| words);
    let found = net.run(&input.repeat(IMAGES), IMAGES, &Control::default())?;
    let wrong = differing(&found, &logits.repeat(IMAGES));
    Ok(wrong.map(|differing| Fault { kernel: None, layer: String::new(), differing }))
}

/// The number of words that differ, and the number of all words; None if no words differ.
fn differing(found: &[u32], expected: &[u32]) -> Option<[usize; 2]> {
    let differing = found.iter().zip(expected).filter(|(a, b)| a != b).count() + found.len().abs_diff(expected.len());
    (differing > 0).then_some([differing, expected.len()])
}

/// Networks that together use every kernel.
fn plans() -> std::result::Result<Vec<Plan>, String> {
    let of_tensors =
        [tensors()?, long([3, 3, 512], Some(8), 8)?, long([10, 4, 2], None, 8)?, long([7, 7, 256], None, 1)?];
    let of_tensors = of_tensors.into_iter().map(|graph| (graph, InputKind::Tensor));
    std::iter::once((pictures()?, InputKind::Pixels))
        .chain(of_tensors)
        .map(|(graph, kind)| Plan::new(random_program(&graph, kind, 1)?))
        .collect()
}

fn planes(bits: usize) -> Weights {
    Weights::Planes { bits }
}

/// Global average pooling and a dense layer.
fn classify(b: &mut GraphBuilder, x: NodeId, size: [usize; 2]) {
    let x = b.push("pool", Op::AvgPool { window: Window::whole(size) }, &[x]);
    b.dense("dense", x, 5, [1, 1]);
}

/// A convolution of pixels and two bit convolutions, the second with a shortcut.
fn pictures() -> std::result::Result<crate::graph::Graph, String> {
    let size = [12, 10];
    let same = Window::same(3, 1, size);
    let mut b = GraphBuilder::new(Shape { h: 12, w: 10, c: 3 });
    let stem = b.conv("stem", 0, 40, same, Weights::Float);
    let stem = b.batch_norm("stem", stem);
    let x = b.bn_relu("one", stem);
    let x = b.quantize("one/quant", x, 2);
    let x = b.conv("one", x, 64, same, planes(2));
    let x = b.bn_relu("two", x);
    let x = b.quantize("two/quant", x, 2);
    let x = b.conv("two", x, 40, same, planes(1));
    let x = b.batch_norm("sum", x);
    let x = b.push("sum", Op::Add, &[x, stem]);
    classify(&mut b, x, size);
    b.finish()
}

/// A concatenation of codes with two encodings and values, which is pooled as values and convolved as bits.
fn tensors() -> std::result::Result<crate::graph::Graph, String> {
    let size = [5, 6];
    let mut b = GraphBuilder::new(Shape { h: 5, w: 6, c: 35 });
    let first = b.quantize("first/quant", 0, 3);
    let x = b.conv("narrow", first, 13, Window::same(3, 1, size), planes(2));
    let x = b.bn_relu("narrow", x);
    let second = b.quantize_with("second/quant", x, 1, Encoding::PlusMinus, Ties::Above);
    let reals = b.conv("reals", 0, 6, Window::valid(1, 1), Weights::Float);
    let reals = b.batch_norm("reals", reals);
    let inner = b.concat("inner", &[second, reals]);
    let all = b.concat("all", &[first, inner]);
    let half = Window::same(3, 2, size);
    let x = b.conv("strided", inner, 20, half, planes(3));
    let x = b.bn_relu("strided", x);
    let z = b.push("smaller", Op::MaxPool { window: Window::same(2, 2, size) }, &[all]);
    let z = b.bn_relu("smaller", z);
    let x = b.concat("rest", &[x, z]);
    let size = half.output(size)?;
    classify(&mut b, x, size);
    b.finish()
}

/// A layer whose sum has so many terms that some devices would end its loops early: weight planes on codes of so many
/// bits, or on reals.
fn long(
    [h, w, c]: [usize; 3],
    codes: Option<usize>,
    weights: usize,
) -> std::result::Result<crate::graph::Graph, String> {
    let mut b = GraphBuilder::new(Shape { h, w, c });
    let x = codes.map_or(0, |bits| b.quantize("long/quant", 0, bits));
    let x = b.conv("long", x, 36, Window::whole([h, w]), planes(weights));
    let x = b.bn_relu("long", x);
    let x = b.quantize("short/quant", x, 2);
    let x = b.conv("short", x, 8, Window::valid(1, 1), planes(2));
    let x = b.bn_relu("short", x);
    b.dense("dense", x, 5, [1, 1]);
    b.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::Cpu;
    use crate::lower::Kernel;
    use std::collections::BTreeSet;

    #[test]
    fn every_kernel_is_checked() {
        let plans = plans().unwrap();
        let kernels = plans.iter().flat_map(|p| &p.program().steps).map(|s| s.kernel.name().to_owned());
        assert_eq!(kernels.collect::<BTreeSet<_>>(), BTreeSet::from_iter(Kernel::names()));
    }

    #[test]
    fn prepared_cpu_nets_do_not_keep_the_plan() {
        for (plan, cpu) in
            plans().unwrap().into_iter().flat_map(|p| Cpu::all().into_iter().map(move |c| (p.clone(), c)))
        {
            let plan = Arc::new(plan);
            let _net = cpu.prepare_net(plan.clone(), 1);
            assert_eq!(Arc::strong_count(&plan), 1, "{}", cpu.instructions());
        }
    }

    #[test]
    fn differences_are_counted() {
        assert_eq!(differing(&[1, 2, 3], &[1, 2, 3]), None);
        assert_eq!(differing(&[1, 2, 3], &[1, 0, 0]), Some([2, 3]));
        assert_eq!(differing(&[1], &[1, 0]), Some([1, 2]));
    }
}
