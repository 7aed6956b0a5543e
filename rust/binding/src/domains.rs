//! `Suffixes`: registered domains, of names and of what a pass counted of DNS.

use crate::message::{Report, outline};
use crate::snapshot::Snapshot;
use pcapstream_core::app::dns::{below, suffix};
use pyo3::prelude::*;

#[pyclass(frozen, module = "pcapstream._core")]
pub struct Suffixes(suffix::Suffixes);

#[pymethods]
impl Suffixes {
    #[new]
    fn new(list: &[u8]) -> Self {
        Self(suffix::Suffixes::read(&String::from_utf8_lossy(list)))
    }

    fn registered(&self, name: &str) -> Option<String> {
        self.0.registered(&name.to_lowercase()).map(str::to_owned)
    }

    #[pyo3(signature = (report, /))]
    fn domains<'py>(&self, py: Python<'py>, report: &Report) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = py.detach(|| below::domains(&*report.0, &self.0));
        found.map(|found| outline(py, &found)).transpose()
    }

    #[pyo3(signature = (report, parts, /, *, long_query, least_names, high_volume))]
    fn tunnelling<'py>(
        &self,
        py: Python<'py>,
        report: &Report,
        parts: Vec<Bound<'py, Snapshot>>,
        long_query: usize,
        least_names: u64,
        high_volume: u64,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let parts: Vec<&Snapshot> = parts.iter().map(Bound::get).collect();
        let limits = below::Limits { long_query, least_names, high_volume };
        let found = py.detach(|| {
            let kept = parts.iter().filter_map(|part| part.kept("dns"));
            below::tunnelling(&*report.0, kept, &self.0, limits)
        });
        found.map(|found| outline(py, &found)).transpose()
    }
}
