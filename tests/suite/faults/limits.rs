//! Too little of what a process needs: threads, memory, its parent.

use super::{PROGRAM, SHIP, ends, stderr, stdout};
use lq_infer::{Batch, Control, DeviceSelector, Engine, ErrorKind, Model};
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn without_threads_one_does_the_work() {
    // No limit on processes binds root, so root runs the program as a user without a name, from a folder of its own.
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let (program, picture) = (folder.path().join("lq-infer"), folder.path().join("ship.png"));
    std::fs::copy(PROGRAM, &program).unwrap();
    std::fs::copy(SHIP, &picture).unwrap();
    // SAFETY: takes and changes nothing.
    let root = unsafe { libc::geteuid() } == 0;
    let user = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"];
    let limited = ["prlimit", "--nproc=1"];
    let words = user.iter().filter(|_| root).chain(&limited).map(AsRef::as_ref).collect::<Vec<&OsStr>>();
    let output = ends(Command::new(words[0]).args(&words[1..]).arg(&program).args(["--device", "cpu"]).arg(&picture));
    assert!(output.status.success(), "{:?}: {}", output.status, stderr(&output));
    assert!(stdout(&output).contains("100.0%  ship"), "{}", stdout(&output));
    assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
}

#[test]
fn without_memory_for_threads_one_does_the_work() {
    // Memory for the program, but not for the stacks of 4000 threads. (The last thread that starts may find no memory for
    // its signal handlers and end with a message. A backtrace would need memory too.)
    let script = "ulimit -v 2000000; RUST_BACKTRACE=0 RAYON_NUM_THREADS=4000 exec \"$0\" --device cpu \"$1\"";
    let output = ends(Command::new("sh").args(["-c", script, PROGRAM, SHIP]));
    assert!(output.status.success(), "{:?}: {}", output.status, stderr(&output));
    assert!(stdout(&output).contains("100.0%  ship"), "{}", stdout(&output));
}

#[test]
fn a_forked_process_is_told_so() {
    let engine = Engine::builder().device(DeviceSelector::Cpu).build().unwrap();
    let net = engine.prepare(&Model::bundled().unwrap()).unwrap();
    let batch = Batch::Pixels(vec![77; 32 * 32 * 3]);
    net.logits(&batch, &Control::default()).unwrap();
    // SAFETY: the child only makes two calls of the library, which must return before they take any lock that another
    // thread may have held, and ends without running anything else of this program.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let used = net.logits(&batch, &Control::default()).err().map(|e| e.kind());
        let made = Engine::builder().device(DeviceSelector::Cpu).build().err().map(|e| e.kind());
        let refused = [used, made] == [Some(ErrorKind::Usage); 2];
        // SAFETY: ends this process at once.
        unsafe { libc::_exit(if refused { 0 } else { 1 }) };
    }
    assert!(child > 0);
    let (start, mut status) = (Instant::now(), 0);
    // SAFETY: `child` is a child of this process, and `status` outlives the call.
    while unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) } == 0 {
        if start.elapsed() > Duration::from_secs(20) {
            // SAFETY: as above.
            unsafe { libc::kill(child, libc::SIGKILL) };
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(status, 0, "the child neither hung nor got anything but an error of usage");
}
