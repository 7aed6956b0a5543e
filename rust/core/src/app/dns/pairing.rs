//! Queries that wait for their answer, in a table small enough for a million of them.

use crate::app::Context;
use crate::app::table::{Evidence, first_frames};
use foldhash::quality::RandomState;
use std::collections::HashMap;
use std::hash::BuildHasher;

/// A query with the identification of one before it that has no answer yet is a repetition of it within this time.
/// RFC 1035 knows no retransmission; this is the rule by which Wireshark tells one.
const RETRANSMISSION_NS: i64 = 5_000_000_000;
/// An answered query is forgotten after that: a copy of the answer this late counts as unsolicited.
const REMEMBER_NS: i64 = 60_000_000_000;
/// Queries before the first look for what can be forgotten.
const FIRST_SWEEP: usize = 100_000;

/// Both ends in an order that does not depend on the direction, transport and identification, as 128 bits of a hash
/// nobody outside can foresee: a third of the memory of the values, and two that are equal by chance do not occur.
type Key = [u64; 2];

#[derive(Clone, Copy, Debug)]
struct Transaction {
    time_ns: i64,
    /// Twice the frame number, one more when it was answered.
    frame_and_answered: u64,
}

impl Transaction {
    fn new(c: &Context) -> Self {
        Self { time_ns: c.time_ns, frame_and_answered: c.frame << 1 }
    }
    fn answered(&self) -> bool {
        self.frame_and_answered & 1 == 1
    }
    fn frame(&self) -> u64 {
        self.frame_and_answered >> 1
    }
    fn age(&self, now: i64) -> i64 {
        now.saturating_sub(self.time_ns)
    }
}

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The first one to a query, so many ns after it, with the query's frame.
    First(i64, u64),
    Duplicate,
    Unsolicited,
}

/// The table of a pass.
#[derive(Debug)]
pub struct Pairing {
    waiting: HashMap<Key, Transaction, RandomState>,
    hashes: [RandomState; 2],
    limit: usize,
    sweep_at: usize,
    /// Queries that opened a transaction and have no answer.
    open: u64,
    /// Those of them that had to be forgotten; they stay counted as unanswered.
    forgotten: u64,
    /// First frames of what is unanswered and no longer in the table.
    gone: Vec<u64>,
}

/// A copy is for a report: it has the counts, and of the table only the first unanswered frames.
impl Clone for Pairing {
    fn clone(&self) -> Self {
        let waiting = self.waiting.values().filter(|t| !t.answered()).map(Transaction::frame);
        let gone = first_frames(self.gone.iter().copied().chain(waiting));
        Self { gone, forgotten: self.forgotten, open: self.open, ..Self::new(self.limit) }
    }
}

impl Pairing {
    pub fn new(limit: usize) -> Self {
        Self {
            waiting: HashMap::default(),
            hashes: Default::default(),
            limit,
            sweep_at: FIRST_SWEEP.min(limit),
            open: 0,
            forgotten: 0,
            gone: Vec::new(),
        }
    }

    fn key(&self, c: &Context, id: u16) -> Key {
        let (a, b) = ((c.src, c.src_port), (c.dst, c.dst_port));
        let whole = (if a <= b { [a, b] } else { [b, a] }, c.is_stream(), id);
        self.hashes.each_ref().map(|h| h.hash_one(whole))
    }

    /// Takes a query; the frame of the one that waits when it repeats one.
    pub fn query(&mut self, c: &Context, id: u16) -> Option<u64> {
        let key = self.key(c, id);
        if let Some(t) = self.waiting.get_mut(&key) {
            if !t.answered() && t.age(c.time_ns) < RETRANSMISSION_NS {
                return Some(t.frame());
            }
            if !t.answered() {
                let all = self.gone.iter().copied().chain([t.frame()]);
                self.gone = first_frames(all);
            }
            *t = Transaction::new(c);
        } else {
            self.make_room(c.time_ns);
            self.waiting.insert(key, Transaction::new(c));
        }
        self.open += 1;
        None
    }

    pub fn answer(&mut self, c: &Context, id: u16) -> Answer {
        let key = self.key(c, id);
        match self.waiting.get_mut(&key) {
            None => Answer::Unsolicited,
            Some(t) if t.answered() => Answer::Duplicate,
            Some(t) => {
                t.frame_and_answered |= 1;
                self.open -= 1;
                Answer::First(t.age(c.time_ns), t.frame())
            }
        }
    }

    /// Forgets what was answered long ago; at the limit also what never was.
    fn make_room(&mut self, now: i64) {
        if self.waiting.len() < self.sweep_at {
            return;
        }
        self.waiting.retain(|_, t| !t.answered() || t.age(now) < REMEMBER_NS);
        if self.waiting.len() >= self.limit {
            self.forget(|t| t.age(now) >= RETRANSMISSION_NS);
            // Still full of queries of the last seconds: the older half goes, or every query would sweep the table.
            if self.waiting.len() * 2 >= self.limit {
                let mut times: Vec<i64> = self.waiting.values().map(|t| t.time_ns).collect();
                let half = times.len() / 2;
                let middle = *times.select_nth_unstable(half).1;
                self.forget(|t| t.time_ns <= middle);
            }
        }
        self.sweep_at = (self.waiting.len() * 2).max(FIRST_SWEEP).min(self.limit);
    }

    fn forget(&mut self, which: impl Fn(&Transaction) -> bool) {
        let lost = || self.waiting.values().filter(|t| which(t) && !t.answered());
        self.forgotten += lost().count() as u64;
        self.gone = first_frames(self.gone.iter().copied().chain(lost().map(Transaction::frame)));
        self.waiting.retain(|_, t| !which(t));
    }

    /// Adds the counts of another part of the traffic. Transactions of both parts stay apart: one that was cut between
    /// them has two halves.
    pub fn merge(&mut self, other: &Self) {
        let other = other.clone();
        self.open += other.open;
        self.forgotten += other.forgotten;
        self.gone = first_frames(self.gone.iter().chain(&other.gone).copied());
    }

    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Queries without an answer, and their first frames.
    pub fn unanswered(&self) -> Evidence {
        Evidence::of(self.open, self.clone().gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::IpAddr;
    use crate::app::DetectedBy;
    use crate::app::message::Value;
    use crate::layers::Proto;

    fn context(frame: u64, time_ns: i64, port: u16, up: bool) -> Context {
        let (a, b) = ((IpAddr::v4([10, 0, 0, 1]), port), (IpAddr::v4([10, 0, 0, 2]), 53));
        let ((src, src_port), (dst, dst_port)) = if up { (a, b) } else { (b, a) };
        Context {
            frame,
            time_ns,
            src,
            dst,
            src_port,
            dst_port,
            transport: Proto::Udp,
            ttl: 64,
            frame_bytes: 80,
            stream: None,
            to_client: false,
            detected_by: DetectedBy::Port,
            only_in_order: false,
            server_known: false,
            recovered: false,
        }
    }

    fn query(p: &mut Pairing, frame: u64, time_ns: i64, port: u16) -> bool {
        p.query(&context(frame, time_ns, port, true), 7).is_some()
    }

    fn evidence(count: u64, frames: &[u64]) -> Value {
        let frames: Vec<Value> = frames.iter().map(|&f| f.into()).collect();
        vec![("count", count.into()), ("frames", frames.into())].into()
    }

    #[test]
    fn first_second_and_unasked_answers() {
        let mut p = Pairing::new(100);
        assert!(!query(&mut p, 1, 0, 1000));
        assert_eq!(p.answer(&context(2, 30, 1000, false), 7), Answer::First(30, 1));
        assert_eq!(p.answer(&context(3, 40, 1000, false), 7), Answer::Duplicate);
        assert_eq!(p.answer(&context(4, 40, 1000, false), 8), Answer::Unsolicited);
        assert_eq!(p.answer(&context(5, 40, 1001, false), 7), Answer::Unsolicited);
        let tcp = Context { transport: Proto::Tcp, ..context(6, 40, 1000, false) };
        assert_eq!(p.answer(&tcp, 7), Answer::Unsolicited);
    }

    #[test]
    fn repetitions_within_five_seconds() {
        let mut p = Pairing::new(100);
        assert!(!query(&mut p, 1, 0, 1000));
        assert!(query(&mut p, 2, RETRANSMISSION_NS - 1, 1000));
        assert!(!query(&mut p, 3, RETRANSMISSION_NS, 1000));
        assert_eq!(p.unanswered().report(), evidence(2, &[1, 3]));
    }

    #[test]
    fn the_table_is_bounded_and_what_it_forgets_stays_unanswered() {
        let mut p = Pairing::new(50);
        for n in 0..1_000u16 {
            query(&mut p, n as u64 + 1, n as i64 * 1_000_000, n);
            assert!(p.waiting.len() <= 50);
        }
        let first: Vec<u64> = (1..=20).collect();
        assert_eq!(p.unanswered().report(), evidence(1_000, &first));
        assert!(p.forgotten() >= 950);
        let copy = p.clone();
        assert_eq!((copy.unanswered().report(), copy.waiting.len()), (evidence(1_000, &first), 0));
    }
}
