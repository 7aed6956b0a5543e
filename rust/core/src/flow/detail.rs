//! What Wireshark's analysis says of single segments beyond events: which frame an ACK is for, bytes in flight, how complete
//! a conversation is so far. Followed only where a filter or a column asks.

use super::analysis::{ACK, FIN, RST, SYN};
use super::event;
use super::state::Flow;
use super::tracker::Segment;
use super::unacked::Pool;
use arrayvec::ArrayVec;

const PSH: u16 = 0x08;
/// More than that cannot be in flight.
const MAX_FLIGHT: i64 = 2_000_000_000;

/// What is remembered of one direction.
#[derive(Clone, Debug, Default)]
struct Side {
    push_bytes: u32,
    push_last: bool,
    sacks: ArrayVec<(u32, u32), 4>,
    /// Frame that reached the highest sequence number, and the last one with another ACK than before.
    next_frame: u64,
    ack_frame: u64,
}

/// What is remembered of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Details {
    /// Bits of `tcp.completeness`.
    seen: u8,
    sides: [Side; 2],
}

/// Details of one segment; 0 and None: nothing to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// `tcp.completeness`: what came before the segment.
    pub completeness: Option<u8>,
    pub acks_frame: u64,
    pub duplicate_ack_frame: u64,
    pub in_flight: u32,
    pub push_bytes: u32,
    /// Time since the segment that is sent again, ns, and its frame.
    pub rto: Option<(i64, u64)>,
}

/// State of a direction before the analysis of its segment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    next_seq: u32,
    next_seq_ns: i64,
    last_ack: u32,
}

impl Before {
    pub fn of(flow: &Flow, end: usize) -> Self {
        let side = &flow.sides[end];
        Self { next_seq: side.next_seq, next_seq_ns: side.next_seq_ns(), last_ack: side.last_ack() }
    }
}

/// Follows a segment that has been judged; `events`, `acked`: what was found.
#[allow(clippy::too_many_arguments)] // everything that is known of the segment
pub(super) fn follow(
    details: &mut Details,
    flow: &Flow,
    pool: &mut Pool,
    s: &Segment<'_>,
    end: usize,
    new: bool,
    before: Before,
    found: (u16, bool),
) -> Detail {
    let (events, acked) = found;
    // A connection that takes the ports of another shows its SYN at once.
    let shown = if new && events & event::REUSED_PORTS != 0 { 1 } else { details.seen };
    let mut detail = Detail { completeness: Some(shown), ..Detail::default() };
    let (flags, len) = (s.tcp.flags, s.tcp.len.unwrap_or(0));
    details.seen |= seen(flags, len, new);
    let [a, b] = &mut details.sides;
    let (fwd, rev) = if end == 0 { (a, b) } else { (b, a) };
    if acked {
        detail.acks_frame = pool.acked_frame().unwrap_or(0);
    }
    if s.tcp.ack != before.last_ack {
        fwd.ack_frame = s.frame;
    }
    if events & event::DUPLICATE_ACK != 0 {
        detail.duplicate_ack_frame = fwd.ack_frame;
    }
    let others = event::FAST_RETRANSMISSION | event::SPURIOUS_RETRANSMISSION;
    if events & event::RETRANSMISSION != 0 && events & others == 0 {
        // Without any time between them Wireshark shows nothing.
        detail.rto = Some(sent_first(flow, pool, s, end, before, fwd.next_frame)).filter(|rto| rto.0 != 0);
    }
    if flow.sides[end].next_seq != before.next_seq {
        fwd.next_frame = s.frame;
    }
    let side = &flow.sides[end];
    if len != 0 && side.flight_known() && !side.queue.is_empty() {
        let base = side.isn.unwrap_or(0);
        let ends = pool.segments(&side.queue).fold(None, |ends: Option<(u32, u32)>, (start, next, ..)| {
            let (start, next) = (start.wrapping_sub(base), next.wrapping_sub(base));
            Some(ends.map_or((start, next), |(low, high)| (low.min(start), high.max(next))))
        });
        if let Some((low, high)) = ends {
            let sacked: i64 = rev.sacks.iter().map(|&(left, right)| i64::from(right.wrapping_sub(left) as i32)).sum();
            // A FIN has a number and is no byte.
            let control = i64::from(flags & (SYN | FIN) != 0);
            let flight = i64::from(high) - i64::from(low) - sacked - control;
            if (1..MAX_FLIGHT).contains(&flight) {
                detail.in_flight = flight as u32;
            }
        }
        let push = flags & PSH != 0;
        fwd.push_bytes = if fwd.push_last { len } else { fwd.push_bytes.wrapping_add(len) };
        fwd.push_last = push;
        detail.push_bytes = if detail.in_flight > 0 { fwd.push_bytes } else { 0 };
    }
    fwd.sacks = s.tcp.sacks.clone();
    pool.acknowledge_part(&flow.sides[1 - end].queue, s.tcp.ack);
    detail
}

/// Bits that a segment adds. The first one of a conversation counts only with a plain SYN, as in Wireshark.
fn seen(flags: u16, len: u32, new: bool) -> u8 {
    if new && flags & (SYN | ACK) != SYN {
        return 0;
    }
    let mut bits = match flags & (SYN | ACK) {
        SYN => 1,
        both if both == SYN | ACK => 2,
        ACK if len == 0 => 4,
        _ => 0,
    };
    bits |= u8::from(len > 0) << 3;
    bits |= u8::from(flags & FIN != 0) << 4;
    bits | u8::from(flags & RST != 0) << 5
}

/// Time since the segment that this one repeats, and its frame: the oldest that waits, or else the one that came last.
fn sent_first(flow: &Flow, pool: &Pool, s: &Segment<'_>, end: usize, before: Before, next_frame: u64) -> (i64, u64) {
    let waiting = || pool.segments(&flow.sides[end].queue).filter(|w| w.2 != s.frame);
    let sent = waiting().min_by_key(|w| w.2).map(|w| (w.3, w.2));
    let (time, frame) = sent.unwrap_or((before.next_seq_ns, next_frame));
    (s.clock_ns.wrapping_sub(time), frame)
}
