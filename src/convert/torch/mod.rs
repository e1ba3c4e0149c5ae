//! PyTorch checkpoints: what `torch.save` writes, as a zip archive (since 1.6) or in the legacy form before it.
//!
//! Either holds a pickle, which says what the checkpoint is and refers to its storages, and the storages as raw bytes.
//! The pickle is read as data (`convert::pickle`): of all it may contain, tensors, and the dicts in which they lie, mean
//! something here; other objects are stepped over, and nothing is run.
//!
//! Source: torch/serialization.py (`_save`, `_legacy_save`), torch/_utils.py (`_rebuild_tensor_v2`) and torch/storage.py.

mod archive;
mod legacy;
mod state_dict;
mod tensor;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use flate2::Crc;

use super::checkpoint::Variable;
use super::pickle::{self, Budget, Pickle};
use super::stream::{self, RangeReader, ReadAt, Sink, each_piece};
use super::views::Views;
use super::zip_directory::{self, check_crc};
use tensor::StorageId;

pub(super) use archive::is_archive;

/// Memory that the objects of a pickle may take, besides a quarter of the file's size. A tensor takes about 2 kB.
const OBJECTS: usize = 24 * 1024 * 1024;

/// A parsed checkpoint: the tensors of its state dict.
#[derive(Debug)]
pub struct TorchFile {
    legacy: bool,
    views: Views,
    /// Records of the archive by their start.
    records: BTreeMap<usize, Record>,
}

/// A storage with a checksum.
#[derive(Debug)]
struct Record {
    crc32: u32,
    bytes: Range<usize>,
    computed: OnceLock<u32>,
}

impl TorchFile {
    /// Lists the tensors of the checkpoint whose bytes are given; they themselves are not touched.
    pub fn parse(file: &[u8]) -> Result<Self, String> {
        let mut budget = Budget::new(OBJECTS + file.len() / 4);
        if pickle::has_magic(file) {
            let opened = legacy::open(file, &mut budget)?;
            let views = views(&opened.pickle, file.len(), |id| opened.place(id))?;
            return Ok(TorchFile { legacy: true, views, records: BTreeMap::new() });
        }
        let opened = archive::open(file)?;
        let pickle = pickle::load(opened.pickle, &mut budget)?;
        let mut records = BTreeMap::new();
        let views = views(&pickle, file.len(), |id| {
            let entry = opened.storage(id)?;
            let bytes = entry.packed.clone();
            records.insert(bytes.start, Record { crc32: entry.crc32, bytes: bytes.clone(), computed: OnceLock::new() });
            Ok(bytes)
        })?;
        Ok(TorchFile { legacy: false, views, records })
    }

    /// Whether it is in the form before PyTorch 1.6, without an archive.
    pub fn is_legacy(&self) -> bool {
        self.legacy
    }

    /// All tensors of the state dict by name, without the prefixes of wrappers such as `DataParallel`.
    pub fn variables(&self) -> &BTreeMap<String, Variable> {
        self.views.variables()
    }

    /// Reads a tensor of floats in C order, given the same file as [`TorchFile::parse`]. Half precision becomes float32
    /// exactly; float64 is rounded to nearest. The archive's checksum of its storage is checked (a legacy file has none).
    pub fn read_f32(&self, file: &(impl ReadAt + ?Sized), name: &str) -> Result<Vec<f32>, String> {
        stream::collect(self.views.float(name)?.shape(), |sink| self.stream(file, name, 1, sink))
    }

    /// Passes such a tensor on in pieces of a whole number of `unit` elements. One that lies in the file in another order
    /// than C's may be a single piece.
    pub fn stream(
        &self,
        file: &(impl ReadAt + ?Sized),
        name: &str,
        unit: usize,
        sink: &mut Sink,
    ) -> Result<(), String> {
        let start = self.views.float(name)?.bytes.start;
        if let Some((_, record)) = self.records.range(..=start).next_back() {
            record.check(file).map_err(|problem| format!("variable '{name}': {problem}"))?;
        }
        self.views.stream(file, name, unit, sink)
    }
}

impl Record {
    /// Compares the checksum; it is computed once for all tensors that share the storage.
    fn check(&self, file: &(impl ReadAt + ?Sized)) -> Result<(), String> {
        let computed = match self.computed.get() {
            Some(computed) => *computed,
            None => {
                let mut crc = Crc::new();
                each_piece(RangeReader { file, range: self.bytes.clone() }, self.bytes.len(), 1, |raw| {
                    crc.update(raw);
                    Ok(())
                })?;
                *self.computed.get_or_init(|| crc.sum())
            }
        };
        check_crc(computed, self.crc32)
    }
}

/// The tensors of the pickle's state dict; `place` finds a storage in the file.
fn views(
    pickle: &Pickle,
    file_len: usize,
    mut place: impl FnMut(&StorageId) -> Result<Range<usize>, String>,
) -> Result<Views, String> {
    let mut views = Views::default();
    for (name, value) in state_dict::find(pickle)? {
        let view = tensor::view(pickle, value, &mut place);
        let view = view.map_err(|problem| format!("variable {}: {problem}", zip_directory::shown(name.as_bytes())))?;
        views.insert(name, view, file_len)?;
    }
    Ok(views)
}
