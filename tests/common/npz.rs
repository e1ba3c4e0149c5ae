//! A small reader of `.npz` archives with arrays of any dtype. The library's reader accepts checkpoints only.

use lq_infer::internals::format::npy::{self, NpyData};
use std::collections::BTreeMap;
use std::path::Path;

/// Arrays by name: shape and data.
pub type Arrays = BTreeMap<String, (Vec<usize>, NpyData)>;

/// The array `name`, which must be float32.
pub fn f32s<'a>(arrays: &'a Arrays, name: &str) -> &'a [f32] {
    match &arrays.get(name).unwrap_or_else(|| panic!("no array '{name}'")).1 {
        NpyData::F32(data) => data,
        _ => panic!("'{name}' is not float32"),
    }
}

/// All arrays of an archive, of any dtype.
pub fn read_npz(path: &Path) -> Arrays {
    let file = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let member = |(name, bytes): (String, Vec<u8>)| {
        let array = npy::read(&bytes).unwrap_or_else(|e| panic!("{}: {name}: {e}", path.display()));
        (name.trim_end_matches(".npy").to_owned(), array)
    };
    zip_members(&file).into_iter().map(member).collect()
}

/// Names and bytes of the members of a plain zip archive (no zip64), found through its central directory.
fn zip_members(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let u16_at = |at: usize| usize::from(u16::from_le_bytes([file[at], file[at + 1]]));
    let u32_at = |at: usize| u16_at(at) | u16_at(at + 2) << 16;
    let end = (0..file.len() - 21).rev().find(|&at| file[at..].starts_with(b"PK\x05\x06")).expect("no zip archive");
    let mut at = u32_at(end + 16);
    let mut members = Vec::new();
    for _ in 0..u16_at(end + 10) {
        let (method, packed_len, local) = (u16_at(at + 10), u32_at(at + 20), u32_at(at + 42));
        let name = String::from_utf8(file[at + 46..][..u16_at(at + 28)].to_vec()).unwrap();
        let data = local + 30 + u16_at(local + 26) + u16_at(local + 28);
        members.push((name, unpack(&file[data..][..packed_len], method)));
        at += 46 + u16_at(at + 28) + u16_at(at + 30) + u16_at(at + 32);
    }
    members
}

fn unpack(packed: &[u8], method: usize) -> Vec<u8> {
    match method {
        0 => packed.to_vec(),
        8 => {
            let mut bytes = Vec::new();
            let mut decoder = flate2::read::DeflateDecoder::new(packed);
            std::io::Read::read_to_end(&mut decoder, &mut bytes).expect("damaged zip member");
            bytes
        }
        other => panic!("zip compression method {other}"),
    }
}
