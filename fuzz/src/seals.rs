//! Checksums made right again, so that changed bytes get behind them.

use flate2::Crc;
use flate2::read::DeflateDecoder;
use std::io::Read;

/// Most bytes that an entry is unpacked to.
const MAX_UNPACKED: u64 = 1 << 20;

/// Whether to repair checksums: mostly, but files with wrong ones must be met too.
pub fn repairs(data: &[u8]) -> bool {
    data.len() % 8 != 7
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn number<const N: usize>(file: &[u8], at: usize) -> Option<[u8; N]> {
    file.get(at..)?.first_chunk().copied()
}

fn u16_at(file: &[u8], at: usize) -> Option<usize> {
    number(file, at).map(|bytes| usize::from(u16::from_le_bytes(bytes)))
}

fn u32_at(file: &[u8], at: usize) -> Option<usize> {
    number(file, at).map(|bytes| u32::from_le_bytes(bytes) as usize)
}

/// Sets the checksums in the directory of a zip archive.
pub fn zip(file: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = file.get(at..).and_then(|rest| rest.windows(4).position(|w| w == b"PK\x01\x02")) {
        at += found;
        if let Some(crc) = entry_crc(file, at)
            && let Some(field) = file.get_mut(at + 16..at + 20)
        {
            field.copy_from_slice(&crc.to_le_bytes());
        }
        at += 4;
    }
}

/// The checksum of the content of the entry whose directory entry is at `at`.
fn entry_crc(file: &[u8], at: usize) -> Option<u32> {
    let (method, packed) = (u16_at(file, at + 10)?, u32_at(file, at + 20)?);
    let mut local = u32_at(file, at + 42)?;
    if local == u32::MAX as usize {
        // The extra field of the archives that torch.save and NumPy write holds nothing but the offset.
        local = u32_at(file, at + 46 + u16_at(file, at + 28)? + 4)?;
    }
    let start = local.checked_add(30 + u16_at(file, local + 26)? + u16_at(file, local + 28)?)?;
    let content = file.get(start..start.checked_add(packed)?)?;
    if method == 0 {
        return Some(crc32(content));
    }
    let mut unpacked = Vec::new();
    DeflateDecoder::new(content).take(MAX_UNPACKED).read_to_end(&mut unpacked).ok()?;
    Some(crc32(&unpacked))
}

/// Sets the checksums of a PNG's chunks.
pub fn png(file: &mut [u8]) {
    let mut at = 8;
    while let Some(len) = number(file, at).map(|bytes| u32::from_be_bytes(bytes) as usize) {
        let Some(end) = (at + 8).checked_add(len).filter(|end| *end < file.len()) else { return };
        let crc = crc32(&file[at + 4..end]);
        if let Some(field) = file.get_mut(end..end + 4) {
            field.copy_from_slice(&crc.to_be_bytes());
        }
        at = end + 4;
    }
}

/// Sets the checksum of a packed model, if it is a safetensors file with one.
pub fn packed(file: &mut [u8]) -> Option<()> {
    use safetensors::SafeTensors;
    let (_, metadata) = SafeTensors::read_metadata(file).ok()?;
    let tensors = SafeTensors::deserialize(file).ok()?;
    let json = metadata.metadata().as_ref()?.get("lq-infer")?;
    let mut views: Vec<(&str, &[u8])> = tensors.iter().map(|(name, view)| (name, view.data())).collect();
    views.sort();
    let others = views.iter().filter(|(name, _)| *name != "checksum");
    let crc = others.fold(crc32c::crc32c(json.as_bytes()), |crc, (_, data)| crc32c::crc32c_append(crc, data));
    let (_, seal) = views.iter().find(|(name, data)| *name == "checksum" && data.len() == 4)?;
    let at = seal.as_ptr() as usize - file.as_ptr() as usize;
    file[at..at + 4].copy_from_slice(&crc.to_le_bytes());
    Some(())
}
