//! Handshakes by server: most servers have few, and there may be many servers.

use crate::addr::IpAddr;
use crate::app::count::{Longest, Times};
use crate::app::message::{Fields, Value};
use crate::packing::{Reader, fold, put, unfold};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// Handshake times of one server kept one by one.
const MAX_TIMES: usize = 200;
/// As many times of one server are kept in few bytes.
const FEW: usize = 16;

/// Times from the client's hello to the end of the handshake.
#[derive(Clone, Debug)]
enum Durations {
    /// The frame of the longest one, and the times: numbers in few bytes.
    Few(Box<[u8]>),
    Many(Box<Times>),
}

impl Durations {
    /// Frame of the longest of few times, and the times.
    fn read(bytes: &[u8]) -> (u64, impl Iterator<Item = i64>) {
        let mut from = Reader(bytes);
        let frame = from.number();
        (frame, std::iter::from_fn(move || (!from.0.is_empty()).then(|| unfold(from.number()))))
    }

    /// As counted times. That of the longest one is the only frame that is looked at.
    fn times(bytes: &[u8]) -> Times {
        let (frame, all) = Self::read(bytes);
        let mut times = Times::new(MAX_TIMES);
        all.for_each(|ns| times.add(ns, frame));
        times
    }

    fn add(&mut self, ns: i64, frame: u64) {
        let bytes = match self {
            Self::Many(times) => return times.add(ns, frame),
            Self::Few(bytes) => bytes,
        };
        let (first, all) = Self::read(bytes);
        let (mut longest, mut before) = (Longest::default(), 0);
        for ns in all {
            longest.see(ns, first);
            before += 1;
        }
        if before == FEW {
            let mut times = Self::times(bytes);
            times.add(ns, frame);
            *self = Self::Many(Box::new(times));
            return;
        }
        longest.see(ns, frame);
        let mut from = Reader(bytes);
        from.number();
        let mut fresh = Vec::with_capacity(bytes.len() + 20);
        put(&mut fresh, longest.frame);
        fresh.extend_from_slice(from.0);
        put(&mut fresh, fold(ns));
        *self = Self::Few(fresh.into_boxed_slice());
    }

    fn merge(&mut self, o: &Self) {
        match (&mut *self, o) {
            (_, Self::Few(bytes)) => {
                let (frame, all) = Self::read(bytes);
                all.for_each(|ns| self.add(ns, frame));
            }
            (Self::Many(times), Self::Many(more)) => times.merge(more),
            (Self::Few(bytes), Self::Many(more)) => {
                let mut times = Self::times(bytes);
                times.merge(more);
                *self = Self::Many(Box::new(times));
            }
        }
    }

    fn report(&self) -> Fields {
        match self {
            Self::Few(bytes) => Self::times(bytes).report(),
            Self::Many(times) => times.report(),
        }
    }
}

/// Handshakes of one server.
#[derive(Clone, Debug)]
struct Server {
    handshakes: u64,
    completed: u64,
    durations: Durations,
}

impl Server {
    fn new() -> Self {
        Self { handshakes: 0, completed: 0, durations: Durations::Few(Box::default()) }
    }
}

/// Handshakes by server, up to a number of servers.
#[derive(Clone, Debug)]
pub struct Servers {
    all: HashMap<(IpAddr, u16), Server, RandomState>,
    max: usize,
    /// Handshakes of servers that found no room.
    other: u64,
}

impl Servers {
    pub fn new(max: usize) -> Self {
        Self { all: HashMap::default(), max, other: 0 }
    }

    /// The server, if it is known or there is room.
    fn server(&mut self, address: &(IpAddr, u16)) -> Option<&mut Server> {
        if self.all.len() >= self.max && !self.all.contains_key(address) {
            return None;
        }
        Some(self.all.entry(*address).or_insert_with(Server::new))
    }

    /// A handshake, with its duration in ns and its first frame.
    pub fn add(&mut self, address: &(IpAddr, u16), completed: bool, duration_ns: Option<i64>, frame: u64) {
        let Some(server) = self.server(address) else {
            self.other += 1;
            return;
        };
        server.handshakes += 1;
        server.completed += completed as u64;
        duration_ns.into_iter().for_each(|ns| server.durations.add(ns, frame));
    }

    pub fn merge(&mut self, o: &Self) {
        self.other += o.other;
        let mut theirs: Vec<_> = o.all.iter().collect();
        theirs.sort_unstable_by_key(|s| s.0);
        for (address, server) in theirs {
            let Some(mine) = self.server(address) else {
                self.other += server.handshakes;
                continue;
            };
            mine.handshakes += server.handshakes;
            mine.completed += server.completed;
            mine.durations.merge(&server.durations);
        }
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn other(&self) -> u64 {
        self.other
    }

    /// Servers with most handshakes first.
    pub fn ranked(&self) -> Vec<(IpAddr, u16)> {
        let mut all: Vec<_> = self.all.iter().collect();
        all.sort_unstable_by(|a, b| b.1.handshakes.cmp(&a.1.handshakes).then(a.0.cmp(b.0)));
        all.into_iter().map(|s| *s.0).collect()
    }

    pub fn row(&self, address: &(IpAddr, u16)) -> Value {
        let Some(s) = self.all.get(address) else { return Value::None };
        vec![
            ("server", address.0.into()),
            ("port", address.1.into()),
            ("handshakes", s.handshakes.into()),
            ("completed", s.completed.into()),
            ("duration", s.durations.report().into()),
        ]
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn servers(times: &[(u64, i64)]) -> Servers {
        let mut servers = Servers::new(2);
        times.iter().for_each(|&(frame, ns)| servers.add(&(IpAddr::v4([9; 4]), 443), true, Some(ns), frame));
        servers
    }

    /// Few times are what many are, whatever the order and however they come together.
    #[test]
    fn the_shape_of_the_times_shows_in_no_number() {
        let mut runner = proptest::test_runner::TestRunner::default();
        let times = proptest::collection::vec((1u64..50, -3i64..4_000_000_000), 0..40);
        runner
            .run(&(times, 0usize..40), |(times, cut)| {
                let mut whole = Times::new(MAX_TIMES);
                times.iter().for_each(|&(frame, ns)| whole.add(ns, frame));
                let (head, tail) = times.split_at(cut.min(times.len()));
                let mut merged = servers(head);
                merged.merge(&servers(tail));
                if let Some(one) = merged.all.values().next() {
                    prop_assert_eq!(one.durations.report(), whole.report());
                    prop_assert_eq!(one.handshakes as usize, times.len());
                }
                prop_assert_eq!(
                    servers(&times).row(&(IpAddr::v4([9; 4]), 443)),
                    merged.row(&(IpAddr::v4([9; 4]), 443))
                );
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn servers_without_room_are_counted_together() {
        let mut servers = Servers::new(2);
        for last in [1, 2, 3, 3, 1] {
            servers.add(&(IpAddr::v4([9, 9, 9, last]), 443), false, None, 1);
        }
        assert_eq!((servers.len(), servers.other()), (2, 2));
        assert_eq!(servers.ranked()[0].0, IpAddr::v4([9, 9, 9, 1]));
    }
}
