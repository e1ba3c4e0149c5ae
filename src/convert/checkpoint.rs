//! Training checkpoints of every kind behind one type.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use sha2::{Digest, Sha256};

use super::locate::{self, Form, Found};
use super::npz::Npz;
use super::safetensors::SafetensorsFile;
use super::stream::{self, DataFile, RangeReader, Sink, each_piece};
use super::tf_bundle::TfBundle;
use super::torch::{self, TorchFile};
use super::zip_directory::shown;
use crate::Error;

/// Longest variable name that is read.
const MAX_NAME: usize = 1024;

/// Most bytes of all names together. Limits far above any real network keep a small hostile file from costing memory.
pub(crate) const MAX_NAME_BYTES: usize = 4 * 1024 * 1024;

/// Most variables of a checkpoint.
pub(crate) const MAX_VARIABLES: usize = 16 * 1024;

/// Most dimensions of a variable.
pub(crate) const MAX_DIMS: usize = 16;

/// How far a variable that is packed or repeated may exceed the file in size, in bytes. Together with the list of
/// variables, it keeps all memory that a hostile file can claim below its own size plus 64 MiB.
pub(crate) const MARGIN: usize = 40 * 1024 * 1024;

/// Which kind of file a checkpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointKind {
    /// `PREFIX.index` and `PREFIX.data-0000k-of-0000n`, as `tf.train.Saver` writes them.
    TensorflowV2,
    /// A NumPy archive, as tensorpack dumps it.
    TensorpackNpz,
    /// The archive that `torch.save` writes.
    Torch,
    /// What `torch.save` wrote before PyTorch 1.6.
    TorchLegacy,
    /// A `.safetensors` file of a state dict.
    Safetensors,
}

impl fmt::Display for CheckpointKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CheckpointKind::TensorflowV2 => "TensorFlow V2 checkpoint",
            CheckpointKind::TensorpackNpz => "tensorpack .npz",
            CheckpointKind::Torch => "PyTorch checkpoint",
            CheckpointKind::TorchLegacy => "PyTorch checkpoint (legacy)",
            CheckpointKind::Safetensors => "safetensors state dict",
        })
    }
}

/// What a checkpoint says about one variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Length of each dimension; empty for a scalar.
    pub shape: Vec<usize>,
    /// Name of the element type, such as "float32" or "int64".
    pub dtype: String,
}

impl Variable {
    /// Narrower or wider types would make results depend on a conversion nobody asked for.
    pub(crate) fn expect_f32(&self, name: &str) -> Result<(), String> {
        if self.dtype == "float32" {
            return Ok(());
        }
        Err(format!("variable '{name}' is of type {}, expected float32", self.dtype))
    }
}

/// An opened checkpoint. Its variables' data are only touched when they are read. Its files must not be changed while it is
/// open: variables would be of two versions.
#[derive(Debug)]
pub struct Checkpoint {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Bundle(TfBundle),
    File { path: PathBuf, file: DataFile, content: Content },
}

/// What a checkpoint of a single file holds.
#[derive(Debug)]
enum Content {
    Npz(Npz),
    Torch(TorchFile),
    Safetensors(SafetensorsFile),
}

impl Content {
    /// Parses a file that starts as one of `form`.
    fn parse(form: Form, file: &[u8]) -> Result<Self, String> {
        match form {
            Form::Safetensors => SafetensorsFile::parse(file).map(Content::Safetensors),
            Form::Zip if !torch::is_archive(file)? => Npz::parse(file).map(Content::Npz),
            Form::Zip | Form::Pickle => TorchFile::parse(file).map(Content::Torch),
        }
    }

    fn kind(&self) -> CheckpointKind {
        match self {
            Content::Npz(_) => CheckpointKind::TensorpackNpz,
            Content::Torch(torch) if torch.is_legacy() => CheckpointKind::TorchLegacy,
            Content::Torch(_) => CheckpointKind::Torch,
            Content::Safetensors(_) => CheckpointKind::Safetensors,
        }
    }

    fn variables(&self) -> &BTreeMap<String, Variable> {
        match self {
            Content::Npz(npz) => npz.variables(),
            Content::Torch(torch) => torch.variables(),
            Content::Safetensors(safetensors) => safetensors.variables(),
        }
    }

    fn stream(&self, file: &DataFile, name: &str, unit: usize, sink: &mut Sink) -> Result<(), String> {
        match self {
            Content::Npz(npz) => npz.stream(file, name, unit, sink),
            Content::Torch(torch) => torch.stream(file, name, unit, sink),
            Content::Safetensors(safetensors) => safetensors.stream(file, name, unit, sink),
        }
    }
}

impl Checkpoint {
    /// Opens the checkpoint that `path` means: an `.npz` file, a PyTorch `.pt` or `.pth`, a `.safetensors` of a state
    /// dict, a TensorFlow `.index` or `.data-*` file or their common prefix, a `checkpoint` state file, or a directory
    /// with such a state file or exactly one `.index`. The kind is told by content, not by extension.
    pub fn open(path: &Path) -> crate::Result<Checkpoint> {
        let source = match locate::locate(path)? {
            Found::Bundle(prefix) => Source::Bundle(TfBundle::open(&prefix)?),
            Found::File(form, path) => {
                let file = DataFile(open_regular(&path)?);
                let content = Content::parse(form, &map(&file, &path)?);
                let content = content.map_err(|problem| Error::bad_checkpoint(&path, problem))?;
                Source::File { path, file, content }
            }
        };
        Ok(Checkpoint { source })
    }

    /// The kind that was recognised.
    pub fn kind(&self) -> CheckpointKind {
        match &self.source {
            Source::Bundle(_) => CheckpointKind::TensorflowV2,
            Source::File { content, .. } => content.kind(),
        }
    }

    /// The file that was opened: the `.index`, or the one file that the checkpoint is.
    pub fn path(&self) -> &Path {
        match &self.source {
            Source::Bundle(bundle) => &bundle.index_path,
            Source::File { path, .. } => path,
        }
    }

    /// SHA-256 of the checkpoint, in hexadecimal: of the index and then the data shards in order, or of the one file.
    pub fn sha256(&self) -> crate::Result<String> {
        let mut hash = Sha256::new();
        let mut add = |file: &DataFile| {
            let len = file.len().map_err(|source| Error::io(self.path(), source))?;
            each_piece(RangeReader { file, range: 0..len }, len, 1, |piece| {
                hash.update(piece);
                Ok(())
            })
            .map_err(|problem| Error::bad_checkpoint(self.path(), problem))
        };
        match &self.source {
            Source::Bundle(bundle) => bundle.files().try_for_each(add)?,
            Source::File { file, .. } => add(file)?,
        }
        Ok(hash.finalize().iter().fold(String::new(), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }

    /// All variables by name, without TensorFlow's trailing ":0" and the prefixes of PyTorch's wrappers: also those that
    /// only training needs.
    pub fn variables(&self) -> &BTreeMap<String, Variable> {
        match &self.source {
            Source::Bundle(bundle) => bundle.index().variables(),
            Source::File { content, .. } => content.variables(),
        }
    }

    /// Reads a variable in C order as float32, and checks its checksum if one is stored. It must be of that type; in the
    /// files of PyTorch and safetensors, other floats are converted.
    pub fn read_f32(&self, name: &str) -> crate::Result<Vec<f32>> {
        let shape = self.variables().get(name).map_or(&[][..], |variable| &variable.shape);
        let values = stream::collect(shape, |sink| self.pieces(name, 1, sink));
        values.map_err(|problem| Error::bad_checkpoint(self.path(), problem))
    }

    /// Passes a variable as [`Checkpoint::read_f32`] reads it to `sink`, in pieces of a whole number of `unit` elements (if it
    /// is a whole number of them) and of about a megabyte; one that is stored in another order than C's may be one piece.
    /// What `sink` refuses is an error of the variable.
    pub fn stream_f32(&self, name: &str, unit: usize, sink: &mut Sink) -> crate::Result<()> {
        self.pieces(name, unit, sink).map_err(|problem| Error::bad_checkpoint(self.path(), problem))
    }

    fn pieces(&self, name: &str, unit: usize, sink: &mut Sink) -> Result<(), String> {
        match &self.source {
            Source::Bundle(bundle) => bundle.stream(name, unit, sink),
            Source::File { file, content, .. } => content.stream(file, name, unit, sink),
        }
    }
}

/// Takes the name of a variable from its key, without TensorFlow's trailing ":0" (output 0 of an op).
pub(crate) fn variable_name(key: &[u8]) -> Result<&str, String> {
    plain_name("variable", key.strip_suffix(b":0").unwrap_or(key))
}

/// A name of `what`: printable text of bounded length. Names are never used as paths; still, those that would lead out of a directory are
/// refused, since no writer makes them.
pub(crate) fn plain_name<'a>(what: &str, name: &'a [u8]) -> Result<&'a str, String> {
    let text = str::from_utf8(name).ok();
    let text = text.filter(|n| !n.is_empty() && n.len() <= MAX_NAME && !n.contains(char::is_control));
    let leads_out = |n: &str| n.starts_with('/') || n.contains('\\') || n.split('/').any(|part| part == "..");
    text.filter(|n| !leads_out(n)).ok_or_else(|| format!("bad {what} name {}", shown(name)))
}

/// Opens a file for reading. Opening a pipe or a device could block forever, so those are refused.
pub(crate) fn open_regular(path: &Path) -> crate::Result<File> {
    let io = |source| Error::io(path, source);
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(Error::bad_checkpoint(path, format!("this is no regular file; {}", locate::ACCEPTED)));
    }
    File::open(path).map_err(io)
}

/// Maps the file at `path` into memory for parsing what is in front of its data.
pub(crate) fn map(file: &DataFile, path: &Path) -> crate::Result<Mmap> {
    // SAFETY: the map is private to this process and only read. If another process truncates or rewrites the file
    // meanwhile, reads may fault or see other bytes: `Checkpoint` says that this must not happen, and lengths and
    // checksums are checked on the mapped bytes themselves.
    unsafe { Mmap::map(&file.0) }.map_err(|source| Error::io(path, source))
}
