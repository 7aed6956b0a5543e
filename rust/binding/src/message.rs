//! `Message`: one message of an application protocol, and values in general.

use foldhash::fast::RandomState;
use pcapstream_core::app;
use pcapstream_core::app::{Fields, Message as CoreMessage, Value};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PySlice, PyString};
use std::collections::HashMap;
use std::sync::Arc;

/// A value of the core as a Python object.
pub fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Objects::new(py).object(value)
}

/// The same, with `Rows` in place of long lists.
pub fn outline<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Objects { later: true, ..Objects::new(py) }.object(value)
}

/// Makes Python objects; a name of ours becomes one string, however often it occurs.
struct Objects<'py> {
    py: Python<'py>,
    /// Names by where they stand in the program, which costs less than to compare texts.
    made: HashMap<(usize, usize), Bound<'py, PyString>, RandomState>,
    /// Rows stay in the core until somebody looks at them.
    later: bool,
}

impl<'py> Objects<'py> {
    fn new(py: Python<'py>) -> Self {
        Self { py, made: HashMap::default(), later: false }
    }

    fn name(&mut self, name: &'static str) -> &Bound<'py, PyString> {
        let py = self.py;
        self.made.entry((name.as_ptr() as usize, name.len())).or_insert_with(|| PyString::intern(py, name))
    }

    fn object(&mut self, value: &Value) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        match value {
            Value::None => Ok(py.None().into_bound(py)),
            Value::Bool(v) => v.into_bound_py_any(py),
            Value::Int(v) => v.into_bound_py_any(py),
            Value::Float(v) => v.into_bound_py_any(py),
            Value::Name(v) => Ok(self.name(v).clone().into_any()),
            Value::Text(v) => v.into_bound_py_any(py),
            Value::Bytes(v) => Ok(PyBytes::new(py, v).into_any()),
            Value::Ip(v) => v.to_string().into_bound_py_any(py),
            Value::List(items) => Ok(self.list(items)?.into_any()),
            Value::Rows(rows) if self.later => Rows(rows.clone()).into_bound_py_any(py),
            Value::Rows(rows) => Ok(self.list(&rows.all())?.into_any()),
            Value::Map(fields) => Ok(self.dict(fields)?.into_any()),
        }
    }

    fn list(&mut self, items: &[Value]) -> PyResult<Bound<'py, PyList>> {
        let items = items.iter().map(|item| self.object(item)).collect::<PyResult<Vec<_>>>()?;
        PyList::new(self.py, items)
    }

    fn dict(&mut self, fields: &Fields) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(self.py);
        for (name, item) in fields {
            let item = self.object(item)?;
            dict.set_item(self.name(name), item)?;
        }
        Ok(dict)
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
        Objects::new(py).dict(&self.0.fields)
    }
    fn __repr__(&self) -> String {
        format!("<Message {} in frame {}>", self.0.protocol, self.0.context.frame)
    }
}

/// A list whose items are made when they are asked for, new ones each time.
#[pyclass(frozen, sequence, module = "pcapstream._core")]
pub struct Rows(app::Rows);

impl Rows {
    fn made<'py>(&self, py: Python<'py>, offset: usize, limit: usize) -> PyResult<Bound<'py, PyList>> {
        let rows = py.detach(|| self.0.slice(offset, limit));
        Objects::new(py).list(&rows)
    }
}

#[pymethods]
impl Rows {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, at: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let len = self.0.len();
        if let Ok(slice) = at.cast::<PySlice>() {
            let chosen = slice.indices(len as isize)?;
            if chosen.step == 1 {
                return Ok(self.made(py, chosen.start as usize, chosen.slicelength)?.into_any());
            }
            return self.made(py, 0, len)?.into_any().get_item(slice);
        }
        let at: isize = at.extract()?;
        let at = if at < 0 { at + len as isize } else { at };
        let at = usize::try_from(at).ok().filter(|at| *at < len);
        self.made(py, at.ok_or_else(|| PyIndexError::new_err("no such row"))?, 1)?.get_item(0)
    }

    /// Over all of them, made at once.
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.made(py, 0, self.0.len())?.into_any().try_iter()?.into_any())
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
        let value = py.detach(|| self.0.clone().value());
        to_python(py, &value)
    }

    /// The same, with `Rows` in place of long lists.
    fn outline<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = py.detach(|| self.0.clone().value());
        outline(py, &value)
    }

    /// Rows of one of its tables, new objects each time.
    #[pyo3(signature = (table, *, offset=0, limit=100))]
    fn page<'py>(&self, py: Python<'py>, table: &str, offset: usize, limit: usize) -> PyResult<Bound<'py, PyAny>> {
        let rows = py.detach(|| self.0.page(table, offset, limit));
        to_python(py, &Value::List(rows))
    }
}
