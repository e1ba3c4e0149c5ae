//! Codes that a training framework recorded: arrays named by quantizers.

use super::quantizers::Quantizer;
use crate::convert::readers::npz::Npz;
use crate::convert::readers::{Reader, Variable};
use crate::error::{Error, Result};
use crate::files::read_file;
use crate::format::npy::NpyData;
use crate::tensor::Shape;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Largest archive that is read.
const MAX_ARCHIVE: usize = 1 << 30;

/// Recorded codes of one or several images, for [`super::compare_codes`].
///
/// An array has the name of the quantizer in the graph; "." may stand for "/". It holds codes (uint8, int32 or int64;
/// bit j is the coefficient of basis element j) or the quantizer's output (float32 or float64). Its shape is
/// `[n, h, w, c]` or `[n, c, h, w]`, in the same order in all arrays (the former if both are possible), without n for
/// a single image, or `[n, c]` for vectors. The images are the first n of the inputs.
#[derive(Clone, Debug)]
pub struct RecordedCodes {
    path: PathBuf,
    arrays: BTreeMap<String, (Vec<usize>, NpyData)>,
}

/// The codes of one quantizer.
pub(crate) struct Expected {
    /// Index of the quantizer.
    pub quantizer: usize,
    pub images: usize,
    /// Whether levels were recorded. Then codes of equal levels cannot be told apart.
    pub by_value: bool,
    codes: Vec<u8>,
    order: DimensionOrder,
}

/// Order of an array's dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DimensionOrder {
    ChannelsLast,
    ChannelsFirst,
}

impl RecordedCodes {
    /// Reads an `.npz` archive, as `numpy.savez` writes it.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::BadInput`] with what is wrong in the archive.
    pub fn read(path: &Path) -> Result<Self> {
        let bad = |problem: String| Error::bad_input(path, problem);
        let file = read_file(path, MAX_ARCHIVE)?;
        let npz = Npz::parse(&file).map_err(bad)?;
        let array = |(name, variable): (&String, &Variable)| {
            Ok((name.clone(), (variable.shape.clone(), npz.read(&file, name)?)))
        };
        let arrays = npz.variables().iter().map(array).collect::<Result<_, String>>().map_err(bad)?;
        Ok(RecordedCodes { path: path.to_owned(), arrays })
    }

    /// Arrays in memory by name, shape and data; `name` stands for a path in errors.
    pub fn new(name: &str, arrays: BTreeMap<String, (Vec<usize>, NpyData)>) -> Self {
        RecordedCodes { path: name.into(), arrays }
    }

    /// What is recorded of `quantizers`, in their order; `images` is the number of inputs.
    pub(super) fn expected(&self, quantizers: &[Quantizer], images: usize) -> Result<Vec<Expected>> {
        self.matched(quantizers, images).map_err(|problem| Error::bad_input(&self.path, problem))
    }

    fn matched(&self, quantizers: &[Quantizer], images: usize) -> Result<Vec<Expected>, String> {
        let mut named = Vec::new();
        for name in self.arrays.keys() {
            let quantizer = quantizers.iter().position(|q| plain(&q.layer) == plain(name));
            named.push((quantizer.ok_or_else(|| unknown(name, quantizers))?, name));
        }
        if named.is_empty() {
            return Err("holds no arrays".into());
        }
        named.sort();
        let order = self.order(&named, quantizers);
        let array = |&(quantizer, name): &(usize, &String)| {
            let (shape, data) = &self.arrays[name];
            let wrong = |problem: String| format!("array '{name}': {problem}");
            let images = count(shape, quantizers[quantizer].shape, order, images).map_err(wrong)?;
            let (codes, by_value) = decode(data, &quantizers[quantizer]).map_err(wrong)?;
            let needed = images * quantizers[quantizer].shape.elements();
            if codes.len() != needed {
                return Err(wrong(format!("has {} elements, expected {needed} of its shape", codes.len())));
            }
            Ok(Expected { quantizer, images, by_value, codes, order })
        };
        named.iter().map(array).collect()
    }

    /// The order of dimensions in all arrays: channels last if that is possible.
    fn order(&self, named: &[(usize, &String)], quantizers: &[Quantizer]) -> DimensionOrder {
        let last = |&(quantizer, name): &(usize, &String)| {
            count(&self.arrays[name].0, quantizers[quantizer].shape, DimensionOrder::ChannelsLast, usize::MAX).is_ok()
        };
        if named.iter().all(last) { DimensionOrder::ChannelsLast } else { DimensionOrder::ChannelsFirst }
    }
}

/// A name with one kind of separator.
fn plain(name: &str) -> String {
    name.replace('/', ".")
}

fn unknown(name: &str, quantizers: &[Quantizer]) -> String {
    let known: Vec<&str> = quantizers.iter().take(3).map(|q| q.layer.as_str()).collect();
    match known.is_empty() {
        true => format!("array '{name}' is of no quantizer: the network has none"),
        false => format!("array '{name}' is of no quantizer; they are named {}, ..", known.join(", ")),
    }
}

/// Images in an array of this shape, of at most `most`.
fn count(shape: &[usize], image: Shape, order: DimensionOrder, most: usize) -> Result<usize, String> {
    let Shape { h, w, c } = image;
    let own = match order {
        DimensionOrder::ChannelsLast => [h, w, c],
        DimensionOrder::ChannelsFirst => [c, h, w],
    };
    let images = match *shape {
        [n, x, y, z] if [x, y, z] == own => n,
        [x, y, z] if [x, y, z] == own => 1,
        [n, x] if [h, w, x] == [1, 1, c] => n,
        _ => return Err(format!("shape {shape:?}, expected [n, {h}, {w}, {c}], or [n, {c}, {h}, {w}] in all arrays")),
    };
    if images == 0 || images > most {
        return Err(format!("has {images} images, expected 1 to the {most} of the inputs"));
    }
    Ok(images)
}

/// The codes of an array, and whether it holds levels.
fn decode(data: &NpyData, quantizer: &Quantizer) -> Result<(Vec<u8>, bool), String> {
    let level = |value: f64| quantizer.code_of_level(value);
    let (codes, by_value): (Result<Vec<u8>, String>, bool) = match data {
        NpyData::U8(codes) => (codes.iter().map(|&c| quantizer.code(i64::from(c))).collect(), false),
        NpyData::I32(codes) => (codes.iter().map(|&c| quantizer.code(i64::from(c))).collect(), false),
        NpyData::I64(codes) => (codes.iter().map(|&c| quantizer.code(c)).collect(), false),
        NpyData::F32(values) => (values.iter().map(|&v| level(f64::from(v))).collect(), true),
        NpyData::F64(values) => (values.iter().map(|&v| level(v)).collect(), true),
    };
    Ok((codes.map_err(|problem| format!("holds {problem}"))?, by_value))
}

impl Expected {
    /// The code at a pixel, counted row by row.
    pub(crate) fn code(&self, image: usize, pixel: usize, channel: usize, shape: Shape) -> u8 {
        let at = match self.order {
            DimensionOrder::ChannelsLast => pixel * shape.c + channel,
            DimensionOrder::ChannelsFirst => channel * shape.pixels() + pixel,
        };
        self.codes[image * shape.elements() + at]
    }
}
