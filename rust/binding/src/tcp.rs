//! `TcpTable`, `Connection`, `Direction`.

use crate::message::{outline, to_python};
use pcapstream_core::addr::IpAddr;
use pcapstream_core::flow::connection::{self, ClientKnownBy, Close, Handshake, event};
use pcapstream_core::flow::{
    ConnectionTable, EVIDENCE_NAMES, Filter, Having, Order, ResetAfter, ServerOrder, Thresholds, Totals,
};
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

#[pyclass(frozen, module = "pcapstream._core")]
pub struct TcpTable(pub Arc<ConnectionTable>);

fn filter(address: Option<&str>, port: Option<u16>) -> PyResult<Filter> {
    let address = match address {
        Some(text) => {
            let parsed: std::net::IpAddr =
                text.parse().map_err(|_| PyValueError::new_err("address is not an IPv4 or IPv6 address"))?;
            Some(IpAddr::from_std(parsed))
        }
        None => None,
    };
    Ok(Filter { address, port })
}

fn having(name: Option<&str>) -> PyResult<Option<Having>> {
    match name {
        Some(n) => Ok(Some(Having::from_name(n).ok_or_else(|| PyValueError::new_err("no such state or event"))?)),
        None => Ok(None),
    }
}

/// The sums by name, as the stub lists them.
fn named(t: &Totals) -> BTreeMap<String, u64> {
    let mut out = BTreeMap::new();
    let mut both = |name: &str, [a, b]: [u64; 2]| {
        out.insert(format!("{name}_to_server"), a);
        out.insert(format!("{name}_to_client"), b);
    };
    both("packets", t.packets);
    both("bytes", t.bytes);
    both("payload", t.payload);
    both("data", t.data);
    both("fin", t.fin);
    both("rst", t.rst);
    for (name, counts) in event::NAMES.iter().zip(t.events) {
        both(name, counts);
    }
    for (name, n) in event::NAMES.iter().zip(t.connections_with) {
        out.insert(format!("connections_with_{name}"), n);
    }
    let single = [
        ("connections", t.connections),
        ("packets", t.packets[0] + t.packets[1]),
        ("bytes", t.bytes[0] + t.bytes[1]),
        ("syn", t.syn),
        ("syn_ack", t.syn_ack),
        ("ack", t.ack),
        ("mid_stream", t.mid_stream),
        ("syn_only", t.syn_only),
        ("refused", t.refused),
        ("half_open", t.half_open),
        ("complete", t.complete),
        ("open", t.open),
        ("fin", t.fin_closed),
        ("half_closed", t.half_closed),
        ("reset", t.reset),
        ("idle", t.idle),
        ("reset_by_client", t.reset_by[0]),
        ("reset_by_server", t.reset_by[1]),
        ("syn_again", t.syn_again[0]),
        ("connections_with_syn_again", t.syn_again[1]),
        ("unscaled", t.unscaled),
        ("reset_elsewhere", t.reset_elsewhere),
    ];
    out.extend(ResetAfter::NAMES.iter().zip(t.reset_after).map(|(name, n)| (format!("reset_after_{name}"), n)));
    out.extend(single.map(|(name, n)| (name.to_owned(), n)));
    out
}

#[pymethods]
impl TcpTable {
    #[staticmethod]
    fn empty() -> Self {
        Self(Arc::new(ConnectionTable::empty()))
    }

    fn merge(&self, py: Python<'_>, other: &Self) -> Self {
        py.detach(|| Self(Arc::new(self.0.merge(&other.0))))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    #[getter]
    fn evicted(&self) -> u64 {
        self.0.evicted()
    }

    #[pyo3(signature = (address=None, port=None, /))]
    fn totals(&self, py: Python<'_>, address: Option<&str>, port: Option<u16>) -> PyResult<BTreeMap<String, u64>> {
        let f = filter(address, port)?;
        Ok(py.detach(|| named(&self.0.totals(&f))))
    }

    #[pyo3(signature = (address=None, port=None, /, *, order="stream", having=None, offset=0, limit=50))]
    #[allow(clippy::too_many_arguments)] // the parameters of the Python method
    fn connections(
        &self,
        py: Python<'_>,
        address: Option<&str>,
        port: Option<u16>,
        order: &str,
        having: Option<&str>,
        offset: usize,
        limit: usize,
    ) -> PyResult<Vec<Connection>> {
        let (f, h) = (filter(address, port)?, self::having(having)?);
        let order = Order::from_name(order).ok_or_else(|| PyValueError::new_err("no such order"))?;
        Ok(py.detach(|| self.0.select(&f, h, order, offset, limit).into_iter().map(Connection).collect()))
    }

    #[pyo3(signature = (address=None, port=None, /, *, having=None))]
    fn count(&self, py: Python<'_>, address: Option<&str>, port: Option<u16>, having: Option<&str>) -> PyResult<usize> {
        let (f, h) = (filter(address, port)?, self::having(having)?);
        Ok(py.detach(|| self.0.count(&f, h)))
    }

    #[pyo3(signature = (*, having=None, ports=Vec::new(), order="connections", limit=50))]
    fn servers<'py>(
        &self,
        py: Python<'py>,
        having: Option<&str>,
        ports: Vec<u16>,
        order: &str,
        limit: usize,
    ) -> PyResult<(usize, Bound<'py, PyAny>)> {
        let having = self::having(having)?;
        let order = ServerOrder::from_name(order).ok_or_else(|| PyValueError::new_err("no such order"))?;
        let (total, rows) = py.detach(|| self.0.servers(having, &ports, order, limit));
        Ok((total, outline(py, &rows)?))
    }

    #[pyo3(signature = (*, looked_at, least, login_ports, guess_bytes, cleartext_ports, flood_ns, guessing_ns))]
    #[allow(clippy::too_many_arguments)] // the parameters of the Python method
    fn suspects<'py>(
        &self,
        py: Python<'py>,
        looked_at: usize,
        least: BTreeMap<String, u64>,
        login_ports: Vec<u16>,
        guess_bytes: u64,
        cleartext_ports: Vec<u16>,
        flood_ns: i64,
        guessing_ns: i64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let named = |name: &str| least.get(name).copied().ok_or_else(|| PyKeyError::new_err(name.to_owned()));
        let thresholds = Thresholds {
            looked_at,
            scan_ports: named("scan_ports")? as usize,
            scan_hosts: named("scan_hosts")? as usize,
            syn_flood_count: named("syn_flood_count")? as usize,
            brute_force_count: named("brute_force_count")? as usize,
            beacon_count: named("beacon_count")? as usize,
            exfil_bytes: named("exfil_bytes")?,
            login_ports,
            guess_bytes,
            cleartext_ports,
            flood_ns,
            guessing_ns,
        };
        let found = py.detach(|| self.0.suspects(&thresholds));
        to_python(py, &found)
    }

    fn rtts<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let [up, down] = py.detach(|| self.0.rtts());
        Ok((to_python(py, &up)?, to_python(py, &down)?))
    }

    #[pyo3(signature = (ports=Vec::new(), /))]
    fn turns(&self, py: Python<'_>, ports: Vec<u16>) -> (u32, u64, u64, u64, u64, u64) {
        let (t, connections) = py.detach(|| self.0.turns(&ports));
        (t.count, t.sum_ns, t.min_ns, t.max_ns, t.max_frame, connections)
    }

    #[pyo3(signature = (name, /))]
    fn frames(&self, name: &str) -> PyResult<Vec<u64>> {
        let kind = EVIDENCE_NAMES.iter().position(|n| *n == name);
        let kind = kind.ok_or_else(|| PyValueError::new_err("no such event"))?;
        Ok(self.0.frames(kind).to_vec())
    }

    #[pyo3(signature = (address=None, port=None, /))]
    fn initial_rtts(&self, py: Python<'_>, address: Option<&str>, port: Option<u16>) -> PyResult<Vec<u64>> {
        let f = filter(address, port)?;
        Ok(py.detach(|| self.0.initial_rtts(&f)))
    }
}

#[pyclass(frozen, module = "pcapstream._core")]
pub struct Connection(pub connection::Connection);

fn frame(number: u64) -> Option<u64> {
    (number > 0).then_some(number)
}

impl Connection {
    fn direction(&self, d: usize) -> Direction {
        Direction { counts: self.0.dirs[d], events: self.0.events.as_ref().map_or([0; event::COUNT], |e| e.count[d]) }
    }
}

#[pymethods]
impl Connection {
    #[getter]
    fn stream(&self) -> u32 {
        self.0.stream
    }
    #[getter]
    fn client_ip(&self) -> String {
        self.0.client.to_string()
    }
    #[getter]
    fn client_port(&self) -> u16 {
        self.0.client_port
    }
    #[getter]
    fn server_ip(&self) -> String {
        self.0.server.to_string()
    }
    #[getter]
    fn server_port(&self) -> u16 {
        self.0.server_port
    }
    #[getter]
    fn client_first(&self) -> bool {
        self.0.client_first
    }
    #[getter]
    fn client_known_by(&self) -> &'static str {
        match self.0.known_by {
            ClientKnownBy::Syn => "syn",
            ClientKnownBy::SynAck => "syn_ack",
            ClientKnownBy::Port => "port",
            ClientKnownBy::FirstPacket => "first_packet",
        }
    }
    #[getter]
    fn handshake(&self) -> &'static str {
        match self.0.handshake {
            Handshake::MidStream => "mid_stream",
            Handshake::SynOnly => "syn_only",
            Handshake::Refused => "refused",
            Handshake::HalfOpen => "half_open",
            Handshake::Complete => "complete",
        }
    }
    #[getter]
    fn close(&self) -> &'static str {
        match self.0.close {
            Close::Open => "open",
            Close::Fin => "fin",
            Close::HalfClosed => "half_closed",
            Close::Reset => "reset",
            Close::Idle => "idle",
        }
    }
    #[getter]
    fn closed_by(&self) -> Option<&'static str> {
        self.0.closed_by.map(|d| if d == 0 { "client" } else { "server" })
    }
    #[getter]
    fn first_ns(&self) -> i64 {
        self.0.first_ns
    }
    #[getter]
    fn last_ns(&self) -> i64 {
        self.0.last_ns
    }
    #[getter]
    fn first_frame(&self) -> u64 {
        self.0.first_frame
    }
    #[getter]
    fn last_frame(&self) -> u64 {
        self.0.last_frame
    }
    #[getter]
    fn syn_frame(&self) -> Option<u64> {
        frame(self.0.syn_frame)
    }
    #[getter]
    fn syn_ack_frame(&self) -> Option<u64> {
        frame(self.0.syn_ack_frame)
    }
    #[getter]
    fn fin_frame(&self) -> Option<u64> {
        frame(self.0.fin_frame)
    }
    #[getter]
    fn rst_frame(&self) -> Option<u64> {
        frame(self.0.rst_frame)
    }
    #[getter]
    fn initial_rtt_ns(&self) -> Option<u64> {
        self.0.initial_rtt_ns
    }
    #[getter]
    fn response_count(&self) -> u32 {
        self.0.turns.count
    }
    #[getter]
    fn response_mean_ns(&self) -> Option<u64> {
        self.0.turns.sum_ns.checked_div(self.0.turns.count as u64)
    }
    #[getter]
    fn response_min_ns(&self) -> Option<u64> {
        (self.0.turns.count > 0).then_some(self.0.turns.min_ns)
    }
    #[getter]
    fn response_max_ns(&self) -> Option<u64> {
        (self.0.turns.count > 0).then_some(self.0.turns.max_ns)
    }
    #[getter]
    fn response_max_frame(&self) -> Option<u64> {
        frame(self.0.turns.max_frame)
    }
    #[getter]
    fn network_ns(&self) -> Option<u64> {
        self.0.network_ns()
    }
    #[getter]
    fn reset_after(&self) -> Option<&'static str> {
        self.0.reset.after.index().map(|at| ResetAfter::NAMES[at])
    }
    #[getter]
    fn reset_ttl(&self) -> Option<u8> {
        self.0.reset.after.index().map(|_| self.0.reset.ttl)
    }
    #[getter]
    fn reset_usual_ttl(&self) -> Option<u8> {
        (self.0.reset.usual_ttl > 0).then_some(self.0.reset.usual_ttl)
    }
    #[getter]
    fn reset_seq_gap(&self) -> Option<i32> {
        self.0.reset.seq_gap
    }
    #[getter]
    fn reset_elsewhere(&self) -> bool {
        self.0.reset.is_elsewhere()
    }
    #[getter]
    fn to_server(&self) -> Direction {
        self.direction(0)
    }
    #[getter]
    fn to_client(&self) -> Direction {
        self.direction(1)
    }
    #[getter]
    fn event_frames(&self) -> BTreeMap<&'static str, u64> {
        let first = self.0.events.as_ref().map_or([0; event::COUNT], |e| e.first_frame);
        event::NAMES.into_iter().zip(first).filter(|e| e.1 > 0).collect()
    }
    fn __repr__(&self) -> String {
        let c = &self.0;
        format!("<Connection {}: {}:{} to {}:{}>", c.stream, c.client, c.client_port, c.server, c.server_port)
    }
}

#[pyclass(frozen, module = "pcapstream._core")]
pub struct Direction {
    counts: connection::Direction,
    events: [u32; event::COUNT],
}

#[pymethods]
impl Direction {
    #[getter]
    fn packets(&self) -> u32 {
        self.counts.packets
    }
    #[getter]
    fn data_packets(&self) -> u32 {
        self.counts.data_packets
    }
    #[getter]
    fn bytes(&self) -> u64 {
        self.counts.bytes
    }
    #[getter]
    fn payload_bytes(&self) -> u64 {
        self.counts.payload_bytes
    }
    #[getter]
    fn syn(&self) -> u32 {
        self.counts.syn
    }
    #[getter]
    fn syn_ack(&self) -> u32 {
        self.counts.syn_ack
    }
    #[getter]
    fn ack(&self) -> u32 {
        self.counts.ack
    }
    #[getter]
    fn fin(&self) -> u32 {
        self.counts.fin
    }
    #[getter]
    fn rst(&self) -> u32 {
        self.counts.rst
    }
    #[getter]
    fn mss(&self) -> Option<u16> {
        self.counts.mss
    }
    #[getter]
    fn window_scale(&self) -> Option<u8> {
        self.counts.window_scale
    }
    #[getter]
    fn sack_permitted(&self) -> bool {
        self.counts.sack_permitted
    }
    #[getter]
    fn max_window(&self) -> u32 {
        self.counts.max_window
    }
    #[getter]
    fn min_window(&self) -> u32 {
        self.counts.min_window
    }
    #[getter]
    fn rtt_count(&self) -> u32 {
        self.counts.rtt_count
    }
    #[getter]
    fn rtt_mean_ns(&self) -> Option<u64> {
        self.counts.rtt_sum_ns.checked_div(self.counts.rtt_count as u64)
    }
    #[getter]
    fn rtt_min_ns(&self) -> Option<u64> {
        (self.counts.rtt_count > 0).then_some(self.counts.rtt_min_ns)
    }
    #[getter]
    fn rtt_max_ns(&self) -> Option<u64> {
        (self.counts.rtt_count > 0).then_some(self.counts.rtt_max_ns)
    }
    #[getter]
    fn events(&self) -> BTreeMap<&'static str, u32> {
        event::NAMES.into_iter().zip(self.events).filter(|e| e.1 > 0).collect()
    }
}
