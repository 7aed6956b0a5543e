//! The sequence analysis of one segment, by the rules of Wireshark's `tcp.analysis.*` (4.0, default preferences).
//!
//! The rules look only at what came before the segment, never ahead, and a value of 0 often stands for "not seen yet"
//! where a real sequence number 0 would look the same: both are Wireshark's, and kept so that the numbers are equal.

use super::connection::event;
use super::seq::{gt, le, lt};
use super::unacked::{Pool, Queue};
use crate::packing::{self, fold, since, unfold};

pub(super) const FIN: u16 = 0x01;
pub(super) const SYN: u16 = 0x02;
pub(super) const RST: u16 = 0x04;
pub(super) const ACK: u16 = 0x10;

/// No window scale option was seen, nor its absence in a handshake.
pub(super) const SCALE_UNKNOWN: i8 = -1;
/// The handshake agreed on no scaling.
pub(super) const SCALE_OFF: i8 = -2;

/// Duplicate ACKs within this time after the last one make a fast retransmission, ns.
const FAST_RETRANSMISSION_NS: u64 = 20_000_000;
/// Reordering window where the initial RTT is not known, ns.
const REORDER_NS: u64 = 3_000_000;

/// What the analysis remembers of one direction.
#[derive(Clone, Debug)]
pub(super) struct Side {
    /// Highest sequence number after a segment of this side. 0: none yet.
    pub next_seq: u32,
    /// End of the data seen without a gap: an ACK beyond it is for a segment that is not in the capture. 0: none yet.
    pub max_to_ack: u32,
    /// Acknowledgment number of the last segment, whether or not its ACK bit was set.
    last_ack: u32,
    /// Window field of the last segment, not scaled; `u32::MAX` before the first.
    window: u32,
    /// Repetitions of `last_ack`; `u32::MAX`: the next repetition counts as the first (and it passes for many).
    dup_acks: u32,
    /// Initial sequence number, as far as known.
    pub isn: Option<u32>,
    next_seq_ns: i64,
    last_ns: i64,
    pub queue: Queue,
    /// Events of the last segment.
    last_events: u16,
    /// Shift count of the window, or one of `SCALE_UNKNOWN`, `SCALE_OFF`.
    pub scale: i8,
    /// The last SYN was not yet followed by an ACK of this side: its window is not scaled.
    pub before_first_ack: bool,
    /// The data sent so far is known without a gap (what Wireshark needs to show bytes in flight).
    flight_known: bool,
}

/// Numbers of a packed [`Side`].
pub(super) const SIDE_NUMBERS: usize = 12;

impl Side {
    /// All of it as numbers, most of them small; `last_ns`: time of the connection's last segment, `other_next`: the other
    /// side's `next_seq`, `sent`: payload bytes of this one.
    pub fn numbers(&self, last_ns: i64, other_next: u32, sent: u32) -> [u64; SIDE_NUMBERS] {
        let [head, tail, waiting] = self.queue.numbers();
        let state = self.scale as u8 as u64
            | (self.before_first_ack as u64) << 8
            | (!self.flight_known as u64) << 9
            | (self.isn.is_some() as u64) << 10
            | (self.last_events as u64) << 11;
        [
            self.next_seq as u64,
            self.next_seq.wrapping_sub(self.max_to_ack) as u64,
            other_next.wrapping_sub(self.last_ack) as u64,
            self.window.wrapping_add(1) as u64,
            self.dup_acks.wrapping_add(1) as u64,
            self.isn.map_or(0, |isn| fold(self.next_seq.wrapping_sub(isn).wrapping_sub(sent) as i32 as i64)),
            since(self.next_seq_ns, self.last_ns),
            last_ns.wrapping_sub(self.last_ns) as u64,
            head,
            tail,
            waiting,
            state,
        ]
    }

    /// `next_seq` of the side of these numbers.
    pub fn next_seq_of(n: &[u64]) -> u32 {
        n.first().map_or(0, |&n| n as u32)
    }

    /// The side of these numbers.
    pub fn of_numbers(n: &[u64], last_ns: i64, other_next: u32, sent: u32) -> Self {
        let at = |i: usize| n.get(i).copied().unwrap_or(0);
        let next_seq = at(0) as u32;
        let state = at(11);
        let own_last_ns = last_ns.wrapping_sub(at(7) as i64);
        Self {
            next_seq,
            max_to_ack: next_seq.wrapping_sub(at(1) as u32),
            last_ack: other_next.wrapping_sub(at(2) as u32),
            window: (at(3) as u32).wrapping_sub(1),
            dup_acks: (at(4) as u32).wrapping_sub(1),
            isn: (state >> 10 & 1 != 0).then(|| next_seq.wrapping_sub(sent).wrapping_sub(unfold(at(5)) as u32)),
            next_seq_ns: packing::at(own_last_ns, at(6)),
            last_ns: own_last_ns,
            queue: Queue::of_numbers([at(8), at(9), at(10)]),
            last_events: (state >> 11) as u16,
            scale: state as u8 as i8,
            before_first_ack: state >> 8 & 1 != 0,
            flight_known: state >> 9 & 1 == 0,
        }
    }

    /// Time of the last segment.
    pub fn last_ns(&self) -> i64 {
        self.last_ns
    }

    /// Acknowledgment number of the last segment.
    pub fn last_ack(&self) -> u32 {
        self.last_ack
    }

    /// When the highest sequence number was reached.
    pub fn next_seq_ns(&self) -> i64 {
        self.next_seq_ns
    }

    /// The bytes in flight are known.
    pub fn flight_known(&self) -> bool {
        self.flight_known
    }

    /// Repetitions of the last ACK.
    pub fn dup_acks(&self) -> u32 {
        self.dup_acks
    }
}

impl Default for Side {
    fn default() -> Self {
        Self {
            next_seq: 0,
            max_to_ack: 0,
            last_ack: 0,
            window: u32::MAX,
            dup_acks: 0,
            isn: None,
            next_seq_ns: 0,
            last_ns: 0,
            queue: Queue::default(),
            last_events: 0,
            scale: SCALE_UNKNOWN,
            before_first_ack: false,
            flight_known: true,
        }
    }
}

/// The fields of a segment that the rules look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub seq: u32,
    pub ack: u32,
    /// Data bytes on the wire.
    pub len: u32,
    pub flags: u16,
    pub window: u32,
    pub clock_ns: i64,
}

impl Header {
    #[inline]
    fn has(&self, bits: u16) -> bool {
        self.flags & bits != 0
    }
}

/// What the analysis of one segment found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    pub events: u16,
    /// When the segment was sent whose end this one acknowledges exactly.
    pub acked_sent_ns: Option<i64>,
    /// Wireshark has analysis of this frame to show (and shows the initial RTT with it).
    pub shown: bool,
}

/// Judges a segment of `fwd`; `rev` is the other direction. `events`: what is known of it already (port reuse).
/// `initial_rtt_ns`: 0 where it is not known; by reference, because it is seldom looked at and lies far away.
#[inline]
pub(super) fn analyze(
    fwd: &mut Side,
    rev: &mut Side,
    s: &Header,
    mut events: u16,
    initial_rtt_ns: &i64,
    pool: &mut Pool,
) -> Found {
    if s.has(ACK) {
        rev.flight_known = true;
    }
    if s.len == 1 && s.seq == fwd.next_seq && rev.window == 0 {
        events |= event::ZERO_WINDOW_PROBE;
    } else {
        events |= window_and_order(fwd, rev, s);
    }
    if s.ack != fwd.last_ack {
        fwd.dup_acks = 0;
    }
    let mut shown = false;
    if rev.max_to_ack != 0 && gt(s.ack, rev.max_to_ack) && s.has(ACK) {
        shown = true;
        if lt(rev.max_to_ack, rev.next_seq) {
            rev.max_to_ack = rev.next_seq;
            events |= event::ACK_LOST_SEGMENT;
        } else {
            if rev.dup_acks == 0 {
                events |= event::ACK_LOST_SEGMENT;
            }
            rev.dup_acks = u32::MAX;
        }
    }
    if (s.len > 0 || s.has(SYN | FIN)) && events & event::KEEP_ALIVE == 0 {
        events |= sent_before(fwd, rev, s, initial_rtt_ns);
    }
    advance(fwd, s, events, pool);
    fwd.last_events = events;
    let acked_sent_ns = pool.acknowledge(&mut rev.queue, s.ack);
    shown |= events != 0 || acked_sent_ns.is_some();
    shown |= s.len != 0 && fwd.flight_known && !fwd.queue.is_empty();
    Found { events, acked_sent_ns, shown }
}

/// Zero window, lost segment, keep-alive, window update and full window, and the three kinds of repeated ACK.
#[inline]
fn window_and_order(fwd: &mut Side, rev: &Side, s: &Header) -> u16 {
    let mut events = 0;
    let plain = !s.has(SYN | FIN | RST);
    if s.window == 0 && plain {
        events |= event::ZERO_WINDOW;
    }
    if fwd.next_seq != 0 && gt(s.seq, fwd.next_seq) && !s.has(RST) {
        events |= event::LOST_SEGMENT;
        fwd.flight_known = false;
    }
    if !plain {
        return events;
    }
    if s.len <= 1 && s.seq == fwd.next_seq.wrapping_sub(1) {
        events |= event::KEEP_ALIVE;
    }
    if s.len > 0 {
        if rev.scale != SCALE_UNKNOWN {
            let shift = if rev.before_first_ack { 0 } else { rev.scale.max(0) as u32 };
            let edge = rev.last_ack.wrapping_add(rev.window.wrapping_shl(shift));
            if s.seq.wrapping_add(s.len) == edge {
                events |= event::WINDOW_FULL;
            }
        }
        return events;
    }
    if s.seq != fwd.next_seq || s.ack != fwd.last_ack {
        return events;
    }
    if s.window != fwd.window {
        if s.window != 0 {
            events |= event::WINDOW_UPDATE;
        }
    } else if s.window == 0 {
        if rev.last_events & event::ZERO_WINDOW_PROBE != 0 {
            events |= event::ZERO_WINDOW_PROBE_ACK;
        }
    } else if rev.last_events & event::KEEP_ALIVE != 0 {
        events |= event::KEEP_ALIVE_ACK;
    } else {
        fwd.dup_acks = if fwd.dup_acks == u32::MAX { 1 } else { fwd.dup_acks + 1 };
        events |= event::DUPLICATE_ACK;
    }
    events
}

/// A segment with data, SYN or FIN: retransmission of one of the three kinds, out of order, or neither.
#[inline]
fn sent_before(fwd: &Side, rev: &Side, s: &Header, initial_rtt_ns: &i64) -> u16 {
    if s.len > 0 && rev.last_ack != 0 && le(s.seq.wrapping_add(s.len), rev.last_ack) {
        return event::RETRANSMISSION | event::SPURIOUS_RETRANSMISSION;
    }
    // A segment of more than one byte that starts one before the expected number repeats a window probe's byte.
    let after_probe = s.len > 1 && s.seq == fwd.next_seq.wrapping_sub(1);
    if fwd.next_seq == 0 || !lt(s.seq, fwd.next_seq) || after_probe {
        return 0;
    }
    // Unsigned on purpose: time running backwards is a long time, not a short one.
    let since_ack = s.clock_ns.wrapping_sub(rev.last_ns) as u64;
    if rev.dup_acks >= 2 && rev.last_ack == s.seq && since_ack < FAST_RETRANSMISSION_NS {
        return event::RETRANSMISSION | event::FAST_RETRANSMISSION;
    }
    let since_highest = s.clock_ns.wrapping_sub(fwd.next_seq_ns) as u64;
    let window = if *initial_rtt_ns == 0 { REORDER_NS } else { *initial_rtt_ns as u64 };
    let end = s.seq.wrapping_add(s.len).wrapping_add(s.has(SYN | FIN) as u32);
    if since_highest < window && fwd.next_seq != end {
        return event::OUT_OF_ORDER;
    }
    event::RETRANSMISSION
}

/// Moves the numbers of the sending side on.
#[inline]
fn advance(fwd: &mut Side, s: &Header, events: u16, pool: &mut Pool) {
    let control = s.has(SYN | FIN);
    let mut next = s.seq.wrapping_add(s.len);
    if (s.len > 0 || control) && !fwd.queue.is_full() {
        next = next.wrapping_add(control as u32);
        pool.push(&mut fwd.queue, next, s.clock_ns);
    }
    let first = fwd.next_seq == 0;
    let probe = events & event::ZERO_WINDOW_PROBE != 0;
    if (first || gt(next, fwd.next_seq)) && !probe {
        fwd.next_seq = next;
        fwd.next_seq_ns = s.clock_ns;
    }
    if (s.seq == fwd.max_to_ack || fwd.max_to_ack == 0) && !probe {
        fwd.max_to_ack = fwd.next_seq;
    }
    fwd.window = s.window;
    fwd.last_ack = s.ack;
    fwd.last_ns = s.clock_ns;
}
