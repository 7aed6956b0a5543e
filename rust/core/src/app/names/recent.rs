//! A set that holds so many keys and forgets the oldest.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

/// The last `limit` keys that were added.
pub struct Recent<K> {
    keys: HashSet<K, foldhash::fast::RandomState>,
    order: VecDeque<K>,
    limit: usize,
}

impl<K: Copy + Eq + Hash> Recent<K> {
    pub fn new(limit: usize) -> Self {
        Self { keys: HashSet::default(), order: VecDeque::new(), limit }
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn contains(&self, key: &K) -> bool {
        !self.keys.is_empty() && self.keys.contains(key)
    }

    pub fn add(&mut self, key: K) {
        if !self.keys.insert(key) {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }
}
