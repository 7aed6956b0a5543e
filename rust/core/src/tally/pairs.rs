//! Conversations: counters by unordered pair of ends.

use super::UdpEnd;
use super::pair_rows::{Counts, Ends, Rows};
use crate::addr::{IpAddr, MacAddr};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, Hasher};

/// One end of a conversation.
pub trait End: Copy + Eq + Ord + Hash {
    /// Bytes of the first word in which an end without further words fits, 4 to 7; 0: there are none.
    const SHORT: usize;
    /// Bytes of all words, 16 to 19; as many as `SHORT` where there is never a further word.
    const LONG: usize;
    /// All of it as numbers, those behind the first are 0 where they are not needed: a frame is looked up by them, and
    /// numbers are compared and hashed faster than bytes.
    fn words(&self) -> [u64; 3];
    /// What has these words.
    fn from_words(words: [u64; 3]) -> Self;
}

impl End for MacAddr {
    const SHORT: usize = 6;
    const LONG: usize = 6;
    #[inline]
    fn words(&self) -> [u64; 3] {
        let [a, b, c, d, e, f] = self.0;
        [u64::from_be_bytes([0, 0, a, b, c, d, e, f]), 0, 0]
    }
    fn from_words(words: [u64; 3]) -> Self {
        let [_, _, a, b, c, d, e, f] = words[0].to_be_bytes();
        Self([a, b, c, d, e, f])
    }
}

impl End for [u8; 4] {
    const SHORT: usize = 4;
    const LONG: usize = 4;
    #[inline]
    fn words(&self) -> [u64; 3] {
        [u32::from_be_bytes(*self) as u64, 0, 0]
    }
    fn from_words(words: [u64; 3]) -> Self {
        (words[0] as u32).to_be_bytes()
    }
}

impl End for [u8; 16] {
    const SHORT: usize = 0;
    const LONG: usize = 16;
    #[inline]
    fn words(&self) -> [u64; 3] {
        let all = u128::from_be_bytes(*self);
        [(all >> 64) as u64, all as u64, 0]
    }
    fn from_words(words: [u64; 3]) -> Self {
        ((words[0] as u128) << 64 | words[1] as u128).to_be_bytes()
    }
}

/// An address of IPv4 has the first word to itself, with the port; of IPv6 the third says so, with the port.
impl End for UdpEnd {
    const SHORT: usize = 6;
    const LONG: usize = 19;
    #[inline]
    fn words(&self) -> [u64; 3] {
        let all = u128::from_be_bytes(self.0.bytes);
        let port = self.1 as u64;
        if self.0.v6 {
            [(all >> 64) as u64, all as u64, 1 << 16 | port]
        } else {
            [((all >> 96) as u64) << 16 | port, 0, 0]
        }
    }
    fn from_words(words: [u64; 3]) -> Self {
        if words[2] == 0 {
            (IpAddr::v4(((words[0] >> 16) as u32).to_be_bytes()), words[0] as u16)
        } else {
            (IpAddr::v6(<[u8; 16]>::from_words(words)), words[2] as u16)
        }
    }
}

/// Entries of the table of recent pairs: 16 KiB stay in the first-level cache or close to it.
const RECENT_BITS: u32 = 12;
const NO_PAIR: u32 = u32::MAX;

/// One conversation. `a` sent the first frame; index 0 counts a to b, 1 b to a.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<K> {
    pub a: K,
    pub b: K,
    pub frames: [u64; 2],
    /// Frame bytes on the wire.
    pub bytes: [u64; 2],
    pub first_ns: i64,
    pub last_ns: i64,
}

/// Sums over all conversations of a kind, those beyond the limit included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub frames: u64,
    pub bytes: u64,
}

/// Pairs kept in order of first appearance.
///
/// At the limit new pairs are no longer kept (their frames count in [`PairTable::totals`]): the long-lived
/// conversations, which a report is about, are already there, and nothing that was counted is lost.
#[derive(Clone, Debug)]
pub struct PairTable<K> {
    rows: Rows<K>,
    /// Places in them.
    index: HashTable<u32>,
    /// Keyed at random, so that a capture cannot be made to collide.
    hasher: RandomState,
    limit: usize,
    totals: Totals,
    full: bool,
    /// The pair of the frame before: bursts go one way, one look at it saves the hashing.
    last: usize,
    /// The pair last seen of each hash prefix: finds the active ones without the index, which is much larger.
    recent: Vec<u32>,
}

impl<K: End> PairTable<K> {
    pub fn new(limit: usize) -> Self {
        Self {
            rows: Rows::new(),
            index: HashTable::new(),
            hasher: RandomState::default(),
            limit,
            totals: Totals::default(),
            full: false,
            last: 0,
            recent: vec![NO_PAIR; 1 << RECENT_BITS],
        }
    }

    /// The same for both orders.
    #[inline]
    fn hash(hasher: &RandomState, [a, b]: &Ends) -> u64 {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        let mut h = hasher.build_hasher();
        h.write_u64(low[0]);
        h.write_u64(high[0]);
        if (low[1] | low[2] | high[1] | high[2]) != 0 {
            [low[1], high[1], low[2], high[2]].into_iter().for_each(|w| h.write_u64(w));
        }
        h.finish()
    }

    /// Place of the pair, made if there is room, and the way from the first end to the second.
    #[inline]
    fn entry(&mut self, ends: &Ends, ns: i64) -> Option<(usize, usize)> {
        if let Some(way) = self.rows.way(self.last, ends) {
            return Some((self.last, way));
        }
        let Self { rows, index, hasher, recent, .. } = self;
        let hash = Self::hash(hasher, ends);
        let recent = &mut recent[(hash >> (u64::BITS - RECENT_BITS)) as usize];
        if let Some(way) = rows.way(*recent as usize, ends) {
            self.last = *recent as usize;
            return Some((self.last, way));
        }
        let mut way = 0;
        let found = index.find(hash, |&at| rows.way(at as usize, ends).inspect(|&found| way = found).is_some());
        if let Some(&at) = found {
            *recent = at;
            self.last = at as usize;
            return Some((self.last, way));
        }
        if rows.count() >= self.limit || !rows.has_room() {
            self.full = true;
            return None;
        }
        let at = rows.push(ends, ns);
        index.insert_unique(hash, at as u32, |&at| Self::hash(hasher, &rows.ends(at as usize)));
        *recent = at as u32;
        self.last = at;
        Some((at, 0))
    }

    /// Counts one frame of `wire` bytes from `src` to `dst`.
    #[inline]
    pub fn add(&mut self, src: K, dst: K, wire: u64, ns: i64) {
        self.totals.frames += 1;
        self.totals.bytes += wire;
        if let Some((at, way)) = self.entry(&[src.words(), dst.words()], ns) {
            self.rows.frame(at, way, wire, ns);
        }
    }

    /// Nothing is added any more, as far as is known: gives back what is held in reserve.
    pub fn shrink(&mut self) {
        let Self { rows, index, hasher, .. } = self;
        rows.shrink();
        index.shrink_to_fit(|&at| Self::hash(hasher, &rows.ends(at as usize)));
    }

    /// All pairs, in order of appearance.
    pub fn pairs(&self) -> impl Iterator<Item = Pair<K>> + '_ {
        self.rows.places().map(|at| self.rows.pair(at))
    }

    /// How many there are.
    pub fn held(&self) -> usize {
        self.rows.count()
    }

    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// True when there were more pairs than the limit.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Distinct ends.
    pub fn ends(&self) -> usize {
        self.pairs().flat_map(|p| [p.a, p.b]).collect::<HashSet<K, RandomState>>().len()
    }

    /// The largest pairs by `size`, largest first, equal ones in order of appearance.
    pub fn top(&self, size: impl Fn(&Counts) -> u64, offset: usize, limit: usize) -> Vec<Pair<K>> {
        let sized = self.rows.places().map(|at| (size(&self.rows.counts(at)), at));
        let page = page_of_many(sized, |&(size, at)| (Reverse(size), at), offset, limit);
        page.into_iter().map(|(_, at)| self.rows.pair(at)).collect()
    }

    /// (end, frames and bytes sent, frames and bytes received) of every end, in order of appearance.
    pub fn endpoints(&self) -> Vec<(K, [u64; 4])> {
        endpoints_of(self.pairs())
    }

    /// Adds the pairs of another table.
    pub fn merge(&mut self, other: &Self) {
        self.full |= other.full;
        self.totals.frames += other.totals.frames;
        self.totals.bytes += other.totals.bytes;
        for at in other.rows.places() {
            let (ends, counts) = (other.rows.ends(at), other.rows.counts(at));
            if let Some((mine, _)) = self.entry(&ends, counts.first_ns) {
                self.rows.join(mine, &ends, counts);
            }
        }
    }
}

/// (end, frames and bytes sent, frames and bytes received) of every end of these pairs, in order of appearance.
pub fn endpoints_of<K: Copy + Eq + Hash>(pairs: impl IntoIterator<Item = Pair<K>>) -> Vec<(K, [u64; 4])> {
    let hasher = RandomState::default();
    let mut at: HashTable<u32> = HashTable::new();
    let mut out: Vec<(K, [u64; 4])> = Vec::new();
    for p in pairs {
        for (end, tx, rx) in [(p.a, 0, 1), (p.b, 1, 0)] {
            let hash_of = |&i: &u32| hasher.hash_one(out[i as usize].0);
            let entry = at.entry(hasher.hash_one(end), |&i| out[i as usize].0 == end, hash_of);
            let i = *entry.or_insert(out.len() as u32).get() as usize;
            if i == out.len() {
                out.push((end, [0; 4]));
            }
            let c = &mut out[i].1;
            c[0] += p.frames[tx];
            c[1] += p.bytes[tx];
            // A frame from an end to itself is sent and received by it; the second half would count it again.
            c[2] += p.frames[rx];
            c[3] += p.bytes[rx];
            if p.a == p.b {
                c[2] = c[2] + p.frames[0] - p.frames[1];
                c[3] = c[3] + p.bytes[0] - p.bytes[1];
                break;
            }
        }
    }
    out
}

/// As [`page_of`]; no more of many items are held than twice those up to the end of the page.
pub fn page_of_many<T, O: Ord>(
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> O,
    offset: usize,
    limit: usize,
) -> Vec<T> {
    let end = offset.saturating_add(limit);
    if end == 0 {
        return Vec::new();
    }
    let most = end.saturating_mul(2).max(1024);
    let mut held = Vec::new();
    for item in items {
        if held.len() == most {
            held.select_nth_unstable_by_key(end - 1, &key);
            held.truncate(end);
        }
        held.push(item);
    }
    page_of(held, key, offset, limit)
}

/// Items `offset..offset + limit` of what sorting by `key` would give; only the items up to there are sorted. Keys differ.
pub fn page_of<T, O: Ord>(mut items: Vec<T>, key: impl Fn(&T) -> O, offset: usize, limit: usize) -> Vec<T> {
    let end = offset.saturating_add(limit).min(items.len());
    if end == 0 {
        return Vec::new();
    }
    if end < items.len() {
        items.select_nth_unstable_by_key(end - 1, &key);
        items.truncate(end);
    }
    items.sort_unstable_by_key(&key);
    items.drain(..offset.min(end));
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    impl End for u32 {
        const SHORT: usize = 4;
        const LONG: usize = 4;
        fn from_words(words: [u64; 3]) -> Self {
            words[0] as u32
        }
        fn words(&self) -> [u64; 3] {
            [*self as u64, 0, 0]
        }
    }

    fn all<K: End>(t: &PairTable<K>) -> Vec<Pair<K>> {
        t.pairs().collect()
    }

    #[test]
    fn ends_that_differ_have_different_words() {
        let v4 = IpAddr::v4([1, 2, 3, 4]);
        let v6 = IpAddr::v6([1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let ends: Vec<UdpEnd> =
            vec![(v4, 1), (v4, 2), (v6, 1), (v6, 2), (IpAddr::v6([0; 16]), 1), (IpAddr::v4([0; 4]), 1)];
        let words: HashSet<[u64; 3]> = ends.iter().map(End::words).collect();
        assert_eq!(words.len(), ends.len());
        assert_eq!(ends.iter().map(|e| UdpEnd::from_words(e.words())).collect::<Vec<_>>(), ends);
        assert_ne!([1, 2, 3, 4].words(), [4, 3, 2, 1].words());
        assert_ne!(MacAddr([1, 0, 0, 0, 0, 0]).words(), MacAddr([0, 1, 0, 0, 0, 0]).words());
    }

    #[test]
    fn many_pairs_in_turn_are_all_found_again() {
        let mut t = PairTable::new(100_000);
        for _ in 0..3 {
            (0..20_000u32).for_each(|i| t.add(i, i + 1_000_000, 10, i as i64));
        }
        assert_eq!(t.held(), 20_000);
        assert!(t.pairs().all(|p| p.frames == [3, 0]));
    }

    #[test]
    fn both_ways_are_one_pair_and_the_first_sender_is_a() {
        let mut t = PairTable::new(10);
        t.add(9u32, 1, 100, 5);
        t.add(1, 9, 60, 6);
        t.add(9, 1, 40, 4);
        assert_eq!(all(&t), [Pair { a: 9, b: 1, frames: [2, 1], bytes: [140, 60], first_ns: 4, last_ns: 6 }]);
        assert_eq!(t.ends(), 2);
    }

    #[test]
    fn past_the_limit_totals_stay_exact() {
        let mut t = PairTable::new(2);
        for i in 0..10u32 {
            t.add(i, 100, 10, 0);
        }
        assert_eq!((t.held(), t.is_full(), t.totals()), (2, true, Totals { frames: 10, bytes: 100 }));
    }

    #[test]
    fn a_page_of_many_is_the_page_of_all_in_order() {
        let all: Vec<u64> = (0..10_000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 3).collect();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        for (offset, limit) in [(0usize, 0), (0, 1), (0, 600), (700, 9), (9_990, 100), (20_000, 5), (3, usize::MAX)] {
            let end = offset.saturating_add(limit).min(sorted.len());
            let page = page_of_many(all.iter().copied(), |&n| n, offset, limit);
            assert_eq!(page, sorted[offset.min(end)..end]);
        }
    }

    #[test]
    fn an_end_talking_to_itself_is_counted_once_each_way() {
        let mut t = PairTable::new(10);
        t.add(7u32, 7, 50, 0);
        t.add(7, 7, 50, 0);
        assert_eq!(t.endpoints(), [(7, [2, 100, 2, 100])]);
    }

    #[test]
    fn merge_of_parts_equals_the_whole_and_has_an_identity() {
        let frames = [(1, 2, 10, 1), (2, 1, 20, 2), (3, 1, 30, 3), (2, 3, 40, 4), (1, 2, 50, 5)];
        let table = |f: &[(u32, u32, u64, i64)]| {
            let mut t = PairTable::new(10);
            f.iter().for_each(|&(a, b, n, ns)| t.add(a, b, n, ns));
            t
        };
        let whole = table(&frames);
        for cut in 0..=frames.len() {
            let mut t = PairTable::new(10);
            t.merge(&table(&frames[..cut]));
            t.merge(&table(&frames[cut..]));
            assert_eq!(all(&t), all(&whole));
            assert_eq!(t.totals(), whole.totals());
        }
    }
}
