//! Tests of benchmarks. They look at times, so they have a program of their own, beside which nothing else runs.

#![allow(unreachable_pub)] // a program has no callers outside

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/trials.rs"]
mod trials;

mod cases;

use common::devices::without_gpu;
use std::process::ExitCode;
use trials::{Arguments, run, trials};

fn main() -> ExitCode {
    let on_gpus = trials! { without_gpu();
        cases: float32_is_a_rival_on_gpus_only, runs_on_gpus_have_parts;
    };
    let not_linux = (!cfg!(target_os = "linux")).then(|| "load of other programs is read on Linux only".to_owned());
    let on_linux = trials! { not_linux; cases: programs_beside_are_noticed; };
    let on_every_machine = trials! { None;
        cases: interrupted_runs_leave_a_report, random_models_are_the_same_everywhere, repeated_runs_agree,
            reports_are_complete_and_read_back, wrong_arguments_are_usage_errors, wrong_digests_void_figures;
    };
    let all = on_gpus.into_iter().chain(on_linux).chain(on_every_machine);
    run(&Arguments::from_args(), all.collect()).exit_code()
}
