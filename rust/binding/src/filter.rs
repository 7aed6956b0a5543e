//! Display filters: checking them, the registry of fields, and `Row`.

use crate::packet::Packet;
use pcapstream_core::filter::registry;
use pcapstream_core::filter::{self, Buffer, Cell, Filter, FilterError as CoreFilterError, Kind, Mark, Plain};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

pyo3::create_exception!(_core, FilterError, PyException);

/// The one conversion of filter errors: args are (code, position, message, hint or None).
pub(crate) fn filter_error(e: CoreFilterError) -> PyErr {
    FilterError::new_err((e.code.name(), e.at, e.message, e.hint))
}

/// Names of the fields that a filter looks at; raises FilterError.
#[pyfunction]
pub(crate) fn check_filter(text: &str) -> PyResult<Vec<&'static str>> {
    let filter = Filter::compile(text).map_err(filter_error)?;
    Ok(filter.fields().iter().map(|id| registry::field(*id).name).collect())
}

/// Where a regular expression first matches: (start, end), or None.
#[pyfunction]
pub(crate) fn find_bytes(pattern: &str, data: &[u8]) -> Option<(usize, usize)> {
    filter::find(pattern, data)
}

/// Names of fields that columns take; raises FilterError for one that is none.
#[pyfunction]
pub(crate) fn check_fields(names: Vec<String>) -> PyResult<()> {
    names.iter().try_for_each(|name| filter::column(name).map(drop).map_err(filter_error))
}

/// (name, label, type, mark) of the fields whose names begin with `prefix`, by name.
#[pyfunction]
#[pyo3(signature = (prefix=""))]
pub(crate) fn list_fields(prefix: &str) -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    let mark = |m| match m {
        Mark::Plain => "",
        Mark::Stateful => "stateful",
        Mark::LookAhead => "look_ahead",
    };
    registry::list(prefix).map(|(_, f)| (f.name, f.label, f.kind.words(), mark(f.mark))).collect()
}

#[pyclass(frozen, module = "pcapstream._core")]
pub struct Row(pub filter::Row);

impl Row {
    /// A value as Python has it: int, float, bool, str or bytes; None for a field without a value.
    fn value<'py>(&self, py: Python<'py>, cell: &Cell) -> PyResult<Bound<'py, PyAny>> {
        let field = registry::field(cell.field);
        match cell.value.plain() {
            Plain::None => Ok(py.None().into_bound(py)),
            Plain::Uint(v) if field.kind == Kind::Bool => (v != 0).into_bound_py_any(py),
            Plain::Uint(v) => v.into_bound_py_any(py),
            Plain::Int(v) => v.into_bound_py_any(py),
            Plain::Float(v) => v.into_bound_py_any(py),
            Plain::Time(s, n) => (i128::from(s) * 1_000_000_000 + i128::from(n)).into_bound_py_any(py),
            Plain::Address(a) => a.to_string().into_bound_py_any(py),
            Plain::Bytes(b) => match field.kind {
                Kind::Str | Kind::Ether | Kind::Guid | Kind::Eui64 => cell.value.text(cell.field).into_bound_py_any(py),
                _ => Ok(PyBytes::new(py, b).into_any()),
            },
        }
    }
}

#[pymethods]
impl Row {
    #[getter]
    fn number(&self) -> u64 {
        self.0.number
    }
    #[getter]
    fn is_packet(&self) -> bool {
        self.0.is_packet
    }
    #[getter]
    fn time_ns(&self) -> Option<i64> {
        self.0.has_time.then(|| self.0.time.as_nanos())
    }
    #[getter]
    fn offset(&self) -> u64 {
        self.0.offset
    }
    #[getter]
    fn captured_bytes(&self) -> u32 {
        self.0.captured_bytes
    }
    #[getter]
    fn wire_bytes(&self) -> u32 {
        self.0.wire_bytes
    }
    #[getter]
    fn link_type(&self) -> u16 {
        self.0.link
    }
    #[getter]
    fn interface(&self) -> Option<u32> {
        self.0.interface
    }
    #[getter]
    fn summary(&self) -> Option<Packet> {
        self.0.summary.as_deref().cloned().map(Packet)
    }
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.bytes.as_deref().map(|b| PyBytes::new(py, b))
    }
    /// What the capture program made up in front of the data.
    #[getter]
    fn front<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.front)
    }
    /// (column, value, layer, buffer, offset, length) of each value, in the order they stand in the frame.
    fn cells<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for cell in &self.0.cells {
            let buffer = match cell.buffer {
                Buffer::Frame => "frame",
                Buffer::Datagram => "datagram",
                Buffer::Message => "message",
            };
            list.append((cell.column, self.value(py, cell)?, cell.layer, buffer, cell.start, cell.len))?;
        }
        Ok(list)
    }
    /// (column, text) of each value, as `tshark -T fields` prints it.
    fn texts(&self) -> Vec<(u32, String)> {
        self.0.cells.iter().map(|c| (c.column, c.value.text(c.field))).collect()
    }
    /// Of a search in streams: (stream, to_client, offset, length, first frame, before, match, after).
    #[getter]
    fn stream_match<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Some(m) = self.0.found.as_deref() else { return Ok(None) };
        let bytes = |b: &[u8]| PyBytes::new(py, b).into_any();
        let found = (m.stream, m.to_client, m.offset, m.len, m.first_frame);
        let shown = (bytes(&m.before), bytes(&m.matched), bytes(&m.after));
        (found.0, found.1, found.2, found.3, found.4, shown.0, shown.1, shown.2).into_pyobject(py).map(Some)
    }
    fn __repr__(&self) -> String {
        format!("<Row of frame {}, {} values>", self.0.number, self.0.cells.len())
    }
}
