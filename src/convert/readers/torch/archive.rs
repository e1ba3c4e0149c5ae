//! The archive of `torch.save`: `NAME/data.pkl`, and each storage as `NAME/data/KEY`, stored and never packed.

use std::collections::HashMap;

use super::tensor::StorageId;
use crate::convert::readers::variable::{MAX_NAME_BYTES, plain_name};
use crate::convert::readers::zip_directory::{Entry, Method, check_crc, crc32};
use crate::files::{ReadExactAt, quoted, read_range};

const PICKLE: &str = "data.pkl";
/// Largest entry that is read as a whole. The pickle of a network of ten thousand tensors takes about 2 MB.
const MAX_CONTENT: usize = 32 << 20;

/// An opened archive.
pub(super) struct Archive {
    /// Content of `data.pkl`.
    pub(super) pickle: Vec<u8>,
    records: Records,
}

/// Entries by their names within the archive's one folder.
type Records = HashMap<String, Entry>;

/// Whether a zip archive with these entries is one of PyTorch's.
pub(in crate::convert::readers) fn is_archive(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| entry.name.ends_with(b"/data.pkl"))
}

/// Opens the archive whose bytes and entries are given.
pub(super) fn open(file: &dyn ReadExactAt, entries: Vec<Entry>) -> Result<Archive, String> {
    let records = records(entries)?;
    if let Some(entry) = records.get("byteorder") {
        let order = content(file, entry)?;
        if order != b"little" {
            return Err(format!("byte order {}, expected \"little\"", quoted(&order)));
        }
    }
    let pickle = records.get(PICKLE).ok_or("the archive has no data.pkl")?;
    let pickle = content(file, pickle).map_err(|problem| format!("{PICKLE}: {problem}"))?;
    Ok(Archive { pickle, records })
}

/// Names are keys and never paths; those that look like more are refused.
fn records(entries: Vec<Entry>) -> Result<Records, String> {
    if entries.iter().map(|entry| entry.name.len()).sum::<usize>() > MAX_NAME_BYTES {
        return Err(format!("more than {MAX_NAME_BYTES} bytes of names"));
    }
    let mut folder = None;
    let mut records = HashMap::new();
    for entry in entries {
        let name = plain_name("entry", &entry.name)?.to_owned();
        let (within, record) = name.split_once('/').ok_or_else(|| format!("entry {name:?} lies in no folder"))?;
        if *folder.get_or_insert_with(|| within.to_owned()) != within {
            return Err(format!("entry {name:?} lies in another folder than the entries before it"));
        }
        if records.insert(record.to_owned(), entry).is_some() {
            return Err(format!("entry {name:?} comes twice"));
        }
    }
    Ok(records)
}

/// The bytes of an entry, which must be stored and have the recorded checksum.
fn content(file: &dyn ReadExactAt, entry: &Entry) -> Result<Vec<u8>, String> {
    check_stored(entry)?;
    let content = read_range(file, entry.packed.clone(), MAX_CONTENT, &format!("entry {}", quoted(&entry.name)))?;
    check_crc(crc32(&content), entry.crc32)?;
    Ok(content)
}

/// PyTorch never compresses entries, and a compressed one could unpack to a thousand times its size.
fn check_stored(entry: &Entry) -> Result<(), String> {
    match entry.method {
        Method::Stored => Ok(()),
        Method::Deflated => {
            Err(format!("entry {} is compressed, expected it as torch.save stores it", quoted(&entry.name)))
        }
    }
}

impl Archive {
    /// The entry that holds a storage.
    pub(super) fn storage(&self, id: &StorageId) -> Result<&Entry, String> {
        if id.view.is_some() {
            return Err("a view of a storage, which only legacy files have".into());
        }
        let entry = self.records.get(format!("data/{}", id.key).as_str());
        let entry = entry.ok_or_else(|| format!("storage {} is missing", quoted(id.key.as_bytes())))?;
        check_stored(entry)?;
        id.check_len(entry.packed.len())?;
        Ok(entry)
    }
}
