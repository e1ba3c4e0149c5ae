//! Reader of LevelDB's sorted string table, the form of a TensorFlow checkpoint's `.index` file.
//!
//! Source: leveldb doc/table_format.md, table/format.cc and table/block.cc; TensorFlow has a copy in tsl/lib/io.
//! All entries are visited once, in file order, so the restart points (for binary search) and the filter blocks
//! named by the metaindex are not needed.

use std::borrow::Cow;

/// Last 8 bytes of every table (leveldb `kTableMagicNumber`).
pub(super) const MAGIC: u64 = 0xdb47_7524_8b80_fb57;

const FOOTER: usize = 48;
const TRAILER: usize = 5;

/// Longest key that is read. Keys are prefix-compressed: an entry of a few bytes can repeat all of the key before it.
const MAX_KEY: usize = 4096;

/// Largest block that is decompressed. TensorFlow starts a new block every 256 KiB at the latest.
const MAX_BLOCK: usize = 8 * 1024 * 1024;

/// A 3-byte element of Snappy copies at most 64 bytes, so no honest block has a larger ratio.
const MAX_SNAPPY_RATIO: usize = 64;

/// LevelDB's mask over a stored crc32c (leveldb util/crc32c.h).
pub(super) fn mask_crc(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Whether the last bytes of a file are those of a table.
pub(in crate::convert::readers) fn has_magic(file: &[u8]) -> bool {
    file.last_chunk().is_some_and(|magic| u64::from_le_bytes(*magic) == MAGIC)
}

/// Calls `visit` with each key and value of the table, in order. Checks the checksum of each block read and that the
/// keys increase.
pub(super) fn visit_table(
    file: &[u8],
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), String>,
) -> Result<(), String> {
    let (blocks, index) = index_handle(file)?;
    let index = read_block(blocks, index).map_err(|problem| format!("index block: {problem}"))?;
    let mut last_key: Option<Vec<u8>> = None;
    let mut end = 0;
    visit_block(&index, |_, value| {
        let handle = Handle::parse(&mut &*value)?;
        // Otherwise a hostile index could list one block a million times.
        if handle.offset < end {
            return Err(format!("block at {} overlaps the one before, which ends at {end}", handle.offset));
        }
        end = handle.offset.saturating_add(handle.size);
        let block = read_block(blocks, handle).map_err(|problem| format!("block at {}: {problem}", handle.offset))?;
        visit_block(&block, |key, value| {
            if last_key.as_deref().is_some_and(|last| last >= key) {
                return Err("the keys are not in increasing order".into());
            }
            let last = last_key.get_or_insert_default();
            last.clear();
            last.extend_from_slice(key);
            visit(key, value)
        })
    })
}

/// Where a block lies in the file.
#[derive(Clone, Copy)]
struct Handle {
    offset: usize,
    size: usize,
}

impl Handle {
    fn parse(bytes: &mut &[u8]) -> Result<Self, String> {
        match (varint(bytes), varint(bytes)) {
            (Some(offset), Some(size)) => Ok(Handle { offset, size }),
            _ => Err("bad block handle".into()),
        }
    }
}

/// Splits off the footer, which names the index block.
fn index_handle(file: &[u8]) -> Result<(&[u8], Handle), String> {
    if !has_magic(file) {
        return Err("truncated or no TensorFlow index (the table magic is missing at its end)".into());
    }
    let start = file.len().checked_sub(FOOTER).ok_or("truncated: shorter than a table footer")?;
    let (blocks, mut footer) = file.split_at(start);
    Handle::parse(&mut footer)?;
    let index = Handle::parse(&mut footer)?;
    Ok((blocks, index))
}

/// Checks the checksum of a block and decompresses it.
fn read_block(blocks: &[u8], handle: Handle) -> Result<Cow<'_, [u8]>, String> {
    let Handle { offset, size } = handle;
    let end = offset.checked_add(size).and_then(|end| end.checked_add(TRAILER));
    let found = end.and_then(|end| blocks.get(offset..end)).and_then(|b| b.split_last_chunk::<4>());
    let (checked, crc) = found.ok_or_else(|| format!("{size} bytes at {offset} reach beyond the end of the file"))?;
    let expected = u32::from_le_bytes(*crc);
    let computed = mask_crc(crc32c::crc32c(checked));
    if computed != expected {
        return Err(format!("crc32c is {computed:#010x}, expected {expected:#010x}: the file is damaged"));
    }
    match checked.split_last() {
        Some((0, contents)) => Ok(Cow::Borrowed(contents)),
        Some((1, contents)) => unsnap(contents).map(Cow::Owned),
        Some((other, _)) => Err(format!("compression type {other}, expected 0 (none) or 1 (Snappy)")),
        None => Err("empty block".into()),
    }
}

fn unsnap(contents: &[u8]) -> Result<Vec<u8>, String> {
    let len = snap::raw::decompress_len(contents).map_err(|e| format!("bad Snappy data: {e}"))?;
    let limit = MAX_BLOCK.min(contents.len().saturating_mul(MAX_SNAPPY_RATIO));
    if len > limit {
        return Err(format!("Snappy data say that they unpack to {len} bytes, expected at most {limit}"));
    }
    snap::raw::Decoder::new().decompress_vec(contents).map_err(|e| format!("bad Snappy data: {e}"))
}

/// Calls `visit` with each key and value of one block.
fn visit_block(block: &[u8], mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), String>) -> Result<(), String> {
    let mut rest = block_entries(block).ok_or("bad restart points")?;
    let mut key = Vec::new();
    while !rest.is_empty() {
        let value = next_entry(&mut rest, &mut key)?;
        visit(&key, value)?;
    }
    Ok(())
}

/// The block without its restart points: that many 32-bit offsets, then their number.
fn block_entries(block: &[u8]) -> Option<&[u8]> {
    let (rest, count) = block.split_last_chunk()?;
    let restarts = usize::try_from(u32::from_le_bytes(*count)).ok()?.checked_mul(4)?;
    rest.get(..rest.len().checked_sub(restarts)?)
}

/// Takes one entry off `rest`, returns its value and turns `key` from the previous entry's key into its own.
fn next_entry<'a>(rest: &mut &'a [u8], key: &mut Vec<u8>) -> Result<&'a [u8], String> {
    let (Some(shared), Some(unshared), Some(value)) = (varint(rest), varint(rest), varint(rest)) else {
        return Err("truncated entry".into());
    };
    if shared > key.len() || unshared > MAX_KEY - shared.min(MAX_KEY) {
        return Err(format!("bad key: {shared} bytes of the key before and {unshared} of its own"));
    }
    key.truncate(shared);
    key.extend_from_slice(take(rest, unshared).ok_or("truncated key")?);
    take(rest, value).ok_or_else(|| "truncated value".into())
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(taken)
}

/// Takes one variable-length integer off `rest`; `None` if it is cut short or too large.
fn varint(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0u64;
    for shift in (0..63).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}
