//! Echo requests and replies put together by Wireshark's rule: the same two hosts, identifier, sequence number, and a
//! checksum that differs by the type alone, so that the reply has the payload of the request.

use super::payload::{self, Fill};
use crate::addr::IpAddr;
use crate::app::count::{Longest, Times};
use crate::app::message::{Fields, Value, row};
use crate::app::table::{Evidence, Recent, Table, first_frames};
use crate::limits::Limits;
use arrayvec::ArrayVec;
use foldhash::quality::RandomState;
use std::hash::BuildHasher;

/// What an echo message says, beside its context.
#[derive(Clone, Copy, Debug)]
pub struct Echo<'a> {
    pub frame: u64,
    pub time_ns: i64,
    pub src: IpAddr,
    pub dst: IpAddr,
    pub ttl: u8,
    pub reply: bool,
    pub v6: bool,
    /// Inside a tunnel over UDP.
    pub in_udp: bool,
    pub checksum: u16,
    pub id: u16,
    pub seq: u16,
    /// Captured payload.
    pub payload: &'a [u8],
    /// Bytes of the payload on the wire.
    pub payload_wire: u32,
}

/// Both hosts in an order that does not depend on the direction, whether Wireshark sees it come through a tunnel over
/// UDP (whatever the ports), identifier, sequence number, and the checksum as the request has it: as a hash nobody
/// outside can foresee, a sixth of the memory of the values. Two that are equal by chance do not occur.
type Key = u64;

/// The sum of two numbers in one's complement, zero always as 0.
fn ones(a: u16, b: u16) -> u16 {
    let sum = u32::from(a) + u32::from(b);
    let folded = (sum & 0xffff) + (sum >> 16);
    if folded == 0xffff { 0 } else { folded as u16 }
}

fn key(hasher: &RandomState, e: &Echo<'_>) -> Key {
    let ends = if e.src <= e.dst { [e.src, e.dst] } else { [e.dst, e.src] };
    // From request to reply the type falls by 8 in ICMP and rises by 1 in ICMPv6; the checksum goes the other way.
    let checksum = match (e.reply, e.v6) {
        (true, true) => ones(e.checksum, 0x0100),
        (true, false) => ones(e.checksum, !0x0800),
        (false, _) => ones(e.checksum, 0),
    };
    hasher.hash_one((ends, e.in_udp, e.id, e.seq, checksum))
}

#[derive(Clone, Copy, Debug)]
struct Request {
    time_ns: i64,
    /// From above: frame, eight bits of time to live, one that says whether it was answered.
    rest: u64,
}

impl Request {
    fn new(e: &Echo<'_>) -> Self {
        Self { time_ns: e.time_ns, rest: e.frame << 9 | u64::from(e.ttl) << 1 }
    }
    fn frame(&self) -> u64 {
        self.rest >> 9
    }
    fn ttl(&self) -> u8 {
        (self.rest >> 1) as u8
    }
    fn answered(&self) -> bool {
        self.rest & 1 != 0
    }
}

/// Identifiers listed of one pair of hosts.
const MAX_IDS: usize = 4;

/// Echo between a host that asks and one that is asked.
#[derive(Clone, Debug)]
pub struct Pair {
    requests: u64,
    replies: u64,
    answered: u64,
    duplicates: u64,
    unmatched: u64,
    /// Sums of the round-trip times and of their squares, exact, so that parts add up to the whole.
    rtt_sum_ns: i128,
    rtt_squares: i128,
    rtt_min_ns: i64,
    rtt_longest: Longest,
    first_ns: i64,
    last_ns: i64,
    first_frame: u64,
    ids: ArrayVec<u16, MAX_IDS>,
    last_id: Option<u16>,
    payload_min: u32,
    payload_max: u32,
    /// Payloads that no ping program fills in that way, and those of them that differ from the one before.
    unusual: u64,
    varied: u64,
    /// Payloads that are IP packets.
    packets: u64,
    last_payload: u64,
    /// First frame with an unusual payload.
    unusual_frame: u64,
}

impl Pair {
    fn new(e: &Echo<'_>) -> Self {
        Self {
            requests: 0,
            replies: 0,
            answered: 0,
            duplicates: 0,
            unmatched: 0,
            rtt_sum_ns: 0,
            rtt_squares: 0,
            rtt_min_ns: i64::MAX,
            rtt_longest: Longest::default(),
            first_ns: e.time_ns,
            last_ns: e.time_ns,
            first_frame: e.frame,
            ids: ArrayVec::new(),
            last_id: None,
            payload_min: u32::MAX,
            payload_max: 0,
            unusual: 0,
            varied: 0,
            packets: 0,
            last_payload: 0,
            unusual_frame: 0,
        }
    }

    fn message(&mut self, e: &Echo<'_>) {
        self.first_ns = self.first_ns.min(e.time_ns);
        self.last_ns = self.last_ns.max(e.time_ns);
        self.payload_min = self.payload_min.min(e.payload_wire);
        self.payload_max = self.payload_max.max(e.payload_wire);
        let (fill, hash) = payload::look(e.payload);
        self.packets += (fill == Fill::Packet) as u64;
        if fill != Fill::Usual {
            if self.unusual == 0 {
                self.unusual_frame = e.frame;
            }
            self.unusual += 1;
            self.varied += (hash != self.last_payload) as u64;
            self.last_payload = hash;
        }
        if self.last_id != Some(e.id) {
            self.last_id = Some(e.id);
            if !self.ids.contains(&e.id) {
                let _ = self.ids.try_push(e.id);
            }
        }
    }

    fn took(&mut self, ns: i64, frame: u64) {
        let wide = i128::from(ns);
        self.answered += 1;
        self.rtt_sum_ns += wide;
        self.rtt_squares = self.rtt_squares.saturating_add(wide * wide);
        self.rtt_min_ns = self.rtt_min_ns.min(ns);
        self.rtt_longest.see(ns, frame);
    }

    fn merge(&mut self, o: &Self) {
        self.requests += o.requests;
        self.replies += o.replies;
        self.answered += o.answered;
        self.duplicates += o.duplicates;
        self.unmatched += o.unmatched;
        self.rtt_sum_ns += o.rtt_sum_ns;
        self.rtt_squares = self.rtt_squares.saturating_add(o.rtt_squares);
        self.rtt_min_ns = self.rtt_min_ns.min(o.rtt_min_ns);
        self.rtt_longest.see(o.rtt_longest.ns, o.rtt_longest.frame);
        self.first_ns = self.first_ns.min(o.first_ns);
        self.last_ns = self.last_ns.max(o.last_ns);
        self.first_frame = self.first_frame.min(o.first_frame);
        self.payload_min = self.payload_min.min(o.payload_min);
        self.payload_max = self.payload_max.max(o.payload_max);
        if self.unusual == 0 {
            self.unusual_frame = o.unusual_frame;
        }
        self.unusual += o.unusual;
        self.varied += o.varied;
        self.packets += o.packets;
        for &id in &o.ids {
            if !self.ids.contains(&id) {
                let _ = self.ids.try_push(id);
            }
        }
    }

    /// Columns of `echo_pairs`, in the order of `PAIR_COLUMNS` in the module's machine outside.
    fn row(&self, (from, to): &(IpAddr, IpAddr)) -> Value {
        let n = self.answered as f64;
        let timed = self.answered > 0;
        let mean = self.rtt_sum_ns as f64 / n;
        // As ping says it: the root of the mean square distance from the mean.
        let spread = (self.rtt_squares as f64 / n - mean * mean).max(0.0).sqrt();
        let when = |v: Value| if timed { v } else { Value::None };
        row![
            *from,
            *to,
            self.ids.iter().map(|&id| id.into()).collect::<Vec<Value>>(),
            self.requests,
            self.answered,
            self.replies,
            self.duplicates,
            self.unmatched,
            when(self.rtt_min_ns.into()),
            when(Value::Float(mean)),
            when(self.rtt_longest.ns.into()),
            when(Value::Float(spread)),
            self.payload_min,
            self.payload_max,
            self.first_ns,
            self.last_ns,
            self.first_frame,
            self.unusual,
            self.varied,
            self.packets,
            self.unusual_frame,
            when(self.rtt_longest.frame.into()),
        ]
    }
}

/// What is counted of the echo messages of one IP version.
#[derive(Clone, Debug)]
pub struct Counts {
    requests: u64,
    replies: u64,
    /// Requests with a reply.
    answered: u64,
    times: Times,
    pairs: Table<(IpAddr, IpAddr), Pair>,
    /// (asking, asked, identifier): one run of a ping program.
    sessions: Table<(IpAddr, IpAddr, u16), ()>,
    repeated: Evidence,
    duplicates: Evidence,
    unmatched: Evidence,
    /// Replies of single hosts to a request that went to a group.
    to_group: Evidence,
    slow: Evidence,
    group_requests: Evidence,
    /// First frames without a reply; of a running pass those that were forgotten, or stand in `Pending`.
    unanswered_frames: Vec<u64>,
    forgotten: u64,
}

/// A reply later than this is listed as slow.
const SLOW_NS: i64 = 1_000_000_000;

impl Counts {
    pub fn new(limits: &Limits) -> Self {
        Self {
            requests: 0,
            replies: 0,
            answered: 0,
            times: Times::new(limits.max_app_times),
            pairs: Table::new(limits.max_app_keys),
            sessions: Table::new(limits.max_app_keys),
            repeated: Evidence::default(),
            duplicates: Evidence::default(),
            unmatched: Evidence::default(),
            to_group: Evidence::default(),
            slow: Evidence::default(),
            group_requests: Evidence::default(),
            unanswered_frames: Vec::new(),
            forgotten: 0,
        }
    }

    pub fn merge(&mut self, o: &Self) {
        self.requests += o.requests;
        self.replies += o.replies;
        self.answered += o.answered;
        self.forgotten += o.forgotten;
        self.times.merge(&o.times);
        self.pairs.merge(&o.pairs, Pair::merge);
        self.sessions.merge(&o.sessions, |(), ()| ());
        for (mine, theirs) in [
            (&mut self.repeated, &o.repeated),
            (&mut self.duplicates, &o.duplicates),
            (&mut self.unmatched, &o.unmatched),
            (&mut self.to_group, &o.to_group),
            (&mut self.slow, &o.slow),
            (&mut self.group_requests, &o.group_requests),
        ] {
            mine.merge(theirs);
        }
        let both = self.unanswered_frames.iter().chain(&o.unanswered_frames);
        self.unanswered_frames = first_frames(both.copied());
    }

    pub fn report(&self) -> Fields {
        let frames: Vec<Value> = self.unanswered_frames.iter().map(|&f| f.into()).collect();
        let unanswered = self.requests - self.answered;
        vec![
            ("requests", self.requests.into()),
            ("replies", self.replies.into()),
            ("answered", self.answered.into()),
            ("unanswered", vec![("count", unanswered.into()), ("frames", frames.into())].into()),
            ("response_time", self.times.report().into()),
            ("repeated_requests", self.repeated.report()),
            ("duplicate_replies", self.duplicates.report()),
            ("unmatched_replies", self.unmatched.report()),
            ("replies_to_group", self.to_group.report()),
            ("requests_to_group", self.group_requests.report()),
            ("slow", self.slow.report()),
            ("forgotten", self.forgotten.into()),
            ("sessions", self.sessions.len().into()),
            ("sessions_missed", self.sessions.missed().into()),
            ("pairs", self.pairs.report(|p| p.requests + p.replies, |k, p| p.row(k))),
        ]
    }
}

/// Requests remembered, and the counts.
#[derive(Debug)]
pub struct Machine {
    pending: Recent<Key, Request>,
    hasher: RandomState,
    /// Requests to groups: every member may answer, from its own address.
    groups: Recent<(IpAddr, u16, u16), ()>,
    counts: Counts,
}

/// The request a reply belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    pub frame: u64,
    pub took_ns: i64,
    /// Time to live the request was seen with.
    pub ttl: u8,
}

impl Machine {
    pub fn new(limits: &Limits) -> Self {
        Self {
            pending: Recent::new(limits.max_icmp_pending),
            hasher: RandomState::default(),
            groups: Recent::new(limits.max_app_keys),
            counts: Counts::new(limits),
        }
    }

    /// The counts as they are now.
    pub fn counts(&self) -> Counts {
        let mut now = self.counts.clone();
        let waiting = self.pending.values().filter(|r| !r.answered()).map(Request::frame);
        now.unanswered_frames = first_frames(now.unanswered_frames.iter().copied().chain(waiting));
        now
    }

    /// A message too short for an identifier: counted, paired with nothing.
    pub fn short(&mut self, frame: u64, reply: bool) {
        if reply {
            self.counts.replies += 1;
        } else {
            self.counts.requests += 1;
            self.counts.unanswered_frames = first_frames(self.counts.unanswered_frames.iter().copied().chain([frame]));
        }
    }

    /// A request that Wireshark follows, or one that it does not (`tracked` false).
    pub fn request(&mut self, e: &Echo<'_>, tracked: bool) {
        let c = &mut self.counts;
        c.requests += 1;
        if let Some(pair) = c.pairs.row((e.src, e.dst), || Pair::new(e)) {
            pair.requests += 1;
            if pair.last_id != Some(e.id) {
                c.sessions.row((e.src, e.dst, e.id), || ());
            }
            pair.message(e);
        }
        if is_group(&e.dst) {
            c.group_requests.add(e.frame);
            self.groups.insert((e.src, e.id, e.seq), ());
        }
        if !tracked {
            return self.forget(e.frame);
        }
        let key = key(&self.hasher, e);
        let new = Request::new(e);
        if let Some(old) = self.pending.get_mut(&key) {
            let before = std::mem::replace(old, new);
            if !before.answered() {
                // It will never get a reply of its own.
                self.counts.repeated.add(e.frame);
                self.forget(before.frame());
            }
            return;
        }
        if let Some(gone) = self.pending.insert(key, new) {
            let lost = gone.values().filter(|r| !r.answered());
            self.counts.forgotten += lost.clone().count() as u64;
            let kept = self.counts.unanswered_frames.iter().copied();
            self.counts.unanswered_frames = first_frames(kept.chain(lost.map(Request::frame)));
        }
    }

    /// Keeps the frame of a request that no reply will be paired with.
    fn forget(&mut self, frame: u64) {
        self.counts.unanswered_frames = first_frames(self.counts.unanswered_frames.iter().copied().chain([frame]));
    }

    /// A reply; gives its request where it is the first one to it.
    pub fn reply(&mut self, e: &Echo<'_>) -> Option<Answered> {
        let c = &mut self.counts;
        c.replies += 1;
        let mut pair = c.pairs.row((e.dst, e.src), || Pair::new(e));
        if let Some(pair) = &mut pair {
            pair.replies += 1;
            pair.message(e);
        }
        match self.pending.get_mut(&key(&self.hasher, e)) {
            Some(request) if !request.answered() => {
                request.rest |= 1;
                let took_ns = e.time_ns.saturating_sub(request.time_ns);
                c.answered += 1;
                c.times.add(took_ns, e.frame);
                if took_ns > SLOW_NS {
                    c.slow.add(e.frame);
                }
                if let Some(pair) = pair {
                    pair.took(took_ns, e.frame);
                }
                Some(Answered { frame: request.frame(), took_ns, ttl: request.ttl() })
            }
            Some(_) => {
                c.duplicates.add(e.frame);
                if let Some(pair) = pair {
                    pair.duplicates += 1;
                }
                None
            }
            None if self.groups.get_mut(&(e.dst, e.id, e.seq)).is_some() => {
                c.to_group.add(e.frame);
                None
            }
            None => {
                c.unmatched.add(e.frame);
                if let Some(pair) = pair {
                    pair.unmatched += 1;
                }
                None
            }
        }
    }
}

/// A multicast address, or the broadcast address of IPv4.
pub fn is_group(a: &IpAddr) -> bool {
    if a.v6 { a.bytes[0] == 0xff } else { a.bytes[0] & 0xf0 == 0xe0 || a.bytes[..4] == [255; 4] }
}
