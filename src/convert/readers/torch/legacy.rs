//! The form before PyTorch 1.6: five pickles (a magic number, the version, facts about the machine, the checkpoint,
//! and the keys of its storages), then the storages in the order of the keys, each as its number of elements and its
//! bytes.

use crate::files::{ReadExactAt, quoted};
use std::collections::HashMap;
use std::ops::Range;

use super::pickle::{self, Budget, Pickle, Value};
use super::tensor::{StorageId, storage_id};

/// `MAGIC_NUMBER`, 0x1950a86a20f9469cfc6c, in little-endian order.
const MAGIC: &[u8] = b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
/// `PROTOCOL_VERSION`.
const VERSION: i64 = 1001;

/// An opened file.
pub(super) struct Legacy<'a> {
    /// The checkpoint.
    pub(super) pickle: Pickle<'a>,
    /// The bytes of each storage in the file.
    storages: HashMap<&'a str, Range<usize>>,
}

/// Opens the file whose bytes are given.
pub(super) fn open<'a>(file: &dyn ReadExactAt, head: &'a [u8], budget: &mut Budget) -> Result<Legacy<'a>, String> {
    let mut at = 0;
    let mut next = || {
        let pickle = pickle::load(head.get(at..).unwrap_or_default(), budget)?;
        at += pickle.len;
        Ok::<_, String>(pickle)
    };
    check_magic(&next()?)?;
    check_version(&next()?)?;
    check_machine(&next()?)?;
    let (pickle, keys) = (next()?, next()?);
    let storages = storages(file, at, &pickle, &keys)?;
    Ok(Legacy { pickle, storages })
}

fn check_magic(pickle: &Pickle) -> Result<(), String> {
    match pickle.root {
        Value::Long(MAGIC) => Ok(()),
        _ => Err("this seems to be a Python pickle that torch.save did not write; save the state_dict with torch.save"
            .into()),
    }
}

fn check_version(pickle: &Pickle) -> Result<(), String> {
    match pickle.root {
        Value::Int(VERSION) => Ok(()),
        other => Err(format!("{} as its version, expected {VERSION}", pickle.describe(other))),
    }
}

fn check_machine(pickle: &Pickle) -> Result<(), String> {
    match pickle.pairs(pickle.root).iter().find(|[key, _]| matches!(key, Value::Str("little_endian"))) {
        Some([_, Value::Bool(true)]) => Ok(()),
        Some(_) => Err("big-endian data, expected little-endian".into()),
        None => Err("it does not tell its byte order, expected little_endian".into()),
    }
}

/// Finds the storages, which start at byte `at`.
fn storages<'a>(
    file: &dyn ReadExactAt,
    mut at: usize,
    pickle: &Pickle<'a>,
    keys: &Pickle<'a>,
) -> Result<HashMap<&'a str, Range<usize>>, String> {
    let sizes = element_sizes(pickle)?;
    let mut storages = HashMap::new();
    for &key in keys.items(keys.root).ok_or("no list of storages")? {
        let Value::Str(key) = key else { return Err("the key of a storage is no string".into()) };
        let named = |problem: &str| format!("storage {}: {problem}", quoted(key.as_bytes()));
        let size = *sizes.get(key).ok_or_else(|| named("nothing refers to it"))?;
        let bytes = storage(file, at, size).ok_or_else(|| named("the file is truncated"))?;
        at = bytes.end;
        if storages.insert(key, bytes).is_some() {
            return Err(named("it comes twice"));
        }
    }
    match file.size() - at.min(file.size()) {
        0 => Ok(storages),
        rest => Err(format!("{rest} bytes after the last storage, expected none")),
    }
}

/// Bytes of an element of each storage, by the first reference to it.
fn element_sizes<'a>(pickle: &Pickle<'a>) -> Result<HashMap<&'a str, usize>, String> {
    let mut sizes = HashMap::new();
    for &node in &pickle.persistent {
        // Other references are to the source code of classes.
        if matches!(pickle.parts(node), [Value::Str("storage"), ..]) {
            let id = storage_id(pickle, node)?;
            sizes.entry(id.key).or_insert(id.element.size());
        }
    }
    Ok(sizes)
}

/// The bytes of a storage's elements, whose number stands at byte `at`.
fn storage(file: &dyn ReadExactAt, at: usize, element_size: usize) -> Option<Range<usize>> {
    let mut count = [0; size_of::<i64>()];
    file.read_exact_at(at, &mut count).ok()?;
    let start = at + count.len();
    let end = usize::try_from(i64::from_le_bytes(count)).ok()?.checked_mul(element_size)?.checked_add(start)?;
    (end <= file.size()).then_some(start..end)
}

impl Legacy<'_> {
    /// The bytes of a storage, or of the part of it that a view shows.
    pub(super) fn place(&self, id: &StorageId) -> Result<Range<usize>, String> {
        let whole = self.storages.get(id.key).cloned();
        let whole = whole.ok_or_else(|| format!("storage {} is missing", quoted(id.key.as_bytes())))?;
        id.check_len(whole.len())?;
        let Some([start, len]) = id.view else { return Ok(whole) };
        let size = id.element.size();
        let bytes = start.checked_mul(size).zip(start.checked_add(len).and_then(|end| end.checked_mul(size)));
        let bytes = bytes.filter(|(_, end)| *end <= whole.len());
        let (start, end) = bytes.ok_or_else(|| format!("a view of {len} elements at {start} of {} stored", id.len))?;
        Ok(whole.start + start..whole.start + end)
    }
}
