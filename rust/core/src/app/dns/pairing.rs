//! Queries that wait for their answer, in a table small enough for a million of them.

use crate::app::Context;
use crate::app::table::{Evidence, first_frames};
use foldhash::quality::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// A query with the identification of one before it that has no answer yet is a repetition of it within this time.
/// RFC 1035 knows no retransmission; this is the rule by which Wireshark tells one.
const RETRANSMISSION_NS: i64 = 5_000_000_000;
/// An answered query is forgotten after that: a copy of the answer this late counts as unsolicited.
const REMEMBER_NS: i64 = 60_000_000_000;
/// Queries before the first look for what can be forgotten.
const FIRST_SWEEP: usize = 100_000;

/// Both ends in an order that does not depend on the direction, transport and identification, as a hash nobody outside
/// can foresee: a fifth of the memory of the values, and two of a million that are equal by chance do not occur.
type Key = u64;

/// A query that has no answer yet.
#[derive(Clone, Copy, Debug)]
struct Open {
    key: Key,
    time_ns: i64,
    frame: u64,
}

impl Open {
    fn age(&self, now: i64) -> i64 {
        now.saturating_sub(self.time_ns)
    }
}

/// A query that has an answer: both halves of its key, and its time in [`TICK_NS`] since the first query. There are many
/// of these; nothing else is asked of them.
#[derive(Clone, Copy, Debug)]
struct Answered([u32; 3]);

/// 17 ms: the numbers last for two years.
const TICK_NS: i64 = 1 << 24;

impl Answered {
    fn new(q: &Open, base_ns: i64) -> Self {
        let ticks = q.time_ns.saturating_sub(base_ns) / TICK_NS;
        Self([(q.key >> 32) as u32, q.key as u32, ticks.clamp(0, u32::MAX as i64) as u32])
    }
    fn key(&self) -> Key {
        (self.0[0] as u64) << 32 | self.0[1] as u64
    }
    fn time_ns(&self, base_ns: i64) -> i64 {
        base_ns.saturating_add(self.0[2] as i64 * TICK_NS)
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
    waiting: HashTable<Open>,
    answered: HashTable<Answered>,
    /// Time of the first query.
    base_ns: i64,
    hasher: RandomState,
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
        let gone = first_frames(self.gone.iter().copied().chain(self.waiting.iter().map(|q| q.frame)));
        Self { gone, forgotten: self.forgotten, open: self.open, ..Self::new(self.limit) }
    }
}

impl Pairing {
    pub fn new(limit: usize) -> Self {
        Self {
            waiting: HashTable::new(),
            answered: HashTable::new(),
            base_ns: 0,
            hasher: RandomState::default(),
            limit,
            sweep_at: FIRST_SWEEP.min(limit),
            open: 0,
            forgotten: 0,
            gone: Vec::new(),
        }
    }

    fn key(&self, c: &Context, id: u16) -> Key {
        let (a, b) = ((c.src, c.src_port), (c.dst, c.dst_port));
        self.hasher.hash_one((if a <= b { [a, b] } else { [b, a] }, c.is_stream(), id))
    }

    fn len(&self) -> usize {
        self.waiting.len() + self.answered.len()
    }

    /// Takes a query; the frame of the one that waits when it repeats one.
    pub fn query(&mut self, c: &Context, id: u16) -> Option<u64> {
        let key = self.key(c, id);
        let new = Open { key, time_ns: c.time_ns, frame: c.frame };
        if let Some(q) = self.waiting.find_mut(key, |q| q.key == key) {
            if q.age(c.time_ns) < RETRANSMISSION_NS {
                return Some(q.frame);
            }
            let all = self.gone.iter().copied().chain([q.frame]);
            self.gone = first_frames(all);
            *q = new;
        } else {
            if self.len() == 0 {
                self.base_ns = c.time_ns;
            }
            match self.answered.find_entry(key, |a| a.key() == key) {
                Ok(before) => drop(before.remove()),
                Err(_) => self.make_room(c.time_ns),
            }
            self.waiting.insert_unique(key, new, |q| q.key);
        }
        self.open += 1;
        None
    }

    pub fn answer(&mut self, c: &Context, id: u16) -> Answer {
        let key = self.key(c, id);
        if let Ok(found) = self.waiting.find_entry(key, |q| q.key == key) {
            let (q, _) = found.remove();
            self.open -= 1;
            self.answered.insert_unique(key, Answered::new(&q, self.base_ns), Answered::key);
            Answer::First(q.age(c.time_ns), q.frame)
        } else if self.answered.find(key, |a| a.key() == key).is_some() {
            Answer::Duplicate
        } else {
            Answer::Unsolicited
        }
    }

    /// Forgets what was answered long ago; at the limit also what never was.
    fn make_room(&mut self, now: i64) {
        if self.len() < self.sweep_at {
            return;
        }
        let base = self.base_ns;
        self.answered.retain(|a| now.saturating_sub(a.time_ns(base)) < REMEMBER_NS);
        if self.len() >= self.limit {
            self.forget(|time| now.saturating_sub(time) >= RETRANSMISSION_NS);
            // Still full of queries of the last seconds: the older half goes, or every query would sweep the table.
            if self.len() * 2 >= self.limit {
                let answered = self.answered.iter().map(|a| a.time_ns(base));
                let mut times: Vec<i64> = self.waiting.iter().map(|q| q.time_ns).chain(answered).collect();
                let half = times.len() / 2;
                let middle = *times.select_nth_unstable(half).1;
                self.forget(|time| time <= middle);
            }
        }
        self.sweep_at = (self.len() * 2).max(FIRST_SWEEP).min(self.limit);
    }

    /// Forgets what is of such a time.
    fn forget(&mut self, which: impl Fn(i64) -> bool) {
        let base = self.base_ns;
        self.answered.retain(|a| !which(a.time_ns(base)));
        let lost = || self.waiting.iter().filter(|q| which(q.time_ns));
        self.forgotten += lost().count() as u64;
        self.gone = first_frames(self.gone.iter().copied().chain(lost().map(|q| q.frame)));
        self.waiting.retain(|q| !which(q.time_ns));
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
