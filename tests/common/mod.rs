//! Shared by the integration tests: random problems, the oracle, and helpers to run and compare programs.

#![allow(dead_code)] // each test binary uses only a part

pub mod agreement;
pub mod compare;
pub mod devices;
pub mod kernels;
pub mod npz;
pub mod oracle;
pub mod pictures;
pub mod problem;
pub mod program;
pub mod rng;
pub mod tensorpack;
pub mod torch_files;
pub mod torch_names;
pub mod writers;

use lq_infer::internals::backend::reference::{Reference, trace};
use lq_infer::internals::backend::{Backend, Control};
use lq_infer::internals::fixed::{combine_diagonals, pack_lanes, split_values, to_fixed};
use lq_infer::internals::lower::{InputForm, Logits, PIXEL_ALPHA, PIXEL_OFFSET, Program, Repr, TensorId, lower};
use lq_infer::internals::plan::Plan;
use problem::{Input, Problem};
use std::sync::Arc;

/// The program of a problem.
pub fn lowered(problem: &Problem) -> Result<Program, String> {
    lower(&problem.graph, &problem.params, &problem.normalize, problem.kind)
}

/// The words of the program's input tensor for all images.
pub fn encode(problem: &Problem, program: &Program) -> Vec<u32> {
    let channels = problem.graph.input_shape().c;
    match (program.input, &problem.input) {
        (InputForm::Pixels, Input::Pixels(pixels)) => pixels
            .chunks(3)
            .map(|p| {
                let lane = |c: usize| (i32::from(p[c]) - PIXEL_OFFSET) as i8;
                pack_lanes([lane(0), lane(1), lane(2), PIXEL_ALPHA])
            })
            .collect(),
        (InputForm::Values { frac }, Input::Tensor(x)) => x.iter().map(|&v| fixed(v, frac) as u32).collect(),
        (InputForm::Limbs { frac }, Input::Tensor(x)) => {
            let groups = x.chunks(channels).flat_map(|pixel| pixel.chunks(4));
            groups.flat_map(|group| split_values(group.iter().map(|&v| fixed(v, frac)))).collect()
        }
        (form, _) => panic!("the program wants {form:?}, which this problem does not have"),
    }
}

fn fixed(x: f32, frac: i32) -> i32 {
    to_fixed(f64::from(x), frac) as i32
}

/// Runs a program on the reference and returns the words of its logit tensor.
pub fn run(program: &Program, input: &[u32], images: usize, parallel: bool) -> Vec<u32> {
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    let net = Reference { parallel }.prepare(plan, images, &|_, _| Ok(())).unwrap();
    net.run(input, images, &Control::default()).unwrap()
}

/// Runs a program on the reference and returns the words of every tensor, for all images.
pub fn run_all(program: &Program, input: &[u32]) -> Vec<Vec<u32>> {
    let plan = Plan::new(program.clone()).unwrap();
    let mut tensors = vec![Vec::new(); program.tensors.len()];
    for (image, input) in input.chunks(plan.input_words()).enumerate() {
        let mut keep = |id: TensorId, words: &[u32]| {
            tensors[id].truncate(image * words.len());
            tensors[id].extend_from_slice(words);
        };
        trace(&plan, input, &mut keep).unwrap();
    }
    tensors
}

/// Logits `[image, class]` from the words of the logit tensor.
pub fn logits(program: &Program, words: &[u32]) -> Vec<f64> {
    match &program.logits {
        Logits::Values { frac, .. } => words.iter().map(|&w| real(i128::from(w as i32), *frac)).collect(),
        Logits::Sums { bias, frac, tensor } => {
            let Repr::Sums { diagonals } = program.tensors[*tensor].repr else { panic!("sums without diagonals") };
            let signed: Vec<i32> = words.iter().map(|&w| w as i32).collect();
            let class = |(i, d): (usize, &[i32])| {
                let c = i % bias.len();
                real(combine_diagonals(d) + i128::from(bias[c]), frac[c])
            };
            signed.chunks(diagonals).enumerate().map(class).collect()
        }
    }
}

pub fn real(n: i128, frac: i32) -> f64 {
    n as f64 * 2f64.powi(-frac)
}
