//! Files that commands read and write.

use super::failure::{Failure, Outcome};
use crate::error::Error;
use crate::files::{check_replaceable, read_text, replace_file};
use crate::text::counted;
use std::path::{Path, PathBuf};

/// Largest file of labels that is read. ImageNet's take 30 kB.
const MAX_LABELS: usize = 16 << 20;

/// The labels in a text file, one per line.
pub(super) fn read_labels(path: &Path) -> Result<Vec<String>, Error> {
    Ok(read_text(path, MAX_LABELS)?.lines().map(|l| l.trim_end().to_owned()).filter(|l| !l.is_empty()).collect())
}

/// Refuses labels of another number than the network has classes.
pub(super) fn check_labels(path: &Path, labels: &[String], classes: usize) -> Result<(), Error> {
    if labels.len() == classes {
        return Ok(());
    }
    let labels = counted(labels.len(), "label");
    let problem = format!("holds {labels}, the network has {classes} classes; expected one label per line");
    Err(Error::bad_input(path, problem))
}

/// Writes a file of results, if it was asked for. It appears whole or not at all.
pub(super) fn write(path: Option<&PathBuf>, text: impl FnOnce() -> String) -> Outcome {
    path.map_or(Ok(()), |path| replace_file(path, text().as_bytes()).map_err(Failure::of_writing))
}

/// Endings of other formats, which a reader would take the file for.
const FOREIGN: [&str; 13] =
    ["onnx", "pt", "pth", "ckpt", "tflite", "pb", "h5", "keras", "npz", "npy", "gguf", "json", "png"];

/// Refuses, as a safetensors file to write, a directory, one in a folder that does not exist or cannot be written to, names
/// that promise another format, and "-", which people take for standard output.
pub(super) fn need_file(path: &Path) -> Outcome {
    if path.as_os_str() == "-" {
        return Err(usage(path, "is no file to write: name /dev/stdout for standard output, or ./- for a file"));
    }
    if path.is_dir() {
        return Err(usage(path, "is a directory"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.exists()) {
        let problem =
            format!("the folder {} does not exist; create it, or name another file to write", folder.display());
        return Err(usage(path, &problem));
    }
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    match FOREIGN.contains(&ending.as_str()) {
        true => Err(usage(path, &format!("only safetensors files are written, no .{ending}; name it .safetensors"))),
        false => check_replaceable(path).map_err(Failure::of_writing),
    }
}

/// A wrong argument that is a path.
pub(super) fn usage(path: &Path, problem: &str) -> Failure {
    Failure::new(2, format!("{}: {problem}", path.display()))
}

/// Whether two paths name one existing file.
pub(super) fn same_file(a: &Path, b: &Path) -> bool {
    a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
}

/// Size of a file that was written; 0 if it is gone already.
pub(super) fn size(path: &Path) -> usize {
    std::fs::metadata(path).map_or(0, |m| m.len() as usize)
}
