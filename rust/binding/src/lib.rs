//! Python binding: convert, detach, call, convert. No logic.

mod decoder;
mod domains;
mod filter;
mod message;
mod packet;
mod snapshot;
mod tally;
mod tcp;

use pcapstream_core::container::FormatError as CoreFormatError;
use pcapstream_core::limits::Limits;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::collections::BTreeMap;

pyo3::create_exception!(_core, FormatError, pyo3::exceptions::PyException);

/// The one conversion of core errors: args are (code, message).
pub(crate) fn format_error(e: CoreFormatError) -> PyErr {
    FormatError::new_err((e.code, e.message))
}

/// Limits by name over the defaults.
pub(crate) fn limits(given: Option<BTreeMap<String, u64>>) -> PyResult<Limits> {
    let mut limits = Limits::default();
    for (name, value) in given.unwrap_or_default() {
        if !limits.set(&name, value) {
            return Err(PyValueError::new_err(format!("no such limit, or its value does not fit: {name}={value}")));
        }
    }
    Ok(limits)
}

#[pyfunction]
fn default_limits() -> BTreeMap<&'static str, u64> {
    Limits::default().named().into_iter().collect()
}

#[pyfunction]
fn app_names() -> Vec<&'static str> {
    pcapstream_core::app::names()
}

/// (weak, without forward secrecy) of a TLS cipher suite by its name.
#[pyfunction]
fn cipher_suite_faults(name: &str) -> (bool, bool) {
    use pcapstream_core::app::tls::report::{is_weak, lacks_forward_secrecy};
    (is_weak(name), lacks_forward_secrecy(name))
}

#[pymodule]
fn _core(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add("FormatError", m.py().get_type::<FormatError>())?;
    m.add("FilterError", m.py().get_type::<filter::FilterError>())?;
    m.add_class::<decoder::Decoder>()?;
    m.add_class::<decoder::Batch>()?;
    m.add_class::<filter::Row>()?;
    m.add_class::<message::Message>()?;
    m.add_class::<message::Report>()?;
    m.add_class::<message::Rows>()?;
    m.add_class::<domains::Suffixes>()?;
    m.add_class::<packet::Packet>()?;
    m.add_class::<tcp::Direction>()?;
    m.add_class::<tcp::Connection>()?;
    m.add_class::<tcp::TcpTable>()?;
    m.add_class::<tally::Tally>()?;
    m.add_class::<snapshot::Snapshot>()?;
    m.add_function(wrap_pyfunction!(app_names, m)?)?;
    m.add_function(wrap_pyfunction!(cipher_suite_faults, m)?)?;
    m.add_function(wrap_pyfunction!(filter::check_fields, m)?)?;
    m.add_function(wrap_pyfunction!(filter::check_filter, m)?)?;
    m.add_function(wrap_pyfunction!(filter::list_fields, m)?)?;
    m.add_function(wrap_pyfunction!(filter::find_bytes, m)?)?;
    m.add_function(wrap_pyfunction!(default_limits, m)?)
}
