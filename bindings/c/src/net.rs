//! Networks that are ready to run.

use crate::call::{Call, control};
use crate::pointers::{array, array_mut, free, required};
use crate::status::{Status, outcome, usage};
use lq_infer::{Batch, Classification, ClassifyOptions, Error, Pixels};

/// A network that is ready to run on one device.
pub struct Net {
    inner: lq_infer::Net,
}

impl Net {
    pub(crate) fn new(inner: lq_infer::Net) -> Self {
        Net { inner }
    }
}

/// The order of a pixel's bytes, as a number that lq_net_classify takes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// Red, green, blue.
    Rgb = 0,
    /// Red, green, blue, alpha, which is dropped.
    Rgba = 1,
    /// Blue, green, red, alpha, which is dropped.
    Bgra = 2,
}

impl PixelFormat {
    /// That of a number, which in C may be any.
    fn of(number: u32) -> Result<Self, Error> {
        let all = [PixelFormat::Rgb, PixelFormat::Rgba, PixelFormat::Bgra];
        let found = all.into_iter().find(|format| *format as u32 == number);
        found.ok_or_else(|| usage(format!("format is {number}, which is no lq_pixel_format")))
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

/// Logits of `images` pictures at the network's size: `pixels` are [images, height, width, 3] in RGB, `logits` is room for
/// [images, classes] numbers, `room` of them. The same bits on every device. `call` may be NULL.
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
        let net = required(net, "net")?;
        let pixels = array(pixels, numbers(net, images, 3)?, "pixels")?;
        run(net, Batch::Pixels(pixels.to_vec()), images, (logits, room), call)
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
        let net = required(net, "net")?;
        let channels = net.inner.model().header().graph.input_shape().c;
        let tensors = array(tensors, numbers(net, images, channels)?, "tensors")?;
        run(net, Batch::Tensor(tensors.to_vec()), images, (logits, room), call)
    })
}

fn numbers(net: &Net, images: usize, channels: usize) -> Result<usize, Error> {
    let shape = net.inner.model().header().graph.input_shape();
    let of_image = shape.h * shape.w * channels;
    images.checked_mul(of_image).ok_or_else(|| usage(format!("there cannot be {images} images")))
}

/// Writes the logits of `images` images to an array of so many numbers.
///
/// # Safety
/// The array is NULL or valid for writes, and `call` is NULL or valid.
unsafe fn run(
    net: &Net,
    batch: Batch,
    images: usize,
    (logits, room): (*mut f32, usize),
    call: *const Call,
) -> Result<(), Error> {
    // SAFETY: by the promise above.
    let (out, control) = unsafe { (array_mut(logits, room, "logits")?, control(call)?) };
    let needed = images.saturating_mul(net.inner.model().header().graph.classes());
    if out.len() < needed {
        return Err(usage(format!("there is room for {} logits, expected at least {needed}", out.len())));
    }
    let rows = net.inner.logits(&batch, &control)?;
    out.iter_mut().zip(rows.iter().flatten()).for_each(|(out, logit)| *out = *logit);
    Ok(())
}

/// Classifies one picture of any size, prepared as the model's file says. `format` is an lq_pixel_format. Rows of `pixels`
/// begin every `stride` bytes.
/// `top` is room for `room` predictions, best first; `found` (may be NULL) is how many were written. `call` may be NULL.
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
    // SAFETY: the caller gives a net, a picture of this size, and room for so many predictions.
    outcome(|| unsafe {
        let (net, format) = (required(net, "net")?, PixelFormat::of(format)?);
        let bytes = array(pixels, picture_bytes(format, width, height, stride)?, "pixels")?;
        let picture = match format {
            PixelFormat::Rgb => Pixels::from_rgb(bytes, width, height, stride),
            PixelFormat::Rgba => Pixels::from_rgba(bytes, width, height, stride),
            PixelFormat::Bgra => Pixels::from_bgra(bytes, width, height, stride),
        }?;
        classify(net, &picture, array_mut(top, room, "top")?, found, call)
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
    // SAFETY: the caller gives a net, so many bytes, and room for so many predictions.
    outcome(|| unsafe {
        let net = required(net, "net")?;
        let picture = Pixels::decode(array(bytes, size, "bytes")?)?;
        classify(net, &picture, array_mut(top, room, "top")?, found, call)
    })
}

/// Bytes of a picture, whose last row ends with its last pixel.
fn picture_bytes(format: PixelFormat, width: usize, height: usize, stride: usize) -> Result<usize, Error> {
    let of_pixel = if format == PixelFormat::Rgb { 3 } else { 4 };
    let rows = height.saturating_sub(1).checked_mul(stride);
    let bytes = rows.zip(width.checked_mul(of_pixel)).and_then(|(rows, last)| rows.checked_add(last));
    bytes.ok_or_else(|| usage(format!("there cannot be a picture of {width}x{height} with rows of {stride} bytes")))
}

/// # Safety
/// `found` and `call` are NULL or valid.
unsafe fn classify(
    net: &Net,
    picture: &Pixels,
    top: &mut [Prediction],
    found: *mut usize,
    call: *const Call,
) -> Result<(), Error> {
    // SAFETY: by the promise above.
    let options = ClassifyOptions { top_k: Some(top.len()), control: unsafe { control(call)? } };
    let Classification { top: best, .. } = net.inner.classify(picture, &options)?;
    for (place, p) in top.iter_mut().zip(&best) {
        *place = Prediction { class_index: p.class, probability: p.probability };
    }
    // SAFETY: likewise.
    if let Some(found) = unsafe { found.as_mut() } {
        *found = best.len();
    }
    Ok(())
}
