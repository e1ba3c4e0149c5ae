//! Directories of TIFF files, which Exif data are as well: numbered tags with values of several types.

use std::collections::BTreeMap;

pub(super) const SUBFILE: u16 = 254;
pub(super) const COMPRESSION: u16 = 259;
pub(super) const PHOTOMETRIC: u16 = 262;
pub(super) const FILL_ORDER: u16 = 266;
pub(super) const STRIP_OFFSETS: u16 = 273;
pub(super) const ORIENTATION: u16 = 274;
pub(super) const STRIP_LENGTHS: u16 = 279;
pub(super) const COLOR_MAP: u16 = 320;
pub(super) const TILE_OFFSETS: u16 = 324;
pub(super) const TILE_LENGTHS: u16 = 325;
pub(super) const JPEG_TABLES: u16 = 347;
pub(super) const SUB_DIRECTORIES: u16 = 330;
pub(super) const EXTRA_SAMPLES: u16 = 338;
pub(super) const XMP: u16 = 700;
pub(super) const DNG_VERSION: u16 = 50706;

/// The last tag that says how a picture is stored; later ones are about other things.
const LAST_OF_PICTURES: u16 = 532;

/// One directory, read as Pillow reads it (`ImageFileDirectory_v2.load`).
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    form: Form,
    values: BTreeMap<u16, Value<'a>>,
    /// A tag of the picture itself has a value that does not lie within the file.
    damaged: bool,
}

/// How numbers are stored: byte order, and whether lengths and offsets have 8 bytes (BigTIFF).
#[derive(Clone, Copy)]
struct Form {
    big_endian: bool,
    wide: bool,
}

struct Value<'a> {
    kind: u16,
    data: &'a [u8],
}

impl Form {
    fn unsigned(self, bytes: &[u8]) -> u64 {
        let push = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if self.big_endian { bytes.iter().fold(0, push) } else { bytes.iter().rev().fold(0, push) }
    }

    fn signed(self, bytes: &[u8]) -> i64 {
        let unused = 64 - 8 * bytes.len().clamp(1, 8) as u32;
        (self.unsigned(bytes) << unused) as i64 >> unused
    }
}

impl<'a> Directory<'a> {
    /// The first directory of a TIFF file or of Exif data, from its header on.
    pub(super) fn first(bytes: &'a [u8]) -> Option<Self> {
        let big_endian = match bytes.get(..2)? {
            b"II" => false,
            b"MM" => true,
            _ => return None,
        };
        // Pillow accepts the version in either byte order.
        let wide = match bytes.get(2..4)? {
            [42, 0] | [0, 42] => false,
            [43, 0] | [0, 43] => true,
            _ => return None,
        };
        let form = Form { big_endian, wide };
        let start = form.unsigned(if wide { bytes.get(8..16)? } else { bytes.get(4..8)? });
        Self::at(bytes, form, start)
    }

    /// The directories that this one refers to, such as those of the full pictures in camera raw files.
    pub(super) fn children(&self) -> impl Iterator<Item = Self> {
        self.numbers(SUB_DIRECTORIES).into_iter().take(16).filter_map(|at| Self::at(self.bytes, self.form, at))
    }

    /// The directory at an offset. Pillow keeps the entries before the first one that does not lie within the file.
    fn at(bytes: &'a [u8], form: Form, start: u64) -> Option<Self> {
        let (word, entry, inline) = if form.wide { (8, 20, 8) } else { (2, 12, 4) };
        let rest = bytes.get(usize::try_from(start).ok()?..)?;
        let count = usize::try_from(form.unsigned(rest.get(..word)?)).ok()?;
        let (mut values, mut damaged, mut ended, mut spent) = (BTreeMap::new(), false, false, 0u64);
        for entry in rest.get(word..)?.chunks_exact(entry).take(count) {
            let (head, field) = entry.split_at(entry.len() - inline);
            let [tag, kind] = [0, 2].map(|at| form.unsigned(&head[at..at + 2]) as u16);
            let size = form.unsigned(&head[4..]).saturating_mul(unit(kind).unwrap_or(8));
            let inside = size <= inline as u64;
            let data = if inside { field.get(..size as usize) } else { within(bytes, form.unsigned(field), size) };
            damaged |= tag <= LAST_OF_PICTURES && data.is_none();
            if ended || unit(kind).is_none() || values.contains_key(&tag) || size == 0 {
                continue;
            }
            // Values elsewhere that together would take more than the file are skipped, from the first such one on.
            spent = spent.saturating_add(if inside { 0 } else { size });
            if !inside && spent > bytes.len() as u64 {
                continue;
            }
            match data {
                Some(data) => {
                    values.insert(tag, Value { kind, data });
                }
                None => ended = true,
            }
        }
        Some(Directory { bytes, form, values, damaged })
    }

    /// Whether a tag of the picture itself has a value that does not lie within the file. Decoders may take as much
    /// memory as it claims.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Whether a tag has a value.
    pub(super) fn has(&self, tag: u16) -> bool {
        self.values.contains_key(&tag)
    }

    /// The bytes of a tag's value, as stored.
    pub(super) fn raw(&self, tag: u16) -> Option<&'a [u8]> {
        self.values.get(&tag).map(|value| value.data)
    }

    /// Where the first number of a tag is in the file, and the bytes that would be there if it were `number`.
    pub(super) fn replacement(&self, tag: u16, number: u8) -> Option<(usize, Vec<u8>)> {
        let Value { kind, data } = self.values.get(&tag)?;
        let mut bytes = vec![0; unit(*kind)? as usize];
        *(if self.form.big_endian { bytes.last_mut() } else { bytes.first_mut() })? = number;
        Some((data.as_ptr() as usize - self.bytes.as_ptr() as usize, bytes))
    }

    /// The unsigned integers of a tag; empty if it has none.
    pub(super) fn numbers(&self, tag: u16) -> Vec<u64> {
        let value = self.values.get(&tag).filter(|value| matches!(value.kind, 1 | 3 | 4 | 13 | 16));
        let unit = value.and_then(|value| unit(value.kind)).unwrap_or(1) as usize;
        value.map(|v| v.data.chunks_exact(unit).map(|n| self.form.unsigned(n)).collect()).unwrap_or_default()
    }

    /// The first number of a tag, of whatever numeric type. As in Pillow, bytes and text are no numbers.
    pub(super) fn number(&self, tag: u16) -> Option<f64> {
        let Value { kind, data } = self.values.get(&tag)?;
        let first = data.get(..unit(*kind)? as usize)?;
        let form = self.form;
        Some(match kind {
            3 | 4 | 13 | 16 => form.unsigned(first) as f64,
            6 | 8 | 9 => form.signed(first) as f64,
            5 => form.unsigned(&first[..4]) as f64 / form.unsigned(&first[4..]) as f64,
            10 => form.signed(&first[..4]) as f64 / form.signed(&first[4..]) as f64,
            11 => f64::from(f32::from_bits(form.unsigned(first) as u32)),
            12 => f64::from_bits(form.unsigned(first)),
            _ => return None,
        })
    }
}

/// A piece of the file, if it lies within it.
fn within(bytes: &[u8], start: u64, size: u64) -> Option<&[u8]> {
    bytes.get(usize::try_from(start).ok()?..)?.get(..usize::try_from(size).ok()?)
}

/// Bytes of one number of a type.
fn unit(kind: u16) -> Option<u64> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16 => Some(8),
        _ => None,
    }
}
