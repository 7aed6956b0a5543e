//! Texts and how often each occurred, one behind the other in one block: a name costs its bytes and about a dozen more,
//! where a map of strings takes a hundred.

use crate::packing::{self, Reader};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Bytes of the occurrences in front of a text: 281 million million of them can be told.
const COUNT: usize = 6;
const MAX_COUNT: u64 = (1 << (8 * COUNT)) - 1;

/// Each text as its occurrences, its length and its bytes.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    block: Vec<u8>,
    /// Places in it.
    index: HashTable<u32>,
    /// Keyed at random, so that a capture cannot be made to collide.
    hasher: RandomState,
}

fn count_at(block: &[u8], at: u32) -> u64 {
    let mut word = [0; 8];
    word[..COUNT].copy_from_slice(&block[at as usize..at as usize + COUNT]);
    u64::from_le_bytes(word)
}

fn bytes_at(block: &[u8], at: u32) -> &[u8] {
    let mut row = Reader(&block[at as usize + COUNT..]);
    let length = row.number() as usize;
    &row.0[..length]
}

impl Texts {
    /// Counts `n` more of a text, which is kept if there are fewer than `limit`; false: it found no room.
    pub fn add(&mut self, text: &str, n: u64, limit: usize) -> bool {
        let Self { block, index, hasher } = self;
        let hash = hasher.hash_one(text.as_bytes());
        let found = index.find(hash, |&at| bytes_at(block, at) == text.as_bytes()).copied();
        let at = match found {
            Some(at) => at,
            None if index.len() >= limit => return false,
            None => {
                let Ok(at) = u32::try_from(block.len()) else { return false };
                // The longest number takes ten bytes.
                let most = COUNT + 10 + text.len();
                packing::make_room(block, most, most);
                block.extend_from_slice(&[0; COUNT]);
                packing::put(block, text.len() as u64);
                block.extend_from_slice(text.as_bytes());
                index.insert_unique(hash, at, |&at| hasher.hash_one(bytes_at(block, at)));
                at
            }
        };
        let count = count_at(block, at).saturating_add(n).min(MAX_COUNT);
        block[at as usize..at as usize + COUNT].copy_from_slice(&count.to_le_bytes()[..COUNT]);
        true
    }

    /// How many there are.
    pub fn held(&self) -> usize {
        self.index.len()
    }

    /// The text of a place, and how often it occurred.
    pub fn at(&self, place: u32) -> (&str, u64) {
        (std::str::from_utf8(bytes_at(&self.block, place)).unwrap_or_default(), count_at(&self.block, place))
    }

    /// Places of all texts, in order of appearance.
    fn places(&self) -> impl Iterator<Item = u32> + '_ {
        let mut next = 0;
        std::iter::from_fn(move || {
            let at = next;
            let mut row = Reader(self.block.get(at + COUNT..)?);
            let length = row.number() as usize;
            next = self.block.len() - row.0.len() + length;
            Some(at as u32)
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.places().map(|place| self.at(place))
    }

    /// Places, most frequent texts first, equal ones by text.
    pub fn ranked(&self) -> Vec<u32> {
        let mut all: Vec<u32> = self.places().collect();
        let rank = |&at: &u32| (std::cmp::Reverse(count_at(&self.block, at)), bytes_at(&self.block, at));
        all.sort_unstable_by(|a, b| rank(a).cmp(&rank(b)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn the_longest_text_is_found_again_and_the_count_stops_at_its_end() {
        let long = "x".repeat(100_000);
        let mut texts = Texts::default();
        assert!(texts.add(&long, u64::MAX, 2) && texts.add("", 1, 2) && texts.add(&long, u64::MAX, 2));
        assert_eq!(texts.iter().collect::<Vec<_>>(), [(&long[..], MAX_COUNT), ("", 1)]);
        assert!(!texts.add("third", 1, 2));
    }

    proptest! {
        #[test]
        fn counts_as_a_map_does(words in proptest::collection::vec("[a-dé]{0,3}", 0..300), limit in 0usize..60) {
            let (mut texts, mut map, mut missed) = (Texts::default(), HashMap::<&str, u64>::new(), 0);
            for word in &words {
                let fits = map.len() < limit || map.contains_key(&word[..]);
                prop_assert_eq!(texts.add(word, 1, limit), fits);
                if fits {
                    *map.entry(word).or_default() += 1;
                } else {
                    missed += 1;
                }
            }
            let mut ranked: Vec<(&str, u64)> = map.into_iter().collect();
            ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
            prop_assert_eq!(texts.ranked().into_iter().map(|at| texts.at(at)).collect::<Vec<_>>(), ranked);
            prop_assert_eq!(texts.iter().map(|t| t.1).sum::<u64>() + missed, words.len() as u64);
        }
    }
}
