//! Files to start from: those of the library's tests, and small ones written here.

use crate::archives::storages;
use crate::documents::{FIXTURES, file, small};
use crate::target::Target;
use crate::torch_files::{Tensor, archive, dict, ints, legacy, pickle, text};
use crate::writers::{ZipEntry, block, bundle_entry, bundle_header, f32_bytes, npy, table, zip};
use lq_infer::internals::convert::{ConvertOptions, convert_graph, export_float};
use std::fs;
use std::io;
use std::path::Path;

/// Larger files are no seeds: most changes would be to their numbers.
const MAX_SEED: u64 = 40_000;

/// Writes the seeds of every target into folders of their names.
pub fn write(folder: &Path) -> io::Result<()> {
    for target in Target::all() {
        let own = folder.join(target.name);
        fs::create_dir_all(&own)?;
        for (index, seed) in seeds(target.name)?.into_iter().enumerate() {
            fs::write(own.join(format!("seed-{index}")), seed)?;
        }
    }
    Ok(())
}

fn seeds(target: &str) -> io::Result<Vec<Vec<u8>>> {
    Ok(match target {
        "npy" | "mean-image" => [arrays(), fixtures("torch_layouts", &["npy"])?].concat(),
        "npz" => vec![archive_of_arrays(false), archive_of_arrays(true)],
        "safetensors" => fixtures("torch", &["safetensors"])?,
        "packed" => vec![packed()?],
        "torch-zip" => [vec![torch_archive()], fixtures("torch", &["pt", "pth"])?].concat(),
        "torch-legacy" => [vec![torch_legacy()], fixtures("torch", &["pth", "tar"])?].concat(),
        "pickle" => vec![torch_pickle(false)],
        "tf-index" => [false, true].map(tf_index).to_vec(),
        "tf-entries" => vec![tf_entries()],
        "picture" => fixtures("image", &["png", "jpg", "webp", "gif", "bmp", "tif"])?,
        "exif" => exif().to_vec(),
        "report" => vec![report()?],
        "graph" => fixtures("custom_net", &["json"])?,
        "exported" => vec![exported()?],
        "checkpoint" => [vec![exported()?, archive_of_arrays(false)], fixtures("custom_net", &["pt"])?].concat(),
        "network" => networks(),
        other => panic!("the target {other} has no seeds"),
    })
}

/// The small files of a folder with these extensions.
fn fixtures(folder: &str, extensions: &[&str]) -> io::Result<Vec<Vec<u8>>> {
    let mut paths: Vec<_> = fs::read_dir(Path::new(FIXTURES).join(folder))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    paths.sort();
    let wanted = |path: &Path| {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        extensions.contains(&extension) && path.metadata().is_ok_and(|file| file.len() <= MAX_SEED)
    };
    paths.into_iter().filter(|path| wanted(path)).map(fs::read).collect()
}

fn ramp(len: usize) -> Vec<u8> {
    f32_bytes(&(0..len).map(|i| i as f32 * 0.5 - 3.0).collect::<Vec<_>>())
}

fn arrays() -> Vec<Vec<u8>> {
    vec![
        npy("<f4", false, "(3, 4)", &ramp(12)),
        npy("<f4", true, "(2, 3, 2)", &ramp(12)),
        npy("<f4", false, "(8, 8, 3)", &f32_bytes(&[99.5; 192])),
        npy("<i8", false, "()", &7i64.to_le_bytes()),
        npy("|u1", false, "(5,)", &[1, 2, 3, 4, 5]),
    ]
}

fn archive_of_arrays(zip64: bool) -> Vec<u8> {
    let entry = |(i, content): (usize, Vec<u8>)| match i % 2 {
        0 => ZipEntry::stored(&format!("layer{i}/W:0.npy"), &content),
        _ => ZipEntry::deflated(&format!("layer{i}/b.npy"), &content),
    };
    zip(&arrays().into_iter().enumerate().map(entry).collect::<Vec<_>>(), zip64)
}

fn torch_pickle(is_legacy: bool) -> Vec<u8> {
    let whole = Tensor::contiguous("FloatStorage", "0", &[3, 4]);
    let transposed = Tensor { shape: vec![4, 3], strides: vec![1, 4], ..whole.clone() };
    let half = Tensor::contiguous("HalfStorage", "1", &[5]);
    let named = [("conv1.weight", whole), ("conv1.t", transposed), ("conv1.bias", half)];
    let state = dict(named.iter().map(|(name, tensor)| (*name, tensor.object(is_legacy))).collect());
    pickle(&dict(vec![("state_dict", state), ("epoch", ints(&[1, 2])), ("arch", text("resnet"))]))
}

fn torch_archive() -> Vec<u8> {
    archive(&torch_pickle(false), &storages())
}

fn torch_legacy() -> Vec<u8> {
    let sized: Vec<_> = storages().into_iter().zip([4, 2, 8]).map(|((key, bytes), size)| (key, size, bytes)).collect();
    legacy(&torch_pickle(true), &sized[..2])
}

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// The entries of an index of two data shards, and these.
fn bundle() -> (Entries, [Vec<u8>; 2]) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let entries = vec![
        (vec![], bundle_header(2)),
        (b"conv0/W".to_vec(), bundle_entry(1, &[3, 4], 0, &mut first, &ramp(12))),
        (b"conv0/W/Momentum".to_vec(), bundle_entry(1, &[5], 1, &mut second, &ramp(5))),
        (b"global_step".to_vec(), bundle_entry(9, &[], 0, &mut first, &7i64.to_le_bytes())),
    ];
    (entries, [first, second])
}

fn tf_index(snappy: bool) -> Vec<u8> {
    let (entries, [first, second]) = bundle();
    let index = table(&block(&entries), snappy);
    let len = |part: &[u8]| (part.len() as u16).to_le_bytes();
    [&len(&index)[..], &index, &len(&first), &first, &second].concat()
}

fn tf_entries() -> Vec<u8> {
    let entry = |(key, value): (Vec<u8>, Vec<u8>)| [vec![key.len() as u8, value.len() as u8], key, value].concat();
    bundle().0.into_iter().flat_map(entry).collect()
}

/// An image directory with the orientation, in both byte orders; then one with an offset to another directory.
fn exif() -> [Vec<u8>; 3] {
    let little = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    let big = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0\0".to_vec();
    let nested =
        b"II*\0\x08\0\0\0\x02\0\x12\x01\x04\0\x01\0\0\0\x03\0\0\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\0\0\0\0".to_vec();
    [little, big, nested]
}

/// The committed report, with two of its cells.
fn report() -> io::Result<Vec<u8>> {
    let text = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/record/2026-11-25-zen4.json"))?;
    let mut report: serde_json::Value = serde_json::from_slice(&text)?;
    for cell in report["cells"].as_array_mut().into_iter().flatten() {
        if let Some(steps) = cell["warm"]["steps"].as_array_mut() {
            steps.truncate(2);
        }
    }
    if let Some(cells) = report["cells"].as_array_mut() {
        cells.truncate(2);
    }
    Ok(serde_json::to_vec(&report)?)
}

/// The small network of the tests, converted.
fn converted() -> lq_infer::internals::format::Packed {
    let (network, checkpoint) = small();
    let converted = convert_graph(&checkpoint, &network, &ConvertOptions::default(), &|_, _| {});
    converted.expect("the network of the tests is converted").packed
}

fn packed() -> io::Result<Vec<u8>> {
    let path = file("packed.safetensors", &[]);
    lq_infer::Model::try_from(converted()).and_then(|model| model.save(&path)).map_err(io::Error::other)?;
    fs::read(path)
}

fn exported() -> io::Result<Vec<u8>> {
    let path = file("seed.safetensors", &[]);
    export_float(&converted(), &path).map_err(io::Error::other)?;
    fs::read(path)
}

/// Bytes that describe networks.
fn networks() -> Vec<Vec<u8>> {
    let mut rng = lq_infer::internals::random::Rng::new(1);
    (0..40).map(|i| (0..8 + 4 * i).map(|_| rng.bits() as u8).collect()).collect()
}
