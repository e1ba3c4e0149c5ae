//! Reader of `.npz` archives: tensorpack's dumped parameters, `np.savez` and `np.savez_compressed`.
//!
//! Source: numpy/lib/npyio.py (`savez`: a zip archive with one `NAME.npy` for each array) and tensorpack's
//! `save_chkpt_vars`, whose names are those of the TensorFlow variables, mostly with a trailing ":0".

use super::foreign;
use super::pieces::{Sink, collect, each_f32, truncated};
use super::reader::{CheckpointKind, Reader};
use super::variable::{MARGIN, Variable, VariableList, variable_name};
use super::zip_directory::{self, Entry, Method, check_crc};
use crate::files::{RangeReader, ReadExactAt, quoted};
use crate::format::ElementType;
use crate::format::npy::{self, NpyData, NpyHeader};
use flate2::CrcReader;
use flate2::bufread::DeflateDecoder;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;

/// The best that deflate can do: a copy of 258 bytes takes at least 2 bits.
const MAX_DEFLATE_RATIO: u64 = 1032;

/// An array and where it lies in the archive.
#[derive(Clone, Debug)]
struct PackedArray {
    method: Method,
    crc32: u32,
    packed: Range<usize>,
    header: NpyHeader,
}

/// A parsed archive.
#[derive(Debug)]
pub struct Npz(VariableList<PackedArray>);

impl Reader for Npz {
    fn kind(&self) -> CheckpointKind {
        CheckpointKind::TensorpackNpz
    }

    fn variables(&self) -> &BTreeMap<String, Variable> {
        self.0.variables()
    }

    /// Reads float32 only. An array in Fortran order is one piece.
    fn stream(&self, file: &dyn ReadExactAt, name: &str, unit: usize, sink: &mut Sink) -> Result<(), String> {
        let array = self.0.place_of_f32(name)?;
        let read = array.content(file, |reader| match array.header.needs_reorder() {
            true => sink(&array.reordered(reader)?),
            false => each_f32(ElementType::F32, reader, array.header.data_len, unit, sink),
        });
        read.map_err(|problem| named(name, &problem))
    }

    /// Reorders an array in Fortran order in place.
    fn read_f32(&self, file: &dyn ReadExactAt, name: &str) -> Result<Vec<f32>, String> {
        let array = self.0.place_of_f32(name)?;
        if array.header.needs_reorder() {
            return array.content(file, |reader| array.reordered(reader)).map_err(|problem| named(name, &problem));
        }
        collect(&array.header.shape, |sink| self.stream(file, name, 1, sink))
    }
}

impl Npz {
    /// Lists the arrays of the archive whose bytes are given. Only their headers are unpacked.
    pub fn parse(file: &dyn ReadExactAt) -> Result<Self, String> {
        let entries = zip_directory::entries(file)?;
        foreign::check_entries(&entries)?;
        Self::from_entries(file, entries)
    }

    /// The same with the entries that the archive's directory lists.
    pub(super) fn from_entries(file: &dyn ReadExactAt, entries: Vec<Entry>) -> Result<Self, String> {
        let mut npz = Npz(VariableList::new());
        for entry in entries {
            npz.insert(file, entry)?;
        }
        Ok(npz)
    }

    /// Reads an array of any type that [`NpyData`] has, in C order, and checks the archive's checksum of it.
    pub fn read(&self, file: &dyn ReadExactAt, name: &str) -> Result<NpyData, String> {
        self.0.place(name)?.read(file).map_err(|problem| named(name, &problem))
    }

    fn insert(&mut self, file: &dyn ReadExactAt, entry: Entry) -> Result<(), String> {
        let key = entry.name.strip_suffix(b".npy".as_slice());
        let key = key.ok_or_else(|| format!("entry {} is no array, expected NAME.npy", quoted(&entry.name)))?;
        let name = variable_name(key)?;
        let array = PackedArray::parse(file, &entry).map_err(|problem| format!("variable '{name}': {problem}"))?;
        let variable = Variable { shape: array.header.shape.clone(), dtype: array.header.dtype.name().into() };
        self.0.insert(name, variable, array)
    }
}

impl PackedArray {
    /// Reads the array's header and checks the sizes that the archive declares against it.
    fn parse(file: &dyn ReadExactAt, entry: &Entry) -> Result<Self, String> {
        let packed = &entry.packed;
        let limit = u64::try_from(file.size().saturating_add(MARGIN)).unwrap_or(u64::MAX);
        if entry.size > limit {
            return Err(format!("unpacks to {} bytes, expected at most {limit} in a file of this size", entry.size));
        }
        let most = u64::try_from(packed.len()).unwrap_or(u64::MAX).saturating_mul(MAX_DEFLATE_RATIO);
        if entry.size > most {
            return Err(format!("{} bytes cannot unpack to the {} declared", packed.len(), entry.size));
        }
        let header = read_header(unpacker(entry.method, packed_bytes(file, packed)))?;
        if u64::try_from(header.file_len()) != Ok(entry.size) {
            return Err(format!(
                "{} bytes of data, expected {} for {} of shape {:?}",
                entry.size.saturating_sub(header.data_offset as u64),
                header.data_len,
                header.dtype.name(),
                header.shape
            ));
        }
        Ok(PackedArray { method: entry.method, crc32: entry.crc32, packed: entry.packed.clone(), header })
    }

    fn read(&self, file: &dyn ReadExactAt) -> Result<NpyData, String> {
        let raw = self.content(file, |reader| {
            let mut raw = vec![0; self.header.data_len];
            reader.read_exact(&mut raw).map_err(truncated)?;
            Ok(raw)
        })?;
        Ok(NpyData::from_le_bytes(self.header.dtype, &raw)?.into_c_order(&self.header))
    }

    /// Runs `take` on the unpacked data after the header, then checks that no data are left and that the checksum is
    /// right.
    fn content<T>(
        &self,
        file: &dyn ReadExactAt,
        take: impl FnOnce(&mut dyn Read) -> Result<T, String>,
    ) -> Result<T, String> {
        let mut reader = CrcReader::new(unpacker(self.method, packed_bytes(file, &self.packed)));
        if read_header(&mut reader)? != self.header {
            return Err("the file changed while it was read".into());
        }
        let taken = take(&mut reader)?;
        if reader.read(&mut [0]).map_err(truncated)? != 0 {
            return Err("unpacks to more bytes than declared: the file is damaged".into());
        }
        check_crc(reader.crc().sum(), self.crc32)?;
        Ok(taken)
    }

    /// The elements of an array in Fortran order, in C order.
    fn reordered(&self, reader: &mut dyn Read) -> Result<Vec<f32>, String> {
        let mut all = Vec::new();
        let len = self.header.len();
        all.try_reserve_exact(len).map_err(|_| format!("not enough memory for {len} numbers"))?;
        all.resize(len, 0.0);
        let mut places = self.header.places();
        each_f32(ElementType::F32, reader, self.header.data_len, 1, &mut |values| {
            npy::scatter(&mut all, values, &mut places);
            Ok(())
        })?;
        Ok(all)
    }
}

fn named(name: &str, problem: &str) -> String {
    format!("variable '{name}': {problem}")
}

/// The bytes of an entry as they are in the archive.
fn packed_bytes<'a>(file: &'a dyn ReadExactAt, range: &Range<usize>) -> impl BufRead + 'a {
    BufReader::new(RangeReader { file, range: range.clone() })
}

fn unpacker<'a>(method: Method, packed: impl BufRead + 'a) -> Box<dyn Read + 'a> {
    match method {
        Method::Stored => Box::new(packed),
        Method::Deflated => Box::new(DeflateDecoder::new(packed)),
    }
}

/// Reads an `.npy` header off a stream.
fn read_header(mut reader: impl Read) -> Result<NpyHeader, String> {
    let mut header = vec![0; 12];
    reader.read_exact(&mut header).map_err(truncated)?;
    let len = npy::header_len(&header)?.max(header.len());
    header.resize(len, 0);
    reader.read_exact(header.get_mut(12..).unwrap_or_default()).map_err(truncated)?;
    npy::parse_header(&header)
}
