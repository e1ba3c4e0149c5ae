//! Packed models.

#[cfg(feature = "image")]
use crate::picture::decoded;
use crate::picture::picture;
use crate::pointers::{array, array_mut, free, give, required, room_for, text};
use crate::status::{Status, outcome, usage};
use lq_infer::{Error, Pixels};
use std::ffi::{CString, c_char};
use std::ptr::null;

/// A packed model.
pub struct Model {
    pub(crate) inner: lq_infer::Model,
    name: CString,
    labels: Vec<CString>,
}

impl Model {
    fn new(inner: lq_infer::Model) -> Self {
        let header = inner.header();
        let labels = header.labels.iter().map(|label| c_text(label)).collect();
        Model { name: c_text(&header.name), labels, inner }
    }
}

/// A text without zero bytes, which C would take for its end.
pub(crate) fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', " ")).unwrap_or_default()
}

/// Reads a packed file, which may be changed or removed afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_model_open(path: *const c_char, out: *mut *mut Model) -> Status {
    // SAFETY: the caller gives a text and a valid place.
    outcome(|| unsafe {
        give(out, || {
            let path = text(path, "path")?.ok_or_else(|| usage("path is NULL"))?;
            lq_infer::Model::open(path).map(Model::new)
        })
    })
}

/// A packed file in memory, of `size` bytes, which are copied. Errors give `name` in place of a path.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_model_from_bytes(
    bytes: *const u8,
    size: usize,
    name: *const c_char,
    out: *mut *mut Model,
) -> Status {
    // SAFETY: the caller gives so many bytes, NULL or a text, and a valid place.
    outcome(|| unsafe {
        give(out, || {
            let (bytes, name) = (array(bytes, size, "bytes")?, text(name, "name")?);
            lq_infer::Model::from_bytes(bytes, name.unwrap_or("model")).map(Model::new)
        })
    })
}

/// The model inside the library: a CIFAR-10 ResNet-20 with 2-bit weights and activations.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_model_bundled(out: *mut *mut Model) -> Status {
    // SAFETY: the caller gives a valid place.
    outcome(|| unsafe { give(out, || lq_infer::Model::bundled().map(Model::new)) })
}

/// Frees a model. Nets made of it go on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_model_free(model: *mut Model) {
    // SAFETY: the caller gives NULL or a model that was not freed.
    unsafe { free(model) }
}

/// The model's name, or NULL if `model` is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_model_name(model: *const Model) -> *const c_char {
    // SAFETY: the caller gives NULL or a model that was not freed.
    unsafe { model.as_ref() }.map_or(null(), |model| model.name.as_ptr())
}

/// Height, width and channels of one image, and the number of classes. Each place may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_model_shape(
    model: *const Model,
    height: *mut usize,
    width: *mut usize,
    channels: *mut usize,
    classes: *mut usize,
) -> Status {
    // SAFETY: the caller gives a model, and places that are NULL or valid.
    outcome(|| unsafe {
        let graph = &required(model, "model")?.inner.header().graph;
        let shape = graph.input_shape();
        for (place, number) in [(height, shape.h), (width, shape.w), (channels, shape.c), (classes, graph.classes())] {
            if let Some(place) = place.as_mut() {
                *place = number;
            }
        }
        Ok(())
    })
}

/// The label of a class, or NULL if the model has none for it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_model_label(model: *const Model, class_index: usize) -> *const c_char {
    // SAFETY: the caller gives NULL or a model that was not freed.
    let label = unsafe { model.as_ref() }.and_then(|model| model.labels.get(class_index));
    label.map_or(null(), |label| label.as_ptr())
}

/// Whether the model takes pictures, or only the tensors of lq_net_logits_of_tensors. False if `model` is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_model_takes_pictures(model: *const Model) -> bool {
    // SAFETY: the caller gives NULL or a model that was not freed.
    unsafe { model.as_ref() }.is_some_and(|model| model.inner.takes_pixels())
}

/// One image of lq_net_logits of a picture of any size: [height, width, 3] in RGB, resized and cropped as the model's
/// file says. `format` is an lq_pixel_format. Rows of `pixels` begin every `stride` bytes. `image` is room for `room`
/// bytes, of which none is written on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_model_preprocess(
    model: *const Model,
    pixels: *const u8,
    format: u32,
    width: usize,
    height: usize,
    stride: usize,
    image: *mut u8,
    room: usize,
) -> Status {
    // SAFETY: the caller gives a model, a picture of this size, and room for so many bytes.
    outcome(|| unsafe {
        let model = required(model, "model")?;
        let picture = picture(pixels, format, [width, height, stride])?;
        preprocess(model, &picture, array_mut(image, room, "image")?)
    })
}

/// The same for the bytes of a file: PNG, JPEG, WebP, BMP, GIF or TIFF.
#[cfg(feature = "image")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_model_preprocess_file(
    model: *const Model,
    bytes: *const u8,
    size: usize,
    image: *mut u8,
    room: usize,
) -> Status {
    // SAFETY: the caller gives a model, so many bytes of a file, and room for so many bytes.
    outcome(|| unsafe {
        let model = required(model, "model")?;
        preprocess(model, &decoded(bytes, size)?, array_mut(image, room, "image")?)
    })
}

fn preprocess(model: &Model, picture: &Pixels, out: &mut [u8]) -> Result<(), Error> {
    let image = model.inner.preprocess(picture)?;
    room_for(out, image.len(), "bytes")?.copy_from_slice(&image);
    Ok(())
}
