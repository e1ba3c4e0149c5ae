//! The CPU backend computes what the reference computes, to the last bit: with every instruction set of this processor, on
//! any number of threads, in any batch.

use crate::common::agreement::{
    assert_a_wrong_bit_shows, assert_agreement, assert_call_errors, assert_random_agreement, assert_sharing, number,
};
use crate::common::devices::run_on as run;
use crate::common::kernels::{all, bits, input, weight_only};
use lq_infer::internals::backend::cpu::Cpu;
use lq_infer::internals::backend::reference::Reference;
use lq_infer::internals::fixed::VALUE_MAX;
use lq_infer::internals::lower::{InputForm, Kernel};
use lq_infer::internals::tensor::Window;
use std::sync::Arc;

/// Random networks to compare, unless `LQ_INFER_RANDOM_COUNT` says how many. `LQ_INFER_EVERY=4` leaves out three of four
/// fixed networks.
const RANDOM_NETWORKS: u64 = 96;

/// Every instruction set on one, two and three threads.
fn all_cpus() -> Vec<Cpu> {
    let pool = |threads: usize| Arc::new(rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap());
    (1..=3).map(pool).flat_map(|pool| Cpu::all().into_iter().map(move |cpu| cpu.with_pool(pool.clone()))).collect()
}

#[test]
fn instruction_sets_end_with_one_that_needs_nothing() {
    let names: Vec<&str> = Cpu::all().iter().map(Cpu::instructions).collect();
    println!("{names:?}");
    assert_eq!(names.last(), Some(&"portable"));
    assert_eq!(names[0], Cpu::default().instructions());
    let counts: Vec<usize> = all_cpus().iter().map(Cpu::threads).collect();
    assert_eq!([counts[0], counts[names.len()], counts[2 * names.len()]], [1, 2, 3]);
}

#[test]
fn cpus_agree_with_the_reference() {
    let cpus = all_cpus();
    let every = number("LQ_INFER_EVERY", 1) as usize;
    all().iter().step_by(every).for_each(|problem| assert_agreement(&cpus, problem, &[1, 2, 5]));
}

/// Networks as after training, with every W x A, odd sizes, branches and bases out of order (see `common::problem`).
#[test]
fn random_networks_agree_with_the_reference() {
    let cpus = all_cpus();
    (0..number("LQ_INFER_RANDOM_COUNT", RANDOM_NETWORKS)).for_each(|seed| assert_random_agreement(&cpus, seed));
}

/// Rows of so many words that ones counted in bytes have to be widened several times; then rows that are shorter than any
/// register, with outputs that end in its middle.
#[test]
fn long_and_short_rows_agree_with_the_reference() {
    let cpus = all_cpus();
    for (w, a, channels) in [(2, 2, [1030, 36, 7]), (1, 1, [2080, 33, 9]), (3, 3, [1030, 8, 1]), (2, 2, [1, 1, 1])] {
        let problem = bits(w, a, channels, [3, 4], Window::same(3, 1, [3, 4]));
        assert_agreement(&cpus, &problem, &[1, 2]);
        let program = problem.program();
        assert!(matches!(program.input, InputForm::Values { .. }));
        for extreme in [VALUE_MAX, -VALUE_MAX] {
            let words = vec![extreme as u32; program.tensors[0].image_words()];
            let expected = run(&Reference { parallel: false }, &program, &words, 1);
            for cpu in &cpus {
                assert_eq!(run(cpu, &program, &words, 1), expected, "{}, {extreme}", problem.name);
            }
        }
    }
}

/// With few channels, coefficients are as large as they get.
#[test]
fn narrow_inputs_agree_with_the_reference() {
    let cpus = all_cpus();
    (1..=3).for_each(|bits| assert_agreement(&cpus, &weight_only(bits, [1, 20]), &[1, 2, 5]));
}

/// Sums beyond 2^53, which the reference wraps, are not this backend's to compute.
#[test]
fn sums_that_doubles_cannot_hold_agree_with_the_reference() {
    let problem = bits(1, 2, [70, 33, 16], [5, 6], Window::same(3, 1, [5, 6]));
    let mut program = problem.program();
    for step in &mut program.steps {
        if let Kernel::BitConv(k) = &mut step.kernel {
            k.coefficients.iter_mut().for_each(|c| *c = [i32::MAX, 0]);
        }
    }
    let words = input(&program, 2, 1);
    let expected = run(&Reference { parallel: false }, &program, &words, 2);
    all_cpus().iter().for_each(|cpu| assert_eq!(run(cpu, &program, &words, 2), expected, "{}", cpu.instructions()));
}

#[test]
fn the_comparison_can_fail() {
    all_cpus().iter().for_each(assert_a_wrong_bit_shows);
}

#[test]
fn threads_may_share_a_network() {
    all_cpus().iter().for_each(assert_sharing);
}

#[test]
fn cancelled_and_wrong_calls_are_errors() {
    all_cpus().iter().for_each(assert_call_errors);
}
