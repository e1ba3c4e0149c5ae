//! Reader of `.npz` archives: tensorpack's dumped parameters, `np.savez` and `np.savez_compressed`.
//!
//! Source: numpy/lib/npyio.py (`savez`: a zip archive with one `NAME.npy` for each array) and tensorpack's
//! `save_chkpt_vars`, whose names are those of the TensorFlow variables, mostly with a trailing ":0".

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;

use flate2::CrcReader;
use flate2::bufread::DeflateDecoder;

use super::checkpoint::{MARGIN, MAX_NAME_BYTES, Variable, variable_name};
use super::locate;
use super::zip_directory::{self, Entry, Method, check_crc, shown};
use crate::format::npy::{self, CollectF32, NpyHeader};

/// Deflate cannot pack better (a length-258 copy takes at least 2 bits).
const MAX_DEFLATE_RATIO: u64 = 1032;

/// Bytes unpacked at a time; a multiple of the element size.
const PIECE: usize = 64 * 1024;

/// One array's place in the archive.
#[derive(Clone, Debug)]
struct Place {
    method: Method,
    crc32: u32,
    packed: Range<usize>,
    header: NpyHeader,
}

/// A parsed archive.
#[derive(Debug)]
pub struct Npz {
    variables: BTreeMap<String, Variable>,
    places: BTreeMap<String, Place>,
}

impl Npz {
    /// Lists the arrays of the archive whose bytes are given. Only their headers are unpacked.
    pub fn parse(file: &[u8]) -> Result<Self, String> {
        let entries = zip_directory::entries(file)?;
        check_origin(&entries)?;
        if entries.iter().map(|entry| entry.name.len()).sum::<usize>() > MAX_NAME_BYTES {
            return Err(format!("more than {MAX_NAME_BYTES} bytes of names"));
        }
        let mut npz = Npz { variables: BTreeMap::new(), places: BTreeMap::new() };
        for entry in entries {
            npz.insert(file, entry)?;
        }
        Ok(npz)
    }

    /// All arrays by name, without the trailing ":0".
    pub fn variables(&self) -> &BTreeMap<String, Variable> {
        &self.variables
    }

    /// Reads a float32 array, given the same bytes as [`Npz::parse`], and checks the archive's checksum of it.
    pub fn read_f32(&self, file: &[u8], name: &str) -> Result<Vec<f32>, String> {
        let found = self.variables.get(name).zip(self.places.get(name));
        let (variable, place) = found.ok_or_else(|| format!("no variable '{name}'"))?;
        variable.expect_f32(name)?;
        let packed = file.get(place.packed.clone()).unwrap_or_default();
        place.read_f32(packed).map_err(|problem| format!("variable '{name}': {problem}"))
    }

    fn insert(&mut self, file: &[u8], entry: Entry) -> Result<(), String> {
        let key = entry.name.strip_suffix(b".npy");
        let key = key.ok_or_else(|| format!("entry {} is no array, expected NAME.npy", shown(entry.name)))?;
        let name = variable_name(key)?;
        let place = Place::parse(file, &entry).map_err(|problem| format!("variable '{name}': {problem}"))?;
        let variable = Variable { shape: place.header.shape.clone(), dtype: place.header.dtype.name().into() };
        if self.variables.insert(name.to_owned(), variable).is_some() {
            return Err(format!("variable '{name}' comes twice"));
        }
        self.places.insert(name.to_owned(), place);
        Ok(())
    }
}

impl Place {
    /// Reads the array's header and holds the sizes declared by the archive against it.
    fn parse(file: &[u8], entry: &Entry) -> Result<Self, String> {
        let packed = file.get(entry.packed.clone()).unwrap_or_default();
        let limit = u64::try_from(file.len().saturating_add(MARGIN)).unwrap_or(u64::MAX);
        if entry.size > limit {
            return Err(format!("unpacks to {} bytes, expected at most {limit} in a file of this size", entry.size));
        }
        let most = u64::try_from(packed.len()).unwrap_or(u64::MAX).saturating_mul(MAX_DEFLATE_RATIO);
        if entry.size > most {
            return Err(format!("{} bytes cannot unpack to the {} declared", packed.len(), entry.size));
        }
        let header = read_header(unpacker(entry.method, packed))?;
        if u64::try_from(header.file_len()) != Ok(entry.size) {
            return Err(format!(
                "{} bytes of data, expected {} for {} of shape {:?}",
                entry.size.saturating_sub(header.data_offset as u64),
                header.data_len,
                header.dtype.name(),
                header.shape
            ));
        }
        Ok(Place { method: entry.method, crc32: entry.crc32, packed: entry.packed.clone(), header })
    }

    fn read_f32(&self, packed: &[u8]) -> Result<Vec<f32>, String> {
        let mut reader = CrcReader::new(unpacker(self.method, packed));
        let header = read_header(&mut reader)?;
        if header != self.header {
            return Err("the file changed while it was read".into());
        }
        let mut sink = CollectF32::new(&header)?;
        let mut piece = vec![0; PIECE.min(header.data_len)];
        let mut left = header.data_len;
        while left > 0 {
            let len = left.min(piece.len());
            let piece = piece.get_mut(..len).unwrap_or_default();
            reader.read_exact(piece).map_err(damaged)?;
            sink.push(piece);
            left -= len;
        }
        if reader.read(&mut [0]).map_err(damaged)? != 0 {
            return Err("unpacks to more bytes than declared: the file is damaged".into());
        }
        check_crc(reader.crc().sum(), self.crc32)?;
        Ok(sink.into_inner())
    }
}

fn unpacker(method: Method, packed: &[u8]) -> Box<dyn Read + '_> {
    match method {
        Method::Stored => Box::new(packed),
        Method::Deflated => Box::new(DeflateDecoder::new(packed)),
    }
}

/// Reads an `.npy` header off a stream.
fn read_header(mut reader: impl Read) -> Result<NpyHeader, String> {
    let mut header = vec![0; 12];
    reader.read_exact(&mut header).map_err(damaged)?;
    let len = npy::header_len(&header)?.max(header.len());
    header.resize(len, 0);
    reader.read_exact(header.get_mut(12..).unwrap_or_default()).map_err(damaged)?;
    npy::parse_header(&header)
}

fn damaged(error: std::io::Error) -> String {
    format!("cannot unpack it, the file is damaged or truncated ({error})")
}

/// Names the other formats that are zip archives.
fn check_origin(entries: &[Entry]) -> Result<(), String> {
    let holds = |suffix: &[u8]| entries.iter().any(|entry| entry.name.ends_with(suffix));
    if holds(b"model.weights.h5") {
        return Err(format!("this seems to be a Keras model; {}", locate::ACCEPTED));
    }
    if entries.is_empty() {
        return Err(format!("an empty zip archive; {}", locate::ACCEPTED));
    }
    Ok(())
}
