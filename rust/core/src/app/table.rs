//! Bounded tables that the protocols share: rows by key, what was seen lately, frames as evidence.

use super::message::Value;
use crate::packing;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

/// Rows by key, one behind the other with an index beside them: only the index holds room for twice as many.
#[derive(Clone, Debug)]
struct Dense<K, V> {
    rows: Vec<(K, V)>,
    /// Places in them.
    index: HashTable<u32>,
    /// Keyed at random, so that a capture cannot be made to collide.
    hasher: RandomState,
}

impl<K: Eq + Hash, V> Dense<K, V> {
    fn new() -> Self {
        Self { rows: Vec::new(), index: HashTable::new(), hasher: RandomState::default() }
    }

    fn len(&self) -> usize {
        self.rows.len()
    }

    #[inline]
    fn place(&self, key: &K) -> Option<usize> {
        let hash = self.hasher.hash_one(key);
        self.index.find(hash, |&i| self.rows[i as usize].0 == *key).map(|&i| i as usize)
    }

    #[inline]
    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.place(key).map(|i| &mut self.rows[i].1)
    }

    /// Adds a row of a key that has none.
    fn push(&mut self, key: K, value: V) -> &mut V {
        let Self { rows, index, hasher } = self;
        let i = rows.len();
        packing::make_room(rows, 1, 4);
        index.insert_unique(hasher.hash_one(&key), i as u32, |&i| hasher.hash_one(&rows[i as usize].0));
        rows.push((key, value));
        &mut self.rows[i].1
    }

    fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        let Self { rows, index, hasher } = self;
        rows.retain(|row| keep(&row.1));
        index.clear();
        for (i, row) in rows.iter().enumerate() {
            index.insert_unique(hasher.hash_one(&row.0), i as u32, |&i| hasher.hash_one(&rows[i as usize].0));
        }
    }
}

/// Rows by key, up to a number of rows; what finds no room is counted.
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    rows: Dense<K, V>,
    limit: usize,
    missed: u64,
    /// Occurrences missed at which rows are dropped again to make room.
    prune_at: u64,
}

impl<K: Eq + Hash + Ord + Clone, V: Clone> Table<K, V> {
    pub fn new(limit: usize) -> Self {
        Self { rows: Dense::new(), limit: limit.min(u32::MAX as usize), missed: 0, prune_at: 0 }
    }

    /// The row of a key, made where there is room for it; otherwise the occurrence is counted as missed.
    #[inline]
    pub fn row(&mut self, key: K, new: impl FnOnce() -> V) -> Option<&mut V> {
        match self.rows.place(&key) {
            Some(i) => Some(&mut self.rows.rows[i].1),
            None if self.rows.len() >= self.limit => {
                self.missed += 1;
                None
            }
            None => Some(self.rows.push(key, new())),
        }
    }

    /// As `row`, but a full table drops the rows that `keep` does not want, as often as it has missed as many
    /// occurrences as it has rows: what comes often finds room behind a crowd of what comes once.
    pub fn row_of_many(
        &mut self,
        key: K,
        new: impl FnOnce() -> V,
        keep: impl Fn(&V) -> bool,
        weight: impl Fn(&V) -> u64,
    ) -> Option<&mut V> {
        if self.rows.len() >= self.limit && self.missed >= self.prune_at && self.rows.place(&key).is_none() {
            let missed = &mut self.missed;
            self.rows.retain(|v| {
                let kept = keep(v);
                *missed += if kept { 0 } else { weight(v) };
                kept
            });
            self.prune_at = self.missed + self.limit as u64;
        }
        self.row(key, new)
    }

    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.rows.get_mut(key)
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// Occurrences that found no room.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Rows of another part of the traffic: `add` joins two of the same key.
    pub fn merge(&mut self, other: &Self, add: impl Fn(&mut V, &V)) {
        self.missed += other.missed;
        for (key, theirs) in &other.rows.rows {
            if let Some(mine) = self.rows.get_mut(key) {
                add(mine, theirs);
            } else if self.rows.len() < self.limit {
                self.rows.push(key.clone(), theirs.clone());
            } else {
                self.missed += 1;
            }
        }
    }

    /// `{"rows": [...], "missed": n}`, largest `weight` first, then by key.
    pub fn report<W: Ord>(&self, weight: impl Fn(&V) -> W, show: impl Fn(&K, &V) -> Value) -> Value {
        let mut all: Vec<_> = self.rows.rows.iter().collect();
        all.sort_by(|a, b| weight(&b.1).cmp(&weight(&a.1)).then_with(|| a.0.cmp(&b.0)));
        let rows: Vec<Value> = all.into_iter().map(|(k, v)| show(k, v)).collect();
        vec![("rows", rows.into()), ("missed", self.missed.into())].into()
    }
}

/// What was seen lately, in two generations: at the limit the older one is forgotten as a whole, so that no insertion
/// costs more than any other for long.
#[derive(Clone, Debug)]
pub struct Recent<K, V> {
    young: HashMap<K, V, RandomState>,
    old: HashMap<K, V, RandomState>,
    half: usize,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// At most `limit` entries, at least 2.
    pub fn new(limit: usize) -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), half: (limit / 2).max(1) }
    }

    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self.young.get_mut(key) {
            None if self.old.is_empty() => None,
            None => self.old.get_mut(key),
            found => found,
        }
    }

    /// Adds an entry; gives the generation that had to go for it.
    pub fn insert(&mut self, key: K, value: V) -> Option<HashMap<K, V, RandomState>> {
        let mut gone = None;
        if self.young.len() >= self.half {
            gone = Some(std::mem::replace(&mut self.old, std::mem::take(&mut self.young)));
        }
        self.young.insert(key, value);
        gone.filter(|g| !g.is_empty())
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.young.values().chain(self.old.values())
    }
}

/// Frames listed for one kind of event.
const MAX_FRAMES: usize = 20;

/// How often something happened, and the first frames of it.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    frames: Vec<u64>,
    count: u64,
}

impl Evidence {
    pub fn add(&mut self, frame: u64) {
        self.count += 1;
        if self.frames.len() < MAX_FRAMES {
            self.frames.push(frame);
        }
    }

    /// So many, of which these frames are the first.
    pub fn of(count: u64, first: Vec<u64>) -> Self {
        Self { frames: first, count }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// First frames of both, in order.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.frames.extend(&other.frames);
        self.frames.sort_unstable();
        self.frames.truncate(MAX_FRAMES);
    }

    pub fn report(&self) -> Value {
        let frames: Vec<Value> = self.frames.iter().map(|&f| f.into()).collect();
        vec![("count", self.count.into()), ("frames", frames.into())].into()
    }
}

/// The first [`MAX_FRAMES`] of any frames, in order.
pub fn first_frames(frames: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut first: Vec<u64> = Vec::with_capacity(MAX_FRAMES + 1);
    for frame in frames {
        if first.len() < MAX_FRAMES || first.last().is_some_and(|&last| frame < last) {
            let at = first.partition_point(|&f| f < frame);
            first.insert(at, frame);
            first.truncate(MAX_FRAMES);
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_counts_what_it_misses() {
        let mut t: Table<u8, u64> = Table::new(2);
        for key in [1, 2, 3, 1] {
            if let Some(n) = t.row(key, || 0) {
                *n += 1;
            }
        }
        assert_eq!((t.len(), t.missed()), (2, 1));
        let mut other: Table<u8, u64> = Table::new(2);
        other.row(1, || 5);
        other.row(9, || 5);
        t.merge(&other, |mine, theirs| *mine += theirs);
        assert_eq!((t.get_mut(&1).copied(), t.get_mut(&9).copied()), (Some(7), None));
        assert_eq!(t.missed(), 2);
    }

    #[test]
    fn a_crowd_of_single_rows_makes_room_for_what_comes_often() {
        let mut t: Table<u32, u64> = Table::new(10);
        let add = |t: &mut Table<u32, u64>, key| {
            if let Some(n) = t.row_of_many(key, || 0, |&n| n > 1, |&n| n) {
                *n += 1;
            }
        };
        (0..1000).for_each(|n| add(&mut t, n));
        (0..100).for_each(|_| add(&mut t, 5000));
        assert!(t.len() <= 10);
        assert!(t.get_mut(&5000).is_some_and(|n| *n >= 90));
        let kept: u64 = t.rows.rows.iter().map(|row| row.1).sum();
        assert_eq!(kept + t.missed(), 1100);
    }

    #[test]
    fn the_older_generation_goes_first() {
        let mut r: Recent<u32, u32> = Recent::new(4);
        let gone: Vec<usize> = (0..6).map(|n| r.insert(n, n).map_or(0, |g| g.len())).collect();
        assert_eq!(gone, [0, 0, 0, 0, 2, 0]);
        assert_eq!([0, 1, 2, 4, 5].map(|n| r.get_mut(&n).copied()), [None, None, Some(2), Some(4), Some(5)]);
    }

    #[test]
    fn first_frames_are_the_least_ones() {
        assert_eq!(first_frames((1..100).rev()), (1..=20).collect::<Vec<_>>());
    }
}
