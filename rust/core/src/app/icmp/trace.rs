//! Paths of traceroute programs: probes with a small time to live, and who says that it ran out.

use crate::addr::IpAddr;
use crate::app::message::{Value, row};
use crate::app::table::{Recent, Table};
use crate::limits::Limits;
use arrayvec::ArrayVec;
use std::collections::BTreeMap;

/// A packet seen with at most this time to live may be a probe.
pub const MAX_PROBE_TTL: u8 = 32;
/// Traces listed.
const MAX_TRACES: usize = 2_000;
/// Probes remembered.
const MAX_PROBES: usize = 100_000;
/// Routers listed for one hop.
const MAX_AT_HOP: usize = 4;
/// Routers listed of a trace whose probes are not in the capture.
const MAX_UNPLACED: usize = 64;

/// A packet by what every error quotes of it: addresses, protocol, the first eight bytes behind the IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Probe {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub protocol: u8,
    pub first: [u8; 8],
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    time_ns: i64,
    ttl: u8,
}

/// One router at one distance.
#[derive(Clone, Copy, Debug)]
struct At {
    address: IpAddr,
    replies: u64,
    rtt_sum_ns: i128,
    rtt_min_ns: i64,
    rtt_max_ns: i64,
    first_frame: u64,
}

impl At {
    fn new(address: IpAddr, frame: u64) -> Self {
        Self { address, replies: 0, rtt_sum_ns: 0, rtt_min_ns: i64::MAX, rtt_max_ns: i64::MIN, first_frame: frame }
    }

    fn took(&mut self, ns: i64) {
        self.replies += 1;
        self.rtt_sum_ns += i128::from(ns);
        self.rtt_min_ns = self.rtt_min_ns.min(ns);
        self.rtt_max_ns = self.rtt_max_ns.max(ns);
    }

    fn merge(&mut self, o: &Self) {
        self.replies += o.replies;
        self.rtt_sum_ns += o.rtt_sum_ns;
        self.rtt_min_ns = self.rtt_min_ns.min(o.rtt_min_ns);
        self.rtt_max_ns = self.rtt_max_ns.max(o.rtt_max_ns);
        self.first_frame = self.first_frame.min(o.first_frame);
    }
}

type Hop = ArrayVec<At, MAX_AT_HOP>;

fn at(hop: &mut Hop, address: IpAddr, frame: u64) -> Option<&mut At> {
    let found = hop.iter().position(|a| a.address == address);
    let place = found.or_else(|| hop.try_push(At::new(address, frame)).ok().map(|()| hop.len() - 1))?;
    hop.get_mut(place)
}

/// (router, errors, first frame)
type Unplaced = (IpAddr, u64, u64);

fn unplaced(all: &mut Vec<Unplaced>, one: Unplaced) {
    if let Some(known) = all.iter_mut().find(|u| u.0 == one.0) {
        known.1 += one.1;
    } else if all.len() < MAX_UNPLACED {
        all.push(one);
    }
}

#[derive(Clone, Debug, Default)]
struct Trace {
    hops: BTreeMap<u8, Hop>,
    /// Routers that quoted packets not seen as probes, in order of appearance.
    unplaced: Vec<Unplaced>,
    /// Distance at which the target itself answered.
    reached: Option<u8>,
    errors: u64,
    first_frame: u64,
    first_ns: i64,
    last_ns: i64,
}

/// (prober, target, protocol)
type Key = (IpAddr, IpAddr, u8);

/// Probes remembered, and the paths found with them.
#[derive(Debug)]
pub struct Machine {
    sent: Recent<Probe, Sent>,
    paths: Paths,
}

/// The paths.
#[derive(Clone, Debug)]
pub struct Paths(Table<Key, Trace>);

impl Machine {
    pub fn new(limits: &Limits) -> Self {
        let small = |n: usize| n.min(limits.max_app_keys);
        Self { sent: Recent::new(MAX_PROBES.min(limits.max_icmp_pending)), paths: Paths::new(small(MAX_TRACES)) }
    }

    pub fn paths(&self) -> Paths {
        self.paths.clone()
    }

    /// A packet with a small time to live.
    pub fn probe(&mut self, probe: Probe, time_ns: i64, ttl: u8) {
        let sent = Sent { time_ns, ttl };
        match self.sent.get_mut(&probe) {
            Some(old) => *old = sent,
            None => drop(self.sent.insert(probe, sent)),
        }
    }

    /// Time exceeded in transit: `router` had a packet whose time to live ran out.
    pub fn exceeded(&mut self, router: IpAddr, probe: &Probe, frame: u64, time_ns: i64) {
        let sent = self.sent.get_mut(probe).copied();
        let key = (probe.src, probe.dst, probe.protocol);
        let new = || Trace { first_frame: frame, first_ns: time_ns, last_ns: time_ns, ..Trace::default() };
        let Some(trace) = self.paths.0.row(key, new) else { return };
        trace.errors += 1;
        trace.last_ns = trace.last_ns.max(time_ns);
        match sent {
            Some(sent) => {
                if let Some(at) = at(trace.hops.entry(sent.ttl).or_default(), router, frame) {
                    at.took(time_ns.saturating_sub(sent.time_ns));
                }
            }
            None => unplaced(&mut trace.unplaced, (router, 1, frame)),
        }
    }

    /// The target of a path answered a probe itself: unreachable port, or echo reply.
    pub fn arrived(&mut self, target: IpAddr, probe: &Probe, frame: u64, time_ns: i64) {
        let Some(trace) = self.paths.0.get_mut(&(probe.src, probe.dst, probe.protocol)) else { return };
        let Some(sent) = self.sent.get_mut(probe).copied() else { return };
        trace.last_ns = trace.last_ns.max(time_ns);
        trace.reached = Some(trace.reached.map_or(sent.ttl, |r| r.min(sent.ttl)));
        if let Some(at) = at(trace.hops.entry(sent.ttl).or_default(), target, frame) {
            at.took(time_ns.saturating_sub(sent.time_ns));
        }
    }
}

impl Paths {
    pub fn new(limit: usize) -> Self {
        Self(Table::new(limit))
    }

    pub fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0, |mine, theirs| {
            for (ttl, hop) in &theirs.hops {
                let own = mine.hops.entry(*ttl).or_default();
                for one in hop {
                    if let Some(known) = own.iter_mut().find(|a| a.address == one.address) {
                        known.merge(one);
                    } else {
                        // A hop with more routers than are listed.
                        let _ = own.try_push(*one);
                    }
                }
            }
            for one in &theirs.unplaced {
                unplaced(&mut mine.unplaced, *one);
            }
            mine.reached = mine.reached.into_iter().chain(theirs.reached).min();
            mine.errors += theirs.errors;
            mine.first_frame = mine.first_frame.min(theirs.first_frame);
            mine.first_ns = mine.first_ns.min(theirs.first_ns);
            mine.last_ns = mine.last_ns.max(theirs.last_ns);
        });
    }

    /// Rows: prober, target, protocol number, distance of the target, errors, first frame, first and last time, hops as
    /// [ttl or None, [[address, replies, min ns, mean ns, max ns, frame], ...]].
    pub fn report(&self) -> Value {
        let hop = |ttl: Value, all: Vec<Value>| Value::from(vec![ttl, all.into()]);
        let timed = |a: &At| -> Value {
            let mean = a.rtt_sum_ns as f64 / a.replies as f64;
            let times = [a.rtt_min_ns.into(), Value::Float(mean), a.rtt_max_ns.into()];
            let [min, mean, max] = times;
            row![a.address, a.replies, min, mean, max, a.first_frame]
        };
        self.0.report(
            |t| t.errors,
            |key, t| {
                let placed = t.hops.iter().map(|(&ttl, all)| hop(ttl.into(), all.iter().map(timed).collect()));
                let unplaced = t.unplaced.iter().map(|&(address, n, frame)| {
                    let none = || Value::None;
                    hop(none(), vec![row![address, n, none(), none(), none(), frame]])
                });
                row![
                    key.0,
                    key.1,
                    super::quote::protocol_name(key.2),
                    t.reached,
                    t.errors,
                    t.first_frame,
                    t.first_ns,
                    t.last_ns,
                    placed.chain(unplaced).collect::<Vec<_>>(),
                ]
            },
        )
    }
}
