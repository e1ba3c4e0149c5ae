//! Ctrl-C, and going on.

use super::{arguments, graph_file, pictures};
use crate::common::program::{command, run, stderr, text};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

#[test]
fn an_interrupt_keeps_the_state_and_says_how_to_go_on() {
    let (data, out) = (pictures(24, 1), tempfile::tempdir().unwrap());
    let (graph, output) = (graph_file(out.path()), out.path().join("net.safetensors"));
    let log = out.path().join("log");
    let mut all = arguments(&graph, data.path(), &output, "60");
    all.extend(["--json", text(&log)]);
    let mut child = command(&all).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("epoch 2:") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "ended early");
    }
    // SAFETY: the process is a child that has not been waited for.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGINT) }, 0);
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest}");
    let state = output.with_extension("training.safetensors");
    let next = format!("--resume {} --data {}", text(&state), text(data.path()));
    assert!(rest.contains("interrupted in epoch") && rest.contains(&next), "{rest}");
    assert!(rest.contains(&format!("--json {} --device cpu -o", text(&log))), "{rest}");
    assert!(!output.exists());
    let printed =
        run(&["train", "--resume", text(&state), "--data", text(data.path()), "-o", text(&output), "--device", "cpu"]);
    assert!(printed.status.success(), "{}", stderr(&printed));
    let (other, whole) = (out.path().join("other.safetensors"), std::fs::read(&state).unwrap());
    assert!(run(&arguments(&graph, data.path(), &other, "60")).status.success());
    assert!(std::fs::read(other.with_extension("training.safetensors")).unwrap() == whole, "another state");
}
