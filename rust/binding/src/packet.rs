//! `Packet`: header values of one packet.

use pcapstream_core::batch::{PacketHeader, TcpValues};
use pcapstream_core::flow::connection::event;
use pyo3::prelude::*;

#[pyclass(frozen, module = "pcapstream._core")]
pub struct Packet(pub PacketHeader);

impl Packet {
    fn tcp(&self) -> Option<&TcpValues> {
        self.0.transport.as_ref()?.tcp.as_ref()
    }
}

#[pymethods]
impl Packet {
    #[getter]
    fn number(&self) -> u64 {
        self.0.number
    }
    #[getter]
    fn time_ns(&self) -> i64 {
        self.0.time_ns
    }
    #[getter]
    fn wire_bytes(&self) -> u32 {
        self.0.wire_bytes
    }
    #[getter]
    fn captured_bytes(&self) -> u32 {
        self.0.captured_bytes
    }
    #[getter]
    fn protocols<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyTuple>> {
        pyo3::types::PyTuple::new(py, self.0.path.iter().map(|p| p.name()))
    }
    #[getter]
    fn eth_src(&self) -> Option<String> {
        self.0.eth.map(|e| e.0.to_string())
    }
    #[getter]
    fn eth_dst(&self) -> Option<String> {
        self.0.eth.map(|e| e.1.to_string())
    }
    #[getter]
    fn ip_src(&self) -> Option<String> {
        self.0.ip.map(|i| i.0.to_string())
    }
    #[getter]
    fn ip_dst(&self) -> Option<String> {
        self.0.ip.map(|i| i.1.to_string())
    }
    #[getter]
    fn ttl(&self) -> Option<u8> {
        self.0.ip.map(|i| i.2)
    }
    #[getter]
    fn transport(&self) -> Option<&'static str> {
        self.0.transport.map(|t| t.proto.name())
    }
    #[getter]
    fn src_port(&self) -> Option<u16> {
        self.0.transport.map(|t| t.src_port)
    }
    #[getter]
    fn dst_port(&self) -> Option<u16> {
        self.0.transport.map(|t| t.dst_port)
    }
    #[getter]
    fn payload_bytes(&self) -> Option<u32> {
        self.0.transport.and_then(|t| t.payload_bytes)
    }
    #[getter]
    fn tcp_seq(&self) -> Option<u32> {
        self.tcp().map(|t| t.seq)
    }
    #[getter]
    fn tcp_ack(&self) -> Option<u32> {
        self.tcp().map(|t| t.ack)
    }
    #[getter]
    fn tcp_flags(&self) -> Option<u16> {
        self.tcp().map(|t| t.flags)
    }
    #[getter]
    fn tcp_window(&self) -> Option<u16> {
        self.tcp().map(|t| t.window)
    }
    #[getter]
    fn tcp_stream(&self) -> Option<u32> {
        self.tcp()?.verdict.map(|v| v.0)
    }
    #[getter]
    fn tcp_events<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyTuple>> {
        let bits = self.tcp().and_then(|t| t.verdict).map_or(0, |v| v.1);
        let names: Vec<_> = (0..event::COUNT).filter(|i| bits >> i & 1 == 1).map(|i| event::NAMES[i]).collect();
        pyo3::types::PyTuple::new(py, names)
    }
    #[getter]
    fn interface(&self) -> Option<u32> {
        self.0.interface
    }
    #[getter]
    fn recovered(&self) -> bool {
        self.0.recovered
    }
    fn __repr__(&self) -> String {
        format!("<Packet {} at {} ns, {} bytes>", self.0.number, self.0.time_ns, self.0.wire_bytes)
    }
}
