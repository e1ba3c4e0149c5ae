//! What a page hands over: pictures, pixels, tensors.

use js_sys::{Float32Array, Uint8Array, Uint8ClampedArray};
use lq_infer::{Batch, Error, Pixels, Result};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::ImageData;

/// A picture: `ImageData`, or the bytes of a file.
pub(crate) fn picture(value: &JsValue) -> Result<Pixels> {
    if let Some(image) = value.dyn_ref::<ImageData>() {
        let (width, height) = (image.width() as usize, image.height() as usize);
        return Pixels::from_rgba(&image.data(), width, height, 4 * width);
    }
    match value.dyn_ref::<Uint8Array>() {
        Some(file) => decoded(&file.to_vec()),
        None => Err(Error::Usage("a picture must be ImageData or the Uint8Array of a file".into())),
    }
}

#[cfg(feature = "image")]
fn decoded(file: &[u8]) -> Result<Pixels> {
    Pixels::decode(file)
}

#[cfg(not(feature = "image"))]
fn decoded(_: &[u8]) -> Result<Pixels> {
    Err(Error::Usage("this build decodes no files; draw the picture to a canvas and pass its ImageData".into()))
}

/// A batch: pixels at the network's size, or the tensor that its first layer receives.
pub(crate) fn batch(value: &JsValue) -> Result<Batch> {
    if let Some(pixels) = value.dyn_ref::<Uint8Array>() {
        return Ok(Batch::Pixels(pixels.to_vec()));
    }
    if let Some(pixels) = value.dyn_ref::<Uint8ClampedArray>() {
        return Ok(Batch::Pixels(pixels.to_vec()));
    }
    match value.dyn_ref::<Float32Array>() {
        Some(tensor) => Ok(Batch::Tensor(tensor.to_vec())),
        None => Err(Error::Usage("a batch must be a Uint8Array of pixels or a Float32Array".into())),
    }
}
