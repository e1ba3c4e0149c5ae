//! Runs the `lq-infer` program and checks its output.

use std::path::Path;
use std::process::{Command, Output, Stdio};

pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lq-infer"));
    command.args(args).stdin(Stdio::null());
    command
}

pub fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs the program and expects it to fail with `code` and, after notes, one line of error; all of `parts` are somewhere in that.
/// Usage errors (code 2) may have more lines.
pub fn fails(args: &[&str], code: i32, parts: &[&str]) {
    let output = run(args);
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
    let errors = error.lines().skip_while(|line| !line.starts_with("lq-infer: error: ")).count();
    assert!(code == 2 || errors == 1, "{args:?}: {error}");
    for part in parts {
        assert!(error.contains(part), "{args:?} should say '{part}': {error}");
    }
}

pub fn json_lines(output: &Output) -> Vec<serde_json::Value> {
    assert!(output.status.success(), "{}", stderr(output));
    stdout(output).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
