//! Arrays and files of arrays.

use crate::network;
use crate::seals;
use crate::target::{checked, refused};
use lq_infer::Model;
use lq_infer::internals::convert::readers::Reader;
use lq_infer::internals::convert::readers::npz::Npz;
use lq_infer::internals::convert::readers::safetensors::SafetensorsFile;
use lq_infer::internals::format::npy as format;

/// An `.npy` file.
pub fn npy(data: &[u8]) {
    checked(format::layout(data));
    checked(format::read_f32(data));
    if let Some((shape, _)) = checked(format::read(data)) {
        assert!(shape.iter().product::<usize>() <= data.len(), "more elements than bytes: {shape:?}");
    }
}

/// Reads every variable of a checkpoint that is one file.
pub fn read_all(reader: &dyn Reader, file: &[u8]) {
    for name in reader.variables().keys() {
        checked(reader.read_f32(&file, name));
    }
}

/// An `.npz` archive.
pub fn npz(data: &[u8]) {
    let mut file = data.to_vec();
    if seals::repairs(data) {
        seals::zip(&mut file);
    }
    if let Some(npz) = checked(Npz::parse(&file)) {
        read_all(&npz, &file);
        npz.variables().keys().for_each(|name| drop(checked(npz.read(&file, name))));
    }
}

/// A state dict as safetensors.
pub fn safetensors(data: &[u8]) {
    if let Some(file) = checked(SafetensorsFile::parse(&data)) {
        read_all(&file, data);
    }
}

/// A packed model; one that is small runs.
pub fn packed(data: &[u8]) {
    let mut file = data.to_vec();
    if seals::repairs(data) {
        seals::packed(&mut file);
    }
    match Model::from_bytes(&file, "fuzzed") {
        Ok(model) => network::run_model(&model),
        Err(error) => refused(error),
    }
}
