//! Zip archives, told by the names of their entries. Those of `torch.save` and of NumPy are read, others are named.

use crate::convert::readers::reader::ACCEPTED;
use crate::convert::readers::zip_directory::Entry;
use crate::files::quoted;

/// Forms that an entry tells, by the end of its name: what the archive is, and what to do.
const FORMS: [(&str, &str, &str); 12] = [
    ("bytecode.pkl", "a TorchScript archive for mobile devices", "save model.state_dict() with torch.save"),
    ("constants.pkl", "a TorchScript archive", "save model.state_dict() with torch.save"),
    ("models/model.json", EXPORTED, STATE_DICT),
    ("serialized_exported_program.json", EXPORTED, STATE_DICT),
    ("archive_format", EXPORTED, STATE_DICT),
    (".data/python_version", "a torch.package archive", "save model.state_dict() with torch.save"),
    ("MAR-INF/MANIFEST.json", "an archive for TorchServe (.mar)", "unpack it and name the weights in it"),
    ("model.weights.h5", "a Keras model (.keras)", "save the variables as a NumPy .npz or .safetensors"),
    ("saved_model.pb", "a packed TensorFlow SavedModel", "convert the checkpoint that it was made of (PREFIX.index)"),
    (".mlmodel", "a packed Core ML model", "convert the checkpoint that it was made of"),
    ("[Content_Types].xml", "an office document", "name the checkpoint"),
    ("AndroidManifest.xml", "an Android application", "name the checkpoint"),
];

const EXPORTED: &str = "a program of torch.export (.pt2)";
const STATE_DICT: &str = "save model.state_dict() of the network that was exported, with torch.save";

/// Ends of names of files that are checkpoints themselves.
const INSIDE: [&str; 9] = [".pt", ".pth", ".pth.tar", ".ckpt", ".bin", ".safetensors", ".npz", ".index", ".zip"];

/// Refuses an archive that is neither NumPy's nor one of `torch.save`.
pub(in crate::convert::readers) fn check_entries(entries: &[Entry]) -> Result<(), String> {
    if entries.is_empty() {
        return Err(format!("an empty zip archive; {ACCEPTED}"));
    }
    let ends = |entry: &Entry, end: &str| entry.name.ends_with(end.as_bytes());
    let is_in = |end: &str| entries.iter().any(|entry| ends(entry, end));
    if let Some((_, what, advice)) = FORMS.iter().find(|(end, ..)| is_in(end)) {
        return Err(format!("this seems to be {what}; {advice}"));
    }
    if is_in("/data.pkl") {
        return Ok(());
    }
    if is_in("data.pkl") {
        return Err("this seems to be an archive of torch.save that was unpacked and packed again; \
                    give it back its folder: the entries' names have to start with the same NAME/"
            .into());
    }
    if let Some(inside) = entries.iter().find(|entry| INSIDE.iter().any(|end| ends(entry, end))) {
        return Err(format!("this is a zip archive around {}; unpack it first", quoted(&inside.name)));
    }
    Ok(())
}
