//! Works out which checkpoint a path means, from the form of the path and the first and last bytes of the file.

use super::directory;
use super::file_form::FileForm;
use super::foreign;
use super::reader::ACCEPTED;
use super::shards;
use super::tf_bundle::{self, TfIndex};
use crate::error::{Error, Result};
use crate::files::RegularFile;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// Most of a state file that is read; the entry that counts is its first.
const MAX_STATE: usize = 64 * 1024;

/// The open file that a checkpoint starts with.
#[derive(Debug)]
pub(super) enum Located {
    /// A checkpoint of a single file.
    File(FileForm, RegularFile),
    /// The index of a TensorFlow V2 checkpoint.
    Bundle(RegularFile),
    /// The index of a state dict in several files.
    Shards(RegularFile),
}

/// Finds the checkpoint that `path` means.
pub(super) fn locate(path: &Path) -> Result<Located> {
    if path.is_dir() {
        return locate_file(&directory::file_in(path)?);
    }
    locate_file(path)
}

/// Finds the checkpoint that the path of a file means.
fn locate_file(path: &Path) -> Result<Located> {
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
    // Such a file holds archives of torch.save one after the other, and so looks like one.
    if extension == "distcp"
        && let Some(problem) = foreign::by_extension(extension)
    {
        return Err(Error::bad_checkpoint(path, problem));
    }
    if let Some(form) = FileForm::of(&head) {
        match directory::index_of_shard(path) {
            Some(index) => open(&index?).map(Located::Shards),
            None => Ok(Located::File(form, file)),
        }
    } else if shards::is_index(&head, path) {
        Ok(Located::Shards(file))
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

fn is_state(head: &[u8]) -> bool {
    head.trim_ascii_start().starts_with(b"model_checkpoint_path")
}

/// The checkpoint that a state file names (tensorflow/python/training/checkpoint_state.proto, in text form).
fn from_state(path: &Path, text: &[u8]) -> Result<Located> {
    let named = state_target(text).map_err(|problem| Error::bad_checkpoint(path, problem))?;
    // Joining an absolute path gives that path, which is what TensorFlow does too.
    let folder = path.parent().unwrap_or(Path::new(""));
    // Joining an absolute path gives that path, which is what TensorFlow does too. Where the folder was moved since, or
    // copied from another machine, the files still lie beside the state file.
    let prefix = folder.join(&named);
    let beside = folder.join(named.file_name().unwrap_or_default());
    match [&prefix, &beside].into_iter().find(|prefix| index_of(prefix).is_file()) {
        Some(prefix) => bundle(prefix),
        None => {
            let (there, beside) = (index_of(&prefix), index_of(&beside));
            let problem =
                format!("it names a checkpoint that is neither '{}' nor '{}'", there.display(), beside.display());
            Err(Error::bad_checkpoint(path, problem))
        }
    }
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
    if tf_bundle::has_magic(&file.tail(8)?) {
        // The parser recognizes a V1 checkpoint itself.
        return Ok(match TfIndex::parse(file) {
            Ok(_) => "this is the index of a TensorFlow V2 checkpoint; give it back its name PREFIX.index".into(),
            Err(problem) => problem,
        });
    }
    let seems = foreign::of_file(head, extension);
    Ok(seems.unwrap_or_else(|| format!("the form of this file is not known; {ACCEPTED}")))
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
