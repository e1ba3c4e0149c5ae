//! The index of a bundle, and the variables in its data shards.

use super::proto::{BundleEntryProto, BundleHeaderProto, TensorShapeProto, element_type};
use super::sstable;
use crate::convert::readers::pieces::{Sink, each_f32};
use crate::convert::readers::reader::{ACCEPTED, CheckpointKind, Reader, open_part};
use crate::convert::readers::variable::{MAX_DIMS, Variable, VariableList, variable_name};
use crate::error::Error;
use crate::files::{RangeReader, ReadExactAt, RegularFile, read_range};
use crate::format::ElementType;
use prost::Message;
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

/// Longest entry that is read; those of real networks take less than 100 bytes.
const MAX_VALUE: usize = 64 * 1024;

/// Largest index that is read. A variable takes about 50 bytes.
const MAX_INDEX: usize = 64 << 20;

/// Newest bundle version that is understood (tensor_bundle.h `kTensorBundleVersion`).
const BUNDLE_VERSION: i32 = 1;

/// Where a variable's bytes lie.
#[derive(Clone, Debug)]
struct ShardRange {
    shard: usize,
    bytes: Range<usize>,
    /// Masked crc32c of the bytes.
    crc: Option<u32>,
}

/// A parsed `.index` file.
#[derive(Debug)]
pub struct TfIndex {
    num_shards: usize,
    list: VariableList<ShardRange>,
}

impl TfIndex {
    /// Parses an `.index` file.
    pub fn parse(file: &dyn ReadExactAt) -> Result<Self, String> {
        let file = read_range(file, 0..file.size(), MAX_INDEX, "the index")?;
        let mut index: Option<TfIndex> = None;
        sstable::visit_table(&file, |key, value| {
            if value.len() > MAX_VALUE {
                return Err(format!("an entry of {} bytes, expected at most {MAX_VALUE}", value.len()));
            }
            let Some(index) = &mut index else {
                index = Some(Self::from_header(key, value)?);
                return Ok(());
            };
            index.insert(key, value)
        })?;
        let index = index.ok_or("the index is empty, expected a bundle header")?;
        index.check_overlaps()?;
        Ok(index)
    }

    /// Opens all data shards, which lie beside the index.
    pub(in crate::convert::readers) fn open_shards(&self, index: &Path) -> crate::Result<Vec<RegularFile>> {
        let shard = |shard: usize| {
            let path = index.with_extension(format!("data-{shard:05}-of-{:05}", self.num_shards));
            open_part(&path, "data shard", index)
        };
        let shards = (0..self.num_shards).map(shard).collect::<Result<Vec<_>, _>>()?;
        let lengths: Vec<u64> = shards.iter().map(|shard| shard.len() as u64).collect();
        self.check_shards(&lengths).map_err(|problem| Error::bad_checkpoint(index, problem))?;
        Ok(shards)
    }

    /// Checks that every variable lies within its shard, given the shards' lengths in bytes.
    pub fn check_shards(&self, lengths: &[u64]) -> Result<(), String> {
        for (name, range) in self.list.places() {
            let len = *lengths.get(range.shard).ok_or_else(|| missing_shard(name, range.shard))?;
            if range.bytes.end as u64 > len {
                return Err(format!(
                    "variable '{name}' lies at bytes {} to {} of data shard {}, which has only {len}",
                    range.bytes.start, range.bytes.end, range.shard
                ));
            }
        }
        Ok(())
    }

    fn from_header(key: &[u8], value: &[u8]) -> Result<Self, String> {
        if !key.is_empty() {
            return Err("the first key is not empty, expected the bundle header".into());
        }
        // A V1 checkpoint is one such table too, with SavedTensorSlices (field 1, a message) under the empty key.
        if value.first() == Some(&0x0a) {
            return Err(format!("this seems to be a TensorFlow V1 checkpoint; {ACCEPTED}"));
        }
        let header = BundleHeaderProto::decode(value).map_err(|e| format!("bad bundle header: {e}"))?;
        if header.endianness != 0 {
            return Err("big-endian data, expected little-endian".into());
        }
        let min_consumer = header.version.map_or(0, |v| v.min_consumer);
        if min_consumer > BUNDLE_VERSION {
            return Err(format!("needs a reader of bundle version {min_consumer}, this one reads {BUNDLE_VERSION}"));
        }
        let num_shards = usize::try_from(header.num_shards).ok().filter(|&n| n > 0);
        let num_shards = num_shards.ok_or_else(|| format!("{} data shards, expected 1 or more", header.num_shards))?;
        Ok(TfIndex { num_shards, list: VariableList::new() })
    }

    fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        // Keys of slices start with an encoded 0, then the name up to the next one (tensor_bundle's naming of slices).
        if let Some(name) = key.strip_prefix(&[0]) {
            let name = name.split(|&b| b == 0).next().unwrap_or_default();
            return Err(sliced(&String::from_utf8_lossy(name)));
        }
        let name = variable_name(key)?;
        let (variable, range) =
            self.parse_entry(name, value).map_err(|problem| format!("variable '{name}': {problem}"))?;
        self.list.insert(name, variable, range)
    }

    fn parse_entry(&self, name: &str, value: &[u8]) -> Result<(Variable, ShardRange), String> {
        let entry = BundleEntryProto::decode(value).map_err(|e| format!("bad bundle entry: {e}"))?;
        if !entry.slices.is_empty() {
            return Err(sliced(name));
        }
        let shape = shape(entry.shape.unwrap_or_default())?;
        let shard = usize::try_from(entry.shard_id).ok().filter(|&shard| shard < self.num_shards);
        let shard = shard.ok_or_else(|| format!("data shard {} of {}", entry.shard_id, self.num_shards))?;
        let range = usize::try_from(entry.offset).ok().zip(usize::try_from(entry.size).ok());
        let range = range.and_then(|(offset, size)| Some(offset..offset.checked_add(size)?));
        let bytes = range.ok_or_else(|| format!("bad place: {} bytes at {}", entry.size, entry.offset))?;
        let dtype = match element_type(entry.dtype) {
            Ok(element) => {
                check_size(&shape, element, bytes.len())?;
                element.name().to_owned()
            }
            Err(name) => name,
        };
        Ok((Variable { shape, dtype }, ShardRange { shard, bytes, crc: entry.crc32c }))
    }

    /// No writer shares bytes between variables; a file that does is damaged or made to unpack to more than it holds.
    fn check_overlaps(&self) -> Result<(), String> {
        let mut all: Vec<_> = self.list.places().iter().filter(|(_, range)| !range.bytes.is_empty()).collect();
        all.sort_by_key(|(_, range)| (range.shard, range.bytes.start));
        for ((name, range), (next_name, next)) in all.iter().zip(all.iter().skip(1)) {
            if range.shard == next.shard && next.bytes.start < range.bytes.end {
                return Err(format!("variables '{name}' and '{next_name}' overlap in data shard {}", range.shard));
            }
        }
        Ok(())
    }
}

impl Reader for TfIndex {
    fn kind(&self) -> CheckpointKind {
        CheckpointKind::TensorflowV2
    }

    fn variables(&self) -> &BTreeMap<String, Variable> {
        self.list.variables()
    }

    fn shard(&self, name: &str) -> Option<usize> {
        self.list.place(name).ok().map(|range| range.shard)
    }

    /// Reads float32 only; `file` is the variable's data shard.
    fn stream(&self, file: &dyn ReadExactAt, name: &str, unit: usize, sink: &mut Sink) -> Result<(), String> {
        let ShardRange { shard, bytes, crc } = self.list.place_of_f32(name)?;
        let mut reader = Crc32cReader { inner: RangeReader { file, range: bytes.clone() }, crc: 0 };
        each_f32(ElementType::F32, &mut reader, bytes.len(), unit, sink)
            .map_err(|problem| format!("variable '{name}', in data shard {shard}: {problem}"))?;
        let computed = sstable::mask_crc(reader.crc);
        match crc.filter(|expected| *expected != computed) {
            None => Ok(()),
            Some(expected) => Err(format!(
                "variable '{name}' has crc32c {computed:#010x}, expected {expected:#010x}: data shard {shard} is damaged"
            )),
        }
    }
}

/// Computes the checksum of what is read through it.
struct Crc32cReader<R> {
    inner: R,
    crc: u32,
}

impl<R: Read> Read for Crc32cReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = self.inner.read(buffer)?;
        self.crc = crc32c::crc32c_append(self.crc, buffer.get(..len).unwrap_or_default());
        Ok(len)
    }
}

fn missing_shard(name: &str, shard: usize) -> String {
    format!("data shard {shard} of variable '{name}' is missing")
}

fn sliced(name: &str) -> String {
    format!("{name:?} is a partitioned variable, stored as slices; save it again as one tensor")
}

fn shape(proto: TensorShapeProto) -> Result<Vec<usize>, String> {
    if proto.unknown_rank || proto.dim.len() > MAX_DIMS {
        return Err(format!("unknown shape or {} dimensions, expected at most {MAX_DIMS}", proto.dim.len()));
    }
    let dims = proto.dim.iter().map(|dim| usize::try_from(dim.size).map_err(|_| format!("dimension {}", dim.size)));
    dims.collect()
}

fn check_size(shape: &[usize], element: ElementType, found: usize) -> Result<(), String> {
    let expected = shape.iter().try_fold(element.size(), |n, &dim| n.checked_mul(dim));
    let expected = expected.ok_or_else(|| format!("shape {shape:?} has more elements than can be addressed"))?;
    if expected != found {
        return Err(format!("{found} bytes, expected {expected} for {} of shape {shape:?}", element.name()));
    }
    Ok(())
}
