//! Small writers of the formats under test, kept apart from the readers so that both would have to be wrong alike.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

pub fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// An `.npy` file, version 1.
pub fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let dict = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    let padded = (10 + dict.len() + 1).next_multiple_of(64) - 10;
    out.extend((padded as u16).to_le_bytes());
    out.extend(format!("{dict:<width$}\n", width = padded - 1).bytes());
    out.extend(data);
    out
}

pub struct ZipEntry {
    pub name: String,
    pub deflated: bool,
    pub packed: Vec<u8>,
    pub crc: u32,
    pub size: u32,
}

impl ZipEntry {
    pub fn stored(name: &str, content: &[u8]) -> Self {
        let (crc, size) = (crc32(content), content.len() as u32);
        ZipEntry { name: name.into(), deflated: false, packed: content.to_vec(), crc, size }
    }

    pub fn deflated(name: &str, content: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        ZipEntry { deflated: true, packed: encoder.finish().unwrap(), ..ZipEntry::stored(name, content) }
    }

    fn common_fields(&self) -> Vec<u8> {
        let mut out = vec![20, 0, 0, 0, if self.deflated { 8 } else { 0 }, 0, 0, 0, 0, 0];
        for field in [self.crc, self.packed.len() as u32, self.size] {
            out.extend(field.to_le_bytes());
        }
        out.extend((self.name.len() as u16).to_le_bytes());
        out.extend([0, 0]);
        out
    }
}

fn crc32(content: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(content);
    crc.sum()
}

/// A zip archive; `zip64` writes its end record and the entries' offsets in the wide form.
pub fn zip(entries: &[ZipEntry], zip64: bool) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = out.len();
        out.extend(b"PK\x03\x04");
        out.extend(entry.common_fields());
        out.extend(entry.name.bytes());
        out.extend(&entry.packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        let mut fields = entry.common_fields();
        if zip64 {
            fields[24] = 12;
        }
        directory.extend(fields);
        directory.extend([0; 10]);
        directory.extend(if zip64 { u32::MAX } else { offset as u32 }.to_le_bytes());
        directory.extend(entry.name.bytes());
        if zip64 {
            directory.extend([1, 0, 8, 0]);
            directory.extend((offset as u64).to_le_bytes());
        }
    }
    let start = out.len();
    out.extend(&directory);
    zip_end(&mut out, start, directory.len(), entries.len(), zip64);
    out
}

fn zip_end(out: &mut Vec<u8>, start: usize, len: usize, count: usize, zip64: bool) {
    let end64 = out.len() as u64;
    if zip64 {
        out.extend(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0");
        for field in [count, count, len, start] {
            out.extend((field as u64).to_le_bytes());
        }
        out.extend(b"PK\x06\x07\0\0\0\0");
        out.extend(end64.to_le_bytes());
        out.extend([1, 0, 0, 0]);
    }
    out.extend(b"PK\x05\x06\0\0\0\0");
    let narrow = if zip64 { (u32::MAX, u32::MAX, u16::MAX) } else { (len as u32, start as u32, count as u16) };
    out.extend([narrow.2.to_le_bytes(), narrow.2.to_le_bytes()].concat());
    out.extend([narrow.0.to_le_bytes(), narrow.1.to_le_bytes()].concat());
    out.extend([0, 0]);
}

pub fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// LevelDB's masked crc32c, written after its documentation.
pub fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Contents of a table block with prefix-compressed keys and one restart point.
pub fn block(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut last: &[u8] = &[];
    for (key, value) in entries {
        let shared = key.iter().zip(last).take_while(|(a, b)| a == b).count();
        for len in [shared, key.len() - shared, value.len()] {
            out.extend(varint(len as u64));
        }
        out.extend(&key[shared..]);
        out.extend(value);
        last = key;
    }
    out.extend([0, 0, 0, 0, 1, 0, 0, 0]);
    out
}

/// Appends a block with its trailer; returns its handle.
pub fn push_block(file: &mut Vec<u8>, packed: &[u8], compression: u8) -> Vec<u8> {
    let handle = [varint(file.len() as u64), varint(packed.len() as u64)].concat();
    let start = file.len();
    file.extend(packed);
    file.push(compression);
    let crc = masked_crc(&file[start..]);
    file.extend(crc.to_le_bytes());
    handle
}

pub fn push_footer(file: &mut Vec<u8>, index: &[u8]) {
    let mut footer = [&[0, 0], index].concat();
    footer.resize(40, 0);
    file.extend(footer);
    file.extend(0xdb47_7524_8b80_fb57u64.to_le_bytes());
}

/// A table of one data block and an index block. The block's contents need not be valid; its checksum always is.
pub fn table(contents: &[u8], snappy: bool) -> Vec<u8> {
    let mut file = Vec::new();
    let handle = if snappy {
        push_block(&mut file, &snap::raw::Encoder::new().compress_vec(contents).unwrap(), 1)
    } else {
        push_block(&mut file, contents, 0)
    };
    let index = push_block(&mut file, &block(&[(vec![0xff], handle)]), 0);
    push_footer(&mut file, &index);
    file
}

pub fn int_field(tag: u8, value: u64) -> Vec<u8> {
    [vec![tag << 3], varint(value)].concat()
}

pub fn message_field(tag: u8, content: &[u8]) -> Vec<u8> {
    [vec![tag << 3 | 2], varint(content.len() as u64), content.to_vec()].concat()
}

/// BundleHeaderProto.
pub fn bundle_header(shards: u64) -> Vec<u8> {
    [int_field(1, shards), message_field(3, &int_field(1, 1))].concat()
}

/// BundleEntryProto of a variable whose bytes are appended to `data`.
pub fn bundle_entry(dtype: u64, shape: &[u64], shard: u64, data: &mut Vec<u8>, raw: &[u8]) -> Vec<u8> {
    let shape: Vec<u8> = shape.iter().flat_map(|&dim| message_field(2, &int_field(1, dim))).collect();
    let mut out = [int_field(1, dtype), message_field(2, &shape), int_field(3, shard)].concat();
    out.extend([int_field(4, data.len() as u64), int_field(5, raw.len() as u64)].concat());
    out.push(6 << 3 | 5);
    out.extend(masked_crc(raw).to_le_bytes());
    data.extend(raw);
    out
}

/// The mark of a partitioned variable: an entry's field 7.
pub fn slice_field() -> Vec<u8> {
    message_field(7, &[])
}
