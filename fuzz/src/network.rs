//! Networks: described by fuzzed bytes, lowered, planned, and run on the reference and on every instruction set of this
//! processor, which must agree to the last bit.

mod build;
mod draws;
mod parameters;

use crate::target::{checked, refused};
pub use build::build;
pub use draws::Draws;
use lq_infer::Model;
use lq_infer::internals::backend::cpu::Cpu;
use lq_infer::internals::backend::reference::Reference;
use lq_infer::internals::backend::{Backend, Control};
use lq_infer::internals::fixed::{LIMB_LANES, VALUE_MAX, split_values};
use lq_infer::internals::graph::Graph;
use lq_infer::internals::graph::preprocess::Normalize;
use lq_infer::internals::lower::{InputForm, InputKind, PIXEL_ALPHA, Program, Work, lower};
use lq_infer::internals::plan::Plan;
use parameters::parameters;
use std::sync::{Arc, OnceLock};

/// Most work of a network that runs: at some 10^6 of these units per second when instrumented.
const MAX_WORK: u64 = 100_000;
/// Images of a batch.
const IMAGES: usize = 2;

/// A network of which bytes say what it consists of.
pub fn network(data: &[u8]) {
    let mut draws = Draws::new(data);
    let Some((graph, normalize)) = build(&mut draws) else { return };
    let json = serde_json::to_string(&graph).expect("a graph can be written");
    assert_eq!(serde_json::from_str::<Graph>(&json).expect("what was written can be read"), graph);
    run_graph(&graph, &normalize, &mut draws);
}

/// Runs a graph with parameters that are drawn, if it is small.
pub fn run_graph(graph: &Graph, normalize: &Normalize, draws: &mut Draws) {
    let Some(params) = parameters(graph, draws) else { return };
    for kind in [InputKind::Tensor, InputKind::Pixels] {
        if kind == InputKind::Tensor || matches!(normalize, Normalize::Channel { .. }) {
            match lower(graph, &params, normalize, kind) {
                Ok(program) => run(program, draws),
                Err(problem) => refused(problem),
            }
        }
    }
}

/// Runs a model, if it is small.
pub fn run_model(model: &Model) {
    let header = model.header();
    let size: usize = model.packed().params.tensors().values().map(|tensor| tensor.bytes().len()).sum();
    if size > 1 << 18 {
        return;
    }
    let normalize = &header.preprocess.normalize;
    let kind = if matches!(normalize, Normalize::Channel { .. }) { InputKind::Pixels } else { InputKind::Tensor };
    match lower(&header.graph, &model.packed().params, normalize, kind) {
        Ok(program) => run(program, &mut Draws::new(&[])),
        Err(problem) => refused(problem),
    }
}

/// Every instruction set, on one thread.
fn cpus() -> &'static [Cpu] {
    static CPUS: OnceLock<Vec<Cpu>> = OnceLock::new();
    CPUS.get_or_init(|| {
        let pool = Arc::new(rayon_pool());
        Cpu::all().into_iter().map(|cpu| cpu.with_pool(pool.clone())).collect()
    })
}

fn rayon_pool() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread can be started")
}

fn run(program: Program, draws: &mut Draws) {
    let work = program.steps.iter().map(|step| Work::of(&program, &step.kernel));
    let work = work.map(|work| work.words + work.byte_products + work.tensors + work.constants).sum::<u64>();
    let Some(plan) = checked(Plan::new(program)).filter(|_| work <= MAX_WORK) else { return };
    let plan = Arc::new(plan);
    let words = input(&plan, draws);
    let result = |backend: &dyn Backend| {
        let net = backend.prepare(plan.clone(), IMAGES, &|_, _| Ok(())).expect("a plan can be prepared");
        net.run(&words, IMAGES, &Control::default()).expect("a prepared plan runs")
    };
    let expected = result(&Reference { parallel: false });
    for cpu in cpus() {
        assert!(result(cpu) == expected, "{} differs from the reference\n{}", cpu.name(), plan.program());
    }
}

/// The words of the input tensor: any pixels, and values over the whole of their range.
fn input(plan: &Plan, draws: &mut Draws) -> Vec<u32> {
    let spec = &plan.program().tensors[0];
    let count = IMAGES * spec.image_words();
    match plan.program().input {
        InputForm::Values { .. } => (0..count).map(|_| value(draws) as u32).collect(),
        InputForm::Pixels => {
            let alpha = u32::from(PIXEL_ALPHA as u8) << 24;
            (0..count).map(|_| draws.word() & 0x00ff_ffff | alpha).collect()
        }
        InputForm::Limbs { .. } => {
            let groups = IMAGES * spec.shape.pixels() * spec.shape.c.div_ceil(LIMB_LANES);
            let lanes = |group: usize| {
                let first = group * LIMB_LANES % spec.shape.c.next_multiple_of(LIMB_LANES);
                (spec.shape.c - first).min(LIMB_LANES)
            };
            (0..groups).flat_map(|group| split_values((0..lanes(group)).map(|_| value(draws)))).collect()
        }
    }
}

/// A value: small, large, or as large as one may be.
fn value(draws: &mut Draws) -> i32 {
    match draws.word() {
        word if word % 31 == 0 => VALUE_MAX,
        word if word % 31 == 1 => -VALUE_MAX,
        word => word as i32 >> (3 + word % 17),
    }
}
