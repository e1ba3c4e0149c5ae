//! Interrupts and requests to terminate.

use super::{MODEL, command, fifo, names};
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn no_signal_leaves_temporary_files() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, temporary) = (fifo(folder.path().join("pipe")), folder.path().join("tmp"));
        std::fs::create_dir(&temporary).unwrap();
        // Nobody reads the pipe, so the program waits with its temporary file.
        let mut program = command(&["export", MODEL, "-o", pipe.to_str().unwrap()]);
        let mut child = program.env("TMPDIR", &temporary).stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        while names(&temporary).is_empty() {
            assert!(start.elapsed() < Duration::from_secs(30), "no temporary file appears");
            std::thread::sleep(Duration::from_millis(5));
        }
        // SAFETY: the process is a child of this one and has not been waited for.
        assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert_eq!(names(&temporary), Vec::<String>::new());
    }
}

#[test]
fn an_empty_setting_of_the_cache_is_no_setting() {
    let (folder, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut program = command(&["devices", "--check"]);
    let program = program.env("LQ_INFER_CACHE", "").env("XDG_CACHE_HOME", home.path()).current_dir(folder.path());
    assert!(super::ends(program).status.code().is_some());
    assert_eq!(names(folder.path()), Vec::<String>::new());
}
