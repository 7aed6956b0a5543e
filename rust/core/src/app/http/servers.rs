//! What is counted of each HTTP server. There are thousands that answer once or twice.

use super::counts::Took;
use crate::addr::IpAddr;
use crate::app::count::Times;
use crate::packing::{Reader, fold, make_room, put, unfold};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::borrow::Cow;
use std::hash::BuildHasher;

/// Times kept one by one for each server, of each kind.
const MAX_TIMES: usize = 20_000;
/// Bytes of packed times before they are counted.
const FEW_BYTES: usize = 256;

/// Address and port.
pub type End = (IpAddr, u16);

/// Responses with a status of 4xx and 5xx.
#[derive(Clone, Copy, Debug, Default)]
pub struct Errors {
    pub client: u64,
    pub server: u64,
    /// Frame of the first 5xx; 0: none.
    pub first: u64,
}

#[derive(Clone, Debug)]
pub struct Server {
    pub requests: u64,
    pub responses: u64,
    pub request_bytes: u64,
    pub response_bytes: u64,
    errors: Option<Box<Errors>>,
    /// Frames and times of few responses.
    few: Vec<u8>,
    /// Of more: [`Took::kinds`] of all.
    many: Option<Box<[Times; 4]>>,
}

impl Server {
    fn new() -> Self {
        Self {
            requests: 0,
            responses: 0,
            request_bytes: 0,
            response_bytes: 0,
            errors: None,
            few: Vec::new(),
            many: None,
        }
    }

    pub fn errors(&self) -> Errors {
        self.errors.as_deref().copied().unwrap_or_default()
    }

    /// A response with that status.
    pub fn failed(&mut self, status: u16, frame: u64) {
        let server = status / 100 == 5;
        if server || status / 100 == 4 {
            let e = self.errors.get_or_insert_default();
            e.client += !server as u64;
            e.server += server as u64;
            if server && e.first == 0 {
                e.first = frame;
            }
        }
    }

    fn took(&mut self, t: &Took, frame: u64, max_times: usize) {
        let few = &mut self.few;
        if self.many.is_some() || few.len() >= FEW_BYTES {
            add(self.many(max_times), &t.kinds(), frame);
            return;
        }
        if few.len() == few.capacity() {
            few.reserve_exact((few.len() / 2).max(32));
        }
        put(few, frame);
        t.kinds().iter().for_each(|ns| put(few, ns.map_or(0, |ns| fold(ns).saturating_add(1))));
    }

    /// Its times, which are counted from here on.
    fn many(&mut self, max_times: usize) -> &mut [Times; 4] {
        let few = &mut self.few;
        self.many.get_or_insert_with(|| Box::new(counted(&std::mem::take(few), max_times)))
    }

    fn times(&self, max_times: usize) -> Cow<'_, [Times; 4]> {
        self.many.as_ref().map_or_else(|| Cow::Owned(counted(&self.few, max_times)), |times| Cow::Borrowed(&**times))
    }

    fn merge(&mut self, o: &Self, max_times: usize) {
        self.requests += o.requests;
        self.responses += o.responses;
        self.request_bytes += o.request_bytes;
        self.response_bytes += o.response_bytes;
        if let Some(theirs) = &o.errors {
            let mine = self.errors.get_or_insert_default();
            mine.client += theirs.client;
            mine.server += theirs.server;
            if mine.first == 0 {
                mine.first = theirs.first;
            }
        }
        if self.many.is_none() && o.many.is_none() && self.few.len() + o.few.len() <= FEW_BYTES {
            self.few.extend_from_slice(&o.few);
        } else {
            self.many(max_times).iter_mut().zip(o.times(max_times).iter()).for_each(|(a, b)| a.merge(b));
        }
    }
}

fn add(times: &mut [Times; 4], kinds: &[Option<i64>; 4], frame: u64) {
    for (times, ns) in times.iter_mut().zip(kinds) {
        if let Some(ns) = ns {
            times.add(*ns, frame);
        }
    }
}

/// What few times come to.
fn counted(packed: &[u8], max_times: usize) -> [Times; 4] {
    let mut times = [(); 4].map(|()| Times::new(max_times));
    let mut from = Reader(packed);
    while !from.0.is_empty() {
        let frame = from.number();
        let kinds = [(); 4].map(|()| from.number().checked_sub(1).map(unfold));
        add(&mut times, &kinds, frame);
    }
    times
}

/// Servers by address and port, up to a number of them.
#[derive(Clone, Debug)]
pub struct Servers {
    /// Places in `rows`.
    index: HashTable<u32>,
    rows: Vec<(End, Server)>,
    hasher: RandomState,
    limit: usize,
    max_times: usize,
}

impl Servers {
    pub fn new(limit: usize, max_times: usize) -> Self {
        let max_times = max_times.min(MAX_TIMES);
        Self { index: HashTable::new(), rows: Vec::new(), hasher: RandomState::default(), limit, max_times }
    }

    fn place(&self, end: &End) -> Option<usize> {
        let same = |&place: &u32| self.rows.get(place as usize).is_some_and(|row| row.0 == *end);
        self.index.find(self.hasher.hash_one(end), same).map(|&place| place as usize)
    }

    /// The row of a server, made where there is room.
    pub fn row(&mut self, end: End) -> Option<&mut Server> {
        let place = match self.place(&end) {
            Some(place) => place,
            None if self.rows.len() >= self.limit => return None,
            None => {
                let place = self.rows.len();
                make_room(&mut self.rows, 1, 16);
                self.rows.push((end, Server::new()));
                let Self { index, rows, hasher, .. } = self;
                let hash = |&place: &u32| rows.get(place as usize).map_or(0, |row| hasher.hash_one(row.0));
                index.insert_unique(hasher.hash_one(end), place as u32, hash);
                place
            }
        };
        self.rows.get_mut(place).map(|row| &mut row.1)
    }

    pub fn get(&self, end: &End) -> Option<&Server> {
        self.place(end).and_then(|place| self.rows.get(place)).map(|row| &row.1)
    }

    /// The times of a response of a server.
    pub fn took(&mut self, end: End, t: &Took, frame: u64) {
        let max_times = self.max_times;
        if let Some(server) = self.row(end) {
            server.took(t, frame, max_times);
        }
    }

    /// [`Took::kinds`] of a server's responses.
    pub fn times<'a>(&self, server: &'a Server) -> Cow<'a, [Times; 4]> {
        server.times(self.max_times)
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &(End, Server)> {
        self.rows.iter()
    }

    /// Servers of another part of the traffic.
    pub fn merge(&mut self, other: &Self) {
        let max_times = self.max_times;
        for (end, theirs) in &other.rows {
            if let Some(mine) = self.row(*end) {
                mine.merge(theirs, max_times);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::message::Fields;

    fn end(n: u16) -> End {
        (IpAddr::v4([10, 0, 0, n as u8]), n)
    }

    fn took(n: i64) -> Took {
        let known = |every: i64| (n % every == 0).then_some(n * 1_000_003);
        Took { wait_ns: known(1), transfer_ns: known(2), network_ns: known(3).map(|ns| ns * 2 - 5_000_000) }
    }

    fn reports(servers: &Servers, n: u16) -> [Fields; 4] {
        servers.times(servers.get(&end(n)).unwrap()).each_ref().map(Times::report)
    }

    /// As they would be if all were counted at once.
    fn expected(numbers: impl Iterator<Item = i64>, max_times: usize) -> [Fields; 4] {
        let mut times = [(); 4].map(|()| Times::new(max_times));
        numbers.for_each(|n| add(&mut times, &took(n).kinds(), n as u64));
        times.map(|t| t.report())
    }

    #[test]
    fn times_of_few_and_of_many_responses_come_to_the_same() {
        for max_times in [5, 1_000] {
            let mut servers = Servers::new(100, max_times);
            for responses in 1..60u16 {
                (1..=responses).for_each(|n| servers.took(end(responses), &took(n as i64), n as u64));
                assert_eq!(reports(&servers, responses), expected(1..=responses as i64, max_times));
            }
            let mut twice = servers.clone();
            twice.merge(&servers);
            for responses in 1..60 {
                let all = (1..=responses as i64).chain(1..=responses as i64);
                assert_eq!(reports(&twice, responses), expected(all, max_times));
            }
        }
    }

    #[test]
    fn servers_are_found_again_up_to_their_limit() {
        let mut servers = Servers::new(50, 9);
        for n in (0..60).chain(0..60) {
            if let Some(s) = servers.row(end(n)) {
                s.requests += n as u64;
                s.failed(404 + n % 2 * 100, n as u64 + 1);
            }
        }
        assert_eq!((servers.len(), servers.get(&end(50)).is_none()), (50, true));
        let mut all = Servers::new(50, 9);
        all.merge(&servers);
        all.merge(&servers);
        for n in 0..50 {
            let s = all.get(&end(n)).unwrap();
            let e = s.errors();
            let odd = (n % 2) as u64;
            assert_eq!((s.requests, e.client, e.server), (4 * n as u64, 4 - 4 * odd, 4 * odd));
            assert_eq!(e.first, odd * (n as u64 + 1));
        }
    }
}
