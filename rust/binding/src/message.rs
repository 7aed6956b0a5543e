//! `Message`: one message of an application protocol, and values in general.

use pcapstream_core::app;
use pcapstream_core::app::{Message as CoreMessage, Value};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use std::sync::Arc;

/// A value of the core as a Python object.
pub fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::None => Ok(py.None().into_bound(py)),
        Value::Bool(v) => v.into_bound_py_any(py),
        Value::Int(v) => v.into_bound_py_any(py),
        Value::Float(v) => v.into_bound_py_any(py),
        Value::Name(v) => v.into_bound_py_any(py),
        Value::Text(v) => v.into_bound_py_any(py),
        Value::Bytes(v) => Ok(PyBytes::new(py, v).into_any()),
        Value::Ip(v) => v.to_string().into_bound_py_any(py),
        Value::List(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            Ok(list.into_any())
        }
        Value::Map(fields) => {
            let dict = PyDict::new(py);
            for (name, item) in fields {
                dict.set_item(name, to_python(py, item)?)?;
            }
            Ok(dict.into_any())
        }
    }
}

#[pyclass(frozen, module = "pcapstream._core")]
pub struct Message(pub CoreMessage);

#[pymethods]
impl Message {
    #[getter]
    fn protocol(&self) -> &'static str {
        self.0.protocol
    }
    #[getter]
    fn frame(&self) -> u64 {
        self.0.context.frame
    }
    #[getter]
    fn time_ns(&self) -> i64 {
        self.0.context.time_ns
    }
    #[getter]
    fn src(&self) -> String {
        self.0.context.src.to_string()
    }
    #[getter]
    fn dst(&self) -> String {
        self.0.context.dst.to_string()
    }
    #[getter]
    fn src_port(&self) -> u16 {
        self.0.context.src_port
    }
    #[getter]
    fn dst_port(&self) -> u16 {
        self.0.context.dst_port
    }
    #[getter]
    fn transport(&self) -> &'static str {
        self.0.context.transport.name()
    }
    #[getter]
    fn ttl(&self) -> u8 {
        self.0.context.ttl
    }
    #[getter]
    fn frame_bytes(&self) -> u32 {
        self.0.context.frame_bytes
    }
    #[getter]
    fn stream(&self) -> Option<u32> {
        self.0.context.stream
    }
    #[getter]
    fn detected_by(&self) -> &'static str {
        self.0.context.detected_by.name()
    }
    #[getter]
    fn only_in_order(&self) -> bool {
        self.0.context.only_in_order
    }
    #[getter]
    fn recovered(&self) -> bool {
        self.0.context.recovered
    }
    /// The decoded fields, a new dict each time.
    #[getter]
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, value) in &self.0.fields {
            dict.set_item(name, to_python(py, value)?)?;
        }
        Ok(dict)
    }
    fn __repr__(&self) -> String {
        format!("<Message {} in frame {}>", self.0.protocol, self.0.context.frame)
    }
}

#[pyclass(frozen, weakref, module = "pcapstream._core")]
pub struct Report(pub Arc<dyn app::Report>);

#[pymethods]
impl Report {
    #[staticmethod]
    fn empty(protocol: &str) -> PyResult<Self> {
        app::empty_report(protocol).map(Self).ok_or_else(|| PyValueError::new_err("that protocol has no report"))
    }

    fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        let both = py.detach(|| self.0.merge(&*other.0));
        both.map(Self).ok_or_else(|| PyValueError::new_err("reports of different protocols"))
    }

    /// The counts, a new object each time.
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = py.detach(|| self.0.value());
        to_python(py, &value)
    }

    /// Rows of one of its tables, new objects each time.
    #[pyo3(signature = (table, *, offset=0, limit=100))]
    fn page<'py>(&self, py: Python<'py>, table: &str, offset: usize, limit: usize) -> PyResult<Bound<'py, PyAny>> {
        let rows = py.detach(|| self.0.page(table, offset, limit));
        to_python(py, &Value::List(rows))
    }
}
