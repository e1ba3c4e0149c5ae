//! TensorFlow V2 checkpoints ("tensor bundles"): an `.index` table that says where in the data shards
//! `PREFIX.data-0000k-of-0000n` each variable's bytes lie.
//!
//! Source: tensorflow/core/util/tensor_bundle/tensor_bundle.{h,cc} and core/protobuf/tensor_bundle.proto.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use prost::Message;

use super::checkpoint::{MAX_DIMS, MAX_NAME_BYTES, MAX_VARIABLES, Variable, map_file, variable_name};
use super::{locate, sstable};
use crate::Error;

/// Longest entry that is read; those of real networks take less than 100 bytes.
const MAX_VALUE: usize = 64 * 1024;

/// Newest bundle version that is understood (tensor_bundle.h `kTensorBundleVersion`).
const BUNDLE_VERSION: i32 = 1;

/// The value under the empty key (tensor_bundle.proto).
#[derive(Clone, PartialEq, Message)]
struct BundleHeaderProto {
    #[prost(int32, tag = "1")]
    num_shards: i32,
    /// 0 is little-endian, 1 big-endian.
    #[prost(int32, tag = "2")]
    endianness: i32,
    #[prost(message, optional, tag = "3")]
    version: Option<VersionDef>,
}

/// tensorflow/core/framework/versions.proto
#[derive(Clone, PartialEq, Message)]
struct VersionDef {
    #[prost(int32, tag = "2")]
    min_consumer: i32,
}

/// The value under a variable's name (tensor_bundle.proto).
#[derive(Clone, PartialEq, Message)]
struct BundleEntryProto {
    #[prost(int32, tag = "1")]
    dtype: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<TensorShapeProto>,
    #[prost(int32, tag = "3")]
    shard_id: i32,
    #[prost(int64, tag = "4")]
    offset: i64,
    #[prost(int64, tag = "5")]
    size: i64,
    #[prost(fixed32, optional, tag = "6")]
    crc32c: Option<u32>,
    /// Messages whose content does not matter: any of them means a partitioned variable.
    #[prost(bytes = "vec", repeated, tag = "7")]
    slices: Vec<Vec<u8>>,
}

/// tensorflow/core/framework/tensor_shape.proto
#[derive(Clone, PartialEq, Message)]
struct TensorShapeProto {
    #[prost(message, repeated, tag = "2")]
    dim: Vec<Dim>,
    #[prost(bool, tag = "3")]
    unknown_rank: bool,
}

/// tensorflow/core/framework/tensor_shape.proto
#[derive(Clone, PartialEq, Message)]
struct Dim {
    #[prost(int64, tag = "1")]
    size: i64,
}

/// Where a variable's bytes lie.
#[derive(Clone, Debug)]
struct Place {
    shard: usize,
    bytes: Range<u64>,
    /// Masked crc32c of the bytes.
    crc: Option<u32>,
}

/// A parsed `.index` file.
#[derive(Debug)]
pub struct TfIndex {
    num_shards: usize,
    variables: BTreeMap<String, Variable>,
    places: BTreeMap<String, Place>,
}

impl TfIndex {
    /// Parses the bytes of an `.index` file.
    pub fn parse(file: &[u8]) -> Result<Self, String> {
        let mut index: Option<TfIndex> = None;
        let mut name_bytes = 0usize;
        sstable::visit_table(file, |key, value| {
            if value.len() > MAX_VALUE {
                return Err(format!("an entry of {} bytes, expected at most {MAX_VALUE}", value.len()));
            }
            let Some(index) = &mut index else {
                index = Some(Self::from_header(key, value)?);
                return Ok(());
            };
            name_bytes = name_bytes.saturating_add(key.len());
            if index.variables.len() >= MAX_VARIABLES || name_bytes > MAX_NAME_BYTES {
                return Err(format!("more than {MAX_VARIABLES} variables or {MAX_NAME_BYTES} bytes of names"));
            }
            index.insert(key, value)
        })?;
        let index = index.ok_or("the index is empty, expected a bundle header")?;
        index.check_overlaps()?;
        Ok(index)
    }

    /// Number of data shards.
    pub fn num_shards(&self) -> usize {
        self.num_shards
    }

    /// All variables by name.
    pub fn variables(&self) -> &BTreeMap<String, Variable> {
        &self.variables
    }

    /// Checks that every variable lies within its shard, given the shards' lengths in bytes.
    pub fn check_shards(&self, lengths: &[u64]) -> Result<(), String> {
        for (name, place) in &self.places {
            let len = *lengths.get(place.shard).ok_or_else(|| missing_shard(name, place.shard))?;
            if place.bytes.end > len {
                return Err(format!(
                    "variable '{name}' lies at bytes {} to {} of data shard {}, which has only {len}",
                    place.bytes.start, place.bytes.end, place.shard
                ));
            }
        }
        Ok(())
    }

    /// Reads a float32 variable out of the shards' bytes and checks its checksum.
    pub fn read_f32(&self, shards: &[impl AsRef<[u8]>], name: &str) -> Result<Vec<f32>, String> {
        let found = self.variables.get(name).zip(self.places.get(name));
        let (variable, place) = found.ok_or_else(|| format!("no variable '{name}'"))?;
        variable.expect_f32(name)?;
        let shard = shards.get(place.shard).ok_or_else(|| missing_shard(name, place.shard))?.as_ref();
        let start = usize::try_from(place.bytes.start).ok();
        let range = start.zip(usize::try_from(place.bytes.end).ok());
        let raw = range.and_then(|(start, end)| shard.get(start..end));
        let raw =
            raw.ok_or_else(|| format!("variable '{name}' reaches beyond the end of data shard {}", place.shard))?;
        if let Some(expected) = place.crc {
            let computed = sstable::mask_crc(crc32c::crc32c(raw));
            if computed != expected {
                let shard = place.shard;
                return Err(format!(
                    "variable '{name}' has crc32c {computed:#010x}, expected {expected:#010x}: \
                     data shard {shard} is damaged"
                ));
            }
        }
        Ok(raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    fn from_header(key: &[u8], value: &[u8]) -> Result<Self, String> {
        if !key.is_empty() {
            return Err("the first key is not empty, expected the bundle header".into());
        }
        // A V1 checkpoint is one such table too, with SavedTensorSlices (field 1, a message) under the empty key.
        if value.first() == Some(&0x0a) {
            return Err(format!("this seems to be a TensorFlow V1 checkpoint; {}", locate::ACCEPTED));
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
        Ok(TfIndex { num_shards, variables: BTreeMap::new(), places: BTreeMap::new() })
    }

    fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        // Keys of slices start with an encoded 0, then the name up to the next one (tensor_bundle's naming of slices).
        if let Some(name) = key.strip_prefix(&[0]) {
            let name = name.split(|&b| b == 0).next().unwrap_or_default();
            return Err(sliced(&String::from_utf8_lossy(name)));
        }
        let name = variable_name(key)?;
        let (variable, place) =
            self.parse_entry(name, value).map_err(|problem| format!("variable '{name}': {problem}"))?;
        if self.variables.insert(name.to_owned(), variable).is_some() {
            return Err(format!("variable '{name}' comes twice"));
        }
        self.places.insert(name.to_owned(), place);
        Ok(())
    }

    fn parse_entry(&self, name: &str, value: &[u8]) -> Result<(Variable, Place), String> {
        let entry = BundleEntryProto::decode(value).map_err(|e| format!("bad bundle entry: {e}"))?;
        if !entry.slices.is_empty() {
            return Err(sliced(name));
        }
        let shape = shape(entry.shape.unwrap_or_default())?;
        let shard = usize::try_from(entry.shard_id).ok().filter(|&shard| shard < self.num_shards);
        let shard = shard.ok_or_else(|| format!("data shard {} of {}", entry.shard_id, self.num_shards))?;
        let range = u64::try_from(entry.offset).ok().zip(u64::try_from(entry.size).ok());
        let range = range.and_then(|(offset, size)| Some(offset..offset.checked_add(size)?));
        let bytes = range.ok_or_else(|| format!("bad place: {} bytes at {}", entry.size, entry.offset))?;
        let (dtype, item_size) = dtype(entry.dtype);
        if let Some(item_size) = item_size {
            check_size(&shape, &dtype, item_size, bytes.end - bytes.start)?;
        }
        Ok((Variable { shape, dtype }, Place { shard, bytes, crc: entry.crc32c }))
    }

    /// No writer shares bytes between variables; a file that does is damaged or made to unpack to more than it holds.
    fn check_overlaps(&self) -> Result<(), String> {
        let mut all: Vec<_> = self.places.iter().filter(|(_, place)| !place.bytes.is_empty()).collect();
        all.sort_by_key(|(_, place)| (place.shard, place.bytes.start));
        for ((name, place), (next_name, next)) in all.iter().zip(all.iter().skip(1)) {
            if place.shard == next.shard && next.bytes.start < place.bytes.end {
                return Err(format!("variables '{name}' and '{next_name}' overlap in data shard {}", place.shard));
            }
        }
        Ok(())
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

fn check_size(shape: &[usize], dtype: &str, item_size: usize, found: u64) -> Result<(), String> {
    let expected = shape.iter().try_fold(item_size, |n, &dim| n.checked_mul(dim));
    let expected = expected.ok_or_else(|| format!("shape {shape:?} has more elements than can be addressed"))?;
    if u64::try_from(expected) != Ok(found) {
        return Err(format!("{found} bytes, expected {expected} for {dtype} of shape {shape:?}"));
    }
    Ok(())
}

/// Name and element size of a type (tensorflow/core/framework/types.proto). Strings and types of later versions have
/// no known size; they are listed and cannot be read.
fn dtype(number: i32) -> (String, Option<usize>) {
    let (name, size) = match number {
        1 => ("float32", 4),
        2 => ("float64", 8),
        3 => ("int32", 4),
        4 => ("uint8", 1),
        5 => ("int16", 2),
        6 => ("int8", 1),
        7 => return ("string".into(), None),
        8 => ("complex64", 8),
        9 => ("int64", 8),
        10 => ("bool", 1),
        14 => ("bfloat16", 2),
        17 => ("uint16", 2),
        18 => ("complex128", 16),
        19 => ("float16", 2),
        22 => ("uint32", 4),
        23 => ("uint64", 8),
        other => return (format!("TensorFlow type {other}"), None),
    };
    (name.into(), Some(size))
}

/// An opened checkpoint: the parsed index and its data shards, memory-mapped.
#[derive(Debug)]
pub(crate) struct TfBundle {
    pub(crate) index_path: PathBuf,
    index_file: Mmap,
    index: TfIndex,
    shards: Vec<Mmap>,
}

impl TfBundle {
    /// Opens `PREFIX.index` and all shards beside it.
    pub(crate) fn open(prefix: &Path) -> crate::Result<Self> {
        let index_path = locate::append(prefix, ".index");
        let index_file = map_file(&index_path)?;
        let index = TfIndex::parse(&index_file).map_err(|problem| Error::bad_checkpoint(&index_path, problem))?;
        let mut shards = Vec::new();
        for shard in 0..index.num_shards() {
            let path = locate::append(prefix, &format!(".data-{shard:05}-of-{:05}", index.num_shards));
            if !path.is_file() {
                let problem = format!("this data shard is missing; '{}' needs it", index_path.display());
                return Err(Error::bad_checkpoint(&path, problem));
            }
            shards.push(map_file(&path)?);
        }
        let lengths: Vec<u64> = shards.iter().map(|shard| shard.len() as u64).collect();
        index.check_shards(&lengths).map_err(|problem| Error::bad_checkpoint(&index_path, problem))?;
        Ok(TfBundle { index_path, index_file, index, shards })
    }

    pub(crate) fn index(&self) -> &TfIndex {
        &self.index
    }

    pub(crate) fn read_f32(&self, name: &str) -> Result<Vec<f32>, String> {
        self.index.read_f32(&self.shards, name)
    }

    /// The bytes of all files, in the order in which they are hashed.
    pub(crate) fn files(&self) -> Vec<&[u8]> {
        std::iter::once(&self.index_file).chain(&self.shards).map(|map| &**map).collect()
    }
}
