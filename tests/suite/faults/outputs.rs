//! Files to write that are no files, and disks that are full.

use super::{MODEL, PROGRAM, SHIP, command, ends, fifo, names, stderr, stdout};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::process::Command;

#[test]
fn devices_stay_devices_and_links_stay_links() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("file"), "old").unwrap();
    std::fs::set_permissions(at("file"), std::fs::Permissions::from_mode(0o604)).unwrap();
    symlink("file", at("link")).unwrap();
    symlink("/dev/null", at("null")).unwrap();
    for name in ["link", "null"] {
        let output = ends(&mut command(&["export", MODEL, "-o", at(name).to_str().unwrap()]));
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        assert!(std::fs::symlink_metadata(at(name)).unwrap().is_symlink(), "{name}");
    }
    let file = std::fs::metadata(at("file")).unwrap();
    assert!(file.len() > 1_000_000, "the link was followed");
    assert_eq!(file.permissions().mode() & 0o777, 0o604);
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    assert_eq!(names(folder.path()), ["file", "link", "null"]);
}

#[test]
fn new_files_follow_the_umask() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (umask, mode) in [("022", 0o644), ("027", 0o640)] {
        let (packed, float, graph) =
            (at(umask), at(&format!("{umask}.float.safetensors")), at(&format!("{umask}.json")));
        for arguments in [
            vec!["export", MODEL, "-o", &float],
            vec!["convert", &float, "--graph", &float, "-o", &packed],
            vec!["graph", "cifar-resnet-20", "-o", &graph],
        ] {
            let script = format!("umask {umask}; exec \"$0\" \"$@\"");
            let output = ends(Command::new("sh").args(["-c", &script, PROGRAM]).args(&arguments));
            assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        }
        for file in [packed, float, graph] {
            let found = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "{file} with umask {umask}");
        }
    }
}

#[test]
fn standard_output_can_be_named() {
    let output = ends(&mut command(&["--device", "cpu", "--profile", "/dev/stdout", SHIP]));
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    let (classes, profile) = text.split_at(text.find("\n{").unwrap_or_else(|| panic!("no JSON: {text}")));
    assert!(classes.contains("ship"));
    assert!(serde_json::from_str::<serde_json::Value>(profile).unwrap()["traceEvents"].is_array());
}

#[test]
fn a_pipe_gets_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = fifo(folder.path().join("pipe"));
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read(pipe).unwrap()
    });
    let output = ends(&mut command(&["export", MODEL, "-o", pipe.to_str().unwrap()]));
    assert!(output.status.success(), "{}", stderr(&output));
    let through = reader.join().unwrap();
    let file = folder.path().join("file");
    assert!(ends(&mut command(&["export", MODEL, "-o", file.to_str().unwrap()])).status.success());
    assert!(std::fs::read(file).unwrap() == through);
}

#[test]
fn a_full_device_is_an_error() {
    let output = ends(&mut command(&["export", MODEL, "-o", "/dev/full"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/dev/full: No space left"), "{}", stderr(&output));
}

#[test]
fn what_cannot_be_written_is_said_before_the_work() {
    let output = ends(&mut command(&["--device", "cpu", "--profile", "/proc/version/x", SHIP]));
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""), "{}", stderr(&output));
    assert!(stderr(&output).contains("/proc/version/x: "), "{}", stderr(&output));
}

#[test]
fn of_two_files_both_appear_or_neither() {
    let folder = tempfile::tempdir().unwrap();
    let float = folder.path().join("float.safetensors");
    assert!(ends(&mut command(&["export", MODEL, "-o", float.to_str().unwrap()])).status.success());
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    // A disk of its own, with room for the packed model but not for the float one.
    let script = "mount -t tmpfs -o size=400k none \"$1\" 2>/dev/null || exit 77
        \"$0\" convert \"$2\" --graph \"$2\" -o \"$1/a\" --float \"$1/b\"; code=$?
        ls -A \"$1\"; exit $code";
    let arguments = [PROGRAM.as_ref(), disk.as_path(), &float];
    let output = ends(Command::new("unshare").args(["-rm", "sh", "-c", script]).args(arguments));
    if output.status.code() == Some(77) || stderr(&output).starts_with("unshare") {
        eprintln!("left out: this system lets no process have a disk of its own");
        return;
    }
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("/b: "), "{}", stderr(&output));
    assert_eq!(stdout(&output), "", "nothing was left on the disk");
}
