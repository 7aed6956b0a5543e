//! `Snapshot`: the state of a pass.

use crate::message::{Message, Report};
use crate::tally::Tally;
use crate::tcp::TcpTable;
use pcapstream_core::app::kept::Kept;
use pcapstream_core::engine;
use pcapstream_core::record::Timestamp;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use std::collections::BTreeMap;
use std::sync::Arc;

#[pyclass(frozen, module = "pcapstream._core")]
pub struct Snapshot {
    facts: engine::Snapshot,
    tcp: Option<Py<TcpTable>>,
    tally: Option<Py<Tally>>,
}

impl Snapshot {
    pub fn new(py: Python<'_>, mut facts: engine::Snapshot) -> PyResult<Py<Self>> {
        let table = facts.tcp.take().map(Arc::new);
        let tally = facts.tally.take().map(|t| Tally { inner: Arc::new(t), tcp: table.clone() });
        let tally = tally.map(|t| Py::new(py, t)).transpose()?;
        let tcp = table.map(|t| Py::new(py, TcpTable(t))).transpose()?;
        Py::new(py, Self { facts, tcp, tally })
    }
}

impl Snapshot {
    /// The messages kept of a protocol family.
    pub fn kept(&self, family: &str) -> Option<&Kept> {
        self.facts.kept.iter().find(|k| k.0 == family).map(|k| &k.1)
    }
}

fn ns(t: Option<Timestamp>) -> Option<i128> {
    t.map(|t| t.secs as i128 * 1_000_000_000 + t.nanos as i128)
}

#[pymethods]
impl Snapshot {
    #[getter]
    fn tcp(&self, py: Python<'_>) -> Option<Py<TcpTable>> {
        self.tcp.as_ref().map(|t| t.clone_ref(py))
    }

    /// Frames that passed the filter; None: the pass had none.
    #[getter]
    fn matched(&self) -> Option<u64> {
        self.facts.matched
    }

    #[getter]
    fn unnumbered_datagrams(&self) -> u64 {
        self.facts.unnumbered_datagrams
    }
    #[getter]
    fn searches_let_go(&self) -> u64 {
        self.facts.searches_let_go
    }
    #[getter]
    fn stopped_by_matches(&self) -> bool {
        self.facts.stopped_by_matches
    }

    #[getter]
    fn tally(&self, py: Python<'_>) -> Option<Py<Tally>> {
        self.tally.as_ref().map(|t| t.clone_ref(py))
    }

    /// A page of the kept messages of a protocol family, decoded; `protocol` narrows to one of its protocols.
    #[pyo3(signature = (family, /, *, protocol=None, offset=0, limit=50))]
    fn messages(&self, family: &str, protocol: Option<&str>, offset: usize, limit: usize) -> Vec<Message> {
        let kept = self.facts.kept.iter().find(|k| k.0 == family);
        kept.map(|k| k.1.page(protocol, offset, limit)).unwrap_or_default().into_iter().map(Message).collect()
    }

    /// (messages kept, messages that found no room) of a protocol family.
    #[pyo3(signature = (family, /))]
    fn message_count(&self, family: &str) -> (usize, u64) {
        self.facts.kept.iter().find(|k| k.0 == family).map_or((0, 0), |k| (k.1.len(), k.1.dropped()))
    }

    /// Protocol -> what it counted in the core.
    #[getter]
    fn reports(&self) -> BTreeMap<&'static str, Report> {
        self.facts.reports.iter().map(|(name, report)| (*name, Report(report.clone()))).collect()
    }

    #[getter]
    fn capture<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (s, file, counts) = (&self.facts, &self.facts.file, &self.facts.counts);
        let d = PyDict::new(py);
        d.set_item("format", file.format)?;
        d.set_item("compression", s.compression)?;
        d.set_item("byte_order", file.byte_order)?;
        d.set_item("time_precision", file.precision)?;
        d.set_item("snaplen", file.snaplen)?;
        d.set_item("sections", file.sections)?;
        d.set_item("interfaces", self.interfaces(py)?)?;
        d.set_item("interface_count", file.interfaces_total)?;
        d.set_item("link_types", counts.links.iter().map(|l| (l.0.0, l.0.name(), l.1)).collect::<Vec<_>>())?;
        d.set_item("file_link_type", file.link.map(|l| (l.0, l.name())))?;
        d.set_item("hardware", file.hardware.as_deref().unwrap_or(""))?;
        d.set_item("os", file.os.as_deref().unwrap_or(""))?;
        d.set_item("application", file.application.as_deref().unwrap_or(""))?;
        d.set_item("comments", &file.comments)?;
        d.set_item("section_comments", &file.section_comments)?;
        d.set_item("comment_count", file.comments_total)?;
        d.set_item("packet_comment_count", file.packet_comments_total)?;
        let names = file.names.iter().map(|n| (address(&n.address), n.name.as_str()));
        d.set_item("resolved_names", names.collect::<Vec<_>>())?;
        d.set_item("resolved_name_count", file.names_total)?;
        d.set_item("secrets_blocks", file.secrets)?;
        d.set_item("custom_blocks", file.custom_blocks)?;
        d.set_item("other_blocks", file.other_blocks)?;
        d.set_item("frames", counts.frames)?;
        d.set_item("packets", counts.packets)?;
        d.set_item("recovered_packets", counts.recovered)?;
        d.set_item("captured_bytes", counts.captured_bytes)?;
        d.set_item("wire_bytes", counts.wire_bytes)?;
        d.set_item("truncated_packets", counts.truncated)?;
        d.set_item("first_ns", ns(counts.first))?;
        d.set_item("last_ns", ns(counts.last))?;
        d.set_item("earliest_ns", ns(counts.earliest))?;
        d.set_item("latest_ns", ns(counts.latest))?;
        d.set_item("time_backwards", counts.backwards)?;
        d.set_item("bytes_in", s.bytes_in)?;
        d.set_item("bytes_decoded", s.bytes_out)?;
        d.set_item("bytes_skipped", file.bytes_skipped)?;
        let damage = PyList::empty(py);
        for x in &file.damage {
            let e = PyDict::new(py);
            e.set_item("offset", x.offset)?;
            e.set_item("reason", x.reason)?;
            e.set_item("skipped", x.skipped)?;
            e.set_item("recovered", x.recovered)?;
            damage.append(e)?;
        }
        d.set_item("damage", damage)?;
        d.set_item("damage_count", file.damage_total)?;
        d.set_item("finished", s.finished)?;
        d.set_item("stopped_by_max_packets", s.stopped_by_max_packets)?;
        Ok(d)
    }
}

impl Snapshot {
    fn interfaces<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for (i, x) in self.facts.file.interfaces.iter().enumerate() {
            let d = PyDict::new(py);
            d.set_item("link_type", x.link.0)?;
            d.set_item("link_name", x.link.name())?;
            d.set_item("snaplen", x.snaplen)?;
            d.set_item("time_units_per_second", x.units_per_second)?;
            d.set_item("packets", self.facts.counts.interfaces.get(i).copied().unwrap_or(0))?;
            let texts = [
                ("name", &x.name),
                ("description", &x.description),
                ("filter", &x.filter),
                ("hardware", &x.hardware),
                ("os", &x.os),
            ];
            for (key, value) in texts {
                if let Some(v) = value {
                    d.set_item(key, v)?;
                }
            }
            for (key, value) in [("received", x.received), ("dropped", x.dropped)] {
                if let Some(v) = value {
                    d.set_item(key, v)?;
                }
            }
            list.append(d)?;
        }
        Ok(list)
    }
}

fn address(bytes: &[u8]) -> String {
    if let Ok(b) = <[u8; 4]>::try_from(bytes) {
        std::net::Ipv4Addr::from(b).to_string()
    } else if let Ok(b) = <[u8; 16]>::try_from(bytes) {
        std::net::Ipv6Addr::from(b).to_string()
    } else {
        String::new()
    }
}
