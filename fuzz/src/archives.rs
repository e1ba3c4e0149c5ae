//! Checkpoints of PyTorch and TensorFlow.

use crate::arrays::read_all;
use crate::seals;
use crate::target::checked;
use crate::{torch_files, writers};
use lq_infer::internals::convert::readers::Reader;
use lq_infer::internals::convert::readers::tf_bundle::TfIndex;
use lq_infer::internals::convert::readers::torch::TorchFile;

fn torch(file: &[u8]) {
    if let Some(torch) = checked(TorchFile::parse(&file)) {
        read_all(&torch, file);
    }
}

/// The archive that `torch.save` writes.
pub fn torch_zip(data: &[u8]) {
    let mut file = data.to_vec();
    if seals::repairs(data) {
        seals::zip(&mut file);
    }
    torch(&file);
}

/// What `torch.save` wrote before PyTorch 1.6.
pub fn torch_legacy(data: &[u8]) {
    torch(data);
}

/// The pickle in an archive whose storages are as they should be.
pub fn pickle(data: &[u8]) {
    torch(&torch_files::archive(data, &storages()));
}

/// Storages of float32, float16 and int64.
pub fn storages() -> Vec<(&'static str, Vec<u8>)> {
    vec![("0", vec![0x3f; 48]), ("1", vec![0x3c; 10]), ("2", vec![7; 8])]
}

/// A TensorFlow index and its data shards, each but the last preceded by its length in two bytes.
pub fn tf_index(data: &[u8]) {
    let mut rest = data;
    let mut next = || {
        let (len, after) = rest.split_first_chunk::<2>().unwrap_or((&[0; 2], &[]));
        let (part, after) = after.split_at(usize::from(u16::from_le_bytes(*len)).min(after.len()));
        rest = after;
        part
    };
    let (index, shard) = (next(), next());
    bundle(index, &[shard, rest]);
}

fn bundle(index: &[u8], shards: &[&[u8]]) {
    let Some(index) = checked(TfIndex::parse(&index)) else { return };
    let lengths: Vec<u64> = shards.iter().map(|shard| shard.len() as u64).collect();
    if checked(index.check_shards(&lengths)).is_none() {
        return;
    }
    for name in index.variables().keys() {
        let shard = index.shard(name).and_then(|shard| shards.get(shard)).expect("the index has checked its shards");
        checked(index.read_f32(shard, name));
    }
}

/// The entries of a TensorFlow index with correct checksums around them. Each is the lengths of its key and value, one byte
/// each, and these.
pub fn tf_entries(data: &[u8]) {
    let mut entries = Vec::new();
    let mut rest = data;
    while let [key, value, after @ ..] = rest {
        let (key, after) = after.split_at(usize::from(*key).min(after.len()));
        let (value, after) = after.split_at(usize::from(*value).min(after.len()));
        entries.push((key.to_vec(), value.to_vec()));
        rest = after;
    }
    bundle(&writers::table(&writers::block(&entries), data.len() % 2 == 1), &[&[0x3f; 64], &[0x3e; 64]]);
}
