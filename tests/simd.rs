//! Every instruction set of this processor computes what the reference computes, to the last bit, on any number of threads.

mod common;

use common::devices::{guilty, run_on};
use common::kernels::{Problem, all, bits, input, resnet20};
use common::{encode, lowered, problem as random};
use lq_infer::backend::cpu::Cpu;
use lq_infer::backend::simd::Simd;
use lq_infer::backend::{Backend, CancelToken, Control};
use lq_infer::error::ErrorKind;
use lq_infer::lower::{Kernel, Program};
use lq_infer::plan::Plan;
use lq_infer::tensor::Window;
use std::sync::Arc;

/// Random networks to compare.
const RANDOM_NETWORKS: u64 = 120;

/// Each instruction set on one, two and three threads.
fn backends() -> Vec<Simd> {
    let pool = |threads| Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap());
    let pools = [1, 2, 3].map(pool);
    Simd::all().into_iter().flat_map(|simd| pools.clone().map(|pool| simd.clone().with_pool(pool))).collect()
}

fn describe(simd: &Simd) -> String {
    format!("{} on {} threads", simd.instructions(), simd.threads())
}

fn check(simd: &Simd, name: &str, program: &Program, words: &[u32], images: usize, expected: &[u32]) {
    if run_on(simd, program, words, images) != expected {
        let guilty = guilty(simd, program, words, images);
        panic!("{name} differs with {} and {images} images: {guilty}", describe(simd));
    }
}

fn check_problem(backends: &[Simd], problem: &Problem) {
    let program = problem.program();
    for images in [5, 2, 1] {
        let words = input(&program, images, problem.seed + images as u64);
        let expected = run_on(&Cpu { parallel: false }, &program, &words, images);
        for simd in backends {
            check(simd, &problem.name, &program, &words, images, &expected);
        }
    }
}

#[test]
fn instruction_sets_agree_with_the_reference() {
    let backends = backends();
    assert!(backends.len() >= 3);
    all().iter().chain([&resnet20(2)]).for_each(|problem| check_problem(&backends, problem));
}

/// Networks as after training, with every W x A, odd sizes, branches and bases out of order (see `common::problem`).
#[test]
fn random_networks_agree_with_the_reference() {
    let backends = backends();
    for seed in 1000..1000 + RANDOM_NETWORKS {
        let problem = random::Problem::random(seed);
        let program = lowered(&problem).unwrap();
        let words = encode(&problem, &program);
        let expected = run_on(&Cpu { parallel: false }, &program, &words, problem.images);
        for simd in &backends {
            check(simd, &problem.describe(), &program, &words, problem.images, &expected);
        }
    }
}

#[test]
fn the_comparison_can_fail() {
    let program = bits(2, 2, [20, 33, 16], [5, 6], Window::same(3, 1, [5, 6])).program();
    let words = input(&program, 1, 1);
    let expected = run_on(&Cpu { parallel: false }, &program, &words, 1);
    let mut wrong = program.clone();
    let conv = wrong.steps.iter_mut().find_map(|s| if let Kernel::BitConv(k) = &mut s.kernel { Some(k) } else { None });
    conv.unwrap().weights[0] ^= 1;
    for simd in backends() {
        assert_eq!(run_on(&simd, &program, &words, 1), expected);
        assert_ne!(run_on(&simd, &wrong, &words, 1), expected, "{}", describe(&simd));
    }
}

#[test]
fn threads_may_share_a_network() {
    let program = bits(1, 2, [20, 33, 16], [5, 6], Window::same(3, 1, [5, 6])).program();
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    for simd in backends() {
        let net = simd.prepare(plan.clone(), 3, &|_, _| {}).unwrap();
        std::thread::scope(|scope| {
            for seed in 0..6 {
                let (net, program) = (&net, &program);
                scope.spawn(move || {
                    for round in 0..5 {
                        let images = 1 + (seed + round) % 3;
                        let words = input(program, images, seed as u64);
                        let expected = run_on(&Cpu { parallel: false }, program, &words, images);
                        assert_eq!(net.run(&words, images, &Control::default()).unwrap(), expected);
                    }
                });
            }
        });
    }
}

#[test]
fn cancelled_and_wrong_calls_are_errors() {
    let program = bits(1, 2, [20, 33, 16], [5, 6], Window::same(3, 1, [5, 6])).program();
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    let backends: [Box<dyn Backend>; 2] = [Box::new(Simd::default()), Box::new(Cpu { parallel: false })];
    for backend in backends {
        let net = backend.prepare(plan.clone(), 2, &|_, _| {}).unwrap();
        let words = input(&program, 2, 3);
        let cancel = CancelToken::new();
        let control = Control { cancel: Some(cancel.clone()), deadline: None };
        assert!(net.run(&words, 2, &control).is_ok());
        cancel.cancel();
        assert_eq!(net.run(&words, 2, &control).unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(net.run(&words, 1, &Control::default()).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(net.run(&words, 3, &Control::default()).unwrap_err().kind(), ErrorKind::Usage);
        assert!(net.run(&[], 0, &Control::default()).unwrap().is_empty());
    }
}
