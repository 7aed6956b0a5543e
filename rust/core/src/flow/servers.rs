//! Connections summed by server: who is slow, who loses packets, who refuses.

use super::connection::{Connection, event};
use super::filter::Having;
use super::table::ConnectionTable;
use super::turns::Turns;
use crate::addr::IpAddr;
use crate::app::message::Value;
use crate::app::rows::Rows;
use crate::tally::page_of;
use foldhash::fast::RandomState;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// Sums of a set of times, ns.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
}

impl Sum {
    pub fn add(&mut self, count: u32, sum: u64, min: u64, max: u64) {
        if count == 0 {
            return;
        }
        self.min = if self.count == 0 { min } else { self.min.min(min) };
        self.max = self.max.max(max);
        self.sum = self.sum.saturating_add(sum);
        self.count += u64::from(count);
    }

    fn value(&self) -> Value {
        let Some(mean) = self.sum.checked_div(self.count) else { return vec![("count", 0u64.into())].into() };
        vec![
            ("count", self.count.into()),
            ("min_ns", self.min.into()),
            ("mean_ns", mean.into()),
            ("max_ns", self.max.into()),
        ]
        .into()
    }
}

/// The exchanges of several connections, and how many of these have any.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AllTurns(Turns, u64);

impl AllTurns {
    pub fn add(&mut self, c: &Connection) {
        let (all, t) = (&mut self.0, c.turns);
        if t.count == 0 {
            return;
        }
        self.1 += 1;
        if all.count == 0 || t.max_ns > all.max_ns {
            (all.max_ns, all.max_frame) = (t.max_ns, t.max_frame);
        }
        all.min_ns = if all.count == 0 { t.min_ns } else { all.min_ns.min(t.min_ns) };
        all.sum_ns = all.sum_ns.saturating_add(t.sum_ns);
        all.count = all.count.saturating_add(t.count);
    }
}

/// A server behind what it is ordered by.
type Ranked = (Reverse<u64>, (IpAddr, u16), Box<Server>);

/// What is summed of one server.
#[derive(Clone, Debug, Default)]
struct Server {
    connections: u64,
    complete: u64,
    refused: u64,
    unanswered: u64,
    reset: u64,
    packets: u64,
    bytes: [u64; 2],
    payload: [u64; 2],
    data: u64,
    events: [u64; event::COUNT],
    initial_rtts: Vec<u64>,
    rtts: [Sum; 2],
    turns: Sum,
    slowest: (u64, u64, u32),
    /// Exchanges of connections with a round trip to the server, the time of these, and the network's part of it.
    split: (u64, u64, u64),
}

impl Server {
    fn add(&mut self, c: &Connection) {
        use super::connection::{Close, Handshake};
        self.connections += 1;
        self.complete += (c.handshake == Handshake::Complete) as u64;
        self.refused += (c.handshake == Handshake::Refused) as u64;
        self.unanswered += (c.handshake == Handshake::SynOnly) as u64;
        self.reset += (c.close == Close::Reset) as u64;
        self.packets += c.packets();
        for (dir, d) in c.dirs.iter().enumerate() {
            self.bytes[dir] += d.bytes;
            self.payload[dir] += d.payload_bytes;
            self.data += u64::from(d.data_packets);
            self.rtts[dir].add(d.rtt_count, d.rtt_sum_ns, d.rtt_min_ns, d.rtt_max_ns);
        }
        if c.events.is_some() {
            for (kind, n) in self.events.iter_mut().enumerate() {
                *n += c.event_count(kind);
            }
        }
        self.initial_rtts.extend(c.initial_rtt_ns);
        let t = c.turns;
        self.turns.add(t.count, t.sum_ns, t.min_ns, t.max_ns);
        if t.count > 0 && t.max_ns >= self.slowest.0 {
            self.slowest = (t.max_ns, t.max_frame, c.stream);
        }
        if let Some(network) = c.network_ns() {
            self.split.0 += u64::from(t.count);
            self.split.1 = self.split.1.saturating_add(t.sum_ns);
            self.split.2 = self.split.2.saturating_add(network.saturating_mul(u64::from(t.count)));
        }
    }

    fn value(&self, address: IpAddr, port: u16) -> Value {
        let mut r = self.initial_rtts.clone();
        r.sort_unstable();
        let rank = |part: usize| r.get((r.len() * part).div_ceil(100).saturating_sub(1)).copied();
        let events = event::NAMES.iter().zip(self.events).filter(|e| e.1 > 0).map(|(&name, n)| (name, n.into()));
        let (count, wait, network) = self.split;
        let split: Value = match (wait.checked_div(count), network.checked_div(count)) {
            (Some(wait), Some(network)) => vec![
                ("count", count.into()),
                ("network_ns", network.into()),
                ("server_ns", wait.saturating_sub(network).into()),
            ]
            .into(),
            _ => vec![("count", 0u64.into())].into(),
        };
        let slowest = (self.turns.count > 0).then_some(self.slowest);
        vec![
            ("server", address.into()),
            ("port", port.into()),
            ("connections", self.connections.into()),
            ("complete", self.complete.into()),
            ("refused", self.refused.into()),
            ("unanswered", self.unanswered.into()),
            ("reset", self.reset.into()),
            ("packets", self.packets.into()),
            ("data_packets", self.data.into()),
            ("bytes_to_server", self.bytes[0].into()),
            ("bytes_to_client", self.bytes[1].into()),
            ("payload_to_server", self.payload[0].into()),
            ("payload_to_client", self.payload[1].into()),
            ("events", events.collect::<Vec<(&'static str, Value)>>().into()),
            (
                "initial_rtt",
                vec![
                    ("count", (r.len() as u64).into()),
                    ("min_ns", r.first().copied().into()),
                    ("median_ns", rank(50).into()),
                    ("p95_ns", rank(95).into()),
                    ("max_ns", r.last().copied().into()),
                ]
                .into(),
            ),
            ("rtt_to_server", self.rtts[0].value()),
            ("rtt_to_client", self.rtts[1].value()),
            ("turns", self.turns.value()),
            ("split", split),
            ("slowest_frame", slowest.map(|s| s.1).into()),
            ("slowest_stream", slowest.map(|s| s.2).into()),
        ]
        .into()
    }

    /// What servers are ordered by, largest first.
    fn weight(&self, order: ServerOrder) -> u64 {
        match order {
            ServerOrder::Connections => self.connections,
            ServerOrder::Bytes => self.bytes[0] + self.bytes[1],
            ServerOrder::Turns => self.turns.count,
            ServerOrder::Wait => self.turns.sum.checked_div(self.turns.count).map_or(0, |mean| mean + 1),
            ServerOrder::InitialRtt => self.initial_rtts.iter().copied().max().map_or(0, |ns| ns + 1),
        }
    }
}

/// Order of servers, largest first; ties by address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerOrder {
    Connections,
    Bytes,
    /// Number of exchanges.
    Turns,
    /// Mean time of an exchange.
    Wait,
    /// Longest handshake.
    InitialRtt,
}

impl ServerOrder {
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "connections" => Self::Connections,
            "bytes" => Self::Bytes,
            "turns" => Self::Turns,
            "wait" => Self::Wait,
            "initial_rtt" => Self::InitialRtt,
            _ => return None,
        })
    }
}

impl ConnectionTable {
    /// (number of servers, the first `limit` of them with their sums, rows that are made later): an address and port
    /// each, the server's as far as the connection tells who that is. `ports`: only these; empty: all.
    pub fn servers(&self, having: Option<Having>, ports: &[u16], order: ServerOrder, limit: usize) -> (usize, Value) {
        let mut all: HashMap<(IpAddr, u16), Box<Server>, RandomState> = HashMap::default();
        let wanted = |c: &Connection| {
            (ports.is_empty() || ports.contains(&c.server_port)) && having.is_none_or(|h| h.matches(c))
        };
        self.iter().filter(wanted).for_each(|c| all.entry((c.server, c.server_port)).or_default().add(&c));
        let number = all.len();
        let all = all.into_iter().map(|(end, server)| (Reverse(server.weight(order)), end, server)).collect();
        let mut first: Vec<Ranked> = page_of(all, |(weight, end, _)| (*weight, *end), 0, limit);
        first.shrink_to_fit();
        let first = Arc::new(first);
        let places = |first: &Vec<Ranked>| (0..first.len()).collect();
        let row = |first: &Vec<Ranked>, at: &usize| match first.get(*at) {
            Some((_, (address, port), server)) => server.value(*address, *port),
            None => Value::None,
        };
        (number, Rows::later(&first, first.len(), places, row))
    }

    /// Times from data to its ACK over all connections, to the server and to the client: count, and with it min_ns,
    /// mean_ns, max_ns.
    pub fn rtts(&self) -> [Value; 2] {
        self.whole().rtts.map(|sum| sum.value())
    }

    /// Times of the exchanges of all connections, of `ports` only unless it is empty: [`Turns`] and the number of
    /// connections that have any.
    pub fn turns(&self, ports: &[u16]) -> (Turns, u64) {
        if ports.is_empty() {
            let AllTurns(all, connections) = self.whole().turns;
            return (all, connections);
        }
        let mut all = AllTurns::default();
        self.iter().filter(|c| ports.contains(&c.server_port)).for_each(|c| all.add(&c));
        (all.0, all.1)
    }
}
