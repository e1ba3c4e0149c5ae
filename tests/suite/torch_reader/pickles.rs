//! Hostile and broken pickles.

use super::{file_with, ramp, refused, tensor};
use crate::common::torch_files::{
    Object, archive, call, dict, from_memo, ints, legacy, memoized, opcodes, pickle, text,
};
use crate::common::writers::f32_bytes;
use lq_infer::internals::convert::readers::{Reader, torch::TorchFile};

/// A pickle of these opcodes, as an archive and as a legacy file: both must refuse it.
#[track_caller]
fn pickle_refused(opcodes: &[u8], expected: &str) {
    let pickle = [b"\x80\x02", opcodes, b"."].concat();
    refused(&archive(&pickle, &[]), expected);
    refused(&legacy(&pickle, &[]), expected);
}

#[test]
fn pickles_that_could_run_code_are_refused() {
    const REFUSED: &str = "which can run code: refused";
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("nt", "system"),
        ("builtins", "eval"),
        ("__builtin__", "exec"),
        ("builtins", "getattr"),
        ("subprocess", "Popen"),
        ("runpy", "run_path"),
        ("torch.hub", "load"),
    ] {
        let attack = call(module, name, vec![text("touch /tmp/x")]);
        refused(&file_with(&tensor(), vec![("y", attack.clone())]), REFUSED);
        // Hidden in the arguments of harmless calls, in a state, and as a name that is never called.
        let nested = call("argparse", "Namespace", vec![Object::List(vec![attack.clone()])]);
        refused(&file_with(&tensor(), vec![("y", nested)]), REFUSED);
        let state = Object::Built(Box::new(call("mine", "Thing", vec![])), Box::new(attack));
        refused(&file_with(&tensor(), vec![("y", state)]), REFUSED);
        refused(&file_with(&tensor(), vec![("y", Object::Global(module, name))]), REFUSED);
    }
    pickle_refused(b"\x8c\x02os\x8c\x06system\x93\x8c\x01x\x85R", REFUSED);
    pickle_refused(b"\x8c\x05torch\x8c\x17serialization.os.system\x93\x8c\x01x\x85R", REFUSED);
    pickle_refused(b"cos\nsystem\n(\x8c\x01xtR", REFUSED);
    pickle_refused(b"cposix\nsystem\n\x8c\x01x\x85\x81", REFUSED);
}

#[test]
fn calls_of_what_is_no_name_are_refused() {
    let inner = call("mine", "factory", vec![]);
    let nested = Object::Call(Box::new(inner), vec![text("x")]);
    refused(&file_with(&tensor(), vec![("y", nested)]), "a call of an object of \"mine.factory\", expected a function");
    pickle_refused(b"\x8c\x02os)R", "a call of a string");
    pickle_refused(b"cmine\nf\nK\x01R", "an int as arguments");
    pickle_refused(b"(ios\nsystem\n", "opcode 0x69, which torch.save does not write");
    pickle_refused(b"(cmine\nf\no", "opcode 0x6f");
    pickle_refused(b"\x82\x01", "opcode 0x82");
    pickle_refused(b"P0\n", "opcode 0x50");
}

#[test]
fn broken_pickles_are_refused() {
    for (opcodes, expected) in [
        (&b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff"[..], "18446744073709551615 bytes expected"),
        (b"\x8e\0\0\0\0\0\0\0\x10", "1152921504606846976 bytes expected"),
        (b"\x8b\xff\xff\xff\x7f", "2147483647 bytes expected"),
        (b"X\xff\xff\xff\xff", "4294967295 bytes expected"),
        (b"T\xff\xff\xff\x7f", "2147483647 bytes expected"),
        (b"X\x01\0\0\0\xff", "not UTF-8"),
        (b"N\x80\x06", "protocol 6"),
        (b"0", "its stack is empty"),
        (b"(N(0t0t0", "no mark is open"),
        (b"N(a", "its stack is empty"),
        (b"NN", "several values"),
        (b"(N", "several values"),
        (b"h\x05", "memo entry 5 is missing"),
        (b"Nr\xff\xff\xff\xff", "memo entry 4294967295 after 0 entries"),
        (b"}(K\x01u", "a key without a value"),
        (b"NK\x01a", "items for None"),
        (b"NNb", "state for None"),
        (b"NQ", "a persistent id that is no tuple"),
        (b"NN\x93", "a name that is no string"),
        (b"cmine", "a name without an end"),
        (b"ccollections\nOrderedDict\nN\x85R", "an OrderedDict of no list"),
        (b"e", "no mark is open"),
        (b"ccollections\nOrderedDict\n]Na\x85R", "an OrderedDict of no pairs"),
    ] {
        pickle_refused(opcodes, expected);
    }
}

#[test]
fn bombs_cost_neither_time_nor_memory() {
    // Every tuple holds the one before it twice: 2^100 values if anyone counted them.
    let doubled: Vec<u8> = (0..100u8).flat_map(|i| [b'q', i, b'h', i, 0x86]).collect();
    let bomb = Object::Raw([&b")"[..], &doubled].concat());
    // Lists within lists.
    let deep = Object::Raw([vec![b']'; 100_000], vec![b'a'; 99_999]].concat());
    // A list that holds itself.
    let cycle = Object::Raw([b"]q", &[100][..], b"h", &[100], b"a"].concat());
    let state = dict(vec![("x", tensor().object(false))]);
    let content = dict(vec![("bomb", bomb), ("cycle", cycle), ("deep", deep), ("state_dict", state)]);
    let file = archive(&pickle(&content), &[("0", f32_bytes(&ramp(6)))]);
    assert_eq!(TorchFile::parse(&file).unwrap().read_f32(&file, "x").unwrap(), ramp(6));

    let nothing = vec![b'N'; 400_000];
    pickle_refused(&nothing, "values on its stack");
    pickle_refused(&vec![b'('; 400_000], "open marks");
    pickle_refused(&[vec![b']'; 100_000], b"0".repeat(100_000)].concat().repeat(20), "too many Python objects");
    let memo: Vec<u8> = (0..1_000_000u32).flat_map(|i| [vec![b'r'], i.to_le_bytes().to_vec()].concat()).collect();
    pickle_refused(&[b"N", &memo[..]].concat(), "too many Python objects");
}

#[test]
fn what_is_said_once_and_meant_often_costs_no_time() {
    let start = std::time::Instant::now();
    // A dict of many entries, all of which are one dict of many entries.
    let many = Object::Dict((0..100_000).map(|i| (text(&i.to_string()), Object::None)).collect());
    let entry = |i: usize| (text(&i.to_string()), if i == 0 { memoized(&many, 0) } else { from_memo(0) });
    refused(&archive(&pickle(&Object::Dict((0..100_000).map(entry).collect())), &[]), "without a state dict");

    // Long strings as names of functions, of storages, and of tensors.
    let long = memoized(&text(&"module.".repeat(1 << 20)), 0);
    let name = [&opcodes(&long)[..], b"h\0\x93"].concat();
    pickle_refused(&name, "a name of 14680064 bytes");
    let id = vec![text("storage"), Object::Global("torch", "FloatStorage"), long.clone(), Object::None, Object::Int(1)];
    let arguments = vec![Object::Persistent(id), Object::Int(0), ints(&[]), ints(&[]), Object::None, Object::None];
    let tensor = memoized(&call("torch._utils", "_rebuild_tensor_v2", arguments), 1);
    let state = |name: &Object| {
        let all =
            (0..100_000).map(|i| if i == 0 { (long.clone(), tensor.clone()) } else { (name.clone(), from_memo(1)) });
        archive(&pickle(&Object::Dict(all.collect())), &[])
    };
    refused(&state(&from_memo(0)), "bad storage name");
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}
