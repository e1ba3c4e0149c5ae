//! Damaged and hostile PyTorch checkpoints.

use lq_infer::internals::convert::readers::Reader;
use lq_infer::internals::convert::readers::torch::TorchFile;

use super::mutate::{Random, extreme, mutate};
use super::{Case, MUTATIONS, Tally, ramp};
use crate::common::torch_files::{
    Object, Tensor, archive, call, dict, from_memo, ints, legacy, memoized, pickle, text,
};
use crate::common::writers::{ZipEntry, f32_bytes, zip};

fn read(file: &[u8]) -> Vec<Result<(), String>> {
    match TorchFile::parse(&file) {
        Ok(torch) => torch.variables().keys().map(|name| torch.read_f32(&file, name).map(drop)).collect(),
        Err(problem) => vec![Err(problem)],
    }
}

/// A whole checkpoint: arguments, a history and a state dict.
fn checkpoint(tensors: &[(&str, Tensor)], is_legacy: bool) -> Object {
    let arguments = Object::Built(Box::new(call("argparse", "Namespace", vec![])), Box::new(dict(vec![])));
    let history = Object::List(vec![Object::Float(0.5), Object::Int(3), Object::Raw(b"Nq\x000h\x00".to_vec())]);
    let state = dict(tensors.iter().map(|(name, tensor)| (*name, tensor.object(is_legacy))).collect());
    dict(vec![("args", arguments), ("history", history), ("state_dict", state), ("epoch", ints(&[1, 2]))])
}

fn tensors() -> Vec<(&'static str, Tensor)> {
    let half = Tensor::contiguous("HalfStorage", "1", &[5]);
    let whole = Tensor::contiguous("FloatStorage", "0", &[3, 4]);
    let transposed = Tensor { shape: vec![4, 3], strides: vec![1, 4], ..whole.clone() };
    let steps = Tensor::contiguous("LongStorage", "2", &[]);
    vec![("conv1.weight", whole), ("conv1.t", transposed), ("conv1.bias", half), ("steps", steps)]
}

fn storages() -> Vec<(&'static str, usize, Vec<u8>)> {
    vec![("0", 4, f32_bytes(&ramp(12))), ("1", 2, vec![0x3c; 10]), ("2", 8, vec![7; 8])]
}

fn archived(pickle: &[u8]) -> Vec<u8> {
    let storages: Vec<_> = storages().into_iter().map(|(key, _, bytes)| (key, bytes)).collect();
    archive(pickle, &storages)
}

/// A well-formed tensor with extreme numbers.
fn hostile_tensor(random: &mut Random) -> Tensor {
    let (_, mut tensor) = tensors().swap_remove(random.below(4));
    let number = |random: &mut Random| extreme(random) as i64;
    match random.below(6) {
        0 => tensor.offset = number(random),
        1 => tensor.stored = number(random),
        2 => tensor.key = ["0", "1", "3"][random.below(3)],
        3 => tensor.view = Some(("9", number(random), number(random))),
        _ => {
            tensor.shape = (0..random.below(5)).map(|_| number(random)).collect();
            tensor.strides = tensor.shape.iter().map(|_| number(random)).collect();
        }
    }
    tensor
}

/// A stream of opcodes with fitting operands, in any order.
fn random_opcodes(random: &mut Random) -> Vec<u8> {
    const PIECES: [&[u8]; 28] = [
        b"(",
        b")",
        b"]",
        b"}",
        b"N",
        b"0",
        b"1",
        b"t",
        b"e",
        b"u",
        b"a",
        b"s",
        b"R",
        b"b",
        b"Q",
        b"\x81",
        b"\x85",
        b"\x86",
        b"\x93",
        b"\x94",
        b"h\x00",
        b"q\x00",
        b"K\x07",
        b"X\x01\0\0\0a",
        b"cmine\nf\n",
        b"ccollections\nOrderedDict\n",
        b"\x8f",
        b"\x90",
    ];
    let mut out = b"\x80\x02".to_vec();
    (0..random.below(40)).for_each(|_| out.extend(PIECES[random.below(PIECES.len())]));
    out.push(b'.');
    out
}

/// The checkpoint's pickle, with some damage or hostility in it.
fn hostile_pickle(random: &mut Random, is_legacy: bool) -> Vec<u8> {
    let mut all = tensors();
    match random.below(4) {
        0 => return random_opcodes(random),
        1 => all[0].1 = hostile_tensor(random),
        2 => {
            let name = ["os", "builtins", "mine", "torch._utils"][random.below(4)];
            let mut content = checkpoint(&all, is_legacy);
            if let Object::Dict(entries) = &mut content {
                entries.push((text("y"), call(name, "system", vec![text("x")])));
            }
            return pickle(&content);
        }
        _ => {}
    }
    let mut pickle = pickle(&checkpoint(&all, is_legacy));
    if random.below(2) == 0 {
        mutate(&mut pickle, random);
    }
    pickle
}

/// Refusals of pickles and of the tensors in them, which both containers must show.
const OF_PICKLES: [&str; 20] = [
    "bytes expected",
    "not UTF-8",
    "which torch.save does not write",
    "protocol",
    "stack is empty",
    "no mark is open",
    "several values",
    "memo entry",
    "items for",
    "state for",
    "no tuple",
    "a call of",
    "as arguments",
    "no string",
    "can run code",
    "reaches beyond its storage",
    "as a size",
    "more elements than can be addressed",
    "is missing",
    "is of type int64",
];

#[test]
fn reads_back_what_was_written() {
    let file = archived(&pickle(&checkpoint(&tensors(), false)));
    let torch = TorchFile::parse(&file).unwrap();
    assert_eq!(torch.variables().len(), 4);
    assert_eq!(torch.read_f32(&file, "conv1.weight").unwrap(), ramp(12));
    let expected = [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11].map(|i| ramp(12)[i]);
    assert_eq!(torch.read_f32(&file, "conv1.t").unwrap(), expected);
    assert_eq!(torch.read_f32(&file, "conv1.bias").unwrap(), [1.058_593_8; 5]);
}

#[test]
fn mutated_torch() {
    let original = archived(&pickle(&checkpoint(&tensors(), false)));
    let refusals = ["crc32 is", "end record is missing", "local header differs", "only legacy files have"];
    let mut tally = Tally::new(&[&OF_PICKLES[..], &refusals].concat());
    for case in 0..MUTATIONS {
        let _case = Case(case);
        let mut random = Random::new(case);
        let mut file = original.clone();
        match random.below(3) {
            0 => mutate(&mut file, &mut random),
            _ => {
                let as_legacy = random.below(8) == 0;
                file = archived(&hostile_pickle(&mut random, as_legacy));
            }
        }
        tally.check(file.len(), || read(&file));
    }
    tally.finish(5_000);
}

#[test]
fn mutated_legacy_torch() {
    let original = legacy(&pickle(&checkpoint(&tensors(), true)), &storages());
    let refusals = ["a view of", "did not write", "as its version", "byte order", "the file is truncated"];
    let mut tally = Tally::new(&[&OF_PICKLES[..], &refusals].concat());
    for case in 0..MUTATIONS {
        let _case = Case(case);
        let mut random = Random::new(case);
        let mut file = original.clone();
        match random.below(3) {
            0 => mutate(&mut file, &mut random),
            _ => file = legacy(&hostile_pickle(&mut random, true), &storages()),
        }
        tally.check(file.len(), || read(&file));
    }
    tally.finish(5_000);
}

#[test]
fn small_files_cannot_claim_much_memory() {
    let mut tally = Tally::new(&[
        "too many Python objects",
        "values on its stack",
        "repeats 12 stored elements",
        "more than 40000 variables",
        "bytes of names",
    ]);
    // What each opcode of a byte or two makes, a million times over.
    for piece in [&b"N"[..], b"(", b")", b"]", b"}", b"Nq\x00", b")Q", b"]Na", b"}NNs", b"cm\nf\n", b"N\x94", b"N\x85"]
    {
        for closed in [&b""[..], b"0"] {
            let opcodes = [piece, closed].concat().repeat(1 << 20);
            let file = archived(&[b"\x80\x02", &opcodes[..], b"."].concat());
            tally.check(file.len(), || read(&file));
        }
    }
    // The largest array that may be made of few elements, and one beyond it.
    for len in [10 << 20, 11 << 20] {
        let repeated = Tensor { shape: vec![len], strides: vec![0], ..tensors()[0].1.clone() };
        let file = archived(&pickle(&dict(vec![("x", repeated.object(false))])));
        tally.check(file.len(), || read(&file));
    }
    assert_eq!(tally.ok, 1);
    // One tensor under a great many names, and under long ones.
    for (count, width) in [(40_000, 5), (45_000, 5), (5_000, 1000)] {
        let name = |i: usize| text(&format!("{i:0width$}"));
        let mut entries = vec![(name(0), memoized(&tensors()[0].1.object(false), 0))];
        entries.extend((1..count).map(|i| (name(i), from_memo(0))));
        let file = archived(&pickle(&Object::Dict(entries)));
        tally.check(file.len(), || read(&file));
    }
    tally.finish(1);
}

#[test]
fn packed_entries_are_not_unpacked() {
    let mut tally = Tally::new(&["is compressed"]);
    for name in ["m/data.pkl", "m/byteorder"] {
        let entries = [ZipEntry::deflated(name, &vec![0; 100 << 20]), ZipEntry::stored("m/data.pkl", b"\x80\x02N.")];
        let file = zip(&entries[..if name == "m/data.pkl" { 1 } else { 2 }], false);
        drop(entries);
        tally.check(file.len(), || read(&file));
    }
    tally.finish(0);
}
