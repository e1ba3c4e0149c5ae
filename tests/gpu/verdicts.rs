//! Results of self-checks are kept for later processes.

use crate::common::devices::{entry, gpus};
use crate::common::program::{command, json_lines, stdout};
use lq_infer::DeviceInfo;
use lq_infer::internals::backend::Backend;
use std::path::Path;
use std::process::Output;

fn with_cache(folder: &Path, args: &[&str]) -> Output {
    command(args).env("LQ_INFER_CACHE", folder).output().unwrap()
}

pub fn verdicts_are_kept_until_the_next_check() {
    let folder = tempfile::tempdir().unwrap();
    let gpus = gpus();
    let gpu = &gpus[0];
    gpu.with_cache(Some(folder.path().into())).keep_verdict(Some("bitconv is wrong"));
    let lines = json_lines(&with_cache(folder.path(), &["devices", "--json"]));
    assert_eq!(entry(&lines, gpu)["failed_check"], "bitconv is wrong");
    let text = stdout(&with_cache(folder.path(), &["devices"]));
    assert!(text.contains("failed its check: bitconv is wrong"), "{text}");
    // In the library, only who names the folder gets to know.
    let failed = |devices: Vec<DeviceInfo>| devices.into_iter().filter(|d| d.failed_check.is_some()).count();
    assert_eq!(failed(lq_infer::Engine::builder().cache(folder.path()).devices()), 1);
    assert_eq!(failed(lq_infer::devices()), 0);
    // With another cache nothing is known of it.
    let other = tempfile::tempdir().unwrap();
    assert!(entry(&json_lines(&with_cache(other.path(), &["devices", "--json"])), gpu)["failed_check"].is_null());

    let lines = json_lines(&with_cache(folder.path(), &["devices", "--check", "--json"]));
    assert!(lines.iter().all(|line| line["check"]["healthy"] == true), "{lines:?}");
    let lines = json_lines(&with_cache(folder.path(), &["devices", "--json"]));
    assert!(entry(&lines, gpu)["failed_check"].is_null());
}
