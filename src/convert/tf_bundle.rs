//! TensorFlow V2 checkpoints ("tensor bundles"): an `.index` table that says where in the data shards
//! `PREFIX.data-0000k-of-0000n` each variable's bytes lie.
//!
//! Source: tensorflow/core/util/tensor_bundle/tensor_bundle.{h,cc} and core/protobuf/tensor_bundle.proto.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use prost::Message;

use super::checkpoint::{MAX_DIMS, MAX_NAME_BYTES, MAX_VARIABLES, Variable, map, open_regular, variable_name};
use super::element::Element;
use super::stream::{self, DataFile, RangeReader, ReadAt, Sink, each_f32};
use super::tf_proto::{BundleEntryProto, BundleHeaderProto, TensorShapeProto, dtype};
use super::{locate, sstable};
use crate::Error;

/// Longest entry that is read; those of real networks take less than 100 bytes.
const MAX_VALUE: usize = 64 * 1024;

/// Newest bundle version that is understood (tensor_bundle.h `kTensorBundleVersion`).
const BUNDLE_VERSION: i32 = 1;

/// Where a variable's bytes lie.
#[derive(Clone, Debug)]
struct Place {
    shard: usize,
    bytes: Range<usize>,
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
            if place.bytes.end as u64 > len {
                return Err(format!(
                    "variable '{name}' lies at bytes {} to {} of data shard {}, which has only {len}",
                    place.bytes.start, place.bytes.end, place.shard
                ));
            }
        }
        Ok(())
    }

    /// Reads a float32 variable out of the shards and checks its checksum.
    pub fn read_f32(&self, shards: &[impl ReadAt], name: &str) -> Result<Vec<f32>, String> {
        let (variable, _) = self.float(name)?;
        stream::collect(&variable.shape, |sink| self.stream(shards, name, 1, sink))
    }

    /// Passes a float32 variable on in pieces of a whole number of `unit` elements, and checks its checksum at the end.
    pub fn stream(&self, shards: &[impl ReadAt], name: &str, unit: usize, sink: &mut Sink) -> Result<(), String> {
        let (_, place) = self.float(name)?;
        let file = shards.get(place.shard).ok_or_else(|| missing_shard(name, place.shard))?;
        let shard = place.shard;
        let mut reader = Crc32cReader { inner: RangeReader { file, range: place.bytes.clone() }, crc: 0 };
        each_f32(Element::F32, &mut reader, place.bytes.len(), unit, sink)
            .map_err(|problem| format!("variable '{name}', in data shard {shard}: {problem}"))?;
        let computed = sstable::mask_crc(reader.crc);
        match place.crc.filter(|expected| *expected != computed) {
            None => Ok(()),
            Some(expected) => Err(format!(
                "variable '{name}' has crc32c {computed:#010x}, expected {expected:#010x}: data shard {shard} is damaged"
            )),
        }
    }

    fn float(&self, name: &str) -> Result<(&Variable, &Place), String> {
        let found = self.variables.get(name).zip(self.places.get(name));
        let (variable, place) = found.ok_or_else(|| format!("no variable '{name}'"))?;
        variable.expect_f32(name)?;
        Ok((variable, place))
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
        let range = usize::try_from(entry.offset).ok().zip(usize::try_from(entry.size).ok());
        let range = range.and_then(|(offset, size)| Some(offset..offset.checked_add(size)?));
        let bytes = range.ok_or_else(|| format!("bad place: {} bytes at {}", entry.size, entry.offset))?;
        let (dtype, item_size) = dtype(entry.dtype);
        if let Some(item_size) = item_size {
            check_size(&shape, &dtype, item_size, bytes.len())?;
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

fn check_size(shape: &[usize], dtype: &str, item_size: usize, found: usize) -> Result<(), String> {
    let expected = shape.iter().try_fold(item_size, |n, &dim| n.checked_mul(dim));
    let expected = expected.ok_or_else(|| format!("shape {shape:?} has more elements than can be addressed"))?;
    if expected != found {
        return Err(format!("{found} bytes, expected {expected} for {dtype} of shape {shape:?}"));
    }
    Ok(())
}

/// An opened checkpoint: the parsed index and the files.
#[derive(Debug)]
pub(crate) struct TfBundle {
    pub(crate) index_path: PathBuf,
    index_file: DataFile,
    index: TfIndex,
    shards: Vec<DataFile>,
}

impl TfBundle {
    /// Opens `PREFIX.index` and all shards beside it.
    pub(crate) fn open(prefix: &Path) -> crate::Result<Self> {
        let index_path = locate::append(prefix, ".index");
        let index_file = DataFile(open_regular(&index_path)?);
        let index = TfIndex::parse(&map(&index_file, &index_path)?);
        let index = index.map_err(|problem| Error::bad_checkpoint(&index_path, problem))?;
        let (mut shards, mut lengths) = (Vec::new(), Vec::new());
        for shard in 0..index.num_shards() {
            let path = locate::append(prefix, &format!(".data-{shard:05}-of-{:05}", index.num_shards));
            if !path.is_file() {
                let problem = format!("this data shard is missing; '{}' needs it", index_path.display());
                return Err(Error::bad_checkpoint(&path, problem));
            }
            let shard = DataFile(open_regular(&path)?);
            lengths.push(shard.len().map_err(|source| Error::io(&path, source))? as u64);
            shards.push(shard);
        }
        index.check_shards(&lengths).map_err(|problem| Error::bad_checkpoint(&index_path, problem))?;
        Ok(TfBundle { index_path, index_file, index, shards })
    }

    pub(crate) fn index(&self) -> &TfIndex {
        &self.index
    }

    pub(crate) fn stream(&self, name: &str, unit: usize, sink: &mut Sink) -> Result<(), String> {
        self.index.stream(&self.shards, name, unit, sink)
    }

    /// All files, in the order in which they are hashed.
    pub(crate) fn files(&self) -> impl Iterator<Item = &DataFile> {
        std::iter::once(&self.index_file).chain(&self.shards)
    }
}
