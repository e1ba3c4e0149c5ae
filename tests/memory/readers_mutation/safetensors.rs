//! Damaged and hostile safetensors.

use lq_infer::internals::convert::readers::Reader;
use lq_infer::internals::convert::readers::safetensors::SafetensorsFile;

use super::mutate::{Random, mutate};
use super::{Case, MUTATIONS, Tally};

fn read(file: &[u8]) -> Vec<Result<(), String>> {
    match SafetensorsFile::parse(&file) {
        Ok(state) => state.variables().keys().map(|name| state.read_f32(&file, name).map(drop)).collect(),
        Err(problem) => vec![Err(problem)],
    }
}

#[test]
fn mutated_safetensors() {
    let header = "{\"module.w\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},\
                  \"module.h\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[16,22]},\
                  \"module.n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[22,30]}}";
    let data = vec![0x3c; 30];
    let mut tally = Tally::new(&["too short", "claims", "no valid safetensors", "type int64", "bad variable name"]);
    for case in 0..MUTATIONS {
        let _case = Case(case);
        let mut random = Random::new(case);
        let mut text = header.as_bytes().to_vec();
        if random.below(2) == 0 {
            mutate(&mut text, &mut random);
        }
        let mut file = [&(text.len() as u64).to_le_bytes(), &text[..], &data].concat();
        if random.below(2) == 0 {
            mutate(&mut file, &mut random);
        }
        tally.check(file.len(), || read(&file));
    }
    tally.finish(5_000);
}

#[test]
fn small_files_cannot_claim_much_memory() {
    let mut tally = Tally::new(&["no valid safetensors", "claims", "strings", "dimensions"]);
    let header = |entry: &dyn Fn(usize) -> String, count: usize| {
        format!("{{{}}}", (0..count).map(entry).collect::<Vec<_>>().join(","))
    };
    let empty = |i: usize| format!("\"{i}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}");
    let long = |i: usize| {
        format!("\"{i}\":{{\"dtype\":\"F32\",\"shape\":[0{}],\"data_offsets\":[0,0]}}", ",0".repeat(500_000))
    };
    let dims =
        |i: usize| format!("\"{i}\":{{\"dtype\":\"F32\",\"shape\":[0{}],\"data_offsets\":[0,0]}}", ",0".repeat(99_999));
    let strings = |i: usize| format!("\"{i}\":\"\"");
    let metadata = |count: usize| format!("{{\"__metadata__\":{}}}", header(&strings, count));
    for header in [
        header(&empty, 40_000),
        header(&empty, 45_000),
        header(&long, 1),
        header(&dims, 3),
        header(&strings, 90_000),
        header(&strings, 1_000_000),
        metadata(90_000),
        metadata(700_000),
    ] {
        let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
        tally.check(file.len(), || read(&file));
    }
    tally.finish(0);
}
