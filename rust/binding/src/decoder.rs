//! `Decoder` and `Batch`.

use crate::filter::{Row, filter_error};
use crate::message::Message;
use crate::packet::Packet;
use crate::snapshot::Snapshot;
use crate::tcp::Connection;
use crate::{format_error, limits};
use pcapstream_core::app::AppPlan;
use pcapstream_core::batch;
use pcapstream_core::engine::{self, Plan};
use pcapstream_core::filter::{self, Filter, Rows, Select};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyBufferError, PyRuntimeError};
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

#[pyclass(module = "pcapstream._core")]
pub struct Decoder {
    /// None after the tables of the finished pass were moved into `last`.
    ///
    /// The lock is never waited for (every use is `&mut`): it is there because a decompressor may move between
    /// threads but not be shared by them.
    inner: Mutex<Option<engine::Decoder>>,
    last: Option<Py<Snapshot>>,
    finished: bool,
    done: bool,
    packets: u64,
    wire_bytes: u64,
    bytes_in: u64,
}

impl Decoder {
    fn inner(&mut self) -> PyResult<&mut engine::Decoder> {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        inner.as_mut().ok_or_else(|| PyRuntimeError::new_err("the pass is finished and its snapshot taken"))
    }

    fn count(&mut self) {
        if let Ok(d) = self.inner() {
            let now = (d.done(), d.counts().packets, d.counts().wire_bytes, d.bytes_in());
            (self.done, self.packets, self.wire_bytes, self.bytes_in) = now;
        }
    }
}

#[pymethods]
impl Decoder {
    #[new]
    #[pyo3(signature = (*, tcp=true, tally=true, packets=false, connections=false, max_packets=None, resync=true,
                        limits=None, apps=Vec::new(), app_ports=Vec::new(), display_filter="", frames=None, rows=false,
                        columns=Vec::new(), summaries=false, row_bytes=false, skip_matches=0, max_matches=None, search=None,
                        key_log=None))]
    #[allow(clippy::too_many_arguments)] // the parameters of the Python constructor
    fn new(
        tcp: bool,
        tally: bool,
        packets: bool,
        connections: bool,
        max_packets: Option<u64>,
        resync: bool,
        limits: Option<BTreeMap<String, u64>>,
        apps: Vec<String>,
        app_ports: Vec<(String, u16)>,
        display_filter: &str,
        frames: Option<Vec<(u64, u64)>>,
        rows: bool,
        columns: Vec<String>,
        summaries: bool,
        row_bytes: bool,
        skip_matches: u64,
        max_matches: Option<u64>,
        search: Option<(String, usize)>,
        key_log: Option<&[u8]>,
    ) -> PyResult<Self> {
        let columns = columns.iter().map(|name| filter::column(name).map_err(filter_error));
        let columns = columns.collect::<PyResult<Vec<_>>>()?;
        let rows = rows.then_some(Rows { columns, summaries, bytes: row_bytes, skip: skip_matches, max_matches });
        let filter = match display_filter.trim() {
            "" => None,
            text => Some(Arc::new(Filter::compile(text).map_err(filter_error)?)),
        };
        let search = match search {
            None => None,
            Some((pattern, reach)) => Some(Arc::new(filter::search(&pattern, reach).map_err(filter_error)?)),
        };
        let select = Select { filter, frames, rows, search };
        let apps = AppPlan { names: apps, ports: app_ports };
        let plan = Plan { tcp, tally, packets, connections, max_packets, resync, apps, select };
        let mut inner = engine::Decoder::new(plan, &self::limits(limits)?);
        if let Some(log) = key_log {
            inner.key_log(log);
        }
        Ok(Self {
            inner: Mutex::new(Some(inner)),
            last: None,
            finished: false,
            done: false,
            packets: 0,
            wire_bytes: 0,
            bytes_in: 0,
        })
    }

    fn feed(&mut self, py: Python<'_>, data: PyBuffer<u8>) -> PyResult<Batch> {
        if !data.is_c_contiguous() {
            return Err(PyBufferError::new_err("the buffer is not contiguous"));
        }
        let inner = self.inner()?;
        // SAFETY: PyBuffer checked the item type and keeps the memory exported, so it stays valid and is not resized
        // until `data` is dropped. The caller promises (stub) not to write to it while it is fed; the bytes are
        // plain u8, any value is valid.
        #[allow(unsafe_code)]
        let bytes: &[u8] = match data.len_bytes() {
            0 => &[],
            n => unsafe { std::slice::from_raw_parts(data.buf_ptr().cast::<u8>(), n) },
        };
        let result = py.detach(|| inner.feed(bytes));
        self.count();
        result.map(Batch).map_err(format_error)
    }

    fn finish(&mut self, py: Python<'_>) -> PyResult<Batch> {
        let inner = self.inner()?;
        let result = py.detach(|| inner.finish());
        self.finished = true;
        self.count();
        result.map(Batch).map_err(format_error)
    }

    #[getter]
    fn done(&self) -> bool {
        self.done
    }

    #[getter]
    fn packets(&self) -> u64 {
        self.packets
    }

    #[getter]
    fn wire_bytes(&self) -> u64 {
        self.wire_bytes
    }

    #[getter]
    fn bytes_in(&self) -> u64 {
        self.bytes_in
    }

    fn snapshot(&mut self, py: Python<'_>) -> PyResult<Py<Snapshot>> {
        if let Some(last) = &self.last {
            return Ok(last.clone_ref(py));
        }
        if self.finished
            && let Some(inner) = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner).take()
        {
            let last = Snapshot::new(py, py.detach(|| inner.into_snapshot()))?;
            self.last = Some(last.clone_ref(py));
            return Ok(last);
        }
        let inner = self.inner()?;
        // `&mut`, so that the detached closure owns the only reference.
        Snapshot::new(py, py.detach(move || inner.snapshot()))
    }
}

#[pyclass(frozen, module = "pcapstream._core")]
pub struct Batch(batch::Batch);

#[pymethods]
impl Batch {
    #[getter]
    fn frames(&self) -> u64 {
        self.0.frames
    }

    #[getter]
    fn last_ns(&self) -> Option<i64> {
        self.0.latest_ns
    }

    #[getter]
    fn packets(&self) -> Vec<Packet> {
        self.0.packets.iter().cloned().map(Packet).collect()
    }

    #[getter]
    fn connections(&self) -> Vec<Connection> {
        self.0.connections.iter().cloned().map(Connection).collect()
    }

    #[getter]
    fn rows(&self) -> Vec<Row> {
        self.0.rows.iter().cloned().map(Row).collect()
    }

    /// (link type, snapshot length, name, description) of interfaces that were not known before.
    #[getter]
    fn interfaces(&self) -> Vec<(u16, u32, Option<String>, Option<String>)> {
        let told =
            |x: &pcapstream_core::container::Interface| (x.link.0, x.snaplen, x.name.clone(), x.description.clone());
        self.0.interfaces.iter().map(told).collect()
    }

    #[getter]
    fn messages(&self) -> Vec<Message> {
        self.0.messages.iter().cloned().map(Message).collect()
    }
}
