//! Networks that are ready to run.

use crate::call::{Call, control};
#[cfg(feature = "image")]
use crate::picture::decoded;
use crate::picture::picture;
use crate::pointers::{array, array_mut, free, required, room_for};
use crate::status::{Status, outcome, usage};
use lq_infer::{Batch, Classification, ClassifyOptions, Control, Error, Pixels};

/// A network that is ready to run on one device.
pub struct Net {
    inner: lq_infer::Net,
}

impl Net {
    pub(crate) fn new(inner: lq_infer::Net) -> Self {
        Net { inner }
    }
}

/// One class and its probability. The label is that of lq_model_label.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prediction {
    /// Index of the class.
    pub class_index: usize,
    /// Softmax of the logits.
    pub probability: f64,
}

/// Frees a net. It must not be in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_net_free(net: *mut Net) {
    // SAFETY: the caller gives NULL or a net that was not freed.
    unsafe { free(net) }
}

/// Logits of `images` pictures at the network's size: `pixels` are [images, height, width, 3] in RGB, as
/// lq_model_preprocess makes them of pictures of any size. `logits` is room for [images, classes] numbers, `room` of
/// them, of which none is written on failure. The same bits on every device. `call` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_net_logits(
    net: *const Net,
    pixels: *const u8,
    images: usize,
    logits: *mut f32,
    room: usize,
    call: *const Call,
) -> Status {
    // SAFETY: the caller gives a net, and arrays of these sizes.
    outcome(|| unsafe {
        let (net, control) = (required(net, "net")?, control(call)?);
        let pixels = array(pixels, numbers(net, images, 3)?, "pixels")?;
        run(net, &Batch::Pixels(pixels.to_vec()), images, array_mut(logits, room, "logits")?, &control)
    })
}

/// The same for the tensors that the first layer receives: `tensors` are [images, height, width, channels].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_net_logits_of_tensors(
    net: *const Net,
    tensors: *const f32,
    images: usize,
    logits: *mut f32,
    room: usize,
    call: *const Call,
) -> Status {
    // SAFETY: the caller gives a net, and arrays of these sizes.
    outcome(|| unsafe {
        let (net, control) = (required(net, "net")?, control(call)?);
        let channels = net.inner.model().header().graph.input_shape().c;
        let tensors = array(tensors, numbers(net, images, channels)?, "tensors")?;
        run(net, &Batch::Tensor(tensors.to_vec()), images, array_mut(logits, room, "logits")?, &control)
    })
}

fn numbers(net: &Net, images: usize, channels: usize) -> Result<usize, Error> {
    let shape = net.inner.model().header().graph.input_shape();
    let of_image = shape.h * shape.w * channels;
    images.checked_mul(of_image).ok_or_else(|| usage(format!("there cannot be {images} images")))
}

/// Writes the logits of `images` images to an array of at least so many numbers.
fn run(net: &Net, batch: &Batch, images: usize, out: &mut [f32], control: &Control) -> Result<(), Error> {
    let needed = images.saturating_mul(classes(net));
    let out = room_for(out, needed, "logits")?;
    let rows = net.inner.logits(batch, control)?;
    out.iter_mut().zip(rows.iter().flatten()).for_each(|(out, logit)| *out = *logit);
    Ok(())
}

fn classes(net: &Net) -> usize {
    net.inner.model().header().graph.classes()
}

/// Classifies one picture of any size, prepared as the model's file says. `format` is an lq_pixel_format. Rows of
/// `pixels` begin every `stride` bytes. `top` is room for `room` predictions, best first; `found` (may be NULL) is how
/// many were written, 0 on failure. `call` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_net_classify(
    net: *const Net,
    pixels: *const u8,
    format: u32,
    width: usize,
    height: usize,
    stride: usize,
    top: *mut Prediction,
    room: usize,
    found: *mut usize,
    call: *const Call,
) -> Status {
    // SAFETY: the caller gives a net, a picture of this size, room for so many predictions, and a call or NULL.
    outcome(|| unsafe {
        let found = found_none(found);
        let (net, control) = (required(net, "net")?, control(call)?);
        let picture = picture(pixels, format, [width, height, stride])?;
        let top = array_mut(top, room, "top")?;
        classify(net, &picture, (top, found), control)
    })
}

/// The same for the bytes of a file: PNG, JPEG, WebP, BMP, GIF or TIFF.
#[cfg(feature = "image")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_net_classify_file(
    net: *const Net,
    bytes: *const u8,
    size: usize,
    top: *mut Prediction,
    room: usize,
    found: *mut usize,
    call: *const Call,
) -> Status {
    // SAFETY: the caller gives a net, so many bytes, room for so many predictions, and a call or NULL.
    outcome(|| unsafe {
        let found = found_none(found);
        let (net, control) = (required(net, "net")?, control(call)?);
        let picture = decoded(bytes, size)?;
        let top = array_mut(top, room, "top")?;
        classify(net, &picture, (top, found), control)
    })
}

/// What lq_net_classify gives, by the logits of one image: `logits` are those of all classes, `numbers` of them. `top`,
/// `room` and `found` are those of lq_net_classify.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lq_net_classification(
    net: *const Net,
    logits: *const f32,
    numbers: usize,
    top: *mut Prediction,
    room: usize,
    found: *mut usize,
) -> Status {
    // SAFETY: the caller gives a net, so many logits, and room for so many predictions.
    outcome(|| unsafe {
        let found = found_none(found);
        let (net, logits) = (required(net, "net")?, array(logits, numbers, "logits")?);
        if numbers != classes(net) {
            return Err(usage(format!("there are {numbers} logits, expected {}, those of one image", classes(net))));
        }
        let top = array_mut(top, room, "top")?;
        tell(&net.inner.classification(logits.to_vec(), Some(top.len())), top, found);
        Ok(())
    })
}

/// The place for the number of predictions, which is 0 until there are some.
///
/// # Safety
/// It is NULL or valid as long as the result is used.
unsafe fn found_none<'a>(found: *mut usize) -> Option<&'a mut usize> {
    // SAFETY: by the promise above.
    let mut place = unsafe { found.as_mut() };
    place.iter_mut().for_each(|found| **found = 0);
    place
}

/// Classifies a picture, and writes the most probable classes.
fn classify(
    net: &Net,
    picture: &Pixels,
    (top, found): (&mut [Prediction], Option<&mut usize>),
    control: Control,
) -> Result<(), Error> {
    let options = ClassifyOptions { top_k: Some(top.len()), control };
    tell(&net.inner.classify(picture, &options)?, top, found);
    Ok(())
}

/// Writes the most probable classes, as many as there is room for.
fn tell(classification: &Classification, top: &mut [Prediction], found: Option<&mut usize>) {
    for (place, p) in top.iter_mut().zip(&classification.top) {
        *place = Prediction { class_index: p.class, probability: p.probability };
    }
    if let Some(found) = found {
        *found = classification.top.len();
    }
}
