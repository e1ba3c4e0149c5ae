//! Which checkpoint a directory means.

use super::foreign::DCP_ADVICE;
use crate::error::{Error, Result};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// TensorFlow's name of the text file that names the newest checkpoint of a directory.
pub(super) const STATE_FILE: &str = "checkpoint";

/// End of the name of an index of shards.
pub(super) const INDEX_END: &str = ".index.json";

/// Files that are a whole checkpoint, as libraries name them in a directory of a model.
const SINGLE: [&str; 4] = ["model.safetensors", "pytorch_model.bin", "pytorch_model.safetensors", "model.pt"];

/// Files that tell what a directory is that is no checkpoint: what it is, and what to do.
const FORMS: [(&str, &str, &str); 6] = [
    (".metadata", "a distributed PyTorch checkpoint", DCP_ADVICE),
    ("saved_model.pb", "a TensorFlow SavedModel", "convert the checkpoint that it was made of (PREFIX.index)"),
    ("data.pkl", "an unpacked archive of torch.save", "pack it again: its folder, without compression, as a .zip"),
    ("keras_metadata.pb", "a Keras model", "save the variables as a NumPy .npz or .safetensors"),
    ("Manifest.json", "a Core ML package", "convert the checkpoint that it was made of"),
    ("zero_to_fp32.py", "a DeepSpeed checkpoint", "make one file of it with the script zero_to_fp32.py in it"),
];

/// The file in a directory that is its checkpoint: a state file, the index of shards, a single file with a usual name,
/// or the one `.index` of TensorFlow.
pub(super) fn file_in(directory: &Path) -> Result<PathBuf> {
    let bad = |problem: String| Error::bad_checkpoint(directory, problem);
    let usual = std::iter::once(STATE_FILE).chain(SINGLE).map(|name| directory.join(name));
    let (shards, indexes) = (ending(directory, INDEX_END)?, ending(directory, ".index")?);
    let mut found: Vec<PathBuf> = usual.filter(|path| path.is_file()).collect();
    found.extend(shards);
    match found.as_slice() {
        [only] => return Ok(only.clone()),
        // A state file says itself which checkpoint is meant.
        [state, ..] if state.ends_with(STATE_FILE) => return Ok(state.clone()),
        [_, _, ..] => {
            return Err(bad(format!("a directory with several checkpoints ({}); name one of them", names(&found))));
        }
        [] => {}
    }
    if let Some((_, what, advice)) = FORMS.iter().find(|(name, ..)| directory.join(name).is_file()) {
        return Err(bad(format!("this directory is {what}; {advice}")));
    }
    match indexes.as_slice() {
        [index] => Ok(index.clone()),
        [] => Err(bad(
            "a directory with no 'checkpoint' file, no .index file and no model.safetensors; name the checkpoint itself"
                .into(),
        )),
        _ => Err(bad("a directory with several .index files and no 'checkpoint' file; name one of them".into())),
    }
}

/// Names of some files, for a message.
fn names(paths: &[PathBuf]) -> String {
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    paths.iter().take(4).map(name).collect::<Vec<_>>().join(", ")
}

/// The regular files whose names end so, at most two, in the order of their names.
fn ending(directory: &Path, end: &str) -> Result<Vec<PathBuf>> {
    let io = |source| Error::io(directory, source);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.ends_with(end) && !name.starts_with('.') && path.is_file() {
            found.push(path);
        }
        if found.len() > 1 {
            break;
        }
    }
    found.sort();
    Ok(found)
}

/// The index of the shards of which the file is one by its name, `NAME-0000k-of-0000n.EXTENSION`; none if it is whole.
pub(super) fn index_of_shard(path: &Path) -> Option<Result<PathBuf>> {
    let stem = path.file_stem().and_then(OsStr::to_str)?;
    let (front, count) = stem.rsplit_once("-of-")?;
    let (name, number) = front.rsplit_once('-')?;
    let is_number = |text: &str| text.len() >= 5 && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(count) || !is_number(number) || count.trim_start_matches('0') == "1" {
        return None;
    }
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    let index = path.with_file_name(format!("{name}.{extension}{INDEX_END}"));
    let missing = format!(
        "this is one of {} files of a state dict; '{}', which lists them, is missing",
        count.trim_start_matches('0'),
        index.display()
    );
    Some(if index.is_file() { Ok(index) } else { Err(Error::bad_checkpoint(path, missing)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_told_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let index = |name: &str| index_of_shard(&folder.path().join(name));
        assert!(index("model.safetensors").is_none() && index("model-00001-of-00001.safetensors").is_none());
        assert!(index("model-1-of-2.safetensors").is_none() && index("a-of-b.pt").is_none());
        let error = index("model-00001-of-00002.safetensors").unwrap().unwrap_err().to_string();
        assert!(error.contains("one of 2 files") && error.contains("model.safetensors.index.json"), "{error}");
        std::fs::write(folder.path().join("m.bin.index.json"), "{}").unwrap();
        assert!(index("m-00002-of-00010.bin").unwrap().unwrap().ends_with("m.bin.index.json"));
    }
}
