//! Training checkpoints of every kind behind one type.

use super::evidence::Evidence;
use super::file_form::one_dict;
use super::locate::{Located, locate};
use super::pieces::{Sink, each_piece};
use super::reader::{CheckpointKind, Reader};
use super::shards;
use super::tf_bundle::TfIndex;
use super::variable::Variable;
use super::views::Selection;
use crate::error::{Error, Result};
use crate::files::{RangeReader, RegularFile, hex};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// An open checkpoint. Its variables' data are only touched when they are read. Its files must not be changed while it
/// is open: variables would be of two versions.
#[derive(Debug)]
pub struct Checkpoint {
    /// The `.index`, or the one file that the checkpoint is.
    main: RegularFile,
    /// The files with the data of an index.
    shards: Vec<RegularFile>,
    reader: Box<dyn Reader>,
    evidence: Evidence,
}

impl Checkpoint {
    /// Opens the checkpoint that `path` means: an `.npz` file, a PyTorch `.pt` or `.pth`, a `.safetensors` of a state
    /// dict, the `.index.json` of one in several files, a TensorFlow `.index` or `.data-*` file or their common prefix,
    /// a `checkpoint` state file, or a directory with such a state file, with exactly one index, or with a
    /// `model.safetensors`. The kind is told by content, not by extension.
    pub fn open(path: &Path) -> Result<Checkpoint> {
        Self::open_selected(path, Selection::default())
    }

    /// Opens a PyTorch checkpoint that holds several state dicts, and takes the one with this key: "state_dict_ema", or
    /// "ema.shadow" for a dict in a dict. [`Checkpoint::evidence`] lists them.
    pub fn open_state_dict(path: &Path, key: &str) -> Result<Checkpoint> {
        Self::open_selected(path, Selection { key: Some(key), ..Selection::default() })
    }

    fn open_selected(path: &Path, selection: Selection) -> Result<Checkpoint> {
        let (main, shards, reader): (_, _, Box<dyn Reader>) = match locate(path)? {
            Located::Bundle(main) => {
                let index = parsed(&main, |file| one_dict(selection, TfIndex::parse(file)?))?;
                let shards = index.open_shards(main.path())?;
                (main, shards, Box::new(index))
            }
            Located::Shards(main) => {
                let (reader, shards) = shards::open(&main)?;
                let reader =
                    one_dict(selection, reader).map_err(|problem| Error::bad_checkpoint(main.path(), problem))?;
                (main, shards, Box::new(reader))
            }
            Located::File(form, main) => {
                let reader = parsed(&main, |file| form.parse(file, selection))?;
                (main, Vec::new(), reader)
            }
        };
        let evidence = reader.evidence();
        Ok(Checkpoint { main, shards, reader, evidence })
    }

    /// What the checkpoint says about itself besides its variables.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The kind that was recognised.
    pub fn kind(&self) -> CheckpointKind {
        self.reader.kind()
    }

    /// The file that was opened: the `.index`, or the one file that the checkpoint is.
    pub fn path(&self) -> &Path {
        self.main.path()
    }

    /// Whether `path` is one of the checkpoint's files, by whatever name.
    pub fn includes(&self, path: &Path) -> bool {
        let Ok(path) = path.canonicalize() else { return false };
        self.files().any(|file| file.path().canonicalize().is_ok_and(|own| own == path))
    }

    /// All files, in the order in which they are hashed.
    fn files(&self) -> impl Iterator<Item = &RegularFile> {
        std::iter::once(&self.main).chain(&self.shards)
    }

    /// SHA-256 of the checkpoint, in hexadecimal: of the index and then the data shards in order, or of the one file.
    pub fn sha256(&self) -> Result<String> {
        let mut hash = Sha256::new();
        for file in self.files() {
            let reader = RangeReader { file, range: 0..file.len() };
            let hashed = each_piece(reader, file.len(), 1, |piece| {
                hash.update(piece);
                Ok(())
            });
            hashed.map_err(|problem| self.bad(problem))?;
        }
        Ok(hex(&hash.finalize()))
    }

    /// All variables by name, without TensorFlow's trailing ":0" and the prefixes of PyTorch's wrappers: also those
    /// that only training needs.
    pub fn variables(&self) -> &BTreeMap<String, Variable> {
        self.reader.variables()
    }

    /// Reads a variable in C order as float32, and checks its checksum if one is stored. It must be of that type; in
    /// the files of PyTorch and safetensors, other floats are converted.
    pub fn read_f32(&self, name: &str) -> Result<Vec<f32>> {
        self.file_of(name).and_then(|file| self.reader.read_f32(file, name)).map_err(|problem| self.bad(problem))
    }

    /// Passes a variable as [`Checkpoint::read_f32`] reads it to `sink`, in pieces of a whole number of `unit`
    /// elements (if it is a whole number of them) and of about a megabyte; one that is stored in another order than
    /// C's may be one piece. What `sink` refuses is an error of the variable.
    pub fn stream_f32(&self, name: &str, unit: usize, sink: &mut Sink) -> Result<()> {
        let streamed = self.file_of(name).and_then(|file| self.reader.stream(file, name, unit, sink));
        streamed.map_err(|problem| self.bad(problem))
    }

    /// The file with the data of a variable.
    fn file_of(&self, name: &str) -> Result<&RegularFile, String> {
        match self.reader.shard(name) {
            None => Ok(&self.main),
            Some(shard) => self.shards.get(shard).ok_or_else(|| format!("data shard {shard} of '{name}' is missing")),
        }
    }

    /// An error of this checkpoint.
    pub(in crate::convert) fn bad(&self, problem: impl Into<String>) -> Error {
        Error::bad_checkpoint(self.path(), problem)
    }
}

/// What `parse` makes of a file.
fn parsed<T>(file: &RegularFile, parse: impl FnOnce(&RegularFile) -> Result<T, String>) -> Result<T> {
    parse(file).map_err(|problem| Error::bad_checkpoint(file.path(), problem))
}
