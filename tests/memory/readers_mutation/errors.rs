//! What a user sees for the usual accidents.

use std::fs;
use std::path::{Path, PathBuf};

use lq_infer::internals::convert::{Checkpoint, CheckpointKind};
use tempfile::TempDir;

use super::{Entries, ramp, small_bundle, small_npz};
use crate::common::writers::{self, ZipEntry, block, bundle_entry, bundle_header, table, zip};

/// A directory with the small bundle as `m-1`.
fn directory_with(entries: &Entries, shards: &[Vec<u8>]) -> TempDir {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("m-1.index"), table(&block(entries), false)).unwrap();
    for (i, shard) in shards.iter().enumerate() {
        let name = format!("m-1.data-{i:05}-of-{:05}", shards.len());
        fs::write(directory.path().join(name), shard).unwrap();
    }
    directory
}

fn bundle_directory() -> TempDir {
    let (entries, shards) = small_bundle();
    directory_with(&entries, &shards)
}

/// The error of opening the path, or else of reading its variable `conv0/W`.
fn error_of(path: &Path) -> String {
    let result = Checkpoint::open(path).and_then(|checkpoint| checkpoint.read_f32("conv0/W"));
    let message = result.unwrap_err().to_string();
    assert!(message.contains(path.file_stem().unwrap().to_str().unwrap()), "{message}");
    assert!(!message.contains('\n'), "{message}");
    message
}

fn expect(path: &Path, parts: &[&str]) {
    let message = error_of(path);
    for part in parts {
        assert!(message.contains(part), "expected '{part}' in '{message}'");
    }
}

fn file_with(directory: &TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = directory.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn every_form_of_a_path_opens() {
    let directory = bundle_directory();
    file_with(&directory, "checkpoint", b"model_checkpoint_path: \"m-1\"\nall_model_checkpoint_paths: \"m-1\"\n");
    let forms = ["", "checkpoint", "m-1", "m-1.index", "m-1.data-00000-of-00002", "m-1.data-00001-of-00002"];
    for form in forms {
        let checkpoint = Checkpoint::open(&directory.path().join(form)).unwrap();
        assert_eq!(checkpoint.kind(), CheckpointKind::TensorflowV2);
        assert_eq!(checkpoint.path(), directory.path().join("m-1.index"));
        assert_eq!(checkpoint.read_f32("conv0/W").unwrap(), ramp(12));
    }
    fs::remove_file(directory.path().join("checkpoint")).unwrap();
    assert!(Checkpoint::open(directory.path()).is_ok());
    let npz = Checkpoint::open(&file_with(&directory, "params.bin", &small_npz(false))).unwrap();
    assert_eq!((npz.kind().to_string().as_str(), npz.read_f32("conv0/W").unwrap()), ("tensorpack .npz", ramp(12)));
}

#[test]
fn sha256_covers_the_index_and_all_shards() {
    use sha2::Digest;
    let (entries, shards) = small_bundle();
    let whole = [table(&block(&entries), false), shards.concat()].concat();
    let expected: String = sha2::Sha256::digest(&whole).iter().map(|b| format!("{b:02x}")).collect();
    let directory = bundle_directory();
    assert_eq!(Checkpoint::open(&directory.path().join("m-1")).unwrap().sha256().unwrap(), expected);
}

#[test]
fn damaged_bundles() {
    let directory = bundle_directory();
    let (index, shard) = (directory.path().join("m-1.index"), directory.path().join("m-1.data-00000-of-00002"));
    let (good_index, good_shard) = (fs::read(&index).unwrap(), fs::read(&shard).unwrap());

    fs::write(&index, &good_index[..good_index.len() - 1]).unwrap();
    expect(&index, &["truncated or no TensorFlow index"]);
    fs::write(&index, b"").unwrap();
    expect(&index, &["truncated or no TensorFlow index"]);
    let mut flipped = good_index.clone();
    flipped[9] ^= 4;
    fs::write(&index, &flipped).unwrap();
    expect(&index, &["block at 0: crc32c is", "expected", "damaged"]);
    fs::write(&index, &good_index).unwrap();

    let mut flipped = good_shard.clone();
    flipped[5] ^= 1;
    fs::write(&shard, &flipped).unwrap();
    expect(&index, &["variable 'conv0/W' has crc32c", "data shard 0 is damaged"]);
    fs::write(&shard, &good_shard[..20]).unwrap();
    expect(&index, &["variable 'conv0/W' lies at bytes 0 to 48 of data shard 0, which has only 20"]);
    fs::remove_file(&shard).unwrap();
    expect(&index, &["m-1.data-00000-of-00002", "this data shard is missing"]);
}

#[test]
fn contradictory_bundles() {
    let cases: [(&[u8], Vec<u8>, &str); 6] = [
        (b"../x", bundle_entry(1, &[1], 0, &mut vec![0; 99], &[0; 4]), "bad variable name \"../x\""),
        (b"x", [bundle_entry(1, &[1], 0, &mut vec![0; 4], &[0; 4]), writers::slice_field()].concat(), "partitioned"),
        (b"\0x\0\x01", vec![], "\"x\" is a partitioned variable"),
        (b"x", bundle_entry(1, &[1], 0, &mut vec![0; 4], &[0; 4]), "'conv0/W' and 'x' overlap"),
        (b"x", bundle_entry(1, &[3], 0, &mut vec![0; 99], &[0; 4]), "variable 'x': 4 bytes, expected 12 for float32"),
        (b"conv0/W:0", bundle_entry(1, &[1], 0, &mut vec![0; 99], &[0; 4]), "'conv0/W' comes twice"),
    ];
    for (key, value, expected) in cases {
        let (mut entries, shards) = small_bundle();
        entries.push((key.to_vec(), value));
        entries.sort();
        expect(directory_with(&entries, &shards).path().join("m-1.index").as_path(), &[expected]);
    }
    let v1 = vec![(vec![], vec![0x0a, 0])];
    expect(&directory_with(&v1, &[]).path().join("m-1.index"), &["TensorFlow V1 checkpoint", "accepted are"]);
    let (mut entries, _) = small_bundle();
    entries[0].1 = [bundle_header(2), vec![0x10, 1]].concat();
    expect(&directory_with(&entries, &[]).path().join("m-1.index"), &["big-endian"]);
}

#[test]
fn damaged_archives() {
    let directory = TempDir::new().unwrap();
    let good = small_npz(false);
    expect(&file_with(&directory, "cut.npz", &good[..good.len() - 30]), &["truncated or no zip archive"]);
    let array = writers::npy("<f4", false, "(1,)", &[0; 4]);
    let mut flipped = good.clone();
    let at = good.windows(6).position(|w| w == b"\x93NUMPY").unwrap() + 128;
    flipped[at] ^= 1;
    expect(&file_with(&directory, "flip.npz", &flipped), &["variable 'conv0/W': crc32 is", "damaged"]);
    let object = writers::npy("|O", false, "(1,)", &[0; 8]);
    let object = zip(&[ZipEntry::stored("conv0/W.npy", &object)], false);
    expect(&file_with(&directory, "object.npz", &object), &["variable 'conv0/W'", "object array"]);
    let twice = zip(&[ZipEntry::stored("a.npy", &array), ZipEntry::stored("a:0.npy", &array)], false);
    expect(&file_with(&directory, "twice.npz", &twice), &["variable 'a' comes twice"]);
    let mut lying = ZipEntry::deflated("a.npy", &array);
    lying.size += 4;
    expect(&file_with(&directory, "lying.npz", &zip(&[lying], false)), &["variable 'a': 8 bytes of data, expected 4"]);
    let outside = zip(&[ZipEntry::stored("a/../../x.npy", &array)], false);
    expect(&file_with(&directory, "outside.npz", &outside), &["bad variable name \"a/../../x\""]);
    let other = zip(&[ZipEntry::stored("readme.txt", b"")], false);
    expect(&file_with(&directory, "other.npz", &other), &["\"readme.txt\" is no array"]);
}

#[test]
fn other_formats_are_named() {
    let directory = bundle_directory();
    let keras = zip(&[ZipEntry::stored("model.weights.h5", b"")], false);
    let cases: [(&str, &[u8], &str); 6] = [
        ("a.keras", &keras, "Keras model"),
        ("c.h5", b"\x89HDF\r\n\x1a\n", "HDF5"),
        ("d.meta", b"\x0a\x00", "graph definition"),
        ("e.npy", b"\x93NUMPY\x01\x00", "single .npy array"),
        ("f.npz", b"", "empty file"),
        ("g.bin", b"\x01\xff", "not known; accepted are a TensorFlow V2 checkpoint"),
    ];
    for (name, content, expected) in cases {
        expect(&file_with(&directory, name, content), &[expected]);
    }
    expect(&file_with(&directory, "model-7", &table(&block(&[(vec![], vec![0x0a, 0])]), true)), &["V1 checkpoint"]);
    expect(&directory.path().join("nothing"), &["nothing: "]);
    expect(&file_with(&directory, "checkpoint", b"model_checkpoint_path: \"../m-1\"\n"), &["without '..'"]);
    expect(&file_with(&directory, "checkpoint", b"model_checkpoint_path: \"m-2\"\n"), &["expected that checkpoint's"]);
}
