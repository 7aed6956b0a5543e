//! One connection while the pass runs: compact, by canonical end (0, 1) instead of client and server, because who is
//! who can become clear late.

pub(super) mod packed;

use super::IDLE_NS;
use super::analysis::{ACK, FIN, RST, SCALE_OFF, SCALE_UNKNOWN, SYN, Side};
use super::connection::{ClientKnownBy, Close, Connection, Direction, Events, Handshake};
use super::key::Key;
use super::tracker::Segment;
use super::turns::{Reset, ResetAfter, Turns};

/// Counters of one end that nearly every segment changes: 32 bytes, so that both ends share a cache line.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    bytes: u64,
    payload_bytes: u64,
    packets: u32,
    data_packets: u32,
    max_window: u32,
    min_window: u32,
}

impl Default for Counts {
    fn default() -> Self {
        Self { bytes: 0, payload_bytes: 0, packets: 0, data_packets: 0, max_window: 0, min_window: u32::MAX }
    }
}

/// Round trips of one end's data, ns, and what shares their line.
#[derive(Clone, Debug, Default)]
pub(super) struct Rtt {
    sum: u64,
    min: u64,
    max: u64,
    count: u32,
    /// Segments of this end without the ACK bit: the few, so that the many need no counter.
    no_ack: u32,
}

impl Rtt {
    #[inline]
    pub fn add(&mut self, ns: u64) {
        self.min = if self.count == 0 { ns } else { self.min.min(ns) };
        self.max = self.max.max(ns);
        self.sum = self.sum.saturating_add(ns);
        self.count = self.count.saturating_add(1);
    }
}

/// What SYN, FIN and RST segments of one end said.
#[derive(Clone, Debug, Default)]
pub(super) struct Control {
    syn: u32,
    syn_ack: u32,
    fin: u32,
    rst: u32,
    mss: Option<u16>,
    window_scale: Option<u8>,
    sack_permitted: bool,
}

/// An end, where there may be none.
type MaybeEnd = Option<u8>;

/// State and counters of one connection.
///
/// Laid out in cache lines by how often they are touched: an ordinary segment needs the first five.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Flow {
    pub key: Key,
    pub last_ns: i64,
    pub last_frame: u64,
    pub stream: u32,
    client: u8,
    known_by: ClientKnownBy,
    /// Marks, one bit each.
    marks: u16,
    pub sides: [Side; 2],
    pub counts: [Counts; 2],
    pub rtts: [Rtt; 2],
    /// Time of the latest SYN without ACK, and from it to the first ACK after it, ns. 0: not known.
    pub syn_ns: i64,
    pub initial_rtt_ns: i64,
    first_ns: i64,
    first_frame: u64,
    syn_frame: u64,
    syn_ack_frame: u64,
    fin_frame: u64,
    rst_frame: u64,
    control: [Control; 2],
    /// By end.
    pub events: Option<Box<Events>>,
    /// Who sent the SYN that a SYN+ACK may answer, and who answered it.
    syn_by: MaybeEnd,
    syn_ack_by: MaybeEnd,
    first_rst_by: MaybeEnd,
    first_fin_by: MaybeEnd,
    /// When the client's data came that is not answered yet.
    asked_ns: i64,
    turns: Turns,
    reset: Reset,
    /// TTL of the latest SYN, SYN+ACK or FIN of each end, or of the first segment.
    ttls: [u8; 2],
}

/// Bits of `Flow::marks`.
pub(super) mod mark {
    /// Used since the eviction hand passed; not set any more once closed.
    pub const USED: u16 = 1;
    /// RST seen, or FIN from both ends.
    pub const CLOSED: u16 = 1 << 1;
    /// Waits to be handed out as ended.
    pub const CLOSING: u16 = 1 << 2;
    /// Already handed out as ended.
    pub const REPORTED: u16 = 1 << 3;
    /// A SYN was seen and the ACK that gives the initial RTT was not.
    pub const RTT_PENDING: u16 = 1 << 4;
    /// The initial RTT is known and Wireshark has not shown it yet.
    pub const RTT_HIDDEN: u16 = 1 << 5;
    pub const RTT_SHOWN: u16 = 1 << 6;
    /// SYN, SYN+ACK and ACK came in that order.
    pub const HANDSHAKE: u16 = 1 << 7;
    /// SYN and its SYN+ACK came; the ACK may complete the handshake.
    pub const ANSWERED: u16 = 1 << 8;
    /// RST answered the SYN.
    pub const REFUSED: u16 = 1 << 9;
    /// End 1 sent the first segment.
    pub const FIRST_FROM_1: u16 = 1 << 10;
    /// Data of the client waits for data of the server.
    pub const ASKED: u16 = 1 << 11;
    /// End 1 sent the last segment.
    pub const LAST_FROM_1: u16 = 1 << 12;
}

impl Flow {
    /// A connection whose first segment is `s`, sent by `end`.
    pub fn new(key: Key, stream: u32, s: &Segment<'_>, end: usize) -> Self {
        let end = end as u8;
        let (client, known_by) = match s.tcp.src_port.cmp(&s.tcp.dst_port) {
            std::cmp::Ordering::Greater => (end, ClientKnownBy::Port),
            std::cmp::Ordering::Less => (1 - end, ClientKnownBy::Port),
            std::cmp::Ordering::Equal => (end, ClientKnownBy::FirstPacket),
        };
        let mut ttls = [0; 2];
        if s.tcp.flags & RST == 0 {
            ttls[usize::from(end)] = s.tcp.ttl;
        }
        Self {
            key,
            sides: Default::default(),
            counts: Default::default(),
            last_ns: s.time_ns,
            last_frame: s.frame,
            stream,
            client,
            known_by,
            marks: if end == 1 { mark::FIRST_FROM_1 } else { 0 },
            rtts: Default::default(),
            syn_ns: 0,
            initial_rtt_ns: 0,
            syn_by: None,
            syn_ack_by: None,
            first_rst_by: None,
            first_fin_by: None,
            control: Default::default(),
            first_ns: s.time_ns,
            first_frame: s.frame,
            syn_frame: 0,
            syn_ack_frame: 0,
            fin_frame: 0,
            rst_frame: 0,
            events: None,
            asked_ns: 0,
            turns: Turns::default(),
            reset: Reset::default(),
            ttls,
        }
    }

    pub fn first_ns(&self) -> i64 {
        self.first_ns
    }

    /// A SYN told who the server is.
    pub fn server_known(&self) -> bool {
        matches!(self.known_by, ClientKnownBy::Syn | ClientKnownBy::SynAck)
    }

    pub fn client(&self) -> usize {
        self.client as usize
    }

    #[inline]
    pub fn has(&self, mark: u16) -> bool {
        self.marks & mark != 0
    }

    #[inline]
    pub fn mark(&mut self, mark: u16) {
        self.marks |= mark;
    }

    #[inline]
    pub fn unmark(&mut self, mark: u16) {
        self.marks &= !mark;
    }

    /// Counts a segment of `end` and follows handshake and close. `flags`: those of the segment that are believed.
    #[inline]
    pub fn count(&mut self, s: &Segment<'_>, end: usize, flags: u16) {
        let counts = &mut self.counts[end];
        counts.packets = counts.packets.saturating_add(1);
        counts.bytes = counts.bytes.saturating_add(s.frame_bytes as u64);
        let len = s.tcp.len.unwrap_or(0);
        if len > 0 {
            counts.data_packets = counts.data_packets.saturating_add(1);
            counts.payload_bytes = counts.payload_bytes.saturating_add(len as u64);
        }
        if flags & (SYN | RST) == 0 {
            let window = (s.tcp.window as u32) << self.sides[end].scale.clamp(0, 14);
            counts.max_window = counts.max_window.max(window);
            counts.min_window = counts.min_window.min(window);
        }
        self.last_ns = self.last_ns.max(s.time_ns);
        self.last_frame = s.frame;
        if flags & ACK == 0 {
            let no_ack = &mut self.rtts[end].no_ack;
            *no_ack = no_ack.saturating_add(1);
        }
        if flags & (SYN | FIN | RST) != 0 {
            self.count_control(s, end, flags);
        }
        if self.has(mark::ANSWERED) && flags & (ACK | SYN | RST) == ACK && self.syn_by == Some(end as u8) {
            self.mark(mark::HANDSHAKE);
            self.unmark(mark::ANSWERED);
        }
    }

    /// Follows the exchange of data, of which `end` sent some; `new`: it was not sent before, and is no probe.
    #[inline]
    pub fn turn(&mut self, end: usize, new: bool, clock_ns: i64, frame: u64) {
        if end == self.client() {
            if new {
                self.asked_ns = clock_ns;
                self.mark(mark::ASKED);
            }
        } else if self.has(mark::ASKED) {
            self.unmark(mark::ASKED);
            // Clocks that go back give no time.
            if let Ok(ns) = u64::try_from(clock_ns.wrapping_sub(self.asked_ns)) {
                self.turns.add(ns, frame);
            }
        }
    }

    /// What the first RST of the connection, sent by `end`, comes after; called before it is counted.
    fn note_reset(&mut self, s: &Segment<'_>, end: usize) {
        let other = 1 - end;
        let answered = self.control.iter().any(|c| c.syn_ack > 0);
        let data = self.counts.iter().map(|c| c.data_packets).sum::<u32>();
        // Data in the RST itself has been counted already and says nothing.
        let data = data.saturating_sub((s.tcp.len.unwrap_or(0) > 0) as u32);
        let after = if self.control.iter().any(|c| c.fin > 0) {
            ResetAfter::Fin
        } else if data > 0 {
            ResetAfter::Data
        } else if self.has(mark::HANDSHAKE) {
            ResetAfter::Handshake
        } else if answered {
            ResetAfter::SynAck
        } else if self.control[other].syn > 0 {
            ResetAfter::Syn
        } else if self.control[end].syn > 0 {
            ResetAfter::OwnSyn
        } else {
            ResetAfter::Unseen
        };
        let sent = self.counts[end].packets > 1;
        let expected = self.sides[end].next_seq;
        let seq_gap = (sent && expected != 0).then(|| s.tcp.seq.wrapping_sub(expected) as i32);
        self.reset = Reset { after, ttl: s.tcp.ttl, usual_ttl: self.ttls[end], seq_gap };
    }

    fn count_control(&mut self, s: &Segment<'_>, end: usize, flags: u16) {
        let me = end as u8;
        if flags & RST == 0 {
            self.ttls[end] = s.tcp.ttl;
        } else if self.first_rst_by.is_none() {
            self.note_reset(s, end);
        }
        let control = &mut self.control[end];
        if flags & SYN != 0 {
            control.mss = s.tcp.mss.or(control.mss);
            control.window_scale = s.tcp.window_scale.or(control.window_scale);
            control.sack_permitted |= s.tcp.sack_permitted;
            if flags & ACK == 0 {
                control.syn = control.syn.saturating_add(1);
                first(&mut self.syn_frame, s.frame);
                if self.syn_ack_by.is_none() {
                    self.syn_by = Some(me);
                }
                if self.known_by != ClientKnownBy::Syn {
                    (self.client, self.known_by) = (me, ClientKnownBy::Syn);
                }
            } else {
                control.syn_ack = control.syn_ack.saturating_add(1);
                first(&mut self.syn_ack_frame, s.frame);
                if self.syn_ack_by.is_none() && self.syn_by == Some(1 - me) {
                    self.syn_ack_by = Some(me);
                    self.mark(mark::ANSWERED);
                }
                if !matches!(self.known_by, ClientKnownBy::Syn | ClientKnownBy::SynAck) {
                    (self.client, self.known_by) = (1 - me, ClientKnownBy::SynAck);
                }
            }
        }
        let control = &mut self.control[end];
        if flags & FIN != 0 {
            control.fin = control.fin.saturating_add(1);
            first(&mut self.fin_frame, s.frame);
            self.first_fin_by = self.first_fin_by.or(Some(me));
        }
        if flags & RST != 0 {
            control.rst = control.rst.saturating_add(1);
            first(&mut self.rst_frame, s.frame);
            self.first_rst_by = self.first_rst_by.or(Some(me));
            let syn_of_other = self.control[1 - end].syn > 0;
            let answered = self.control[0].syn_ack > 0 || self.control[1].syn_ack > 0;
            if syn_of_other && !answered {
                self.mark(mark::REFUSED);
            }
        }
        if self.first_rst_by.is_some() || (self.control[0].fin > 0 && self.control[1].fin > 0) {
            self.mark(mark::CLOSED);
        }
    }

    /// What to show of it. `end_ns`: the last packet time of the pass so far.
    pub fn connection(&self, end_ns: i64) -> Connection {
        self.show(self.events.clone(), end_ns)
    }

    /// The same, without a copy of the events.
    pub fn into_connection(mut self, end_ns: i64) -> Connection {
        let events = self.events.take();
        self.show(events, end_ns)
    }

    /// The counters of this one with the state of `full`, which saw all segments of the connection.
    pub fn connection_of(&self, full: &Flow, end_ns: i64) -> Connection {
        let state = full.connection(end_ns);
        let mut own = self.clone();
        (own.client, own.known_by) = (full.client, full.known_by);
        for (own, full) in own.control.iter_mut().zip(&full.control) {
            own.mss = full.mss;
            own.window_scale = full.window_scale;
            own.sack_permitted = full.sack_permitted;
        }
        let events = own.events.take();
        Connection {
            handshake: state.handshake,
            close: state.close,
            closed_by: state.closed_by,
            client_first: state.client_first,
            initial_rtt_ns: state.initial_rtt_ns,
            ..own.show(events, end_ns)
        }
    }

    fn show(&self, mut events: Option<Box<Events>>, end_ns: i64) -> Connection {
        let (c, s) = (self.client as usize, 1 - self.client as usize);
        let (client, client_port) = self.key.end(c);
        let (server, server_port) = self.key.end(s);
        if let (1, Some(events)) = (c, &mut events) {
            events.count.swap(0, 1);
        }
        let rtt = self.has(mark::RTT_SHOWN).then_some(self.initial_rtt_ns);
        Connection {
            stream: self.stream,
            client,
            server,
            client_port,
            server_port,
            known_by: self.known_by,
            handshake: self.handshake(),
            close: self.close(end_ns),
            closed_by: self.first_rst_by.or(self.first_fin_by).map(|end| (end != self.client) as u8),
            client_first: self.has(mark::FIRST_FROM_1) == (self.client == 1),
            first_ns: self.first_ns,
            last_ns: self.last_ns,
            first_frame: self.first_frame,
            last_frame: self.last_frame,
            syn_frame: self.syn_frame,
            syn_ack_frame: self.syn_ack_frame,
            fin_frame: self.fin_frame,
            rst_frame: self.rst_frame,
            initial_rtt_ns: rtt.and_then(|ns| u64::try_from(ns).ok()),
            dirs: [self.direction(c), self.direction(s)],
            turns: self.turns,
            reset: self.reset,
            events,
        }
    }

    fn handshake(&self) -> Handshake {
        let any = |of: fn(&Control) -> u32| self.control.iter().any(|c| of(c) > 0);
        if self.has(mark::HANDSHAKE) {
            Handshake::Complete
        } else if any(|c| c.syn_ack) {
            Handshake::HalfOpen
        } else if !any(|c| c.syn) {
            Handshake::MidStream
        } else if self.has(mark::REFUSED) {
            Handshake::Refused
        } else {
            Handshake::SynOnly
        }
    }

    fn close(&self, end_ns: i64) -> Close {
        match (self.first_rst_by, self.control[0].fin > 0, self.control[1].fin > 0) {
            (Some(_), ..) => Close::Reset,
            (None, true, true) => Close::Fin,
            (None, false, false) if end_ns.saturating_sub(self.last_ns) > IDLE_NS => Close::Idle,
            (None, false, false) => Close::Open,
            _ => Close::HalfClosed,
        }
    }

    fn direction(&self, end: usize) -> Direction {
        let (counts, control, rtt) = (&self.counts[end], &self.control[end], &self.rtts[end]);
        Direction {
            packets: counts.packets,
            data_packets: counts.data_packets,
            bytes: counts.bytes,
            payload_bytes: counts.payload_bytes,
            syn: control.syn,
            syn_ack: control.syn_ack,
            fin: control.fin,
            rst: control.rst,
            ack: counts.packets.saturating_sub(rtt.no_ack),
            mss: control.mss,
            window_scale: control.window_scale,
            sack_permitted: control.sack_permitted,
            max_window: counts.max_window,
            min_window: if counts.min_window == u32::MAX { 0 } else { counts.min_window },
            rtt_count: rtt.count,
            rtt_sum_ns: rtt.sum,
            rtt_min_ns: rtt.min,
            rtt_max_ns: rtt.max,
        }
    }

    /// Window scaling that the SYN or SYN+ACK of `end` settles: without the option in both, none is used.
    pub fn settle_scaling(&mut self, end: usize, is_syn_ack: bool) {
        let other = 1 - end;
        if self.sides[end].scale == SCALE_UNKNOWN {
            self.sides[end].scale = SCALE_OFF;
            self.sides[other].scale = SCALE_OFF;
        } else if is_syn_ack && self.sides[other].scale == SCALE_OFF {
            self.sides[end].scale = SCALE_OFF;
        }
    }
}

fn first(slot: &mut u64, frame: u64) {
    if *slot == 0 {
        *slot = frame;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hot_parts_fill_whole_cache_lines() {
        assert_eq!(std::mem::size_of::<Flow>(), 512);
        assert_eq!(std::mem::offset_of!(Flow, sides), 64);
        assert_eq!(std::mem::offset_of!(Flow, counts), 192);
        assert_eq!(std::mem::offset_of!(Flow, rtts), 256);
    }
}
