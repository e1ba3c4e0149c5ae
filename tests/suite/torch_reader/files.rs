//! Hostile and damaged files around sound pickles, and tensors that are not where they say.

use super::{file_with, problem, ramp, refused, tensor};
use crate::common::torch_files::{Object, Tensor, archive, archive_entries, call, dict, ints, legacy, pickle, text};
use crate::common::writers::{ZipEntry, f32_bytes, zip};
use lq_infer::internals::convert::readers::Reader;
use lq_infer::internals::convert::readers::safetensors::SafetensorsFile;
use lq_infer::internals::convert::readers::torch::TorchFile;

#[test]
fn tensors_stay_within_their_storages() {
    let x = tensor();
    for (tensor, expected) in [
        (Tensor { offset: 1, ..x.clone() }, "reaches beyond its storage, which has 5 elements from there"),
        (Tensor { offset: 7, ..x.clone() }, "starts at element 7 of a storage of 24 bytes"),
        (Tensor { offset: i64::MAX, ..x.clone() }, "starts at element 9223372036854775807"),
        (Tensor { offset: -1, ..x.clone() }, "-1 as a size, stride or offset"),
        (Tensor { strides: vec![-3, 1], ..x.clone() }, "-3 as a size"),
        (Tensor { strides: vec![4, 1], ..x.clone() }, "strides [4, 1] reaches beyond"),
        (Tensor { strides: vec![i64::MAX, 1], ..x.clone() }, "reaches beyond"),
        (Tensor { strides: vec![1], ..x.clone() }, "2 dimensions and 1 strides"),
        (Tensor { shape: vec![1; 20], strides: vec![1; 20], ..x.clone() }, "17 dimensions"),
        (
            Tensor { shape: vec![1 << 40, 1 << 40], strides: vec![0, 0], ..x.clone() },
            "more elements than can be addressed",
        ),
        (Tensor { shape: vec![1 << 40], strides: vec![0], ..x.clone() }, "repeats 6 stored elements"),
        (Tensor { stored: 7, ..x.clone() }, "storage \"0\" has 24 bytes, expected 7 elements of float32"),
        (Tensor { stored: -1, ..x.clone() }, "-1 as a size"),
        (Tensor { stored: i64::MAX, ..x.clone() }, "storage \"0\" has 24 bytes"),
        (Tensor { key: "1", ..x.clone() }, "storage \"1\" is missing"),
        (Tensor { class: "DoubleStorage", ..x.clone() }, "has 24 bytes, expected 6 elements of float64"),
        (Tensor { class: "StringStorage", ..x.clone() }, "\"torch.StringStorage\" is no known kind of storage"),
    ] {
        refused(&file_with(&tensor, vec![]), expected);
    }
    let view = archive(&pickle(&dict(vec![("x", Tensor { view: Some(("1", 0, 6)), ..x }.object(true))])), &[]);
    refused(&view, "a view of a storage, which only legacy files have");
    let bad = |arguments| file_with(&tensor(), vec![("y", call("torch._utils", "_rebuild_tensor_v2", arguments))]);
    refused(&bad(vec![]), "variable \"y\": bad arguments of _rebuild_tensor_v2");
    let Object::Call(_, mut arguments) = tensor().object(false) else { unreachable!() };
    arguments[2] = Object::Float(1.0);
    refused(&bad(arguments.clone()), "a float as sizes or strides");
    arguments[2] = Object::Tuple(vec![text("2"), Object::Int(3)]);
    refused(&bad(arguments.clone()), "a string as a size");
    arguments[0] = Object::Persistent(vec![text("storage"), ints(&[])]);
    refused(&bad(arguments), "describes no storage");
}

#[test]
fn names_are_never_paths() {
    let good = pickle(&dict(vec![("x", tensor().object(false))]));
    for name in ["../x", "m/../../x", "/etc/x", "m\\..\\x", "m/\nx", "n/data/7", "lone", ""] {
        let mut entries = archive_entries(&good, &[("0", f32_bytes(&ramp(6)))]);
        entries.push(ZipEntry::stored(name, b"x"));
        let problem = problem(&zip(&entries, false));
        let known = ["bad entry name", "lies in another folder", "lies in no folder"];
        assert!(known.iter().any(|part| problem.contains(part)), "{name:?}: {problem}");
    }
    for name in ["../x", "/x", "a/../x", "\\x", "", "a\nb"] {
        let file = archive(&pickle(&dict(vec![(name, tensor().object(false))])), &[("0", f32_bytes(&ramp(6)))]);
        refused(&file, "bad variable name");
    }
    let twice = [archive_entries(&good, &[]), archive_entries(&good, &[])];
    refused(&zip(&twice.into_iter().flatten().collect::<Vec<_>>(), false), "\"m/data.pkl\" comes twice");
    refused(&file_with(&tensor(), vec![("x", tensor().object(false))]), "variable 'x' comes twice");
}

#[test]
fn archives_are_stored_and_sound() {
    let good = pickle(&dict(vec![("x", tensor().object(false))]));
    let with = |name: &str, entry: ZipEntry| {
        let mut entries = archive_entries(&good, &[("0", f32_bytes(&ramp(6)))]);
        entries.retain(|entry| entry.name != name);
        entries.push(entry);
        zip(&entries, false)
    };
    let storage = f32_bytes(&ramp(6));
    refused(&with("m/data/0", ZipEntry::deflated("m/data/0", &storage)), "\"m/data/0\" is compressed");
    refused(&with("m/data/0", ZipEntry::deflated("m/data/0", &vec![0; 9 << 20])), "\"m/data/0\" is compressed");
    refused(&with("m/data.pkl", ZipEntry::deflated("m/data.pkl", &good)), "\"m/data.pkl\" is compressed");
    refused(&with("m/data/0", ZipEntry::stored("m/data/0", &storage[..20])), "has 20 bytes, expected 6 elements");
    refused(&with("m/byteorder", ZipEntry::stored("m/byteorder", b"big")), "byte order \"big\", expected \"little\"");
    refused(&with("m/x", ZipEntry::stored("m/constants.pkl", b"")), "TorchScript archive");
    refused(&with("m/data.pkl", ZipEntry::stored("m/x/data.pkl", b"")), "the archive has no data.pkl");
    let mut damaged = ZipEntry::stored("m/data/0", &storage);
    damaged.packed[5] ^= 1;
    refused(&with("m/data/0", damaged), "variable 'x': crc32 is");
    let mut damaged = ZipEntry::stored("m/data.pkl", &good);
    damaged.crc ^= 1;
    refused(&with("m/data.pkl", damaged), "data.pkl: crc32 is");

    let whole = file_with(&tensor(), vec![]);
    for len in [0, 3, 30, whole.len() / 2, whole.len() - 1] {
        problem(&whole[..len]);
    }
    let mut encrypted = whole.clone();
    let at = encrypted.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    encrypted[at + 8] |= 1;
    refused(&encrypted, "\"m/data.pkl\" is encrypted");
}

#[test]
fn legacy_files_are_whole() {
    let content = pickle(&dict(vec![("x", tensor().object(true))]));
    let storages = [("0", 4, f32_bytes(&ramp(6)))];
    let good = legacy(&content, &storages);
    assert_eq!(TorchFile::parse(&good).unwrap().read_f32(&good, "x").unwrap(), ramp(6));
    for len in [0, 2, 20, good.len() - 30] {
        problem(&good[..len]);
    }
    refused(&good[..good.len() - 1], "storage \"0\": the file is truncated");
    refused(&[&good[..], b"x"].concat(), "1 bytes after the last storage");
    refused(&legacy(&content, &[]), "storage \"0\" is missing");
    refused(&legacy(&content, &[("0", 4, vec![0; 20])]), "storage \"0\" has 20 bytes, expected 6 elements");
    refused(&legacy(&content, &[("0", 4, vec![0; 24]), ("0", 4, vec![0; 24])]), "storage \"0\": it comes twice");
    refused(&legacy(&content, &[("0", 4, vec![0; 24]), ("1", 4, vec![])]), "storage \"1\": nothing refers to it");
    let patched = |from: &[u8], to: &[u8]| {
        let at = good.windows(from.len()).position(|w| w == from).unwrap();
        [&good[..at], to, &good[at + from.len()..]].concat()
    };
    refused(&patched(b"little_endian\x88", b"little_endian\x89"), "big-endian data");
    refused(&patched(b"little_endian", b"middle_endian"), "does not tell its byte order");
    refused(&patched(b"\x8a\x0a\x6c", b"\x8a\x0a\x6d"), "a Python pickle that torch.save did not write");
    refused(&patched(&1001i64.to_le_bytes(), &1002i64.to_le_bytes()), "as its version, expected 1001");
    refused(&patched(&6i64.to_le_bytes(), &(-6i64).to_le_bytes()), "-6 as a size");
    let count = good.len() - 32;
    let huge = [&good[..count], &i64::MAX.to_le_bytes(), &good[count + 8..]].concat();
    refused(&huge, "storage \"0\": the file is truncated");
}

/// A safetensors file.
fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn hostile_safetensors_are_refused() {
    let x = |dtype: &str, shape: &str, end: usize| {
        format!("{{\"x\":{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[0,{end}]}}}}")
    };
    let read = |file: &[u8]| SafetensorsFile::parse(&file).and_then(|parsed| parsed.read_f32(&file, "x"));
    assert_eq!(read(&safetensors(&x("F32", "[2]", 8), &f32_bytes(&ramp(2)))).unwrap(), ramp(2));
    for (header, data, expected) in [
        (x("F32", "[3]", 8), vec![0; 8], "no valid safetensors file"),
        (x("F32", "[2]", 8), vec![0; 7], "has 7 bytes of tensors, its header describes 8"),
        (x("F32", "[4611686018427387904,4]", 8), vec![0; 8], "no valid safetensors file"),
        (x("F32", "[-1]", 8), vec![0; 8], "no valid safetensors file"),
        (x("F4", "[2]", 1), vec![0; 1], "variable \"x\": elements of type F4"),
        (x("I64", "[1]", 8), vec![0; 8], "'x' is of type int64, expected float32"),
        (x("F32", &format!("{:?}", [1; 17]), 4), vec![0; 4], "17 dimensions"),
        ("{".into(), vec![], "no valid safetensors file"),
        (" ".repeat(9 << 20), vec![], "header claims 9437184 bytes, at most 8388608"),
        (x("F32", "[1]", 4).replace("\"x\"", "\"../x\""), vec![0; 4], "bad variable name"),
    ] {
        let problem = read(&safetensors(&header, &data)).unwrap_err();
        assert!(problem.contains(expected), "expected '{expected}' in '{problem}'");
    }
    assert!(read(b"\x05\0\0").unwrap_err().contains("too short"));
}
