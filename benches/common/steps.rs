//! Names for launches that say what they compute. Layers of equal shape have equal names.

use lq_infer::internals::bench::Subject;
use lq_infer::internals::lower::{Program, Repr, Step, TensorSpec};
use lq_infer::internals::tensor::Window;
use std::collections::BTreeSet;

/// The first launch of each kernel and shape, with a name such as `bitconv 3x3 56x56x64 to 56x56x64 codes`.
pub fn distinct_launches(subject: &dyn Subject, program: &Program) -> Vec<(usize, String)> {
    let mut seen = BTreeSet::new();
    let step = |layer: &str, kernel: &str| program.steps.iter().find(|s| s.name == layer && s.kernel.name() == kernel);
    let launches = subject.launches().into_iter().enumerate();
    let named = launches.filter_map(|(index, (layer, kernel))| Some((index, name(program, step(&layer, kernel)?))));
    named.filter(|(_, name)| seen.insert(name.clone())).collect()
}

fn name(program: &Program, step: &Step) -> String {
    let shape = |spec: &TensorSpec| spec.shape.to_string();
    let result = |spec: &TensorSpec| format!("{} {}", spec.shape, repr(&spec.repr));
    let list = |ids: Vec<usize>, text: &dyn Fn(&TensorSpec) -> String| {
        ids.into_iter().map(|id| text(&program.tensors[id])).collect::<Vec<_>>().join(" + ")
    };
    let window = step.kernel.facts().window().map(geometry).unwrap_or_default();
    let (from, to) = (list(step.kernel.reads(), &shape), list(step.kernel.writes(), &result));
    format!("{}{window} {from} to {to}", step.kernel.name())
}

/// The window's size, and its stride unless that is 1.
fn geometry(window: &Window) -> String {
    let [height, width] = window.kernel;
    match window.stride {
        [1, 1] => format!(" {height}x{width}"),
        [stride, _] => format!(" {height}x{width}/{stride}"),
    }
}

fn repr(repr: &Repr) -> &'static str {
    match repr {
        Repr::Codes { .. } => "codes",
        Repr::Bits { .. } => "bits",
        Repr::Rows { .. } => "rows",
        Repr::Value { .. } => "values",
        Repr::Limbs { .. } => "limbs",
        Repr::Sums { .. } => "sums",
    }
}
