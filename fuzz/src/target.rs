//! The list of targets, and what holds for all of them.

use crate::{archives, arrays, documents, network, pictures};
use lq_infer::Error;

/// The longest message that an error may have.
const MAX_MESSAGE: usize = 4096;

/// One thing that is tested.
pub struct Target {
    /// Name, also of the folders with its corpus and seeds.
    pub name: &'static str,
    run: fn(&[u8]),
}

impl Target {
    /// All targets.
    pub fn all() -> &'static [Target] {
        macro_rules! targets {
            ($($name:literal: $run:path,)*) => { &[$(Target { name: $name, run: $run }),*] };
        }
        targets! {
            "npy": arrays::npy,
            "npz": arrays::npz,
            "safetensors": arrays::safetensors,
            "packed": arrays::packed,
            "torch-zip": archives::torch_zip,
            "torch-legacy": archives::torch_legacy,
            "pickle": archives::pickle,
            "tf-index": archives::tf_index,
            "tf-entries": archives::tf_entries,
            "picture": pictures::picture,
            "exif": pictures::exif,
            "report": documents::report,
            "graph": documents::graph,
            "exported": documents::exported,
            "mean-image": documents::mean_image,
            "checkpoint": documents::checkpoint,
            "network": network::network,
        }
    }

    /// Tests these bytes.
    pub fn test(&self, data: &[u8]) {
        (self.run)(data);
    }
}

/// What a refusal says.
pub trait Refusal {
    /// The message as an application gets it.
    fn message(self) -> String;
}

impl Refusal for Error {
    fn message(self) -> String {
        self.to_string()
    }
}

/// What is wrong with a file, to which the library's callers add its name.
impl Refusal for String {
    fn message(self) -> String {
        assert!(!self.is_empty(), "a message that says nothing");
        Error::BadInput { path: "fuzzed".into(), problem: self }.to_string()
    }
}

/// Checks a refusal: its message is one line that is safe to show.
pub fn refused(refusal: impl Refusal) {
    let text = refusal.message();
    assert!(text.len() < MAX_MESSAGE, "a message of {} bytes: {text:?}", text.len());
    assert!(!text.contains(char::is_control), "a message with control characters: {text:?}");
}

/// The result, if there is one; checks the refusal otherwise.
pub fn checked<T, E: Refusal>(result: Result<T, E>) -> Option<T> {
    result.map_err(refused).ok()
}
