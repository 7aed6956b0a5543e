//! All connections of a pass, as a value that views read, merge and share.

use super::cold::Cold;
use super::connection::{Connection, event};
use super::filter::{Filter, Having, Order, Weight};
use super::servers::{AllTurns, Sum};
use super::totals::Totals;
use std::sync::{Arc, OnceLock};

/// Kinds of which the first frames are kept: the analysis events, then SYN, SYN+ACK, FIN and RST segments.
pub const EVIDENCE_KINDS: usize = event::COUNT + 4;
/// Their names, in the order of the kind numbers that [`ConnectionTable::frames`] takes.
pub const EVIDENCE_NAMES: [&str; EVIDENCE_KINDS] = {
    let mut names = [""; EVIDENCE_KINDS];
    let mut i = 0;
    while i < event::COUNT {
        names[i] = event::NAMES[i];
        i += 1;
    }
    names[i] = "syn";
    names[i + 1] = "syn_ack";
    names[i + 2] = "fin";
    names[i + 3] = "rst";
    names
};

/// First frames of each kind, ascending.
pub(super) type Evidence = [Vec<u64>; EVIDENCE_KINDS];

/// Connections of one pass, in stream order.
#[derive(Debug)]
pub(super) enum Part {
    /// As the pass packed them; `end_ns`: its last packet time.
    Packed {
        cold: Cold,
        places: Vec<u32>,
        end_ns: i64,
    },
    Plain(Vec<Connection>),
}

impl Part {
    pub fn packed(cold: Cold, end_ns: i64) -> Self {
        let (cold, places) = cold.into_table();
        Self::Packed { cold, places, end_ns }
    }

    pub fn plain(mut connections: Vec<Connection>) -> Self {
        connections.sort_unstable_by_key(|c| c.stream);
        Self::Plain(connections)
    }

    fn len(&self) -> usize {
        match self {
            Self::Packed { places, .. } => places.len(),
            Self::Plain(connections) => connections.len(),
        }
    }

    fn get(&self, at: usize) -> Option<Connection> {
        match self {
            Self::Packed { cold, places, end_ns } => cold.connection(*places.get(at)?, *end_ns),
            Self::Plain(connections) => connections.get(at).cloned(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = Connection> + '_ {
        (0..self.len()).filter_map(|at| self.get(at))
    }

    fn initial_rtts(&self, out: &mut Vec<u64>) {
        match self {
            Self::Packed { cold, places, .. } => out.extend(places.iter().filter_map(|&place| cold.initial_rtt(place))),
            Self::Plain(connections) => out.extend(connections.iter().filter_map(|c| c.initial_rtt_ns)),
        }
    }

    fn memory_bytes(&self) -> usize {
        match self {
            Self::Packed { cold, places, .. } => cold.held() + places.capacity() * size_of::<u32>(),
            Self::Plain(connections) => connections.capacity() * size_of::<Connection>(),
        }
    }
}

/// Sums over all connections.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    /// The dropped ones included.
    totals: Totals,
    /// Connections that have a property, by its number.
    having: [usize; Having::COUNT],
    pub rtts: [Sum; 2],
    pub turns: AllTurns,
}

impl Default for Whole {
    fn default() -> Self {
        Self {
            totals: Totals::default(),
            having: [0; Having::COUNT],
            rtts: Default::default(),
            turns: AllTurns::default(),
        }
    }
}

impl Whole {
    fn add(&mut self, c: &Connection) {
        self.totals.add(c);
        let having = &mut self.having;
        Having::each_of(c, |h| h.index().and_then(|at| having.get_mut(at)).into_iter().for_each(|n| *n += 1));
        for (sum, d) in self.rtts.iter_mut().zip(&c.dirs) {
            sum.add(d.rtt_count, d.rtt_sum_ns, d.rtt_min_ns, d.rtt_max_ns);
        }
        self.turns.add(c);
    }
}

/// Connections in stream order (after a merge: those of the first part, then those of the second), and sums that stay
/// exact beyond the limit. Cloning shares the connections.
#[derive(Clone, Debug)]
pub struct ConnectionTable {
    parts: Vec<Arc<Part>>,
    /// Position of the first connection of each part.
    starts: Vec<usize>,
    /// Stream order as positions in the concatenated parts. Empty: the parts are in order.
    order: Arc<Vec<u32>>,
    len: usize,
    /// Sums over the connections that were dropped.
    dropped: Totals,
    evidence: Arc<Evidence>,
    max_connections: usize,
    max_evidence: usize,
    /// Sums over all of them, once somebody asked.
    whole: OnceLock<Box<Whole>>,
}

impl ConnectionTable {
    /// Nothing seen, no limit of its own: what [`merge`](Self::merge) starts from.
    pub fn empty() -> Self {
        Self::new(Vec::new(), Totals::default(), Evidence::default(), usize::MAX, usize::MAX)
    }

    /// Connections of each part in the order of their streams, each stream once.
    pub(super) fn new(
        parts: Vec<Part>,
        dropped: Totals,
        evidence: Evidence,
        max_connections: usize,
        max_evidence: usize,
    ) -> Self {
        let parts: Vec<Arc<Part>> = parts.into_iter().filter(|part| part.len() > 0).map(Arc::new).collect();
        let len = parts.iter().map(|part| part.len()).sum();
        let mut order = Vec::new();
        if parts.len() > 1 {
            let streams: Vec<u32> = parts.iter().flat_map(|part| part.iter()).map(|c| c.stream).collect();
            order = (0..streams.len() as u32).collect();
            order.sort_unstable_by_key(|&at| streams.get(at as usize));
        }
        Self {
            len,
            starts: starts(&parts),
            parts,
            order: Arc::new(order),
            dropped,
            evidence: Arc::new(evidence),
            max_connections,
            max_evidence,
            whole: OnceLock::new(),
        }
    }

    /// Connections of both; stream and frame numbers are those of each part. Associative. Beyond the smaller limit of
    /// the two the last connections are dropped and counted.
    pub fn merge(&self, other: &Self) -> Self {
        let max_connections = self.max_connections.min(other.max_connections);
        let max_evidence = self.max_evidence.min(other.max_evidence);
        let mut dropped = self.dropped.clone();
        dropped.merge(&other.dropped);
        let mut len = self.len + other.len;
        if len > max_connections {
            self.iter().chain(other.iter()).skip(max_connections).for_each(|c| dropped.add(&c));
            len = max_connections;
        }
        let stored = self.stored();
        let mut order = Vec::new();
        if !self.order.is_empty() || !other.order.is_empty() || self.len < stored {
            order.extend((0..self.len).map(|rank| self.position(rank) as u32));
            order.extend((0..other.len).map(|rank| (stored + other.position(rank)) as u32));
            order.truncate(len);
        }
        let evidence = std::array::from_fn(|kind| {
            let mut frames = [self.frames(kind), other.frames(kind)].concat();
            frames.sort_unstable();
            frames.truncate(max_evidence);
            frames
        });
        let parts = [self.parts.as_slice(), other.parts.as_slice()].concat();
        Self {
            starts: starts(&parts),
            parts,
            order: Arc::new(order),
            len,
            dropped,
            evidence: Arc::new(evidence),
            max_connections,
            max_evidence,
            whole: OnceLock::new(),
        }
    }

    /// Connections in the table.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Connections dropped at the limit; they are still in the sums over all.
    pub fn evicted(&self) -> u64 {
        self.dropped.connections
    }

    /// The connection at a position in stream order.
    pub fn get(&self, rank: usize) -> Option<Connection> {
        if rank >= self.len {
            return None;
        }
        let at = self.position(rank);
        let part = self.starts.partition_point(|&start| start <= at).checked_sub(1)?;
        self.parts.get(part)?.get(at - self.starts.get(part)?)
    }

    /// All of them in stream order.
    pub fn iter(&self) -> impl Iterator<Item = Connection> + '_ {
        let in_order = self.order.is_empty();
        let plain = self.parts.iter().flat_map(|part| part.iter()).take(if in_order { self.len } else { 0 });
        let by_order = (0..if in_order { 0 } else { self.len }).filter_map(|rank| self.get(rank));
        plain.chain(by_order)
    }

    /// What is summed over all connections: they are looked at once.
    pub(super) fn whole(&self) -> &Whole {
        self.whole.get_or_init(|| {
            let mut whole = Box::new(Whole::default());
            whole.totals = self.dropped.clone();
            self.iter().for_each(|c| whole.add(&c));
            whole
        })
    }

    /// Sums over the chosen connections; over all of them the dropped ones are included.
    pub fn totals(&self, filter: &Filter) -> Totals {
        let add = |mut totals: Totals| {
            self.iter().filter(|c| filter.matches(c)).for_each(|c| totals.add(&c));
            totals
        };
        if filter.is_all() { self.whole().totals.clone() } else { add(Totals::default()) }
    }

    /// A page of the chosen connections.
    pub fn select(
        &self,
        filter: &Filter,
        having: Option<Having>,
        order: Order,
        offset: usize,
        limit: usize,
    ) -> Vec<Connection> {
        let is_chosen = |c: &Connection| filter.matches(c) && having.is_none_or(|h| h.matches(c));
        // With those that are known to be there, the search is over; most properties hardly any connection has.
        let left = if filter.is_all() { self.count(filter, having) } else { usize::MAX };
        let limit = limit.min(left.saturating_sub(offset));
        if limit == 0 {
            return Vec::new();
        }
        if order == Order::Stream {
            if filter.is_all() && having.is_none() {
                return (offset..self.len.min(offset.saturating_add(limit)))
                    .filter_map(|rank| self.get(rank))
                    .collect();
            }
            return self.iter().filter(is_chosen).skip(offset).take(limit).collect();
        }
        let weighed = self.iter().enumerate().filter(|(_, c)| is_chosen(c)).map(|(rank, c)| (order.weight(&c), rank));
        let mut chosen: Vec<(Weight, usize)> = weighed.take(left).collect();
        let compare = |a: &(Weight, usize), b: &(Weight, usize)| order.compare(a.0, b.0).then(a.1.cmp(&b.1));
        let end = offset.saturating_add(limit);
        if end < chosen.len() {
            chosen.select_nth_unstable_by(end - 1, compare);
            chosen.truncate(end);
        }
        chosen.sort_unstable_by(compare);
        chosen.into_iter().skip(offset).filter_map(|(_, rank)| self.get(rank)).collect()
    }

    /// Bytes that the connections take.
    pub fn memory_bytes(&self) -> usize {
        let parts: usize = self.parts.iter().map(|part| part.memory_bytes()).sum();
        parts + self.order.capacity() * size_of::<u32>()
    }

    /// How many connections there are to choose from.
    pub fn count(&self, filter: &Filter, having: Option<Having>) -> usize {
        match having {
            None if filter.is_all() => return self.len,
            Some(h) if filter.is_all() => {
                return h.index().and_then(|at| self.whole().having.get(at)).copied().unwrap_or_default();
            }
            _ => {}
        }
        self.iter().filter(|c| filter.matches(c) && having.is_none_or(|h| h.matches(c))).count()
    }

    /// First frames of a kind (index into [`EVIDENCE_NAMES`]), ascending.
    pub fn frames(&self, kind: usize) -> &[u64] {
        self.evidence.get(kind).map_or(&[], Vec::as_slice)
    }

    /// `tcp.analysis.initial_rtt` of the chosen connections, ns, ascending.
    pub fn initial_rtts(&self, filter: &Filter) -> Vec<u64> {
        let mut rtts: Vec<u64> = Vec::new();
        if filter.is_all() && self.len == self.stored() {
            self.parts.iter().for_each(|part| part.initial_rtts(&mut rtts));
        } else {
            rtts.extend(self.iter().filter(|c| filter.matches(c)).filter_map(|c| c.initial_rtt_ns));
        }
        rtts.sort_unstable();
        rtts
    }

    /// Connections held by the parts, also those cut off by a merge at the limit.
    fn stored(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    fn position(&self, rank: usize) -> usize {
        self.order.get(rank).map_or(rank, |&at| at as usize)
    }
}

fn starts(parts: &[Arc<Part>]) -> Vec<usize> {
    parts.iter().scan(0, |next, part| Some(std::mem::replace(next, *next + part.len()))).collect()
}
