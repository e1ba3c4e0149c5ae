//! A packed model in memory: what the file holds.

use super::golden::{Golden, GoldenInput};
use crate::graph::preprocess::{Normalize, Preprocess};
use crate::graph::{Graph, Params, Tensor};
use crate::tensor::Shape;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version this crate writes, and the only one it reads.
pub const VERSION: u32 = 1;
/// Name of the mean image's tensor.
pub(super) const MEAN_IMAGE: &str = "preprocess/mean_image";
/// Name of the tensor that holds the file's checksum, `U32 [1]`.
pub(super) const CHECKSUM: &str = "checksum";
/// Most golden images of a file; keeps a hostile file from costing much time.
const MAX_GOLDEN_IMAGES: usize = 64;
/// Most numbers of all images of a golden vector together.
const MAX_GOLDEN_NUMBERS: usize = 1 << 26;

/// CRC-32C of the JSON text, then of the bytes of all other tensors in the order of their names. A flipped bit
/// anywhere changes it.
pub(super) fn checksum(json: &str, tensors: &BTreeMap<String, Tensor>) -> u32 {
    tensors.values().fold(crc32c::crc32c(json.as_bytes()), |crc, t| crc32c::crc32c_append(crc, t.bytes()))
}

/// A packed model: what the file holds.
#[derive(Clone, Debug)]
pub struct Packed {
    /// Everything but the tensors.
    pub header: Header,
    /// The graph's parameters.
    pub params: Params,
    /// `[height, width, 3]` in the network's channel order, for [`Normalize::MeanImage`].
    pub mean_image: Option<Tensor>,
}

/// The JSON part of a packed file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Format version.
    pub version: u32,
    /// Display name, such as "cifar-resnet-20 2/2".
    pub name: String,
    /// Id of the network definition it was made with.
    pub network: String,
    /// The network.
    pub graph: Graph,
    /// From pictures to the first layer's tensor.
    pub preprocess: Preprocess,
    /// One label per class, or none.
    pub labels: Vec<String>,
    /// Where the parameters come from.
    pub source: Provenance,
    /// Results that any machine must reproduce.
    pub golden: Vec<Golden>,
}

/// Where the parameters of a model come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Kind of checkpoint.
    pub kind: String,
    /// Its file name, without directories.
    pub file: String,
    /// SHA-256 of its contents, in hex.
    pub sha256: String,
    /// Program and version that converted it.
    pub converter: String,
}

impl Packed {
    /// Checks what the types cannot: that header, preprocessing, labels and mean image belong together.
    pub fn check(&self) -> Result<(), String> {
        let Header { graph, preprocess, labels, golden, .. } = &self.header;
        let input = graph.input_shape();
        check_ends(graph, preprocess, labels)?;
        let mean_shape = self.mean_image.as_ref().map(|t| t.shape.as_slice());
        match (&preprocess.normalize, mean_shape) {
            (Normalize::MeanImage { .. }, None) => Err(format!("tensor '{MEAN_IMAGE}' is missing")),
            (Normalize::MeanImage { .. }, Some(s)) if *s != [input.h, input.w, input.c] => {
                Err(format!("tensor '{MEAN_IMAGE}' is {s:?}, expected [{}, {}, {}]", input.h, input.w, input.c))
            }
            (Normalize::MeanImage { .. }, Some(_)) | (_, None) => Ok(()),
            (_, Some(_)) => Err(format!("tensor '{MEAN_IMAGE}' is not used by the preprocessing")),
        }?;
        let small = |g: &Golden| {
            (1..=MAX_GOLDEN_IMAGES).contains(&g.images) && g.images * input.elements() <= MAX_GOLDEN_NUMBERS
        };
        if !golden.iter().all(small) {
            return Err(format!(
                "golden vectors must have 1 to {MAX_GOLDEN_IMAGES} images, {MAX_GOLDEN_NUMBERS} numbers at most"
            ));
        }
        if golden.iter().any(|g| g.input == GoldenInput::Pixels) && !preprocess.normalize.takes_pixels() {
            return Err("golden vectors are pixels, but the model takes tensors only".into());
        }
        Ok(())
    }
}

/// Checks that preprocessing and labels suit the inputs and classes of `graph`.
pub fn check_ends(graph: &Graph, preprocess: &Preprocess, labels: &[String]) -> Result<(), String> {
    let classes = graph.classes();
    if !labels.is_empty() && labels.len() != classes {
        return Err(format!("has {} labels for {classes} classes", labels.len()));
    }
    check_preprocess(preprocess, graph.input_shape())
}

fn check_preprocess(preprocess: &Preprocess, input: Shape) -> Result<(), String> {
    let usable = |x: f64| x.is_finite() && x > 0.0 && x < 1e6;
    let numbers = match &preprocess.normalize {
        Normalize::Channel { mean, std } => {
            mean.iter().all(|m| m.is_finite() && m.abs() < 1e6) && std.iter().all(|&s| usable(s) && s > 1e-6)
        }
        Normalize::MeanImage { divide } => usable(*divide) && *divide > 1e-6,
        Normalize::TensorOnly { range } => usable(*range) && *range > 1e-6,
    };
    if !numbers {
        return Err(format!("preprocessing has unusable numbers: {:?}", preprocess.normalize));
    }
    if !preprocess.normalize.takes_pixels() {
        return Ok(());
    }
    let crop = preprocess.resize.crop;
    if input.c != 3 || crop != [input.h, input.w] {
        return Err(format!("pictures are cropped to {}x{}x3, but the network takes {input}", crop[0], crop[1]));
    }
    preprocess.resize.check()
}
