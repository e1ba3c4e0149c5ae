//! NumPy's arrays and pictures as the library takes them.

use crate::errors::{raised, usage};
use lq_infer::internals::tensor::Shape;
use lq_infer::{Batch, Pixels};
use numpy::{Element, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyMemoryView, PyString};
use std::path::PathBuf;

/// Images for a network of this input: uint8 `[n, h, w, 3]` pixels, or float32 `[n, h, w, c]` tensors.
pub(crate) fn batch(images: &Bound<'_, PyAny>, input: Shape) -> PyResult<Batch> {
    let array = as_array(images)?;
    let shape = array.shape();
    let expected = format!(
        "expected uint8 [n, {}, {}, 3] or float32 [n, {}, {}, {}]",
        input.h, input.w, input.h, input.w, input.c
    );
    let channels = |wanted: usize| shape.len() == 4 && shape[1..] == [input.h, input.w, wanted];
    if let Ok(pixels) = array.cast::<PyArrayDyn<u8>>()
        && channels(3)
    {
        return Ok(Batch::Pixels(numbers(pixels)?));
    }
    if let Ok(tensor) = array.cast::<PyArrayDyn<f32>>()
        && channels(input.c)
    {
        return Ok(Batch::Tensor(numbers(tensor)?));
    }
    Err(usage(images.py(), format!("images are {}, {expected}", form(&array))))
}

/// A picture from a path, the bytes of a file, an image of Pillow, or an array: uint8 `[h, w, 3]`, `[h, w, 4]` with alpha,
/// which is dropped, or `[h, w]` in grey.
pub(crate) fn picture(source: &Bound<'_, PyAny>) -> PyResult<Pixels> {
    let py = source.py();
    if source.is_instance_of::<PyString>() || source.hasattr("__fspath__")? {
        let path: PathBuf = source.extract()?;
        return raised(py, py.detach(|| Pixels::open(path)));
    }
    let is_file = source.is_instance_of::<PyBytes>()
        || source.is_instance_of::<PyByteArray>()
        || source.is_instance_of::<PyMemoryView>();
    if is_file {
        let bytes: Vec<u8> = py.get_type::<PyBytes>().call1((source,))?.extract()?;
        return raised(py, py.detach(|| Pixels::decode(&bytes)));
    }
    if source.get_type().getattr("__module__")?.extract::<String>()?.starts_with("PIL.") {
        let upright = py.import("PIL.ImageOps")?.call_method1("exif_transpose", (source,))?;
        return pixels(&as_array(&upright.call_method1("convert", ("RGB",))?)?);
    }
    pixels(&as_array(source)?)
}

fn pixels(array: &Bound<'_, PyUntypedArray>) -> PyResult<Pixels> {
    let (py, shape) = (array.py(), array.shape());
    let bytes = array.cast::<PyArrayDyn<u8>>().ok().map(numbers).transpose()?;
    match (bytes, shape) {
        (Some(grey), &[h, w]) => {
            let rgb: Vec<u8> = grey.into_iter().flat_map(|v| [v; 3]).collect();
            raised(py, Pixels::from_rgb(&rgb, w, h, 3 * w))
        }
        (Some(rgb), &[h, w, 3]) => raised(py, Pixels::from_rgb(&rgb, w, h, 3 * w)),
        (Some(rgba), &[h, w, 4]) => raised(py, Pixels::from_rgba(&rgba, w, h, 4 * w)),
        _ => Err(usage(py, format!("the picture is {}, expected uint8 [h, w, 3], [h, w, 4] or [h, w]", form(array)))),
    }
}

/// The logits of one image, of a network with so many classes.
pub(crate) fn logits_of_one(value: &Bound<'_, PyAny>, classes: usize) -> PyResult<Vec<f32>> {
    let array = as_array(value)?;
    match array.cast::<PyArrayDyn<f32>>() {
        Ok(logits) if array.shape() == [classes] => numbers(logits),
        _ => {
            let found = format!("logits are {}", form(&array));
            Err(usage(value.py(), format!("{found}, expected float32 [{classes}], which are those of one image")))
        }
    }
}

/// Logits of any shape, in C order.
pub(crate) fn logits(value: &Bound<'_, PyAny>) -> PyResult<Vec<f32>> {
    let array = as_array(value)?;
    let logits = array.cast::<PyArrayDyn<f32>>();
    numbers(logits.map_err(|_| usage(value.py(), format!("logits are {}, expected float32", form(&array))))?)
}

/// Type and shape of an array, for messages.
fn form(array: &Bound<'_, PyUntypedArray>) -> String {
    format!("{} {:?}", array.dtype(), array.shape())
}

/// Whatever NumPy can make an array of: arrays, tensors of frameworks on the CPU, lists.
fn as_array<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyUntypedArray>> {
    Ok(value.py().import("numpy")?.call_method1("asarray", (value,))?.cast_into()?)
}

/// The elements in C order, whatever the strides.
fn numbers<T: Element + Copy>(array: &Bound<'_, PyArrayDyn<T>>) -> PyResult<Vec<T>> {
    let array = array.try_readonly()?;
    Ok(array.as_slice().map_or_else(|_| array.as_array().iter().copied().collect(), <[T]>::to_vec))
}
