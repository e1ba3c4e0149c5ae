//! The entries of a zip archive that is in memory (usually a memory map).
//!
//! Source: PKWARE APPNOTE.TXT 6.3, sections 4.3 and 4.5.3. Only what NumPy and PyTorch write is read: entries stored
//! or deflated, one disk, no encryption. Entry names are keys and never paths. The archive's central directory is read
//! in place, so that a small hostile archive cannot cost much memory.

use crate::files::{ReadExactAt, quoted, read_range};
use std::ops::Range;

/// First bytes of an archive: those of its first entry, or of an empty archive.
pub(super) const MAGICS: [&[u8; 4]; 2] = [LOCAL, END];

const LOCAL: &[u8; 4] = b"PK\x03\x04";
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
const END: &[u8; 4] = b"PK\x05\x06";
const END64: &[u8; 4] = b"PK\x06\x06";
const LOCATOR64: &[u8; 4] = b"PK\x06\x07";

const END_LEN: usize = 22;
const LOCATOR64_LEN: usize = 20;
const END64_LEN: usize = 56;
const CENTRAL_LEN: usize = 46;
const LOCAL_LEN: usize = 30;

/// A value that means: see the zip64 fields.
const IN_ZIP64: u32 = u32::MAX;

/// Far above any real network.
const MAX_ENTRIES: u64 = 16 * 1024;
const MAX_DIRECTORY: usize = 16 << 20;

/// How an entry's bytes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
}

/// One entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) method: Method,
    pub(super) crc32: u32,
    /// Bytes of the unpacked entry, as declared.
    pub(super) size: u64,
    /// Its packed bytes in the archive.
    pub(super) packed: Range<usize>,
}

/// All entries in the order of the central directory. No two of them overlap.
pub(super) fn entries(file: &dyn ReadExactAt) -> Result<Vec<Entry>, String> {
    let (place, count) = directory(file)?;
    let directory = read_range(file, place.clone(), MAX_DIRECTORY, "the zip directory")?;
    let mut rest = directory.as_slice();
    let mut entries = Vec::new();
    for _ in 0..count {
        let (entry, len) = central_entry(rest, file, place.start)?;
        entries.push(entry);
        rest = rest.get(len..).unwrap_or_default();
    }
    if !rest.is_empty() {
        return Err(format!("{} bytes in the zip directory after its {count} entries", rest.len()));
    }
    check_overlaps(&entries)?;
    Ok(entries)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Where the directory is, and how many entries it has.
fn directory(file: &dyn ReadExactAt) -> Result<(Range<usize>, u64), String> {
    let tail = Tail::read(file)?;
    let end = tail.find_end().ok_or("truncated or no zip archive (the end record is missing)")?;
    let (start, len, count) = tail.directory_fields(end, file).ok_or("bad zip end record")?;
    if count > MAX_ENTRIES {
        return Err(format!("{count} zip entries, expected at most {MAX_ENTRIES}"));
    }
    let range = usize::try_from(start).ok().zip(start.checked_add(len).and_then(|to| usize::try_from(to).ok()));
    match range {
        Some((from, to)) if to <= tail.start + end => Ok((from..to, count)),
        _ => Err(format!(
            "truncated zip archive: {len} bytes of directory at {start} do not fit before {}",
            tail.start + end
        )),
    }
}

/// The last bytes of a file, in which its end record is.
struct Tail {
    bytes: Vec<u8>,
    /// Where they begin in the file.
    start: usize,
}

impl Tail {
    /// As many bytes as the end record, its comment and the locator of zip64 before it may take.
    fn read(file: &dyn ReadExactAt) -> Result<Self, String> {
        let most = LOCATOR64_LEN + END_LEN + usize::from(u16::MAX);
        let start = file.size().saturating_sub(most);
        Ok(Tail { bytes: read_range(file, start..file.size(), most, "the end of the archive")?, start })
    }

    /// Where the end record is in these bytes: it ends with a comment that reaches to the end of the file.
    fn find_end(&self) -> Option<usize> {
        let last = self.bytes.len().checked_sub(END_LEN)?;
        let first = last.saturating_sub(usize::from(u16::MAX));
        (first..=last).rev().find(|&at| {
            self.bytes.get(at..).is_some_and(|r| r.starts_with(END))
                && u16_at(&self.bytes, at + 20).map(usize::from) == Some(last - at)
        })
    }

    /// Start and length of the directory and its number of entries, of the end record at `end` or that of zip64.
    fn directory_fields(&self, end: usize, file: &dyn ReadExactAt) -> Option<(u64, u64, u64)> {
        if let Some(locator) = end.checked_sub(LOCATOR64_LEN)
            && self.bytes.get(locator..)?.starts_with(LOCATOR64)
        {
            let at = usize::try_from(u64_at(&self.bytes, locator + 8)?).ok()?;
            // It lies before its locator.
            let record_end = at.checked_add(END64_LEN).filter(|&to| to <= self.start + locator)?;
            let record = read_range(file, at..record_end, END64_LEN, "the zip64 end record").ok()?;
            let is_end64 = record.starts_with(END64);
            return is_end64.then_some((u64_at(&record, 48)?, u64_at(&record, 40)?, u64_at(&record, 32)?));
        }
        let bytes = &self.bytes;
        let disks_agree = u32_at(bytes, end + 4)? == 0 && u16_at(bytes, end + 8)? == u16_at(bytes, end + 10)?;
        let fields =
            (u32_at(bytes, end + 16)?.into(), u32_at(bytes, end + 12)?.into(), u16_at(bytes, end + 10)?.into());
        disks_agree.then_some(fields)
    }
}

/// The entry at the start of `rest`, and the bytes it takes there. `before` is the archive up to the directory.
fn central_entry(rest: &[u8], file: &dyn ReadExactAt, directory: usize) -> Result<(Entry, usize), String> {
    let fields = CentralFields::parse(rest).ok_or("bad entry in the zip directory")?;
    let name = fields.name;
    let shown = quoted(name);
    if fields.flags & 1 != 0 {
        return Err(format!("entry {shown} is encrypted"));
    }
    let method = match fields.method {
        0 => Method::Stored,
        8 => Method::Deflated,
        other => {
            return Err(format!("entry {shown} has compression method {other}, expected 0 (stored) or 8 (deflate)"));
        }
    };
    if method == Method::Stored && fields.size != fields.packed_size {
        return Err(format!("entry {shown} is stored, but has {} bytes for {}", fields.packed_size, fields.size));
    }
    let packed = local_data(file, directory, &fields)
        .ok_or_else(|| format!("entry {shown} is truncated or its local header differs from the zip directory"))?;
    Ok((Entry { name: name.to_owned(), method, crc32: fields.crc32, size: fields.size, packed }, fields.len))
}

/// The checksum that zip archives use.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Compares the checksum of an entry's bytes with the recorded one.
pub(super) fn check_crc(computed: u32, recorded: u32) -> Result<(), String> {
    if computed != recorded {
        return Err(format!("crc32 is {computed:#010x}, expected {recorded:#010x}: its data are damaged"));
    }
    Ok(())
}

/// The fields of a central directory entry that are needed.
struct CentralFields<'a> {
    flags: u16,
    method: u16,
    crc32: u32,
    packed_size: u64,
    size: u64,
    local: u64,
    name: &'a [u8],
    /// Length of the whole entry.
    len: usize,
}

impl<'a> CentralFields<'a> {
    fn parse(rest: &'a [u8]) -> Option<Self> {
        if !rest.starts_with(CENTRAL) {
            return None;
        }
        let name_end = CENTRAL_LEN + usize::from(u16_at(rest, 28)?);
        let extra_end = name_end + usize::from(u16_at(rest, 30)?);
        let len = extra_end + usize::from(u16_at(rest, 32)?);
        rest.get(..len)?;
        let mut zip64 = zip64_extra(rest.get(name_end..extra_end)?);
        let mut wide = |narrow: u32| if narrow == IN_ZIP64 { take_u64(&mut zip64) } else { Some(narrow.into()) };
        // APPNOTE 4.5.3: the zip64 field holds only those values that stand as 0xffffffff, in this order.
        let size = wide(u32_at(rest, 24)?)?;
        let packed_size = wide(u32_at(rest, 20)?)?;
        let local = wide(u32_at(rest, 42)?)?;
        let name = rest.get(CENTRAL_LEN..name_end)?;
        let (flags, method, crc32) = (u16_at(rest, 8)?, u16_at(rest, 10)?, u32_at(rest, 16)?);
        Some(CentralFields { flags, method, crc32, packed_size, size, local, name, len })
    }
}

fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    let value = u64_at(bytes, 0)?;
    *bytes = bytes.get(8..)?;
    Some(value)
}

/// Content of the zip64 field (id 1) among an entry's extra fields; empty if there is none.
fn zip64_extra(mut extra: &[u8]) -> &[u8] {
    while let (Some(id), Some(len)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let end = 4 + usize::from(len);
        if id == 1 {
            return extra.get(4..end).unwrap_or_default();
        }
        extra = extra.get(end..).unwrap_or_default();
    }
    &[]
}

/// The packed bytes: they follow the local header, whose name must be the same.
fn local_data(file: &dyn ReadExactAt, directory: usize, fields: &CentralFields) -> Option<Range<usize>> {
    let start = usize::try_from(fields.local).ok()?;
    let name = start.checked_add(LOCAL_LEN)?;
    let read = |range: Range<usize>| read_range(file, range, u16::MAX.into(), "a local header").ok();
    let header = read(start..name)?;
    let name_end = name.checked_add(usize::from(u16_at(&header, 26)?))?;
    let data = name_end.checked_add(usize::from(u16_at(&header, 28)?))?;
    let end = data.checked_add(usize::try_from(fields.packed_size).ok()?)?;
    let agrees = header.starts_with(LOCAL) && read(name..name_end)? == fields.name;
    (agrees && end <= directory).then_some(data..end)
}

/// With overlapping entries, a small archive could unpack to petabytes.
fn check_overlaps(entries: &[Entry]) -> Result<(), String> {
    let mut all: Vec<_> = entries.iter().filter(|entry| !entry.packed.is_empty()).collect();
    all.sort_by_key(|entry| entry.packed.start);
    for (entry, next) in all.iter().zip(all.iter().skip(1)) {
        if next.packed.start < entry.packed.end {
            return Err(format!("zip entries {} and {} overlap", quoted(&entry.name), quoted(&next.name)));
        }
    }
    Ok(())
}
