//! The flow table: finds the connection of each segment, judges the segment, keeps the connection's counters.

use super::LINGER_NS;
use super::analysis::{self, ACK, FIN, Found, Header, RST, SYN};
use super::arena::Arena;
use super::cold::Cold;
use super::connection::{Connection, Events, event};
use super::detail::{self, Before, Detail, Details};
use super::key::Key;
use super::state::{Flow, mark};
use super::table::{ConnectionTable, Evidence, Part};
use super::totals::Totals;
use super::unacked::Pool;
use crate::addr::IpAddr;
use crate::layers;
use crate::limits::Limits;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::collections::VecDeque;

/// Header bytes that must be captured for Wireshark to look for the connection.
const LEAST_HEADER: u8 = 16;
/// Events of segments with data that ask nothing new.
const REPEATS: u16 = event::RETRANSMISSION | event::OUT_OF_ORDER | event::KEEP_ALIVE | event::ZERO_WINDOW_PROBE;
/// Shortest valid header.
const FULL_HEADER: u8 = 20;
/// Largest window scale in use (RFC 7323 section 2.3).
const MAX_SCALE: u8 = 14;

/// One TCP segment, as the dissector found it.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Frame number, from 1.
    pub frame: u64,
    /// Packet time for order and display: [`Timestamp::as_nanos`](crate::record::Timestamp::as_nanos).
    pub time_ns: i64,
    /// Packet time for differences: [`Timestamp::wrapping_nanos`](crate::record::Timestamp::wrapping_nanos).
    pub clock_ns: i64,
    pub src: IpAddr,
    pub dst: IpAddr,
    pub tcp: &'a layers::Tcp,
    /// Frame length on the wire.
    pub frame_bytes: u32,
    /// Captured segment data.
    pub payload: &'a [u8],
    /// Found behind damage of the file.
    pub recovered: bool,
}

/// Size of the table of recent connections: 128 KiB stay in the second-level cache.
const RECENT_BITS: u32 = 14;
const NO_SLOT: u32 = u32::MAX;
/// Set in a slot that is a place among the packed connections.
const COLD: u32 = 1 << 31;
/// Connections that are kept unpacked at least: two megabytes, which stay in the cache.
const LEAST_HOT: usize = 4_096;
/// As many of the packed ones, one in this many, may be asked for again before more are kept unpacked.
const MOST_BACK: usize = 4;

/// What the tracker says of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `tcp.stream`; [`Verdict::NO_STREAM`] where too little of the header is captured.
    pub stream: u32,
    /// Bits of [`event`].
    pub events: u16,
    /// Sent by the server, as far as known now.
    pub to_client: bool,
    /// A SYN told who the server is.
    pub server_known: bool,
    /// First segment of its stream.
    pub new: bool,
    /// `tcp.analysis.initial_rtt` of the stream, ns, with the first frame that Wireshark shows it with.
    pub initial_rtt_ns: Option<i64>,
    /// `tcp.analysis.ack_rtt`, ns.
    pub ack_rtt_ns: Option<i64>,
    /// Wireshark has analysis of this frame to show.
    pub shown: bool,
    /// Initial RTT of the stream as far as known, ns; 0: not known.
    pub irtt_ns: i64,
    /// What relative sequence and acknowledgment numbers count from.
    pub seq_base: u32,
    pub ack_base: u32,
    /// Repetitions of the ACK, where it is a duplicate.
    pub dup_acks: u32,
    /// Time since the first and since the last segment of the stream, ns.
    pub since_first_ns: i64,
    pub since_last_ns: i64,
    /// Shift count of the sender's window; -1: not known, -2: none in use.
    pub scale: i8,
    /// Where [`TcpTracker::follow_details`] asked for it.
    pub detail: Detail,
}

impl Verdict {
    pub const NO_STREAM: u32 = u32::MAX;
    const NONE: Self = Self {
        stream: Self::NO_STREAM,
        events: 0,
        to_client: false,
        server_known: false,
        new: false,
        initial_rtt_ns: None,
        ack_rtt_ns: None,
        shown: false,
        irtt_ns: 0,
        seq_base: 0,
        ack_base: 0,
        dup_acks: 0,
        since_first_ns: 0,
        since_last_ns: 0,
        scale: -1,
        detail: Detail {
            completeness: None,
            acks_frame: 0,
            duplicate_ack_frame: 0,
            in_flight: 0,
            push_bytes: 0,
            rto: None,
        },
    };
}

/// Where a connection is, and enough of its hash to rarely look at a wrong one.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    slot: u32,
}

/// All TCP connections of one pass.
#[derive(Debug)]
pub struct TcpTracker {
    seed: RandomState,
    index: HashTable<Entry>,
    /// The connection last seen of each hash prefix: finds the active ones without the index, which is much larger.
    recent: Vec<Entry>,
    flows: Arena,
    /// Those that nobody uses.
    cold: Cold,
    /// Connections kept unpacked, and what decides whether that is enough: those packed and taken out since it changed.
    hot: usize,
    packed: usize,
    back: usize,
    pool: Pool,
    next_stream: u32,
    /// Largest packet time so far.
    end_ns: i64,
    max_connections: usize,
    max_evidence: usize,
    evidence: Evidence,
    /// Slot that is looked at next when one must go.
    hand: u32,
    dropped: Totals,
    /// By number of the stream, where somebody asks for them; at most as many as connections.
    details: Option<std::collections::HashMap<u32, Details, RandomState>>,
    /// Streams that exist only because an ICMP error quoted them.
    quoted_only: HashTable<(Key, u32)>,
    reports: Reports,
}

/// Connections to hand out when they have ended.
#[derive(Debug, Default)]
struct Reports {
    on: bool,
    /// Closed ones, oldest first: since when, where, which stream.
    closing: VecDeque<(i64, u32, u32)>,
    ready: Vec<Connection>,
}

impl TcpTracker {
    pub fn new(limits: &Limits) -> Self {
        Self {
            seed: RandomState::default(),
            index: HashTable::new(),
            recent: vec![Entry { hash: 0, slot: NO_SLOT }; 1 << RECENT_BITS],
            flows: Arena::default(),
            cold: Cold::default(),
            hot: LEAST_HOT,
            packed: 0,
            back: 0,
            pool: Pool::new(limits.max_tcp_segments),
            next_stream: 0,
            end_ns: i64::MIN,
            max_connections: limits.max_tcp_connections.clamp(1, COLD as usize - 1),
            max_evidence: limits.max_evidence_frames,
            evidence: Evidence::default(),
            hand: 0,
            dropped: Totals::default(),
            details: None,
            quoted_only: HashTable::new(),
            reports: Reports::default(),
        }
    }

    /// Whether [`take_closed`](Self::take_closed) shall have anything to give.
    pub fn report_closed(&mut self, on: bool) {
        self.reports.on = on;
        if on {
            self.keep_unpacked();
        }
    }

    /// No connection is packed from now on: somebody looks at all of them.
    pub fn keep_unpacked(&mut self) {
        self.hot = usize::MAX;
    }

    /// Keeps so many connections unpacked, and no more.
    #[cfg(test)]
    pub(super) fn set_hot(&mut self, hot: usize) {
        self.hot = hot;
    }

    /// Connections packed now.
    #[cfg(test)]
    pub(super) fn packed(&self) -> usize {
        self.cold.len()
    }

    /// Verdicts hold [`Detail`]s from now on.
    pub fn follow_details(&mut self) {
        self.details.get_or_insert_default();
        self.pool.keep_frames();
    }

    /// Tells the time of packets that are no TCP, which decides what counts as idle.
    #[inline]
    pub fn at(&mut self, time_ns: i64) {
        self.end_ns = self.end_ns.max(time_ns);
    }

    /// Takes the next segment of the capture.
    #[inline]
    pub fn segment(&mut self, s: &Segment<'_>) -> Verdict {
        let tcp = s.tcp;
        if tcp.header_captured < LEAST_HEADER {
            return Verdict::NONE;
        }
        self.at(s.time_ns);
        let (key, end) = Key::new(&s.src, &s.dst, tcp.src_port, tcp.dst_port);
        let hash = key.hash(&self.seed);
        let (mut slot, mut new) = match self.find(&key, hash) {
            Some(slot) => (slot, false),
            None => (self.open(key, hash, s, end), true),
        };
        let (mut events, mut shown) = (0, false);
        if tcp.flags & SYN != 0 {
            (slot, new, events, shown) = self.reuse(slot, new, key, hash, s, end);
        }
        let flow = self.flows.get_mut(slot);
        // Behind a header length that cannot be, Wireshark believes nothing: no flags.
        let valid = tcp.header_len >= FULL_HEADER;
        let before = if new { s.clock_ns } else { flow.sides[flow.has(mark::LAST_FROM_1) as usize].last_ns() };
        let since = (s.time_ns.wrapping_sub(flow.first_ns()), s.clock_ns.wrapping_sub(before));
        if end == 1 {
            flow.mark(mark::LAST_FROM_1)
        } else {
            flow.unmark(mark::LAST_FROM_1)
        }
        flow.count(s, end, if valid { tcp.flags } else { 0 });
        let mut found = Found { events, ..Found::default() };
        let ahead = if self.details.is_some() { Before::of(flow, end) } else { Before::default() };
        if let Some(len) = tcp.len {
            learn_isn(flow, s, end);
            self.pool.current = (tcp.seq, s.frame);
            let [a, b] = &mut flow.sides;
            let (fwd, rev) = if end == 0 { (a, b) } else { (b, a) };
            let header = Header {
                seq: tcp.seq,
                ack: tcp.ack,
                len,
                flags: tcp.flags,
                window: tcp.window as u32,
                clock_ns: s.clock_ns,
            };
            found = analysis::analyze(fwd, rev, &header, events, &flow.initial_rtt_ns, &mut self.pool);
        }
        if tcp.len.unwrap_or(0) > 0 && valid {
            flow.turn(end, found.events & REPEATS == 0, s.clock_ns, s.frame);
        }
        let mut detail = Detail::default();
        if let Some(all) = self.details.as_mut().filter(|_| valid) {
            // At the limit all go at once: most are of connections that ended long ago.
            if new && all.len() >= self.max_connections {
                all.clear();
            }
            let details = all.entry(flow.stream).or_default();
            let judged = (found.events, found.acked_sent_ns.is_some());
            detail = detail::follow(details, flow, &mut self.pool, s, end, new, ahead, judged);
        }
        if !valid {
            return Verdict { stream: flow.stream, to_client: end != flow.client(), new, ..Verdict::NONE };
        }
        after(flow, s, end);
        let whole = tcp.header_captured >= tcp.header_len;
        let mut verdict = Verdict { stream: flow.stream, to_client: end != flow.client(), new, ..Verdict::NONE };
        if whole && (found.shown || shown) {
            verdict.events = found.events;
            verdict.shown = true;
            if flow.has(mark::RTT_HIDDEN) {
                flow.unmark(mark::RTT_HIDDEN);
                flow.mark(mark::RTT_SHOWN);
                verdict.initial_rtt_ns = Some(flow.initial_rtt_ns);
            }
            if let Some(sent) = found.acked_sent_ns {
                let rtt = s.clock_ns.wrapping_sub(sent);
                if rtt != 0 {
                    verdict.ack_rtt_ns = Some(rtt);
                }
                if rtt > 0 {
                    flow.rtts[1 - end].add(rtt as u64);
                }
            }
        }
        if whole && tcp.flags & SYN != 0 {
            flow.settle_scaling(end, tcp.flags & ACK != 0);
        }
        (verdict.since_first_ns, verdict.since_last_ns) = since;
        verdict.dup_acks = flow.sides[end].dup_acks();
        verdict.seq_base = flow.sides[end].isn.unwrap_or(0);
        verdict.ack_base = flow.sides[1 - end].isn.unwrap_or(0);
        verdict.scale = flow.sides[end].scale;
        verdict.irtt_ns = flow.initial_rtt_ns;
        verdict.detail = detail;
        verdict.server_known = flow.server_known();
        if !new && !flow.has(mark::CLOSED) {
            flow.mark(mark::USED);
        } else {
            flow.unmark(mark::USED);
        }
        if verdict.events != 0 || tcp.flags & (SYN | FIN | RST) != 0 {
            note(flow, &mut self.evidence, self.max_evidence, s, end, verdict.events);
        }
        if self.reports.on {
            self.report(slot, s);
        }
        verdict
    }

    /// Counts a segment that another tracker, which sees all of them, has judged: this one holds connections as far as
    /// their frames pass a filter.
    pub fn counted(&mut self, s: &Segment<'_>, verdict: &Verdict) {
        let (key, end) = Key::new(&s.src, &s.dst, s.tcp.src_port, s.tcp.dst_port);
        let hash = key.hash(&self.seed);
        self.at(s.time_ns);
        let slot = match self.find(&key, hash) {
            Some(slot) if self.flows.get(slot).stream == verdict.stream => slot,
            _ => {
                self.next_stream = verdict.stream;
                self.open(key, hash, s, end)
            }
        };
        let flow = self.flows.get_mut(slot);
        flow.sides[end].scale = verdict.scale;
        let valid = s.tcp.header_len >= FULL_HEADER;
        flow.count(s, end, if valid { s.tcp.flags } else { 0 });
        if verdict.irtt_ns != 0 {
            flow.initial_rtt_ns = verdict.irtt_ns;
            flow.mark(mark::RTT_SHOWN);
        }
        if let Some(rtt) = verdict.ack_rtt_ns.and_then(|rtt| u64::try_from(rtt).ok()) {
            flow.rtts[1 - end].add(rtt);
        }
        if valid && (verdict.events != 0 || s.tcp.flags & (SYN | FIN | RST) != 0) {
            note(flow, &mut self.evidence, self.max_evidence, s, end, verdict.events);
        }
        if self.reports.on {
            self.report(slot, s);
        }
    }

    /// The connections of `counted`, with what is known of their state from all segments, which this one has seen: who
    /// the client is, handshake and close.
    pub fn snapshot_of(&self, counted: &Self) -> ConnectionTable {
        let states: std::collections::HashMap<u32, &Flow, RandomState> =
            self.flows.chunks().iter().flatten().map(|flow| (flow.stream, flow)).collect();
        let show = |flow: &Flow| match states.get(&flow.stream) {
            Some(full) => flow.connection_of(full, self.end_ns),
            None => flow.connection(self.end_ns),
        };
        let connections = counted.flows.chunks().iter().flatten().map(show).collect();
        let (dropped, evidence) = (counted.dropped.clone(), counted.evidence.clone());
        ConnectionTable::new(vec![Part::plain(connections)], dropped, evidence, self.max_connections, self.max_evidence)
    }

    /// Gives a stream number to a TCP header quoted in an ICMP error, as Wireshark does: the connection it belongs to
    /// may not be in the capture at all. Only headers of which at least 16 bytes are quoted count there. Gives the number.
    pub fn quoted(&mut self, _frame: u64, src: IpAddr, dst: IpAddr, src_port: u16, dst_port: u16) -> u32 {
        let (key, _) = Key::new(&src, &dst, src_port, dst_port);
        let hash = key.hash(&self.seed);
        if let Some(slot) = self.find(&key, hash) {
            return self.flows.get(slot).stream;
        }
        if let Some(known) = self.quoted_only.find(spread(hash), |q| q.0 == key) {
            return known.1;
        }
        let stream = self.next_stream;
        if self.quoted_only.len() < self.max_connections {
            let seed = &self.seed;
            self.quoted_only.insert_unique(spread(hash), (key, stream), |q| spread(q.0.hash(seed)));
        }
        self.next_stream = stream.wrapping_add(1);
        stream
    }

    /// The stream number of these ends, if they have one.
    pub fn known(&mut self, src: IpAddr, dst: IpAddr, src_port: u16, dst_port: u16) -> Option<u32> {
        let (key, _) = Key::new(&src, &dst, src_port, dst_port);
        let hash = key.hash(&self.seed);
        if let Some(slot) = self.find(&key, hash) {
            return Some(self.flows.get(slot).stream);
        }
        self.quoted_only.find(spread(hash), |q| q.0 == key).map(|q| q.1)
    }

    /// The pass is over: all connections not yet reported count as ended.
    pub fn finish(&mut self) {
        if !self.reports.on {
            return;
        }
        let end_ns = self.end_ns;
        let mut rest: Vec<Connection> = Vec::new();
        for flow in self.flows.iter_mut().filter(|flow| !flow.has(mark::REPORTED)) {
            flow.mark(mark::REPORTED);
            rest.push(flow.connection(end_ns));
        }
        rest.sort_unstable_by_key(|c| c.stream);
        self.reports.ready.append(&mut rest);
    }

    /// Moves out the connections that ended since the last call: closed (RST, or FIN from both ends) and silent for
    /// [`LINGER_NS`](super::LINGER_NS) since, followed by another connection of the same addresses and ports, or dropped
    /// at the limit; after [`finish`](Self::finish) all others. Each is given once. Empty unless
    /// [`report_closed`](Self::report_closed) is on.
    pub fn take_closed(&mut self, out: &mut Vec<Connection>) {
        out.append(&mut self.reports.ready);
    }

    /// What is known now; a copy.
    pub fn snapshot(&self) -> ConnectionTable {
        let (mut cold, mut rest) = (self.cold.clone(), Vec::new());
        for flow in self.flows.chunks().iter().flatten() {
            if cold.put(flow).is_none() {
                rest.push(flow.connection(self.end_ns));
            }
        }
        let parts = vec![Part::packed(cold, self.end_ns), Part::plain(rest)];
        let evidence = self.evidence.clone();
        ConnectionTable::new(parts, self.dropped.clone(), evidence, self.max_connections, self.max_evidence)
    }

    /// What is known; frees each piece of the running state as its part of the table is made.
    pub fn into_table(self) -> ConnectionTable {
        let Self { index, pool, flows, mut cold, end_ns, dropped, evidence, max_connections, max_evidence, .. } = self;
        drop((index, pool));
        let mut rest = Vec::new();
        for chunk in flows.into_chunks() {
            for flow in chunk {
                if cold.put(&flow).is_none() {
                    rest.push(flow.into_connection(end_ns));
                }
            }
        }
        let parts = vec![Part::packed(cold, end_ns), Part::plain(rest)];
        ConnectionTable::new(parts, dropped, evidence, max_connections, max_evidence)
    }

    /// Unacknowledged segments held now.
    #[cfg(test)]
    pub(super) fn segments_held(&self) -> usize {
        self.pool.used()
    }

    /// Connections held now.
    pub fn len(&self) -> usize {
        self.flows.len() + self.cold.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The connection of a key.
    #[inline]
    fn find(&mut self, key: &Key, hash: u32) -> Option<u32> {
        let (flows, cold) = (&self.flows, &self.cold);
        let is_it = |e: &Entry| e.hash == hash && e.slot != NO_SLOT && is(flows, cold, e.slot, key);
        let recent = &mut self.recent[(hash >> (32 - RECENT_BITS)) as usize];
        if !is_it(recent) {
            *recent = *self.index.find(spread(hash), is_it)?;
        }
        let slot = recent.slot;
        if slot & COLD != 0 { self.warm(slot, hash) } else { Some(slot) }
    }

    /// Unpacks a connection; gives where it is now.
    #[inline(never)]
    fn warm(&mut self, packed: u32, hash: u32) -> Option<u32> {
        let flow = self.cold.take(packed & !COLD)?;
        self.back += 1;
        let slot = self.place(flow);
        if let Some(entry) = self.index.find_mut(spread(hash), |e| e.hash == hash && e.slot == packed) {
            entry.slot = slot;
        }
        self.recent[(hash >> (32 - RECENT_BITS)) as usize] = Entry { hash, slot };
        self.tidy();
        Some(slot)
    }

    /// A slot for a connection; where there are enough, that of another one, which is packed.
    #[inline]
    fn place(&mut self, flow: Flow) -> u32 {
        if self.flows.len() >= self.hot
            && let Some(slot) = self.cool()
        {
            *self.flows.get_mut(slot) = flow;
            return slot;
        }
        self.flows.push(flow)
    }

    /// Packs a connection that is closed or was not used for long; gives the slot it was in.
    fn cool(&mut self) -> Option<u32> {
        if self.packed >= self.hot {
            if self.back > self.packed / MOST_BACK {
                self.hot += (self.hot / 4).max(1);
            }
            (self.packed, self.back) = (0, 0);
        }
        let slot = self.unused();
        let flow = self.flows.get(slot);
        let place = self.cold.put(flow)? | COLD;
        let hash = flow.key.hash(&self.seed);
        // Another connection may have taken its ports: then nobody asks for it.
        if let Some(entry) = self.index.find_mut(spread(hash), |e| e.slot == slot) {
            entry.slot = place;
        }
        self.packed += 1;
        Some(slot)
    }

    /// Closes the gaps among the packed connections where they are worth it.
    fn tidy(&mut self) {
        if !self.cold.wants_tidying() {
            return;
        }
        let (index, seed) = (&mut self.index, &self.seed);
        self.cold.tidy(|key, before, now| {
            // Places only become smaller, and are told in order: what was told already is not met again.
            let hash = key.hash(seed);
            if let Some(entry) = index.find_mut(spread(hash), |e| e.hash == hash && e.slot == before | COLD) {
                entry.slot = now | COLD;
            }
        });
        self.recent.iter_mut().filter(|e| e.slot & COLD != 0).for_each(|e| e.slot = NO_SLOT);
    }

    /// Starts a connection with the next stream number and makes it the one its key finds.
    #[inline(never)]
    fn open(&mut self, key: Key, hash: u32, s: &Segment<'_>, end: usize) -> u32 {
        let quoted = self.quoted_only.find_entry(spread(hash), |q| q.0 == key).ok().map(|entry| entry.remove().0.1);
        let stream = quoted.unwrap_or_else(|| {
            let next = self.next_stream;
            self.next_stream = next.wrapping_add(1);
            next
        });
        let flow = Flow::new(key, stream, s, end);
        let slot = if self.len() < self.max_connections || self.drop_packed() {
            self.place(flow)
        } else {
            let slot = self.evict();
            *self.flows.get_mut(slot) = flow;
            slot
        };
        self.recent[(hash >> (32 - RECENT_BITS)) as usize] = Entry { hash, slot };
        let (flows, cold) = (&self.flows, &self.cold);
        match self.index.find_mut(spread(hash), |e| e.hash == hash && is(flows, cold, e.slot, &key)) {
            Some(entry) => entry.slot = slot,
            None => {
                self.index.insert_unique(spread(hash), Entry { hash, slot }, |e| spread(e.hash));
            }
        }
        slot
    }

    /// Drops the connection that has been packed for longest. False: there is none.
    fn drop_packed(&mut self) -> bool {
        let Some(place) = self.cold.oldest() else { return false };
        let Some(mut flow) = self.cold.take(place) else { return false };
        let [a, b] = &mut flow.sides;
        self.pool.clear(&mut a.queue);
        self.pool.clear(&mut b.queue);
        let hash = flow.key.hash(&self.seed);
        if let Ok(entry) = self.index.find_entry(spread(hash), |e| e.slot == place | COLD) {
            entry.remove();
        }
        self.dropped.add(&flow.into_connection(self.end_ns));
        self.tidy();
        true
    }

    /// Slot of a connection that is closed or was not used for long.
    fn unused(&mut self) -> u32 {
        // The hand goes round; it spares what was used since it last came by. It ends after at most two rounds.
        loop {
            let slot = self.hand;
            self.hand = if slot as usize + 1 < self.flows.len() { slot + 1 } else { 0 };
            let flow = self.flows.get_mut(slot);
            if !flow.has(mark::USED) {
                return slot;
            }
            flow.unmark(mark::USED);
        }
    }

    /// Drops a connection that is closed or was not used for long; gives its slot.
    fn evict(&mut self) -> u32 {
        let slot = self.unused();
        let flow = self.flows.get_mut(slot);
        let [a, b] = &mut flow.sides;
        self.pool.clear(&mut a.queue);
        self.pool.clear(&mut b.queue);
        let gone = flow.connection(self.end_ns);
        self.dropped.add(&gone);
        if self.reports.on && !flow.has(mark::REPORTED) {
            self.reports.ready.push(gone);
        }
        let hash = flow.key.hash(&self.seed);
        if let Ok(entry) = self.index.find_entry(spread(hash), |e| e.slot == slot) {
            entry.remove();
        }
        slot
    }

    /// A SYN or SYN+ACK on a known key: the same handshake again, or the ports used again. Returns the connection it
    /// belongs to, whether it is new, the events so far, and whether Wireshark has analysis to show in any case.
    #[inline(never)]
    fn reuse(
        &mut self,
        slot: u32,
        new: bool,
        key: Key,
        hash: u32,
        s: &Segment<'_>,
        end: usize,
    ) -> (u32, bool, u16, bool) {
        let flow = self.flows.get_mut(slot);
        let Some(isn) = flow.sides[end].isn else {
            return (slot, new, 0, false);
        };
        if s.tcp.flags & ACK != 0 {
            if isn == s.tcp.seq {
                return (slot, new, 0, false);
            }
            flow.sides[end].isn = Some(s.tcp.seq);
            return (slot, new, event::REUSED_PORTS, true);
        }
        if isn == s.tcp.seq {
            // The number may have been led astray by a RST; the retransmitted SYN puts it right.
            let side = &mut flow.sides[end];
            side.next_seq = side.max_to_ack;
            return (slot, new, 0, true);
        }
        if self.reports.on && !flow.has(mark::REPORTED) {
            flow.mark(mark::REPORTED);
            self.reports.ready.push(flow.connection(self.end_ns));
        }
        flow.unmark(mark::USED);
        (self.open(key, hash, s, end), true, event::REUSED_PORTS, true)
    }

    /// Notes a connection that just closed, and hands out those whose silence has lasted.
    fn report(&mut self, slot: u32, s: &Segment<'_>) {
        let flow = self.flows.get_mut(slot);
        if s.tcp.flags & (FIN | RST) != 0 && flow.has(mark::CLOSED) && !flow.has(mark::CLOSING) {
            flow.mark(mark::CLOSING);
            self.reports.closing.push_back((s.time_ns, slot, flow.stream));
        }
        while let Some(&(since, slot, stream)) = self.reports.closing.front() {
            if self.end_ns.saturating_sub(since) < LINGER_NS {
                break;
            }
            self.reports.closing.pop_front();
            let flow = self.flows.get_mut(slot);
            if flow.stream != stream || flow.has(mark::REPORTED) {
                continue;
            }
            let silent = self.end_ns.saturating_sub(flow.last_ns);
            if silent < LINGER_NS {
                self.reports.closing.push_back((flow.last_ns, slot, stream));
                continue;
            }
            flow.mark(mark::REPORTED);
            let ended = flow.connection(self.end_ns);
            self.reports.ready.push(ended);
        }
    }
}

/// The connection in that slot has that key.
#[inline]
fn is(flows: &Arena, cold: &Cold, slot: u32, key: &Key) -> bool {
    if slot & COLD != 0 { cold.is(slot & !COLD, key) } else { flows.get(slot).key == *key }
}

/// The 64 bits that the index expects of a hash; its halves are used for different things.
#[inline]
fn spread(hash: u32) -> u64 {
    (hash as u64) << 32 | hash as u64
}

/// Initial sequence numbers from the first segment of each side, or from what the other side acknowledges.
#[inline]
fn learn_isn(flow: &mut Flow, s: &Segment<'_>, end: usize) {
    let tcp = s.tcp;
    let [a, b] = &mut flow.sides;
    let (fwd, rev) = if end == 0 { (a, b) } else { (b, a) };
    if fwd.isn.is_none() {
        fwd.isn = Some(if tcp.flags & SYN != 0 { tcp.seq } else { tcp.seq.wrapping_sub(1) });
    }
    if rev.isn.is_none() && tcp.flags & ACK != 0 {
        rev.isn = Some(tcp.ack.wrapping_sub(1));
    }
}

/// What a segment changes for the ones behind it, apart from sequence numbers.
#[inline]
fn after(flow: &mut Flow, s: &Segment<'_>, end: usize) {
    let flags = s.tcp.flags;
    if flags & SYN != 0 {
        if flags & ACK == 0 {
            flow.syn_ns = s.clock_ns;
            if flow.initial_rtt_ns == 0 {
                flow.mark(mark::RTT_PENDING);
            }
        }
        flow.sides[end].before_first_ack = true;
    } else if flags & ACK != 0 {
        if flow.has(mark::RTT_PENDING) && flow.syn_ns != 0 {
            flow.initial_rtt_ns = s.clock_ns.wrapping_sub(flow.syn_ns);
            // No time at all counts as not known yet.
            if flow.initial_rtt_ns != 0 {
                flow.unmark(mark::RTT_PENDING);
                flow.mark(mark::RTT_HIDDEN);
            }
        }
        flow.sides[end].before_first_ack = false;
    }
    if let Some(shift) = s.tcp.window_scale {
        flow.sides[end].scale = shift.min(MAX_SCALE) as i8;
    }
}

/// Keeps the events of the connection and the first frames of each kind.
#[inline(never)]
fn note(flow: &mut Flow, evidence: &mut Evidence, max: usize, s: &Segment<'_>, end: usize, events: u16) {
    let mut kinds = events as u32;
    let flags = s.tcp.flags;
    for (bit, set) in [
        (0, flags & (SYN | ACK) == SYN),
        (1, flags & (SYN | ACK) == SYN | ACK),
        (2, flags & FIN != 0),
        (3, flags & RST != 0),
    ] {
        kinds |= (set as u32) << (event::COUNT + bit);
    }
    while let Some(frames) = evidence.get_mut(kinds.trailing_zeros() as usize) {
        kinds &= kinds - 1;
        if frames.len() < max {
            frames.push(s.frame);
        }
    }
    if events != 0 {
        let known = flow.events.get_or_insert_with(|| Box::new(Events::default()));
        for kind in (0..event::COUNT).filter(|kind| events >> kind & 1 != 0) {
            let count = &mut known.count[end][kind];
            *count = count.saturating_add(1);
            let first = &mut known.first_frame[kind];
            if *first == 0 {
                *first = s.frame;
            }
        }
    }
}
