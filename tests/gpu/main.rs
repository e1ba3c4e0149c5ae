//! Tests of GPUs, and of what is the same on GPUs and CPUs. Where there is no GPU they fail, unless the person running them
//! set `LQ_INFER_ALLOW_NO_GPU=1`; then those that need one are reported as ignored.

#![allow(unreachable_pub)] // a program has no callers outside

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/trials.rs"]
mod trials;

mod agreement;
mod awaited;
mod embed;
mod loops;
mod profile;
mod rounds;
mod shared;
mod stream;
mod textures;
mod timeline;
mod train;
mod variants;
mod verdicts;

use common::devices::without_gpu;
use std::process::ExitCode;
use trials::{Arguments, run, trials};

fn main() -> ExitCode {
    let on_gpus = trials! { without_gpu();
        agreement: cancelled_and_wrong_calls_are_errors, gpus_agree_with_the_reference,
            limits_shrink_the_batch_or_name_the_layer, random_networks_agree_with_the_reference,
            the_comparison_can_fail, threads_may_share_a_network, wide_networks_agree_in_every_form,
            work_can_be_encoded_on_a_borrowed_device;
        awaited: each_call_ends_when_its_caller_says_so, one_thread_serves_all_calls;
        embed: a_borrowed_device_gives_the_same_result_synchronously_and_not, a_host_can_tell_that_its_device_is_lost,
            every_call_on_a_lost_device_says_so, pictures_in_textures_are_classified_within_the_callers_commands,
            the_example_survives_the_loss_of_its_device, threads_share_a_net, work_can_be_recorded_in_parts;
        loops: floats_on_reals, large_pools_are_right_or_refused, weights_on_codes, weights_on_reals;
        profile: arrays_on_gpus;
        rounds: no_invocation_makes_more_rounds_than_stated;
        shared: a_host_may_poll_beside_us, a_lost_device_is_reported_as_lost, deadlines_hold_on_sixteen_threads,
            long_calls_can_be_cancelled_on_sixteen_threads, every_wait_ends_when_the_caller_says_so,
            traces_and_runs_do_not_mix;
        stream: on_a_gpu;
        textures: pictures_are_imported_in_the_order_asked_for, pictures_of_any_size_are_resized_as_on_the_host;
        timeline: devices_of_callers_are_timed_with_what_they_have, dispatches_of_gpus,
            steps_that_are_done_together_have_one_time, threads_may_time_and_run_at_once;
        train: a_device_gives_the_same_bytes_each_time_and_after_interruptions, a_step_of_resnet20_is_that_of_the_cpu,
            a_teacher_teaches_as_on_the_cpu, gradients_of_every_layer_are_those_of_the_cpu,
            loss_that_is_no_number_names_the_layer,
            narrow_networks_learn_as_well_as_on_the_cpu_and_states_go_from_one_to_the_other,
            quantizers_of_all_bits_learn_as_on_the_cpu,
            what_does_not_fit_is_refused_and_a_lost_device_leaves_the_last_state;
        variants: strips_of_pictures, tiles_of_odd_windows, tiles_of_square_windows, tuned_choices_are_kept;
        verdicts: verdicts_are_kept_until_the_next_check;
    };
    let on_every_machine = trials! { None;
        embed: work_can_be_cancelled_and_has_deadlines;
        profile: eval_and_verify, failures, pictures_on_the_cpu;
        stream: errors_end_a_sequence, on_the_cpu;
        textures: every_sample_shows;
        timeline: steps_of_processors, wrong_and_cancelled_calls_are_errors;
    };
    run(&Arguments::from_args(), on_gpus.into_iter().chain(on_every_machine).collect()).exit_code()
}
