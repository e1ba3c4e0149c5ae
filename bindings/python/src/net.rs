//! Networks that are ready to run, and what they give.

use crate::arrays;
use crate::engine::Engine;
use crate::model::{Model, Pickled};
use crate::work;
use lq_infer::{ClassifyOptions, Digest};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArrayDyn};
use pyo3::prelude::*;

/// A network that is ready to run on one device.
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
}

#[pymethods]
impl Net {
    #[getter]
    fn model(&self, py: Python<'_>) -> Py<Model> {
        self.model.clone_ref(py)
    }

    #[getter]
    fn device(&self) -> String {
        self.inner.device_name()
    }

    #[getter]
    fn max_batch(&self) -> usize {
        self.max_batch
    }

    #[pyo3(signature = (images, *, timeout = None))]
    fn logits<'py>(&self, images: &Bound<'py, PyAny>, timeout: Option<f64>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let py = images.py();
        let batch = arrays::batch(images, self.inner.model().header().graph.input_shape())?;
        let net = self.inner.clone();
        let (numbers, rows) = work::run(py, timeout, move |control| {
            let rows = net.logits(&batch, control)?;
            Ok((rows.concat(), rows.len()))
        })?;
        // No images have no logits, and of no image it cannot be seen how many there would be.
        let classes = numbers.len().checked_div(rows).unwrap_or(self.inner.model().header().labels.len());
        numbers.into_pyarray(py).reshape([rows, classes])
    }

    #[pyo3(signature = (picture, top_k = 5, *, timeout = None))]
    fn classify(&self, picture: &Bound<'_, PyAny>, top_k: usize, timeout: Option<f64>) -> PyResult<Classification> {
        let pixels = arrays::picture(picture)?;
        let net = self.inner.clone();
        let found = work::run(picture.py(), timeout, move |control| {
            net.classify(&pixels, &ClassifyOptions { top_k: Some(top_k), control: control.clone() })
        })?;
        Ok(Classification { inner: found })
    }

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
    #[getter]
    fn top(&self) -> Vec<Prediction> {
        self.inner.top.iter().map(|inner| Prediction { inner: inner.clone() }).collect()
    }

    #[getter]
    fn logits<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        self.inner.logits.clone().into_pyarray(py)
    }

    #[getter]
    fn digest(&self) -> &str {
        &self.inner.digest
    }

    fn __repr__(&self) -> String {
        let shown = |p: &lq_infer::Prediction| format!("{} {:.1} %", p.label, 100.0 * p.probability);
        let top: Vec<String> = self.inner.top.iter().map(shown).collect();
        format!("<lq_infer.Classification {}>", top.join(", "))
    }
}

/// One class and its probability.
#[pyclass(frozen, module = "lq_infer")]
pub(crate) struct Prediction {
    inner: lq_infer::Prediction,
}

#[pymethods]
impl Prediction {
    #[getter]
    fn class_index(&self) -> usize {
        self.inner.class
    }

    #[getter]
    fn label(&self) -> &str {
        &self.inner.label
    }

    #[getter]
    fn probability(&self) -> f64 {
        self.inner.probability
    }

    fn __repr__(&self) -> String {
        format!("<lq_infer.Prediction {} '{}' {:.4}>", self.inner.class, self.inner.label, self.inner.probability)
    }
}

/// The result of one golden vector.
#[pyclass(frozen, module = "lq_infer")]
pub(crate) struct Golden {
    inner: lq_infer::GoldenReport,
}

#[pymethods]
impl Golden {
    #[getter]
    fn input(&self) -> String {
        format!("{:?}", self.inner.input).to_lowercase()
    }

    #[getter]
    fn images(&self) -> usize {
        self.inner.images
    }

    #[getter]
    fn expected(&self) -> &str {
        &self.inner.expected
    }

    #[getter]
    fn found(&self) -> &str {
        &self.inner.found
    }

    #[getter]
    fn holds(&self) -> bool {
        self.inner.holds()
    }

    fn __repr__(&self) -> String {
        let outcome = if self.holds() { "reproduced" } else { "differs" };
        format!("<lq_infer.Golden {} images of {}: {outcome}>", self.inner.images, self.input())
    }
}

/// SHA-256 of float32 logits in C order.
#[pyfunction]
pub(crate) fn digest(logits: PyReadonlyArrayDyn<'_, f32>) -> String {
    let mut digest = Digest::new();
    match logits.as_slice() {
        Ok(numbers) => digest.add(numbers),
        Err(_) => digest.add(&logits.as_array().iter().copied().collect::<Vec<_>>()),
    }
    digest.hex()
}
