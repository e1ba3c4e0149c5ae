//! Training checkpoints of either kind behind one type.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use sha2::{Digest, Sha256};

use super::locate::{self, Found};
use super::npz::Npz;
use super::tf_bundle::TfBundle;
use crate::Error;

/// Longest variable name that is read.
const MAX_NAME: usize = 1024;

/// Most bytes of all names together. Limits far above any real network keep a small hostile file from costing memory.
pub(crate) const MAX_NAME_BYTES: usize = 4 * 1024 * 1024;

/// Which kind of file a checkpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointKind {
    /// `PREFIX.index` and `PREFIX.data-0000k-of-0000n`, as `tf.train.Saver` writes them.
    TensorflowV2,
    /// A NumPy archive, as tensorpack dumps it.
    TensorpackNpz,
}

impl fmt::Display for CheckpointKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CheckpointKind::TensorflowV2 => "TensorFlow V2 checkpoint",
            CheckpointKind::TensorpackNpz => "tensorpack .npz",
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

/// An opened checkpoint. Its files are mapped into memory and must not be changed while it is open; its variables' data
/// are only touched when they are read.
#[derive(Debug)]
pub struct Checkpoint {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Bundle(TfBundle),
    Npz { path: PathBuf, file: Mmap, npz: Npz },
}

impl Checkpoint {
    /// Opens the checkpoint that `path` means: an `.npz` file, a TensorFlow `.index` or `.data-*` file or their common
    /// prefix, a `checkpoint` state file, or a directory with such a state file or exactly one `.index`. The kind is
    /// told by content, not by extension.
    pub fn open(path: &Path) -> crate::Result<Checkpoint> {
        let source = match locate::locate(path)? {
            Found::Bundle(prefix) => Source::Bundle(TfBundle::open(&prefix)?),
            Found::Npz(path) => {
                let file = map_file(&path)?;
                let npz = Npz::parse(&file).map_err(|problem| Error::bad_checkpoint(&path, problem))?;
                Source::Npz { path, file, npz }
            }
        };
        Ok(Checkpoint { source })
    }

    /// The kind that was recognised.
    pub fn kind(&self) -> CheckpointKind {
        match &self.source {
            Source::Bundle(_) => CheckpointKind::TensorflowV2,
            Source::Npz { .. } => CheckpointKind::TensorpackNpz,
        }
    }

    /// The file that was opened: the `.index` or the `.npz`.
    pub fn path(&self) -> &Path {
        match &self.source {
            Source::Bundle(bundle) => &bundle.index_path,
            Source::Npz { path, .. } => path,
        }
    }

    /// SHA-256 of the checkpoint, in hexadecimal: of the index and then the data shards in order, or of the `.npz`.
    pub fn sha256(&self) -> crate::Result<String> {
        let mut hash = Sha256::new();
        match &self.source {
            Source::Bundle(bundle) => bundle.files().into_iter().for_each(|file| hash.update(file)),
            Source::Npz { file, .. } => hash.update(file),
        }
        Ok(hash.finalize().iter().fold(String::new(), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }

    /// All variables by name, without a trailing ":0": also those that only training needs.
    pub fn variables(&self) -> &BTreeMap<String, Variable> {
        match &self.source {
            Source::Bundle(bundle) => bundle.index().variables(),
            Source::Npz { npz, .. } => npz.variables(),
        }
    }

    /// Reads a float32 variable, in C order, and checks its stored checksum.
    pub fn read_f32(&self, name: &str) -> crate::Result<Vec<f32>> {
        let values = match &self.source {
            Source::Bundle(bundle) => bundle.read_f32(name),
            Source::Npz { file, npz, .. } => npz.read_f32(file, name),
        };
        values.map_err(|problem| Error::bad_checkpoint(self.path(), problem))
    }
}

/// Takes the name of a variable from its key: printable text, without TensorFlow's trailing ":0" (output 0 of an op).
pub(crate) fn variable_name(key: &[u8]) -> Result<&str, String> {
    let key = key.strip_suffix(b":0").unwrap_or(key);
    let name = str::from_utf8(key).ok();
    let name = name.filter(|n| !n.is_empty() && n.len() <= MAX_NAME && !n.contains(char::is_control));
    name.ok_or_else(|| format!("bad variable name {}", super::zip_directory::shown(key)))
}

/// Opens a file for reading. Opening a pipe or a device could block forever, so those are refused.
pub(crate) fn open_regular(path: &Path) -> crate::Result<File> {
    let io = |source| Error::io(path, source);
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(Error::bad_checkpoint(path, format!("this is no regular file; {}", locate::ACCEPTED)));
    }
    File::open(path).map_err(io)
}

/// Maps a file into memory for reading.
pub(crate) fn map_file(path: &Path) -> crate::Result<Mmap> {
    let file = open_regular(path)?;
    // SAFETY: the map is private to this process and only read. If another process truncates or rewrites the file
    // meanwhile, reads may fault or see other bytes: `Checkpoint` says that this must not happen, and lengths and
    // checksums are checked on the mapped bytes themselves.
    unsafe { Mmap::map(&file) }.map_err(|source| Error::io(path, source))
}
