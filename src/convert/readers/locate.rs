//! Works out which checkpoint a path means, from the form of the path and the first and last bytes of the file.

use super::file_form::FileForm;
use super::reader::ACCEPTED;
use super::tf_bundle::{self, TfIndex};
use crate::error::{Error, Result};
use crate::files::RegularFile;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// TensorFlow's name of the text file that names the newest checkpoint of a directory.
const STATE_FILE: &str = "checkpoint";

/// Most of a state file that is read; the entry that counts is its first.
const MAX_STATE: usize = 64 * 1024;

/// The open file that a checkpoint starts with.
#[derive(Debug)]
pub(super) enum Located {
    /// A checkpoint of a single file.
    File(FileForm, RegularFile),
    /// The index of a TensorFlow V2 checkpoint.
    Bundle(RegularFile),
}

/// Finds the checkpoint that `path` means.
pub(super) fn locate(path: &Path) -> Result<Located> {
    if path.is_dir() {
        return in_directory(path);
    }
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    if is_shard_extension(extension) {
        return bundle(&path.with_extension(""));
    }
    let has_index = index_of(path).is_file();
    let file = match open(path) {
        Ok(file) => file,
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound && has_index => return bundle(path),
        Err(error) => return Err(error),
    };
    let head = file.head(MAX_STATE)?;
    if let Some(form) = FileForm::of(&head) {
        Ok(Located::File(form, file))
    } else if extension == "index" {
        Ok(Located::Bundle(file))
    } else if is_state(&head) {
        from_state(path, &head)
    } else if has_index {
        bundle(path)
    } else {
        Err(Error::bad_checkpoint(path, describe(&file, &head)?))
    }
}

fn open(path: &Path) -> Result<RegularFile> {
    RegularFile::open(path)
}

/// The bundle whose files' names start with `prefix`.
fn bundle(prefix: &Path) -> Result<Located> {
    open(&index_of(prefix)).map(Located::Bundle)
}

/// `PREFIX.index`.
fn index_of(prefix: &Path) -> PathBuf {
    let mut whole = prefix.as_os_str().to_owned();
    whole.push(".index");
    whole.into()
}

/// Whether an extension is that of a data shard, `data-0000k-of-0000n`.
fn is_shard_extension(extension: &str) -> bool {
    let numbers = extension.strip_prefix("data-").and_then(|numbers| numbers.split_once("-of-"));
    let is_number = |text: &str| text.len() >= 5 && text.bytes().all(|b| b.is_ascii_digit());
    numbers.is_some_and(|(shard, of)| is_number(shard) && is_number(of))
}

/// A directory with a state file, or with exactly one checkpoint.
fn in_directory(directory: &Path) -> Result<Located> {
    let state = directory.join(STATE_FILE);
    if state.is_file() {
        return from_state(&state, &open(&state)?.head(MAX_STATE)?);
    }
    let io = |source| Error::io(directory, source);
    let mut indexes = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension() == Some(OsStr::new("index")) && path.is_file() {
            indexes.push(path);
        }
        if indexes.len() > 1 {
            let problem = "a directory with several .index files and no 'checkpoint' file; name one of them";
            return Err(Error::bad_checkpoint(directory, problem));
        }
    }
    match indexes.first() {
        Some(index) => open(index).map(Located::Bundle),
        None => {
            let problem = "a directory with no 'checkpoint' file and no .index file; name the checkpoint itself";
            Err(Error::bad_checkpoint(directory, problem))
        }
    }
}

fn is_state(head: &[u8]) -> bool {
    head.trim_ascii_start().starts_with(b"model_checkpoint_path")
}

/// The checkpoint that a state file names (tensorflow/python/training/checkpoint_state.proto, in text form).
fn from_state(path: &Path, text: &[u8]) -> Result<Located> {
    let named = state_target(text).map_err(|problem| Error::bad_checkpoint(path, problem))?;
    // Joining an absolute path gives that path, which is what TensorFlow does too.
    let prefix = path.parent().unwrap_or(Path::new("")).join(named);
    if index_of(&prefix).is_file() {
        return bundle(&prefix);
    }
    let problem = format!("it names '{}', expected that checkpoint's .index there", prefix.display());
    Err(Error::bad_checkpoint(path, problem))
}

/// The path in the line `model_checkpoint_path: "..."`.
fn state_target(text: &[u8]) -> Result<PathBuf, String> {
    let text = str::from_utf8(text).map_err(|_| "no text, expected model_checkpoint_path: \"...\"")?;
    let value = text.lines().find_map(|line| line.trim().strip_prefix("model_checkpoint_path:"));
    let value = value.and_then(|value| value.trim().strip_prefix('"')?.strip_suffix('"'));
    let value = value.filter(|value| !value.is_empty()).ok_or("expected a line model_checkpoint_path: \"...\"")?;
    let named = value.replace("\\\\", "/");
    if named.contains(['\\', '"']) || named.contains(char::is_control) {
        return Err(format!("escaped characters in {value:?}, expected a plain path"));
    }
    let named = PathBuf::from(named);
    if named.components().any(|part| part == Component::ParentDir) {
        return Err(format!("{value:?} leads out of the directory, expected a path without '..'"));
    }
    Ok(named)
}

/// Says what a file that is not accepted seems to be.
fn describe(file: &RegularFile, head: &[u8]) -> Result<String> {
    let extension = file.path().extension().and_then(OsStr::to_str).unwrap_or_default();
    let seems = if tf_bundle::has_magic(&file.tail(8)?) {
        // The parser recognizes a V1 checkpoint itself.
        return Ok(match TfIndex::parse(&file.map()?) {
            Ok(_) => "this is the index of a TensorFlow V2 checkpoint; give it back its name PREFIX.index".into(),
            Err(problem) => problem,
        });
    } else if extension == "meta" {
        "a TensorFlow graph definition (.meta), which holds no variables"
    } else if head.starts_with(b"\x89HDF\r\n\x1a\n") {
        "an HDF5 file (Keras)"
    } else if head.starts_with(crate::format::npy::MAGIC) {
        "a single .npy array"
    } else if head.is_empty() {
        "an empty file"
    } else {
        return Ok(format!("the form of this file is not known; {ACCEPTED}"));
    };
    Ok(format!("this seems to be {seems}; {ACCEPTED}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_files_stay_in_their_directory() {
        let target = |text: &str| state_target(text.as_bytes());
        assert_eq!(target("model_checkpoint_path: \"model-1\"\n"), Ok("model-1".into()));
        assert_eq!(target(" model_checkpoint_path:\"a/b\"\r\n"), Ok("a/b".into()));
        assert!(target("model_checkpoint_path: \"../x\"").unwrap_err().contains("without '..'"));
        assert!(target("model_checkpoint_path: \"a\\\\..\\\\x\"").unwrap_err().contains("without '..'"));
        assert!(target("model_checkpoint_path: \"\\056\"").unwrap_err().contains("plain path"));
        assert!(target("model_checkpoint_path: \"\"").unwrap_err().contains("expected a line"));
        assert!(target("all_model_checkpoint_paths: \"x\"").unwrap_err().contains("expected a line"));
    }

    #[test]
    fn shard_names() {
        assert!(is_shard_extension("data-00000-of-00001"));
        for other in ["data-0-of-1", "data-00000-of-", "index", "data-00000", "data-0000x-of-00001"] {
            assert!(!is_shard_extension(other), "{other}");
        }
    }
}
