//! PyTorch checkpoints: what `torch.save` writes, as a zip archive (since 1.6) or in the legacy form before it.
//!
//! Either holds a pickle, which says what the checkpoint is and refers to its storages, and the storages as raw bytes.
//! The pickle is read as data (`pickle/`): of all it may contain, tensors, and the dicts in which they lie, mean
//! something here; other objects are skipped, and nothing is run.
//!
//! Source: torch/serialization.py (`_save`, `_legacy_save`), torch/_utils.py (`_rebuild_tensor_v2`) and
//! torch/storage.py.

mod archive;
mod legacy;
mod odd;
mod pickle;
mod settings;
mod state_dict;
mod tensor;

use super::bookkeeping;
use super::evidence::Evidence;
use super::foreign;
use super::pieces::{Sink, each_piece};
use super::reader::{CheckpointKind, Reader};
use super::variable::Variable;
use super::views::{Selection, Views};
use super::zip_directory::{self, Entry, check_crc};
use crate::files::{RangeReader, ReadExactAt, quoted, read_range};
use flate2::Crc;
use pickle::{Budget, Pickle};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;
use tensor::StorageId;

pub(super) use archive::is_archive;
pub(super) use pickle::has_magic as has_pickle_magic;

/// Bytes in which a pickle says its protocol.
const PROTOCOL: usize = 2;

/// The pickles of a legacy file must end within so many bytes; the storages follow. Real ones take about 2 MB for ten
/// thousand tensors.
const MAX_PICKLES: usize = 32 << 20;

/// Memory that the objects of a pickle may take, in addition to a quarter of the file's size. A tensor takes about 2
/// kB.
const OBJECTS: usize = 24 * 1024 * 1024;

/// A parsed checkpoint: the tensors of its state dict.
#[derive(Debug)]
pub struct TorchFile {
    legacy: bool,
    views: Views,
    /// Records of the archive by their start.
    records: BTreeMap<usize, Record>,
    evidence: Evidence,
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
    pub fn parse(file: &dyn ReadExactAt) -> Result<Self, String> {
        if pickle::has_magic(&head(file, PROTOCOL)?) {
            return Self::from_pickles(file, Selection::default());
        }
        let entries = zip_directory::entries(file)?;
        foreign::check_entries(&entries)?;
        Self::from_entries(file, entries, Selection::default())
    }

    /// The same for a file in the legacy form.
    pub(super) fn from_pickles(file: &dyn ReadExactAt, selection: Selection) -> Result<Self, String> {
        let head = head(file, MAX_PICKLES)?;
        let opened = legacy::open(file, &head, &mut budget(file))?;
        let (views, evidence) = views(&opened.pickle, selection, file.size(), |id| opened.place(id))?;
        Ok(TorchFile { legacy: true, views, records: BTreeMap::new(), evidence })
    }

    /// The same for an archive, with the entries that its directory lists.
    pub(super) fn from_entries(
        file: &dyn ReadExactAt,
        entries: Vec<Entry>,
        selection: Selection,
    ) -> Result<Self, String> {
        let opened = archive::open(file, entries)?;
        let pickle = pickle::load(&opened.pickle, &mut budget(file))?;
        let mut records = BTreeMap::new();
        let (views, evidence) = views(&pickle, selection, file.size(), |id| {
            let entry = opened.storage(id)?;
            let bytes = entry.packed.clone();
            records.insert(bytes.start, Record { crc32: entry.crc32, bytes: bytes.clone(), computed: OnceLock::new() });
            Ok(bytes)
        })?;
        Ok(TorchFile { legacy: false, views, records, evidence })
    }
}

/// The first bytes of a file, at most `most`.
fn head(file: &dyn ReadExactAt, most: usize) -> Result<Vec<u8>, String> {
    read_range(file, 0..most.min(file.size()), most, "the file's beginning")
}

/// Memory for the pickles of a file.
fn budget(file: &dyn ReadExactAt) -> Budget {
    Budget::new(OBJECTS + file.size() / 4)
}

impl Reader for TorchFile {
    fn kind(&self) -> CheckpointKind {
        if self.legacy { CheckpointKind::TorchLegacy } else { CheckpointKind::Torch }
    }

    fn variables(&self) -> &BTreeMap<String, Variable> {
        self.views.variables()
    }

    fn evidence(&self) -> Evidence {
        self.evidence.clone()
    }

    /// The checksum is the archive's of the whole storage; a legacy file has none.
    fn stream(&self, file: &dyn ReadExactAt, name: &str, unit: usize, sink: &mut Sink) -> Result<(), String> {
        let start = self.views.float(name)?.bytes.start;
        if let Some((_, record)) = self.records.range(..=start).next_back() {
            record.check(file).map_err(|problem| format!("variable '{name}': {problem}"))?;
        }
        self.views.stream(file, name, unit, sink)
    }
}

impl Record {
    /// Compares the checksum; it is computed once for all tensors that share the storage.
    fn check(&self, file: &dyn ReadExactAt) -> Result<(), String> {
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

/// The tensors of the selected state dict, and what the pickle says besides; `place` finds a storage in the file.
fn views(
    pickle: &Pickle,
    selection: Selection,
    file_len: usize,
    mut place: impl FnMut(&StorageId) -> Result<Range<usize>, String>,
) -> Result<(Views, Evidence), String> {
    let mut evidence = Evidence::default();
    settings::gather(pickle, &mut evidence)?;
    let mut tensors = state_dict::find(pickle, selection.key, &mut evidence)?;
    tensors.retain(|(name, tensor)| !bookkeeping::note(name, tensor::numbers(pickle, *tensor), &mut evidence));
    let prefix = selection.prefix(tensors.iter().map(|(name, _)| *name));
    let mut views = Views::new();
    for (name, value) in tensors {
        let view = tensor::view(pickle, value, &mut place);
        let view = view.map_err(|problem| format!("variable {}: {problem}", quoted(name.as_bytes())))?;
        views.insert(name.get(prefix..).unwrap_or_default(), view, file_len)?;
    }
    Ok((views, evidence))
}
