//! Choosing and ordering connections.

use super::connection::{ClientKnownBy, Close, Connection, Handshake, event};
use super::turns::ResetAfter;
use crate::addr::IpAddr;
use std::cmp::Ordering;

/// Connections of an address, of a service port, or of a service (both).
///
/// - `address` alone: it is one of the two ends.
/// - `port` alone: it is the server's port.
/// - both: the server is that address and port.
///
/// Where no handshake tells who the server is, either end may be the one with the port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub address: Option<IpAddr>,
    pub port: Option<u16>,
}

impl Filter {
    /// True when every connection passes.
    pub fn is_all(&self) -> bool {
        self.address.is_none() && self.port.is_none()
    }

    pub fn matches(&self, c: &Connection) -> bool {
        let Some(port) = self.port else {
            return self.address.is_none_or(|a| a == c.client || a == c.server);
        };
        let is = |address: IpAddr, end_port: u16| self.address.is_none_or(|a| a == address) && port == end_port;
        let known = matches!(c.known_by, ClientKnownBy::Syn | ClientKnownBy::SynAck);
        is(c.server, c.server_port) || (!known && is(c.client, c.client_port))
    }
}

/// A property that chosen connections must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Having {
    /// At least one event of this kind (index into `event::NAMES`).
    Event(usize),
    Handshake(Handshake),
    Close(Close),
    /// A SYN was sent more than once.
    SynAgain,
    /// Both sides of the handshake are seen, and not both offered window scaling.
    Unscaled,
    /// Data of the client was followed by data of the server.
    Answered,
    /// What came before its first RST (index into `ResetAfter::NAMES`).
    ResetAfter(usize),
    /// Its first RST came from elsewhere than its alleged sender's other segments.
    ResetElsewhere,
}

impl Having {
    /// An event name, or one of reset, syn_only, refused, half_open, mid_stream, complete, open, fin, half_closed, idle,
    /// syn_again, unscaled, answered, reset_elsewhere, or reset_after_ and one of `ResetAfter::NAMES`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "mid_stream" => Self::Handshake(Handshake::MidStream),
            "syn_only" => Self::Handshake(Handshake::SynOnly),
            "refused" => Self::Handshake(Handshake::Refused),
            "half_open" => Self::Handshake(Handshake::HalfOpen),
            "complete" => Self::Handshake(Handshake::Complete),
            "open" => Self::Close(Close::Open),
            "fin" => Self::Close(Close::Fin),
            "half_closed" => Self::Close(Close::HalfClosed),
            "reset" => Self::Close(Close::Reset),
            "idle" => Self::Close(Close::Idle),
            "syn_again" => Self::SynAgain,
            "unscaled" => Self::Unscaled,
            "answered" => Self::Answered,
            "reset_elsewhere" => Self::ResetElsewhere,
            _ if name.starts_with("reset_after_") => {
                let what = name.trim_start_matches("reset_after_");
                Self::ResetAfter(ResetAfter::NAMES.iter().position(|n| *n == what)?)
            }
            _ => Self::Event(event::NAMES.iter().position(|n| *n == name)?),
        })
    }

    /// Properties there are.
    pub const COUNT: usize = event::COUNT + ResetAfter::COUNT + 14;

    /// Its number, less than `COUNT`; None of an event or a reset that does not exist.
    pub fn index(self) -> Option<usize> {
        let behind = event::COUNT + ResetAfter::COUNT;
        Some(match self {
            Self::Event(kind) => return (kind < event::COUNT).then_some(kind),
            Self::ResetAfter(kind) => return (kind < ResetAfter::COUNT).then_some(event::COUNT + kind),
            Self::Handshake(handshake) => behind + handshake as usize,
            Self::Close(close) => behind + 5 + close as usize,
            Self::SynAgain => behind + 10,
            Self::Unscaled => behind + 11,
            Self::Answered => behind + 12,
            Self::ResetElsewhere => behind + 13,
        })
    }

    /// All that a connection has.
    pub fn each_of(c: &Connection, mut found: impl FnMut(Self)) {
        found(Self::Handshake(c.handshake));
        found(Self::Close(c.close));
        if c.events.is_some() {
            (0..event::COUNT).map(Self::Event).filter(|h| h.matches(c)).for_each(&mut found);
        }
        c.reset.after.index().map(Self::ResetAfter).into_iter().for_each(&mut found);
        let others = [Self::SynAgain, Self::Unscaled, Self::Answered, Self::ResetElsewhere];
        others.into_iter().filter(|h| h.matches(c)).for_each(found);
    }

    pub fn matches(self, c: &Connection) -> bool {
        match self {
            Self::Event(kind) => kind < event::COUNT && c.event_count(kind) > 0,
            Self::Handshake(handshake) => c.handshake == handshake,
            Self::Close(close) => c.close == close,
            Self::SynAgain => c.syn_again() > 0,
            Self::Unscaled => c.is_unscaled(),
            Self::Answered => c.turns.count > 0,
            Self::ResetAfter(kind) => c.reset.after.index() == Some(kind),
            Self::ResetElsewhere => c.reset.is_elsewhere(),
        }
    }
}

/// Order of chosen connections: largest first except `Stream`; ties in stream order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Stream,
    Packets,
    Bytes,
    /// Retransmissions per packet.
    RetransmissionRate,
    Retransmissions,
    Duration,
    /// Connections without one come last.
    InitialRtt,
    /// The longest time from data of the client to data of the server.
    Wait,
    /// Occurrences of an event (index into `event::NAMES`).
    Event(usize),
}

/// Kind number of retransmissions.
const RETRANSMISSIONS: usize = event::RETRANSMISSION.trailing_zeros() as usize;

impl Order {
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "stream" => Self::Stream,
            "packets" => Self::Packets,
            "bytes" => Self::Bytes,
            "retransmission_rate" => Self::RetransmissionRate,
            "retransmissions" => Self::Retransmissions,
            "duration" => Self::Duration,
            "initial_rtt" => Self::InitialRtt,
            "wait" => Self::Wait,
            _ => Self::Event(event::NAMES.iter().position(|n| *n == name)?),
        })
    }

    /// What [`compare`](Self::compare) goes by.
    pub fn weight(self, c: &Connection) -> Weight {
        match self {
            Self::Stream => (0, 0),
            Self::Packets => (c.packets(), 0),
            Self::Bytes => (bytes(c), 0),
            Self::RetransmissionRate => (c.event_count(RETRANSMISSIONS), c.packets()),
            Self::Retransmissions => (c.event_count(RETRANSMISSIONS), 0),
            // Negative ones first.
            Self::Duration => (duration(c) as u64 ^ 1 << 63, 0),
            Self::InitialRtt => c.initial_rtt_ns.map_or((0, 0), |ns| (1, ns)),
            Self::Wait => (c.turns.max_ns, 0),
            Self::Event(kind) => (c.event_count(kind), 0),
        }
    }

    /// `Less` when the connection of weight `a` comes first.
    pub fn compare(self, a: Weight, b: Weight) -> Ordering {
        if self == Self::RetransmissionRate {
            let rate = |x: Weight, y: Weight| x.0 as u128 * y.1 as u128;
            return rate(b, a).cmp(&rate(a, b));
        }
        b.cmp(&a)
    }
}

/// What connections are ordered by.
pub type Weight = (u64, u64);

fn bytes(c: &Connection) -> u64 {
    c.dirs[0].bytes + c.dirs[1].bytes
}

fn duration(c: &Connection) -> i64 {
    c.last_ns.saturating_sub(c.first_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::connection::Events;

    const A: [u8; 4] = [10, 0, 0, 1];
    const B: [u8; 4] = [10, 0, 0, 2];

    fn connection(known_by: ClientKnownBy) -> Connection {
        let (client, server) = (IpAddr::v4(A), IpAddr::v4(B));
        Connection { client, server, client_port: 50_000, server_port: 80, known_by, ..Connection::default() }
    }

    #[test]
    fn a_service_is_the_servers_address_and_port() {
        let c = connection(ClientKnownBy::Syn);
        let is = |address: Option<[u8; 4]>, port| Filter { address: address.map(IpAddr::v4), port }.matches(&c);
        assert!(
            is(None, None) && is(Some(A), None) && is(Some(B), None) && is(Some(B), Some(80)) && is(None, Some(80))
        );
        assert!(!is(Some([9; 4]), None) && !is(Some(A), Some(80)) && !is(None, Some(50_000)));
        // Nobody saw the handshake: either end may be the server.
        let c = connection(ClientKnownBy::default());
        if !matches!(c.known_by, ClientKnownBy::Syn | ClientKnownBy::SynAck) {
            assert!(Filter { address: Some(IpAddr::v4(A)), port: Some(50_000) }.matches(&c));
        }
    }

    #[test]
    fn properties_have_numbers_of_their_own_and_are_found_where_they_hold() {
        let names = "mid_stream syn_only refused half_open complete open fin half_closed reset idle syn_again unscaled \
                     answered reset_elsewhere";
        let resets = ResetAfter::NAMES.iter().map(|name| format!("reset_after_{name}"));
        let all: Vec<String> = event::NAMES.map(str::to_owned).into_iter().chain(resets).collect();
        let all = all.iter().map(String::as_str).chain(names.split_whitespace());
        let all: Vec<Having> = all.map(|name| Having::from_name(name).unwrap()).collect();
        let mut numbers: Vec<usize> = all.iter().filter_map(|h| h.index()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..Having::COUNT).collect::<Vec<_>>());
        assert_eq!([Having::Event(99).index(), Having::ResetAfter(99).index()], [None, None]);

        let mut c = connection(ClientKnownBy::Syn);
        (c.handshake, c.close, c.turns.count) = (Handshake::Complete, Close::Fin, 3);
        let mut events = Box::new(Events::default());
        events.count[1][RETRANSMISSIONS] = 2;
        c.events = Some(events);
        let mut found = Vec::new();
        Having::each_of(&c, |h| found.push(h));
        let expected: Vec<Having> = all.into_iter().filter(|h| h.matches(&c)).collect();
        assert!(found.len() == expected.len() && expected.iter().all(|h| found.contains(h)), "{found:?}");
    }

    #[test]
    fn every_name_is_a_property_and_others_are_none() {
        for name in event::NAMES {
            assert!(matches!(Having::from_name(name), Some(Having::Event(_))), "{name}");
            assert!(matches!(Order::from_name(name), Some(Order::Event(_))), "{name}");
        }
        for name in ResetAfter::NAMES {
            assert!(matches!(Having::from_name(&format!("reset_after_{name}")), Some(Having::ResetAfter(_))));
        }
        assert_eq!(
            (Having::from_name("reset_after_"), Having::from_name(""), Order::from_name("x")),
            (None, None, None)
        );
    }

    #[test]
    fn orders_put_the_largest_first_and_what_has_no_time_last() {
        let mut quick = connection(ClientKnownBy::Syn);
        (quick.initial_rtt_ns, quick.last_ns, quick.dirs[0].packets) = (Some(5), 10, 10);
        let mut slow = connection(ClientKnownBy::Syn);
        (slow.initial_rtt_ns, slow.last_ns, slow.dirs[1].packets) = (Some(9), 4, 100);
        let mut events = Box::new(Events::default());
        events.count[0][RETRANSMISSIONS] = 5;
        slow.events = Some(events.clone());
        quick.events = Some(events);
        let none = connection(ClientKnownBy::Syn);
        let compare = |by: Order, a: &Connection, b: &Connection| by.compare(by.weight(a), by.weight(b));
        assert_eq!(compare(Order::InitialRtt, &slow, &quick), Ordering::Less);
        assert_eq!(compare(Order::InitialRtt, &quick, &none), Ordering::Less);
        assert_eq!(compare(Order::Duration, &quick, &slow), Ordering::Less);
        assert_eq!(compare(Order::Packets, &slow, &quick), Ordering::Less);
        // Five of ten packets are more than five of a hundred.
        assert_eq!(compare(Order::RetransmissionRate, &quick, &slow), Ordering::Less);
        assert_eq!(compare(Order::Retransmissions, &quick, &slow), Ordering::Equal);
        assert_eq!(compare(Order::Stream, &quick, &slow), Ordering::Equal);
    }
}
