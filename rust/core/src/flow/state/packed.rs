//! A connection in few bytes: nothing is lost, so that one that nobody uses can be put away and taken out again.
//!
//! Most of the numbers of a connection are 0 or small, or close to another one of it: they are written as differences.

use super::{Control, Counts, Flow, Rtt, mark};
use crate::flow::analysis::{SIDE_NUMBERS, Side};
use crate::flow::connection::{ClientKnownBy, Events, event};
use crate::flow::key::Key;
use crate::flow::turns::{Reset, ResetAfter, Turns};
use crate::packing::{Reader, at, fold, put, put_all, since, unfold};

/// Numbers of an end: counts, round trips, control segments.
const END: usize = 16;
/// Numbers of the connection itself.
const OWN: usize = 21;
/// All numbers but those of the sequence analysis.
const CORE: usize = OWN + 2 * END;

/// A frame of the connection; 0 stays 0.
#[inline]
fn frame_since(frame: u64, first: u64) -> u64 {
    if frame == 0 { 0 } else { frame.wrapping_sub(first).wrapping_add(1) }
}

#[inline]
fn frame_at(first: u64, since: u64) -> u64 {
    if since == 0 { 0 } else { first.wrapping_add(since).wrapping_sub(1) }
}

/// The same as seen from the last one: where connections end.
#[inline]
fn frame_until(frame: u64, last: u64) -> u64 {
    if frame == 0 { 0 } else { fold(last.wrapping_sub(frame) as i64).wrapping_add(1) }
}

#[inline]
fn frame_back(last: u64, until: u64) -> u64 {
    if until == 0 { 0 } else { last.wrapping_sub(unfold(until.wrapping_sub(1)) as u64) }
}

/// An end where there may be none, in two bits.
fn end_bits(end: Option<u8>) -> u64 {
    end.map_or(0, |end| end as u64 + 1)
}

fn end_of(bits: u64) -> Option<u8> {
    ((bits & 3) as u8).checked_sub(1)
}

/// Bytes of so many segments with the headers most have: Ethernet, IPv4, TCP without options.
fn plain_bytes(payload_bytes: u64, packets: u32) -> u64 {
    payload_bytes.wrapping_add(54 * packets as u64)
}

/// A sum as what is above that of so many times the least of its numbers: 0 for a single number.
fn above_least(sum: u64, least: u64, count: u32) -> u64 {
    sum.wrapping_sub(least.wrapping_mul(count as u64))
}

fn sum_of(above: u64, least: u64, count: u32) -> u64 {
    above.wrapping_add(least.wrapping_mul(count as u64))
}

/// Places of some of them.
const STREAM: u32 = 0;
const STATE: u32 = 5;
const INITIAL_RTT: u32 = 7;

/// Longest form of a key: its kind, two addresses, two ports.
const KEY_BYTES: usize = 37;

fn put_key(out: &mut Vec<u8>, key: &Key) {
    let (words, ports, v6) = key.parts();
    let is_short = !v6 && words[1] | words[3] | (words[0] | words[2]) & 0xffff_ffff == 0;
    if is_short {
        out.push(0);
        out.extend_from_slice(&((words[0] >> 32) as u32).to_le_bytes());
        out.extend_from_slice(&((words[2] >> 32) as u32).to_le_bytes());
    } else {
        out.push(1 + v6 as u8);
        words.iter().for_each(|w| out.extend_from_slice(&w.to_le_bytes()));
    }
    out.extend_from_slice(&ports.to_le_bytes());
}

fn take_key(from: &mut Reader<'_>) -> Key {
    let kind = from.byte();
    let words = if kind == 0 {
        [(from.half() as u64) << 32, 0, (from.half() as u64) << 32, 0]
    } else {
        [from.word(), from.word(), from.word(), from.word()]
    };
    Key::of_parts(words, from.half(), kind == 2)
}

/// The key of a packed connection.
#[inline]
pub(in crate::flow) fn key_of(packed: &[u8]) -> Key {
    take_key(&mut Reader(packed.get(..KEY_BYTES).unwrap_or(packed)))
}

/// The stream number of a packed connection.
pub(in crate::flow) fn stream_of(packed: &[u8]) -> u32 {
    let mut from = Reader(packed);
    take_key(&mut from);
    from.one_of_all(STREAM) as u32
}

/// `tcp.analysis.initial_rtt` of a packed connection, ns.
pub(in crate::flow) fn initial_rtt_of(packed: &[u8]) -> Option<u64> {
    let mut from = Reader(packed);
    take_key(&mut from);
    let marks = (from.one_of_all(STATE) >> 13) as u16;
    (marks & mark::RTT_SHOWN != 0).then(|| unfold(from.one_of_all(INITIAL_RTT))).and_then(|ns| u64::try_from(ns).ok())
}

fn end_numbers(flow: &Flow, end: usize) -> [u64; END] {
    let (counts, rtt, control) = (&flow.counts[end], &flow.rtts[end], &flow.control[end]);
    let options = control.mss.map_or(0, |mss| mss as u64 + 1)
        | control.window_scale.map_or(0, |scale| scale as u64 + 1) << 17
        | (control.sack_permitted as u64) << 26;
    [
        fold(counts.bytes.wrapping_sub(plain_bytes(counts.payload_bytes, counts.packets)) as i64),
        counts.payload_bytes,
        counts.packets as u64,
        counts.data_packets as u64,
        counts.max_window as u64,
        // `u32::MAX` stands for none yet.
        counts.min_window.wrapping_add(1) as u64,
        above_least(rtt.sum, rtt.min, rtt.count),
        rtt.min,
        rtt.max.wrapping_sub(rtt.min),
        rtt.count as u64,
        rtt.no_ack as u64,
        control.syn as u64,
        control.syn_ack as u64,
        control.fin as u64,
        control.rst as u64,
        options,
    ]
}

fn end_of_numbers(n: &[u64]) -> (Counts, Rtt, Control) {
    let at = |i: usize| n.get(i).copied().unwrap_or(0);
    let counts = Counts {
        bytes: (unfold(at(0)) as u64).wrapping_add(plain_bytes(at(1), at(2) as u32)),
        payload_bytes: at(1),
        packets: at(2) as u32,
        data_packets: at(3) as u32,
        max_window: at(4) as u32,
        min_window: (at(5) as u32).wrapping_sub(1),
    };
    let rtt = Rtt {
        sum: sum_of(at(6), at(7), at(9) as u32),
        min: at(7),
        max: at(8).wrapping_add(at(7)),
        count: at(9) as u32,
        no_ack: at(10) as u32,
    };
    let options = at(15);
    let control = Control {
        syn: at(11) as u32,
        syn_ack: at(12) as u32,
        fin: at(13) as u32,
        rst: at(14) as u32,
        mss: (options & 0x1_ffff).checked_sub(1).map(|mss| mss as u16),
        window_scale: (options >> 17 & 0x1ff).checked_sub(1).map(|scale| scale as u8),
        sack_permitted: options >> 26 & 1 != 0,
    };
    (counts, rtt, control)
}

fn put_events(out: &mut Vec<u8>, events: Option<&Events>) {
    let Some(events) = events else { return };
    let seen = |kind: &usize| events.count[0][*kind] | events.count[1][*kind] != 0 || events.first_frame[*kind] != 0;
    let kinds = (0..event::COUNT).filter(seen).fold(0u64, |bits, kind| bits | 1 << kind);
    put(out, kinds);
    for kind in (0..event::COUNT).filter(seen) {
        put(out, events.count[0][kind] as u64);
        put(out, events.count[1][kind] as u64);
        put(out, events.first_frame[kind]);
    }
}

fn take_events(from: &mut Reader<'_>) -> Box<Events> {
    let mut events = Box::<Events>::default();
    let mut kinds = from.number();
    while kinds != 0 {
        let kind = kinds.trailing_zeros() as usize;
        kinds &= kinds - 1;
        let (there, back, first) = (from.number(), from.number(), from.number());
        if kind < event::COUNT {
            (events.count[0][kind], events.count[1][kind]) = (there as u32, back as u32);
            events.first_frame[kind] = first;
        }
    }
    events
}

const KNOWN_BY: [ClientKnownBy; 4] =
    [ClientKnownBy::Syn, ClientKnownBy::SynAck, ClientKnownBy::Port, ClientKnownBy::FirstPacket];

impl Flow {
    /// Appends the packed form; gives how much of it is the connection without the state of the sequence analysis. Times
    /// are written as seen from `base_ns`.
    pub fn pack(&self, base_ns: i64, out: &mut Vec<u8>) -> usize {
        let begin = out.len();
        put_key(out, &self.key);
        let known_by = KNOWN_BY.iter().position(|k| *k == self.known_by).unwrap_or(0) as u64;
        let state = self.client as u64
            | known_by << 1
            | (self.events.is_some() as u64) << 3
            | end_bits(self.syn_by) << 4
            | end_bits(self.syn_ack_by) << 6
            | end_bits(self.first_rst_by) << 8
            | end_bits(self.first_fin_by) << 10
            | ((self.syn_ns != 0) as u64) << 12
            | (self.marks as u64) << 13;
        let r = &self.reset;
        let reset = r.after as u64
            | (r.ttl as u64) << 3
            | (r.usual_ttl as u64) << 11
            | r.seq_gap.map_or(0, |gap| (gap as u32 as u64) << 20 | 1 << 19);
        let asked = if self.has(mark::ASKED) { since(self.asked_ns, self.last_ns) } else { 0 };
        let t = &self.turns;
        let mut numbers = [0; CORE];
        let own: [u64; OWN] = [
            self.stream as u64,
            since(self.first_ns, base_ns),
            since(self.last_ns, self.first_ns),
            self.first_frame,
            self.last_frame.wrapping_sub(self.first_frame),
            state,
            if self.syn_ns == 0 { 0 } else { since(self.syn_ns, self.first_ns) },
            fold(self.initial_rtt_ns),
            frame_since(self.syn_frame, self.first_frame),
            frame_since(self.syn_ack_frame, self.first_frame),
            frame_until(self.fin_frame, self.last_frame),
            frame_until(self.rst_frame, self.last_frame),
            above_least(t.sum_ns, t.min_ns, t.count),
            t.min_ns,
            t.max_ns.wrapping_sub(t.min_ns),
            frame_since(t.max_frame, self.first_frame),
            t.count as u64,
            reset,
            self.ttls[0] as u64,
            self.ttls[1] as u64,
            asked,
        ];
        numbers[..OWN].copy_from_slice(&own);
        numbers[OWN..OWN + END].copy_from_slice(&end_numbers(self, 0));
        numbers[OWN + END..].copy_from_slice(&end_numbers(self, 1));
        put_all(out, &numbers);
        put_events(out, self.events.as_deref());
        let core = out.len() - begin;
        let [a, b] = &self.sides;
        let sent = |end: usize| self.counts[end].payload_bytes as u32;
        let mut numbers = [0; 2 * SIDE_NUMBERS];
        numbers[..SIDE_NUMBERS].copy_from_slice(&a.numbers(self.last_ns, b.next_seq, sent(0)));
        numbers[SIDE_NUMBERS..].copy_from_slice(&b.numbers(self.last_ns, a.next_seq, sent(1)));
        put_all(out, &numbers);
        core
    }

    /// The connection of a packed form. `whole`: with the state of the sequence analysis, which its table does not need.
    pub fn unpack(packed: &[u8], base_ns: i64, whole: bool) -> Self {
        let mut from = Reader(packed);
        let key = take_key(&mut from);
        let n: [u64; CORE] = from.all();
        let state = n[5];
        let events = (state >> 3 & 1 != 0).then(|| take_events(&mut from));
        let first_ns = at(base_ns, n[1]);
        let last_ns = at(first_ns, n[2]);
        let first_frame = n[3];
        let last_frame = first_frame.wrapping_add(n[4]);
        let (counts_0, rtt_0, control_0) = end_of_numbers(&n[OWN..OWN + END]);
        let (counts_1, rtt_1, control_1) = end_of_numbers(&n[OWN + END..]);
        let mut sides: [Side; 2] = Default::default();
        if whole {
            let numbers: [u64; 2 * SIDE_NUMBERS] = from.all();
            let (a, b) = numbers.split_at(SIDE_NUMBERS);
            let (next_a, next_b) = (Side::next_seq_of(a), Side::next_seq_of(b));
            sides = [
                Side::of_numbers(a, last_ns, next_b, counts_0.payload_bytes as u32),
                Side::of_numbers(b, last_ns, next_a, counts_1.payload_bytes as u32),
            ];
        }
        let marks = (state >> 13) as u16;
        let reset = n[17];
        Self {
            key,
            last_ns,
            last_frame,
            stream: n[0] as u32,
            client: (state & 1) as u8,
            known_by: KNOWN_BY[(state >> 1 & 3) as usize],
            marks,
            sides,
            counts: [counts_0, counts_1],
            rtts: [rtt_0, rtt_1],
            syn_ns: if state >> 12 & 1 == 0 { 0 } else { at(first_ns, n[6]) },
            initial_rtt_ns: unfold(n[7]),
            first_ns,
            first_frame,
            syn_frame: frame_at(first_frame, n[8]),
            syn_ack_frame: frame_at(first_frame, n[9]),
            fin_frame: frame_back(last_frame, n[10]),
            rst_frame: frame_back(last_frame, n[11]),
            control: [control_0, control_1],
            events,
            syn_by: end_of(state >> 4),
            syn_ack_by: end_of(state >> 6),
            first_rst_by: end_of(state >> 8),
            first_fin_by: end_of(state >> 10),
            asked_ns: if marks & mark::ASKED == 0 { 0 } else { at(last_ns, n[20]) },
            turns: Turns {
                sum_ns: sum_of(n[12], n[13], n[16] as u32),
                min_ns: n[13],
                max_ns: n[14].wrapping_add(n[13]),
                max_frame: frame_at(first_frame, n[15]),
                count: n[16] as u32,
            },
            reset: Reset {
                after: ResetAfter::of((reset & 7) as usize),
                ttl: (reset >> 3) as u8,
                usual_ttl: (reset >> 11) as u8,
                seq_gap: (reset >> 19 & 1 != 0).then_some((reset >> 20) as u32 as i32),
            },
            ttls: [n[18] as u8, n[19] as u8],
        }
    }
}
