//! `Tally`: the per-packet counters.

use crate::message::to_python;
use foldhash::fast::RandomState;
use pcapstream_core::addr::MacAddr;
use pcapstream_core::flow::ConnectionTable;
use pcapstream_core::flow::connection::Connection;
use pcapstream_core::limits::Limits;
use pcapstream_core::tally::{
    self, NameKind, Pair, PairCounts, PairTable, UdpEnd, endpoints_of, page_of, page_of_many,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

type ConversationRow = (String, String, u64, u64, u64, u64, i64, i64);
type EndpointRow = (String, u64, u64, u64, u64);

#[pyclass(frozen, module = "pcapstream._core")]
pub struct Tally {
    pub inner: Arc<tally::Tally>,
    /// TCP conversations are the connections.
    pub tcp: Option<Arc<ConnectionTable>>,
}

/// An end of a conversation as text.
trait End: tally::End {
    fn text(self) -> String;
}
impl End for MacAddr {
    fn text(self) -> String {
        self.to_string()
    }
}
impl End for [u8; 4] {
    fn text(self) -> String {
        std::net::Ipv4Addr::from(self).to_string()
    }
}
impl End for [u8; 16] {
    fn text(self) -> String {
        std::net::Ipv6Addr::from(self).to_string()
    }
}
impl End for UdpEnd {
    fn text(self) -> String {
        format!("{}:{}", self.0, self.1)
    }
}

fn row<K: End>(p: Pair<K>) -> ConversationRow {
    (p.a.text(), p.b.text(), p.frames[0], p.bytes[0], p.frames[1], p.bytes[1], p.first_ns, p.last_ns)
}

fn rows<K: End>(table: &PairTable<K>, by_frames: bool, offset: usize, limit: usize) -> Vec<ConversationRow> {
    let size = |p: &PairCounts| if by_frames { p.frames[0] + p.frames[1] } else { p.bytes[0] + p.bytes[1] };
    table.top(size, offset, limit).into_iter().map(row).collect()
}

fn ends<K: End>(all: Vec<(K, [u64; 4])>, by_frames: bool, offset: usize, limit: usize) -> Vec<EndpointRow> {
    let size = |c: &[u64; 4]| if by_frames { c[0] + c[2] } else { c[1] + c[3] };
    let page = page_of(all, |(k, c)| (Reverse(size(c)), *k), offset, limit);
    page.into_iter().map(|(k, c)| (k.text(), c[0], c[1], c[2], c[3])).collect()
}

/// A connection as a conversation.
fn tcp_pair(c: Connection) -> Pair<UdpEnd> {
    let ends = [(c.client, c.client_port), (c.server, c.server_port)];
    let (a, b) = if c.client_first { (0, 1) } else { (1, 0) };
    Pair {
        a: ends[a],
        b: ends[b],
        frames: [c.dirs[a].packets as u64, c.dirs[b].packets as u64],
        bytes: [c.dirs[a].bytes, c.dirs[b].bytes],
        first_ns: c.first_ns,
        last_ns: c.last_ns,
    }
}

impl Tally {
    fn tcp(&self) -> PyResult<&ConnectionTable> {
        self.tcp.as_deref().ok_or_else(|| PyValueError::new_err("TCP was not analysed in this pass"))
    }
}

fn by_frames(order: &str) -> PyResult<bool> {
    match order {
        "frames" => Ok(true),
        "bytes" => Ok(false),
        _ => Err(PyValueError::new_err("order is \"bytes\" or \"frames\"")),
    }
}

fn no_kind() -> PyErr {
    PyValueError::new_err("kind is \"eth\", \"ip\", \"ipv6\", \"tcp\" or \"udp\"")
}

/// The table of a kind, or the TCP branch.
macro_rules! of_kind {
    ($self:ident, $kind:ident, $table:ident => $pairs:expr, $tcp:ident => $connections:expr) => {
        match $kind {
            "eth" => {
                let $table = &$self.inner.eth;
                Ok($pairs)
            }
            "ip" => {
                let $table = &$self.inner.ip;
                Ok($pairs)
            }
            "ipv6" => {
                let $table = &$self.inner.ipv6;
                Ok($pairs)
            }
            "udp" => {
                let $table = &$self.inner.udp;
                Ok($pairs)
            }
            "tcp" => {
                let $tcp = $self.tcp()?;
                Ok($connections)
            }
            _ => Err(no_kind()),
        }
    };
}

#[pymethods]
impl Tally {
    #[staticmethod]
    fn empty() -> Self {
        Self { inner: Arc::new(tally::Tally::new(&Limits::default())), tcp: Some(Arc::new(ConnectionTable::empty())) }
    }

    fn merge(&self, py: Python<'_>, other: &Self) -> Self {
        py.detach(|| {
            let mut inner = (*self.inner).clone();
            inner.merge(&other.inner);
            let tcp = match (&self.tcp, &other.tcp) {
                (Some(a), Some(b)) => Some(Arc::new(a.merge(b))),
                (a, b) => a.clone().or_else(|| b.clone()),
            };
            Self { inner: Arc::new(inner), tcp }
        })
    }

    fn hierarchy(&self) -> Vec<(String, u64, u64)> {
        let text = |p: Vec<pcapstream_core::layers::Proto>| p.iter().map(|p| p.name()).collect::<Vec<_>>().join(":");
        let mut out: Vec<_> = self.inner.paths.leaves().into_iter().map(|(p, f, b)| (text(p), f, b)).collect();
        out.sort();
        out
    }

    fn protocols(&self) -> BTreeMap<&'static str, u64> {
        self.inner.paths.protocols().into_iter().map(|(p, n)| (p.name(), n)).collect()
    }

    #[pyo3(signature = (kind, /, *, order="bytes", offset=0, limit=None))]
    fn conversations(
        &self,
        kind: &str,
        order: &str,
        offset: usize,
        limit: Option<usize>,
    ) -> PyResult<Vec<ConversationRow>> {
        let (by_frames, limit) = (by_frames(order)?, limit.unwrap_or(usize::MAX));
        of_kind!(self, kind, t => rows(t, by_frames, offset, limit), c => {
            let size = |p: Pair<UdpEnd>| if by_frames { p.frames[0] + p.frames[1] } else { p.bytes[0] + p.bytes[1] };
            let sized = c.iter().map(tcp_pair).map(size).zip(0..);
            let page = page_of_many(sized, |&(size, rank)| (Reverse(size), rank), offset, limit);
            page.into_iter().filter_map(|(_, rank)| c.get(rank)).map(|c| row(tcp_pair(c))).collect()
        })
    }

    #[pyo3(signature = (kind, /))]
    fn conversation_count(&self, kind: &str) -> PyResult<(usize, bool)> {
        of_kind!(self, kind, t => (t.held(), t.is_full()), c => (c.len(), c.evicted() > 0))
    }

    #[pyo3(signature = (kind, /))]
    fn conversation_totals(&self, kind: &str) -> PyResult<(u64, u64)> {
        of_kind!(self, kind, t => (t.totals().frames, t.totals().bytes), c => {
            let t = c.totals(&Default::default());
            (t.packets[0] + t.packets[1], t.bytes[0] + t.bytes[1])
        })
    }

    #[pyo3(signature = (kind, /, *, order="bytes", offset=0, limit=None))]
    fn endpoints(&self, kind: &str, order: &str, offset: usize, limit: Option<usize>) -> PyResult<Vec<EndpointRow>> {
        let (by_frames, limit) = (by_frames(order)?, limit.unwrap_or(usize::MAX));
        of_kind!(self, kind, t => ends(t.endpoints(), by_frames, offset, limit), c => {
            ends(endpoints_of(c.iter().map(tcp_pair)), by_frames, offset, limit)
        })
    }

    #[pyo3(signature = (kind, /))]
    fn endpoint_count(&self, kind: &str) -> PyResult<(usize, bool)> {
        of_kind!(self, kind, t => (t.ends(), t.is_full()), c => {
            let both = |c: Connection| [(c.client, c.client_port), (c.server, c.server_port)];
            let ends: HashSet<UdpEnd, RandomState> = c.iter().flat_map(both).collect();
            (ends.len(), c.evicted() > 0)
        })
    }

    fn ip_addresses(&self) -> (usize, bool) {
        self.inner.ip_addresses()
    }

    fn buckets(&self) -> (i64, i64, Vec<(u64, u64)>) {
        let b = &self.inner.buckets;
        (b.width_ns(), b.start_ns(), b.counts().map(|c| (c[0], c[1])).collect())
    }

    #[pyo3(signature = (kind, /, limit=50))]
    fn names(&self, kind: &str, limit: usize) -> PyResult<Vec<(String, u64)>> {
        let kind = NameKind::ALL.iter().find(|k| k.1 == kind);
        let kind = kind.ok_or_else(|| PyValueError::new_err("no such kind of name"))?.0;
        Ok(self.inner.names.top(kind, limit).into_iter().map(|(n, c)| (n.to_owned(), c)).collect())
    }

    /// What IP headers say of the path.
    fn network<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.inner.network.value())
    }

    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyDict>> {
        let (t, d) = (&*self.inner, pyo3::types::PyDict::new(py));
        d.set_item("frames", t.frames)?;
        d.set_item("frames_truncated", t.truncated)?;
        d.set_item("ip_fragments", t.ip_fragments)?;
        d.set_item("ipv6_fragments", t.ipv6_fragments)?;
        d.set_item("short", t.short)?;
        d.set_item("malformed", t.malformed)?;
        d.set_item("too_deep", t.too_deep)?;
        d.set_item("hierarchy_cut_frames", t.paths.cut_frames())?;
        d.set_item("vlan_ids", t.vlans().collect::<BTreeMap<_, _>>())?;
        d.set_item("interfaces", t.interfaces().collect::<BTreeMap<_, _>>())?;
        let counts = NameKind::ALL.map(|(k, name)| (name, t.names.len(k)));
        d.set_item("names", counts.into_iter().collect::<BTreeMap<_, _>>())?;
        Ok(d)
    }
}
