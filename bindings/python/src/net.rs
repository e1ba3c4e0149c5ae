//! Networks that are ready to run, and what they give.

use crate::arrays;
use crate::engine::Engine;
use crate::errors::within;
use crate::model::{Model, Pickled};
use crate::work;
use lq_infer::{ClassifyOptions, Digest};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;

/// A network that is ready to run on one device. Threads may share it. Pickled as its engine and its model, and
/// prepared again where it is unpickled.
#[pyclass(frozen, module = "lq_infer")]
pub(crate) struct Net {
    inner: lq_infer::Net,
    engine: Py<Engine>,
    model: Py<Model>,
    max_batch: usize,
}

impl Net {
    pub(crate) fn new(inner: lq_infer::Net, engine: Py<Engine>, model: Py<Model>, max_batch: usize) -> Self {
        Net { inner, engine, model, max_batch }
    }

    fn classes(&self) -> usize {
        self.inner.model().header().graph.classes()
    }
}

#[pymethods]
impl Net {
    /// The model that it was made of.
    #[getter]
    fn model(&self, py: Python<'_>) -> Py<Model> {
        self.model.clone_ref(py)
    }

    /// Name of the device, with its API.
    #[getter]
    fn device(&self) -> String {
        self.inner.device_name()
    }

    /// How many images memory was asked for; more are run in several batches.
    #[getter]
    fn max_batch(&self) -> usize {
        self.max_batch
    }

    /// The logits of a batch of images of any size: float32 ``[n, classes]``, the same bits on every device.
    ///
    /// ``images`` is whatever ``numpy.asarray`` makes an array of: uint8 ``[n, h, w, 3]``, RGB at the network's size,
    /// which ``Model.preprocess`` makes of pictures; or float32 ``[n, h, w, c]``, the tensors that the first layer
    /// receives. Arrays of any strides are copied once. ``timeout`` is in seconds from the beginning of the call: None
    /// or infinity for no limit; with 0 it is over at once. Raises UsageError, InputError, DeviceMemoryError,
    /// DeviceLostError, DeviceError or DeadlineError.
    #[pyo3(signature = (images, *, timeout = None))]
    fn logits<'py>(&self, images: &Bound<'py, PyAny>, timeout: Option<f64>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let py = images.py();
        let deadline = work::deadline(py, timeout)?;
        let batch = arrays::batch(images, self.inner.model().header().graph.input_shape())?;
        let net = self.inner.clone();
        let (numbers, rows) = work::run(py, deadline, move |control| {
            let rows = net.logits(&batch, control)?;
            Ok((rows.concat(), rows.len()))
        })?;
        numbers.into_pyarray(py).reshape([rows, self.classes()])
    }

    /// Classifies one picture of any size, prepared as the model's file says, and reports the ``top_k`` most probable
    /// classes (with 0, only logits and digest; all classes if there are fewer).
    ///
    /// ``picture`` is a path, the bytes of a file (PNG, JPEG, WebP, BMP, GIF, TIFF), an image of Pillow, or an array:
    /// uint8 ``[h, w, 3]`` in RGB, ``[h, w, 4]`` with alpha, which is dropped, or ``[h, w]`` in grey. ``timeout`` is in
    /// seconds from the beginning of the call: None or infinity for no limit; with 0 it is over at once. Raises
    /// OSError, UsageError, InputError, DeviceMemoryError, DeviceLostError, DeviceError or DeadlineError.
    #[pyo3(signature = (picture, top_k = 5, *, timeout = None))]
    fn classify(&self, picture: &Bound<'_, PyAny>, top_k: i64, timeout: Option<f64>) -> PyResult<Classification> {
        let py = picture.py();
        let deadline = work::deadline(py, timeout)?;
        let top_k = within(py, "top_k", top_k, 0..=usize::MAX)?;
        let pixels = arrays::picture(picture)?;
        let net = self.inner.clone();
        let found = work::run(py, deadline, move |control| {
            net.classify(&pixels, &ClassifyOptions { top_k: Some(top_k), control: control.clone() })
        })?;
        Ok(Classification { inner: found })
    }

    /// The ``top_k`` most probable classes of one image, by its logits: float32 ``[classes]``, a row of what ``logits``
    /// gives. It is what ``classify`` gives for the same picture. Raises UsageError.
    #[pyo3(signature = (logits, top_k = 5))]
    fn classification(&self, logits: &Bound<'_, PyAny>, top_k: i64) -> PyResult<Classification> {
        let top_k = within(logits.py(), "top_k", top_k, 0..=usize::MAX)?;
        let logits = arrays::logits_of_one(logits, self.classes())?;
        Ok(Classification { inner: self.inner.classification(logits, Some(top_k)) })
    }

    /// Runs the golden vectors of the model on the device. Whether they were reproduced is in the results: it raises
    /// only what ``logits`` does.
    fn verify(&self, py: Python<'_>) -> PyResult<Vec<Golden>> {
        let net = self.inner.clone();
        let reports = work::run(py, None, move |_| lq_infer::verify(&net))?;
        Ok(reports.into_iter().map(|inner| Golden { inner }).collect())
    }

    fn __repr__(&self) -> String {
        format!("<lq_infer.Net '{}' on '{}'>", self.inner.model().header().name, self.device())
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Pickled<'py, (Py<Engine>, Py<Model>, usize)> {
        let again = py.import("lq_infer._pickling")?.getattr("net")?;
        Ok((again, (self.engine.clone_ref(py), self.model.clone_ref(py), self.max_batch)))
    }
}

/// What a picture shows.
#[pyclass(frozen, module = "lq_infer")]
pub(crate) struct Classification {
    inner: lq_infer::Classification,
}

#[pymethods]
impl Classification {
    /// The most probable classes, best first; classes with equal logits in their order.
    #[getter]
    fn top(&self) -> Vec<Prediction> {
        self.inner.top.iter().map(|inner| Prediction { inner: inner.clone() }).collect()
    }

    /// The network's output: float32 ``[classes]``.
    #[getter]
    fn logits<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        self.inner.logits.clone().into_pyarray(py)
    }

    /// SHA-256 of the logits, in hex; the same on every device.
    #[getter]
    fn digest(&self) -> &str {
        &self.inner.digest
    }

    fn __repr__(&self) -> String {
        let shown = |p: &lq_infer::Prediction| format!("{} {:.1} %", p.label, 100.0 * p.probability);
        let top: Vec<String> = self.inner.top.iter().map(shown).collect();
        let top = if top.is_empty() { "of no classes".into() } else { top.join(", ") };
        format!("<lq_infer.Classification {top}>")
    }
}

/// One class and its probability.
#[pyclass(frozen, module = "lq_infer")]
pub(crate) struct Prediction {
    inner: lq_infer::Prediction,
}

#[pymethods]
impl Prediction {
    /// Index of the class, which is that of its logit.
    #[getter]
    fn class_index(&self) -> usize {
        self.inner.class
    }

    /// The class's label, or its number where the model has no labels.
    #[getter]
    fn label(&self) -> &str {
        &self.inner.label
    }

    /// Softmax of the logits, 0 to 1.
    #[getter]
    fn probability(&self) -> f64 {
        self.inner.probability
    }

    fn __repr__(&self) -> String {
        format!("<lq_infer.Prediction {} '{}' {:.4}>", self.inner.class, self.inner.label, self.inner.probability)
    }
}

/// The result of one golden vector: logits that the model's file records.
#[pyclass(frozen, module = "lq_infer")]
pub(crate) struct Golden {
    inner: lq_infer::GoldenReport,
}

#[pymethods]
impl Golden {
    /// "pixels" or "tensor".
    #[getter]
    fn input(&self) -> String {
        format!("{:?}", self.inner.input).to_lowercase()
    }

    /// How many images it has.
    #[getter]
    fn images(&self) -> usize {
        self.inner.images
    }

    /// Digest that the file records.
    #[getter]
    fn expected(&self) -> &str {
        &self.inner.expected
    }

    /// Digest that the device computed.
    #[getter]
    fn found(&self) -> &str {
        &self.inner.found
    }

    /// Whether the two are the same.
    #[getter]
    fn holds(&self) -> bool {
        self.inner.holds()
    }

    fn __repr__(&self) -> String {
        let outcome = if self.holds() { "reproduced" } else { "differs" };
        format!("<lq_infer.Golden {} images of {}: {outcome}>", self.inner.images, self.input())
    }
}

/// SHA-256 of float32 logits of any shape, in C order and with the low byte first: of the logits of one image, what
/// ``lq-infer --logits --json`` prints. Raises UsageError.
#[pyfunction]
pub(crate) fn digest(logits: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(Digest::of(&arrays::logits(logits)?))
}
