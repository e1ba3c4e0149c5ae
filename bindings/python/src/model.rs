//! Packed models.

use crate::arrays;
use crate::errors::{raised, usage, within};
use numpy::{IntoPyArray, PyArray3, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::path::PathBuf;

/// How an object is made again in another process: a function and its arguments.
pub(crate) type Pickled<'py, Arguments> = PyResult<(Bound<'py, PyAny>, Arguments)>;

/// A packed model. Threads may share it; pickled as its bytes.
#[pyclass(frozen, module = "lq_infer")]
pub(crate) struct Model {
    pub(crate) inner: lq_infer::Model,
}

impl Model {
    pub(crate) fn new(py: Python<'_>, inner: Result<lq_infer::Model, lq_infer::Error>) -> PyResult<Self> {
        Ok(Model { inner: raised(py, inner)? })
    }
}

#[pymethods]
impl Model {
    /// Reads a packed file, which may be changed or removed afterwards. Raises OSError or ModelError.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Self::new(py, py.detach(|| lq_infer::Model::open(path)))
    }

    /// A packed file in memory, which is copied. Errors give ``name`` in place of a path. Raises ModelError.
    #[staticmethod]
    #[pyo3(signature = (data, name = "model"))]
    fn from_bytes(py: Python<'_>, data: &[u8], name: &str) -> PyResult<Self> {
        Self::new(py, lq_infer::Model::from_bytes(data, name))
    }

    /// The CIFAR-10 ResNet-20 with 2-bit weights and activations that comes with the package.
    #[staticmethod]
    fn bundled(py: Python<'_>) -> PyResult<Self> {
        Self::new(py, lq_infer::Model::bundled())
    }

    /// The packed file, as ``save`` writes it.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &raised(py, self.inner.to_bytes())?))
    }

    /// Writes the packed file, which appears whole or not at all. Raises OSError.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        raised(py, py.detach(|| self.inner.save(path)))
    }

    /// The name that the model was given when it was converted.
    #[getter]
    fn name(&self) -> &str {
        &self.inner.header().name
    }

    /// Id of the network, such as "resnet-18", or "custom".
    #[getter]
    fn network(&self) -> &str {
        &self.inner.header().network
    }

    /// Height, width and channels of one image.
    #[getter]
    fn input_shape(&self) -> (usize, usize, usize) {
        let shape = self.inner.header().graph.input_shape();
        (shape.h, shape.w, shape.c)
    }

    /// Whether it takes pictures, or only the first layer's tensor.
    #[getter]
    fn takes_pictures(&self) -> bool {
        self.inner.takes_pixels()
    }

    /// One label for each class, or none at all.
    #[getter]
    fn labels(&self) -> Vec<String> {
        self.inner.header().labels.clone()
    }

    /// The label of a class, or its number where the model has no labels. Raises UsageError for a class that there is not.
    fn label(&self, py: Python<'_>, class_index: i64) -> PyResult<String> {
        let classes = self.inner.header().graph.classes();
        Ok(self.inner.label(within(py, "class_index", class_index, 0..=classes.saturating_sub(1))?))
    }

    /// A picture of any size as one image of ``Net.logits``: uint8 ``[h, w, 3]``, resized and cropped as the model's
    /// file says.
    ///
    /// ``picture`` is what ``Net.classify`` takes. ``numpy.stack`` makes a batch of several. Raises OSError, UsageError
    /// or InputError.
    fn preprocess<'py>(&self, picture: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArray3<u8>>> {
        let (py, shape) = (picture.py(), self.inner.header().graph.input_shape());
        let picture = arrays::picture(picture)?;
        let rgb = raised(py, py.detach(|| self.inner.preprocess(&picture)))?;
        rgb.into_pyarray(py).reshape([shape.h, shape.w, 3])
    }

    /// Everything in the file but the numbers: graph, preprocessing, labels, source, golden vectors.
    #[getter]
    fn header<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        Ok(parsed(py, self.inner.header())?.cast_into()?)
    }

    fn __repr__(&self) -> String {
        let (h, w, c) = self.input_shape();
        format!("<lq_infer.Model '{}', {h}x{w}x{c}>", self.name())
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Pickled<'py, (Bound<'py, PyBytes>, String)> {
        let from_bytes = py.get_type::<Model>().getattr("from_bytes")?;
        Ok((from_bytes, (self.to_bytes(py)?, self.name().to_owned())))
    }
}

/// What serializes as JSON, as Python's dictionaries and lists.
pub(crate) fn parsed<'py>(py: Python<'py>, value: &(impl serde::Serialize + ?Sized)) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(value).map_err(|e| usage(py, e.to_string()))?;
    py.import("json")?.call_method1("loads", (text,))
}
