//! What every backend must do: agree with the reference to the last bit, also when shared by threads, and refuse wrong
//! calls.

use super::devices::run_on as run;
use super::kernels::{Problem, bits, input, truncated};
use super::{encode, lowered, problem as random};
use lq_infer::internals::backend::reference::Reference;
use lq_infer::internals::backend::{Backend, CancelToken, Control};
use lq_infer::internals::error::ErrorKind;
use lq_infer::internals::lower::{Kernel, Program};
use lq_infer::internals::plan::Plan;
use lq_infer::internals::tensor::Window;
use std::sync::Arc;

const REFERENCE: Reference = Reference { parallel: false };

/// A number that an environment variable may set, for runs that are longer or, under emulators, shorter than usual.
pub fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |n| n.parse().unwrap_or_else(|_| panic!("{name} is no number: {n}")))
}

/// Runs `problem` on `backends` in batches of these sizes. Each net is prepared once, for the largest.
pub fn assert_agreement<B: Backend>(backends: &[B], problem: &Problem, batches: &[usize]) {
    let program = problem.program();
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    let largest = *batches.iter().max().unwrap();
    let nets: Vec<_> = backends.iter().map(|b| b.prepare(plan.clone(), largest, &|_, _| Ok(())).unwrap()).collect();
    for &images in batches {
        let words = input(&program, images, problem.seed + images as u64);
        let expected = run(&REFERENCE, &program, &words, images);
        for (backend, net) in backends.iter().zip(&nets) {
            if net.run(&words, images, &Control::default()).unwrap() != expected {
                let (name, guilty) = (backend.name(), guilty(backend, &program, &words, images));
                panic!("{} differs on {name} with {images} images: {guilty}", problem.name);
            }
        }
    }
}

/// Runs the random network of `seed` on `backends`.
pub fn assert_random_agreement<B: Backend>(backends: &[B], seed: u64) {
    let problem = random::Problem::random(seed);
    let program = lowered(&problem).unwrap();
    let words = encode(&problem, &program);
    let expected = run(&REFERENCE, &program, &words, problem.images);
    for backend in backends {
        if run(backend, &program, &words, problem.images) != expected {
            let guilty = guilty(backend, &program, &words, problem.images);
            panic!("{} differs: {guilty}\n{}", backend.name(), problem.describe());
        }
    }
}

/// Runs the random network of `seed` with all widths on `backends`, in a batch of `images` that repeats its inputs.
pub fn assert_wide_agreement<B: Backend>(backends: &[B], seed: u64, images: usize) {
    let problem = random::Problem::wide(seed);
    let program = lowered(&problem).unwrap();
    let repeated = |words: &[u32]| -> Vec<u32> {
        words.iter().copied().cycle().take(words.len() / problem.images * images).collect()
    };
    let words = encode(&problem, &program);
    let expected = repeated(&run(&REFERENCE, &program, &words, problem.images));
    for backend in backends {
        if run(backend, &program, &repeated(&words), images) != expected {
            let guilty = guilty(backend, &program, &repeated(&words), images);
            panic!("{} differs with {images} images: {guilty}\nwide, {}", backend.name(), problem.describe());
        }
    }
}

/// Describes the first step whose result differs, for the message of a failure.
fn guilty(backend: &dyn Backend, program: &Program, words: &[u32], images: usize) -> String {
    for steps in 1..=program.steps.len() {
        for cut in truncated(program, steps) {
            let (a, b) = (run(&REFERENCE, &cut, words, images), run(backend, &cut, words, images));
            if let Some(i) = (0..a.len()).find(|&i| a[i] != b[i]) {
                let step = &program.steps[steps - 1];
                let tensor = cut.logits.tensor();
                return format!(
                    "step '{}' ({}), tensor %{tensor} {}, word {i}: reference {:#x}, here {:#x}\n{program}",
                    step.name,
                    step.kernel.name(),
                    program.tensors[tensor].repr,
                    a[i],
                    b[i]
                );
            }
        }
    }
    "no single step".into()
}

fn small() -> Program {
    bits(1, 2, [20, 33, 16], [5, 6], Window::same(3, 1, [5, 6])).program()
}

/// The comparison can fail: one bit of one weight changes the result.
pub fn assert_a_wrong_bit_shows(backend: &impl Backend) {
    let program = small();
    let words = input(&program, 1, 1);
    let expected = run(&REFERENCE, &program, &words, 1);
    let mut wrong = program.clone();
    let mut kernels = wrong.steps.iter_mut().map(|step| &mut step.kernel);
    let weights = kernels.find_map(|kernel| if let Kernel::BitConv(k) = kernel { Some(&mut k.weights) } else { None });
    weights.unwrap()[0] ^= 1;
    assert_eq!(run(backend, &program, &words, 1), expected);
    assert_ne!(run(backend, &wrong, &words, 1), expected, "{}", backend.name());
}

/// Several threads run batches of different sizes on one net at the same time.
pub fn assert_sharing(backend: &impl Backend) {
    let program = &small();
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    let net = &backend.prepare(plan, 3, &|_, _| Ok(())).unwrap();
    let rounds = |seed: usize| {
        for round in 0..5 {
            let images = 1 + (seed + round) % 3;
            let words = input(program, images, seed as u64);
            let expected = run(&REFERENCE, program, &words, images);
            assert_eq!(net.run(&words, images, &Control::default()).unwrap(), expected, "{}", backend.name());
        }
    };
    std::thread::scope(|scope| (0..6).for_each(|seed| drop(scope.spawn(move || rounds(seed)))));
}

/// Cancelled runs, and runs with too few words or too many images, are errors. A run without images is not.
pub fn assert_call_errors(backend: &impl Backend) {
    let program = small();
    let plan = Arc::new(Plan::new(program.clone()).unwrap());
    let net = backend.prepare(plan, 2, &|_, _| Ok(())).unwrap();
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
