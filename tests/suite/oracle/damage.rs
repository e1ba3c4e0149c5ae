//! The comparison must be able to fail: errors put into programs are found, and programs that contradict themselves are
//! refused.

use super::TOLERANCE;
use crate::common::compare::compare;
use crate::common::lowered;
use crate::common::problem::Problem;
use lq_infer::internals::lower::{BitConv, Finish, Kernel, Program};

#[test]
fn a_flipped_weight_bit_is_found() {
    let found = (0..40).filter(|&seed| {
        damage_is_found(seed, |kernel| match kernel {
            Kernel::BitConv(k) => {
                k.weights[0] ^= 1;
                true
            }
            _ => false,
        })
    });
    // A bit may meet activations that are all 0, or a gain of 0; in most networks it shows.
    let found = found.count();
    assert!(found >= 25, "{found} of 40");
}

#[test]
fn a_wrong_threshold_is_found() {
    let found = (0..40).filter(|&seed| {
        damage_is_found(seed, |kernel| {
            let epilogue = match kernel {
                Kernel::BitConv(k) => &mut k.epilogue,
                Kernel::LimbConv(k) => &mut k.epilogue,
                Kernel::Quantize(k) => return raise(&mut k.ranks.thresholds, i32::MAX),
                _ => return false,
            };
            match &mut epilogue.finish {
                Finish::Codes { thresholds, .. } => raise(thresholds, [i32::MAX, 0]),
                Finish::Value { codes: Some((ranks, _)), .. } => raise(&mut ranks.thresholds, i32::MAX),
                Finish::Value { .. } => false,
            }
        })
    });
    // Channel 0 may be dead or below its thresholds anyway.
    let found = found.count();
    assert!(found >= 25, "{found} of 40");
}

/// Puts channel 0's first threshold out of reach: whatever was above it gets the level below.
fn raise<T>(thresholds: &mut [T], never: T) -> bool {
    thresholds[0] = never;
    true
}

/// Damages the first kernel that `damage` takes and says whether the comparison reports that kernel's layer or one behind it.
fn damage_is_found(seed: u64, mut damage: impl FnMut(&mut Kernel) -> bool) -> bool {
    let problem = Problem::random(seed);
    let mut program: Program = lowered(&problem).unwrap();
    let Some(step) = program.steps.iter_mut().position(|s| damage(&mut s.kernel)) else { return false };
    let Err(report) = compare(&problem, &program, &TOLERANCE) else { return false };
    let guilty = |name: &str| report.starts_with(&format!("layer '{name}'"));
    let before = program.steps[..step].iter().flat_map(|s| s.kernel.writes());
    for tensor in before {
        assert!(!guilty(&program.tensors[tensor].name), "blames a layer before the damage: {report}");
    }
    assert!(report.contains(&format!("Problem::random({seed})")), "{report}");
    true
}

#[test]
fn inconsistent_programs_are_not_planned() {
    let problem = Problem::random(5);
    let program = lowered(&problem).unwrap();
    let refuse = |change: &dyn Fn(&mut Program)| {
        let mut wrong = program.clone();
        change(&mut wrong);
        lq_infer::internals::plan::Plan::new(wrong).expect_err("should be refused")
    };
    fn first_bitconv(program: &mut Program) -> &mut BitConv {
        let mut kernels = program.steps.iter_mut().map(|s| &mut s.kernel);
        kernels.find_map(|kernel| if let Kernel::BitConv(k) = kernel { Some(k) } else { None }).unwrap()
    }
    assert!(refuse(&|p| first_bitconv(p).weights.truncate(1)).contains("weights"));
    assert!(refuse(&|p| first_bitconv(p).window.stride = [9, 9]).contains("window"));
    assert!(refuse(&|p| first_bitconv(p).input = 0).contains("planes"));
    assert!(refuse(&|p| first_bitconv(p).coefficients.truncate(1)).contains("coefficients"));
    assert!(refuse(&|p| drop(p.steps.remove(0))).contains("nothing has written"));
    assert!(refuse(&|p| p.tensors.truncate(2)).contains("layer '"));
    assert!(refuse(&|p| p.tensors[0].shape.h = 0).contains("empty"));
}
