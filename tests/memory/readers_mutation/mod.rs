//! The readers of checkpoints and arrays against damaged and hostile files: they must neither panic nor hang nor take
//! more memory than the file's size plus 64 MiB, and every refusal must be one line of text.

mod errors;
mod mutate;
mod safetensors;
mod torch;

use crate::common::writers::{
    ZipEntry, block, bundle_entry, bundle_header, f32_bytes, int_field, message_field, push_block, push_footer, table,
    zip,
};
use lq_infer::internals::convert::readers::Reader;
use lq_infer::internals::convert::readers::npz::Npz;
use lq_infer::internals::convert::readers::tf_bundle::TfIndex;
use lq_infer::internals::format::npy::{self, NpyData};
use mutate::{Random, extreme, mutate};

const MUTATIONS: u64 = 100_000;
const ALLOWANCE: usize = 64 << 20;

/// Tells which mutation a panic came from.
struct Case(u64);

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("in mutation {}", self.0);
        }
    }
}

/// What many mutations led to.
struct Tally {
    ok: u64,
    /// Refusals, each known by a part of its message, that have not been seen.
    unseen: Vec<&'static str>,
    peak: usize,
}

impl Tally {
    /// `refusals` are what must be seen, to make sure that the mutations get past the first checks.
    fn new(refusals: &[&'static str]) -> Self {
        Tally { ok: 0, unseen: refusals.to_vec(), peak: 0 }
    }

    /// Runs a reader on a damaged file of `size` bytes. It returns one result for each thing that it read.
    fn check(&mut self, size: usize, read: impl FnOnce() -> Vec<Result<(), String>>) {
        let (results, peak) = crate::alloc::peak_of(read);
        assert!(peak <= size + ALLOWANCE, "{peak} bytes of memory for a file of {size}");
        self.peak = self.peak.max(peak);
        for result in results {
            match result {
                Ok(()) => self.ok += 1,
                Err(message) => {
                    assert!(!message.is_empty() && message.len() < 2500, "{message}");
                    assert!(!message.contains(char::is_control), "{message:?}");
                    self.unseen.retain(|part| !message.contains(part));
                }
            }
        }
    }

    fn finish(&self, ok: u64) {
        println!("{} read, peak {} bytes", self.ok, self.peak);
        assert!(self.ok >= ok, "only {} results were read", self.ok);
        assert!(self.unseen.is_empty(), "never seen: {:?}", self.unseen);
    }
}

fn ramp(len: usize) -> Vec<f32> {
    (0..len).map(|i| i as f32 * 0.5 - 3.0).collect()
}

fn read_npz(file: &[u8]) -> Vec<Result<(), String>> {
    match Npz::parse(&file) {
        Ok(npz) => npz.variables().keys().map(|name| npz.read_f32(&file, name).map(drop)).collect(),
        Err(problem) => vec![Err(problem)],
    }
}

fn read_bundle(index: &[u8], shards: &[Vec<u8>]) -> Vec<Result<(), String>> {
    let lengths: Vec<u64> = shards.iter().map(|shard| shard.len() as u64).collect();
    match TfIndex::parse(&index).and_then(|index| index.check_shards(&lengths).map(|()| index)) {
        Ok(index) => index.variables().keys().map(|name| read_shard(&index, shards, name).map(drop)).collect(),
        Err(problem) => vec![Err(problem)],
    }
}

fn read_shard(index: &TfIndex, shards: &[Vec<u8>], name: &str) -> Result<Vec<f32>, String> {
    index.read_f32(&shards[index.shard(name).unwrap()], name)
}

fn arrays() -> Vec<(&'static str, Vec<u8>)> {
    let data = f32_bytes(&ramp(12));
    vec![
        ("conv0/W:0", crate::common::writers::npy("<f4", false, "(3, 4)", &data)),
        ("conv0/b", crate::common::writers::npy("<f4", false, "(12,)", &data)),
        ("fortran:0", crate::common::writers::npy("<f4", true, "(2, 3, 2)", &data)),
        ("global_step:0", crate::common::writers::npy("<i8", false, "()", &7i64.to_le_bytes())),
    ]
}

fn small_npz(zip64: bool) -> Vec<u8> {
    let entry = |(i, (name, content)): (usize, (&str, Vec<u8>))| {
        let name = format!("{name}.npy");
        if i % 2 == 0 { ZipEntry::stored(&name, &content) } else { ZipEntry::deflated(&name, &content) }
    };
    zip(&arrays().into_iter().enumerate().map(entry).collect::<Vec<_>>(), zip64)
}

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// Index entries and data shards of a bundle with four variables in two shards.
fn small_bundle() -> (Entries, Vec<Vec<u8>>) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let entries = vec![
        (vec![], bundle_header(2)),
        (b"conv0/W".to_vec(), bundle_entry(1, &[3, 4], 0, &mut first, &f32_bytes(&ramp(12)))),
        (b"conv0/W/Momentum".to_vec(), bundle_entry(1, &[5], 1, &mut second, &f32_bytes(&ramp(5)))),
        (b"conv0/b".to_vec(), bundle_entry(1, &[], 0, &mut first, &f32_bytes(&[0.25]))),
        (b"global_step".to_vec(), bundle_entry(9, &[], 0, &mut first, &7i64.to_le_bytes())),
    ];
    (entries, vec![first, second])
}

#[test]
fn reads_back_an_npz() {
    for zip64 in [false, true] {
        let file = small_npz(zip64);
        let npz = Npz::parse(&file).unwrap();
        assert_eq!(npz.variables().keys().collect::<Vec<_>>(), ["conv0/W", "conv0/b", "fortran", "global_step"]);
        assert_eq!(npz.variables()["conv0/W"].shape, [3, 4]);
        assert_eq!(npz.variables()["global_step"].dtype, "int64");
        assert_eq!(npz.read_f32(&file, "conv0/W").unwrap(), ramp(12));
        assert_eq!(npz.read_f32(&file, "conv0/b").unwrap(), ramp(12));
        let fortran = npz.read_f32(&file, "fortran").unwrap();
        let expected: Vec<f32> = [0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11].map(|i| ramp(12)[i]).to_vec();
        assert_eq!(fortran, expected);
    }
}

#[test]
fn reads_back_a_bundle() {
    let (entries, shards) = small_bundle();
    for snappy in [false, true] {
        let index = TfIndex::parse(&table(&block(&entries), snappy)).unwrap();
        assert_eq!(index.variables().len(), 4);
        assert_eq!(index.variables()["conv0/W"].shape, [3, 4]);
        assert_eq!((index.shard("conv0/W"), index.shard("conv0/W/Momentum")), (Some(0), Some(1)));
        assert_eq!(read_shard(&index, &shards, "conv0/W").unwrap(), ramp(12));
        assert_eq!(read_shard(&index, &shards, "conv0/W/Momentum").unwrap(), ramp(5));
        assert_eq!(read_shard(&index, &shards, "conv0/b").unwrap(), [0.25]);
        assert!(read_shard(&index, &shards, "global_step").unwrap_err().contains("type int64, expected float32"));
    }
}

#[test]
fn mutated_npy() {
    let originals: Vec<Vec<u8>> = arrays().into_iter().map(|(_, content)| content).collect();
    let mut tally = Tally::new(&[
        "truncated",
        "no .npy array",
        "version",
        "header has",
        "not ASCII",
        "in the .npy header",
        "more elements",
        "bytes of data, expected",
        "dtype int64 found",
        "comes twice",
        "expected True or False",
        "expected a dimension",
        "rows 0 to",
        "scalar",
        "object array",
        "Fortran order",
        "big-endian",
    ]);
    for case in 0..MUTATIONS {
        let _case = Case(case);
        let mut random = Random::new(case);
        let mut file = originals[random.below(originals.len())].clone();
        match random.below(4) {
            0 => file = hostile_npy(&mut random),
            _ => mutate(&mut file, &mut random),
        }
        tally.check(file.len(), || {
            let rows = npy::layout(&file).and_then(|(header, _)| header.row_bytes(0..random.below(6)));
            let rows = rows.map(|range| assert!(range.end <= file.len()));
            let elements = npy::read(&file).map(|(shape, data)| {
                let len = if let NpyData::F32(values) = data { values.len() } else { shape.iter().product() };
                assert_eq!(len, shape.iter().product::<usize>());
            });
            vec![rows, elements, npy::read_f32(&file).map(drop)]
        });
    }
    tally.finish(5_000);
}

/// A well-formed array with extreme dimensions.
fn hostile_npy(random: &mut Random) -> Vec<u8> {
    let dims: String = (0..random.below(5)).map(|_| format!("{}, ", extreme(random))).collect();
    let descr = ["<f4", "<f4", "<i8", ">f4", "|O", "|V9", "<f2"][random.below(7)];
    crate::common::writers::npy(descr, random.below(2) == 0, &format!("({dims})"), &vec![0; random.below(13) * 4])
}

#[test]
fn mutated_npz() {
    let originals = [small_npz(false), small_npz(true)];
    let mut tally = Tally::new(&[
        "end record is missing",
        "do not fit",
        "in the zip directory after",
        "bad entry in the zip directory",
        "encrypted",
        "compression method",
        "is stored, but has",
        "local header differs",
        "overlap",
        "is no array",
        "bad variable name",
        "expected at most",
        "cannot unpack",
        "bytes of data, expected",
        "crc32 is",
        "in the .npy header",
        "more elements",
        "type int64",
        "unpacks to more",
    ]);
    for case in 0..MUTATIONS {
        let _case = Case(case);
        let mut random = Random::new(case);
        let file = if random.below(2) == 0 {
            let mut file = originals[random.below(2)].clone();
            mutate(&mut file, &mut random);
            file
        } else {
            resealed_npz(&mut random)
        };
        tally.check(file.len(), || read_npz(&file));
    }
    tally.finish(5_000);
}

/// An archive with hostile content and valid checksums: damage inside one array, its packed form or its sizes.
fn resealed_npz(random: &mut Random) -> Vec<u8> {
    let (_, mut content) = arrays().swap_remove(random.below(4));
    match random.below(4) {
        0 => mutate(&mut content, random),
        1 => content = hostile_npy(random),
        _ => {}
    }
    let names = ["a.npy", "a/b:0.npy", "b:0.npy", "a", ".npy", ":0.npy", "\n.npy"];
    let choices = if random.below(8) == 0 { names.len() } else { 2 };
    let name = names[random.below(choices)];
    let mut entry =
        if random.below(2) == 0 { ZipEntry::stored(name, &content) } else { ZipEntry::deflated(name, &content) };
    if random.below(3) == 0 {
        mutate(&mut entry.packed, random);
    }
    if random.below(6) == 0 {
        entry.size = [0, 1, entry.size + 4, 45 << 20, u32::MAX][random.below(5)];
    }
    zip(&[entry, ZipEntry::stored("b.npy", &arrays()[1].1)], false)
}

#[test]
fn mutated_bundle() {
    let mut tally = Tally::new(&[
        "table magic",
        "crc32c is",
        "has crc32c",
        "reach beyond",
        "bad block handle",
        "overlaps the one before",
        "compression type",
        "bad Snappy data",
        "unpack to",
        "restart points",
        "truncated entry",
        "bad key",
        "truncated key",
        "truncated value",
        "increasing order",
        "bundle header",
        "big-endian",
        "V1",
        "bundle version",
        "data shards, expected",
        "data shard 0 is damaged",
        "overlap in data shard",
        "which has only",
        "bad bundle entry",
        "bad place",
        "unknown shape",
        "dimension",
        "bytes, expected",
        "more elements",
        "partitioned",
        "TensorFlow type",
        "bad variable name",
    ]);
    for case in 0..MUTATIONS {
        let _case = Case(case);
        let mut random = Random::new(case);
        let (index, shards) = match random.below(6) {
            0 => damaged_files(&mut random),
            choice => (resealed_index(choice, &mut random), small_bundle().1),
        };
        let size = index.len() + shards.iter().map(Vec::len).sum::<usize>();
        tally.check(size, || read_bundle(&index, &shards));
    }
    tally.finish(5_000);
}

/// Damage to the index or a data shard as they lie on disk.
fn damaged_files(random: &mut Random) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (entries, mut shards) = small_bundle();
    let mut index = table(&block(&entries), random.below(2) == 0);
    match random.below(3) {
        0 => mutate(&mut shards[random.below(2)], random),
        _ => mutate(&mut index, random),
    }
    (index, shards)
}

/// An index with hostile content whose block checksums are valid.
fn resealed_index(choice: usize, random: &mut Random) -> Vec<u8> {
    let (mut entries, _) = small_bundle();
    let mut file = Vec::new();
    let mut contents = block(&entries);
    let mut index = block(&[(vec![0xff], [vec![0], crate::common::writers::varint(contents.len() as u64)].concat())]);
    match choice {
        1 => {
            let at = random.below(entries.len());
            let (key, value) = &mut entries[at];
            mutate(if random.below(8) == 0 { key } else { value }, random);
            return table(&block(&entries), random.below(2) == 0);
        }
        2 => {
            mutate(&mut contents, random);
            return table(&contents, random.below(2) == 0);
        }
        5 => {
            let at = random.below(entries.len());
            entries[at].1 = if at == 0 { hostile_header(random) } else { hostile_entry(random) };
            return table(&block(&entries), false);
        }
        3 => {
            let mut packed = snap::raw::Encoder::new().compress_vec(&contents).unwrap();
            mutate(&mut packed, random);
            let compression = if random.below(8) == 0 { random.below(256) as u8 } else { 1 };
            let handle = push_block(&mut file, &packed, compression);
            index = block(&[(vec![0xff], handle)]);
        }
        _ => {
            push_block(&mut file, &contents, 0);
            mutate(&mut index, random);
        }
    }
    let handle = push_block(&mut file, &index, 0);
    push_footer(&mut file, &handle);
    file
}

/// A well-formed BundleHeaderProto with extreme values.
fn hostile_header(random: &mut Random) -> Vec<u8> {
    let version = int_field(2, extreme(random));
    [int_field(1, extreme(random)), int_field(2, extreme(random) & 1), message_field(3, &version)].concat()
}

/// A well-formed BundleEntryProto with extreme values.
fn hostile_entry(random: &mut Random) -> Vec<u8> {
    let dims = (0..random.below(4)).flat_map(|_| message_field(2, &int_field(1, extreme(random))));
    let shape: Vec<u8> = dims.collect();
    let mut entry = message_field(2, &shape);
    for tag in [1, 3, 4, 5] {
        if random.below(2) == 0 {
            entry.extend(int_field(tag, extreme(random)));
        }
    }
    entry
}

#[test]
fn small_files_cannot_claim_much_memory() {
    let mut tally = Tally::new(&["unpacks to", "bytes of names", "type string"]);
    // Zeros pack 1000 to 1: once within the limit, once beyond it.
    for mib in [39, 100] {
        let len = mib << 20;
        let content = crate::common::writers::npy("<f4", mib == 39, &format!("(4, {})", len / 16), &vec![0; len]);
        let file = zip(&[ZipEntry::deflated("a.npy", &content)], false);
        drop(content);
        tally.check(file.len(), || read_npz(&file));
    }
    assert_eq!(tally.ok, 1);

    // Long keys of a few bytes each, and a great many variables; their type (string) needs no data.
    let value = vec![8, 7, 18, 0];
    let long: Entries = (0..20_000).map(|i| (format!("{}{i:05}", "x".repeat(1000)).into(), value.clone())).collect();
    let short: Entries = (0..45_000).map(|i| (format!("{i:05}").into(), value.clone())).collect();
    for mut entries in [long, short] {
        entries.insert(0, (vec![], bundle_header(1)));
        let index = table(&block(&entries), true);
        tally.check(index.len(), || read_bundle(&index, &[vec![]]));
    }

    // As many dimensions as fit, in few packed bytes.
    let value = [vec![8, 7, 18, 32], [18, 0].repeat(16)].concat();
    let entries: Entries = (0..39_000).map(|i| (format!("{i:05}").into(), value.clone())).collect();
    let entries = [vec![(vec![], bundle_header(1))], entries].concat();
    let index = table(&block(&entries), true);
    tally.check(index.len(), || read_bundle(&index, &[vec![]]));
    tally.finish(1);
}
