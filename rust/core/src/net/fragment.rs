//! Reassembly of IP fragments, bounded in datagrams and bytes.

use crate::addr::IpAddr;
use crate::dissect::Fragment;
use hashbrown::HashMap;
use std::collections::VecDeque;

/// What the accounting charges for a datagram and for each piece of it, besides its bytes.
const SET_COST: usize = 256;
const PIECE_COST: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    protocol: u8,
    vlan_id: u16,
}

/// A run of bytes that is there: offsets in the datagram, and where its bytes are.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: u32,
    end: u32,
    at: u32,
}

/// The fragments of one datagram.
#[derive(Debug, Default)]
struct Set {
    /// Apart from each other, by rising start.
    pieces: Vec<Piece>,
    bytes: Vec<u8>,
    /// Length of the datagram, from the first fragment that says it is the last.
    total: Option<u32>,
    serial: u64,
}

impl Set {
    fn cost(&self) -> usize {
        SET_COST + self.pieces.len() * PIECE_COST + self.bytes.len()
    }

    /// Adds what is new of a fragment: bytes that are there already stay. True: some were.
    fn add(&mut self, offset: u32, data: &[u8]) -> bool {
        let end = offset + data.len() as u32;
        let mut index = self.pieces.partition_point(|piece| piece.end <= offset);
        let mut start = offset;
        let mut overlap = false;
        while start < end {
            let next = self.pieces.get(index).copied();
            let stop = next.map_or(end, |piece| piece.start.min(end));
            if start < stop {
                let at = self.bytes.len() as u32;
                let range = (start - offset) as usize..(stop - offset) as usize;
                self.bytes.extend_from_slice(data.get(range).unwrap_or_default());
                self.pieces.insert(index, Piece { start, end: stop, at });
                index += 1;
            }
            match next {
                Some(piece) if piece.start < end => {
                    overlap = true;
                    start = piece.end;
                    index += 1;
                }
                _ => break,
            }
        }
        overlap
    }

    /// Length of the datagram when nothing is missing.
    fn complete(&self) -> Option<u32> {
        let total = self.total?;
        if self.bytes.len() < total as usize {
            return None;
        }
        let mut reached = 0;
        for piece in &self.pieces {
            if piece.start > reached {
                break;
            }
            reached = piece.end;
        }
        (reached >= total).then_some(total)
    }

    fn write(&self, total: u32, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            if piece.start >= total {
                break;
            }
            let length = piece.end.min(total) - piece.start;
            let range = piece.at as usize..(piece.at + length) as usize;
            out.extend_from_slice(self.bytes.get(range).unwrap_or_default());
        }
    }
}

/// How reassembly of IP fragments went so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReassemblyStats {
    /// Datagrams put together.
    pub completed: u64,
    /// Datagrams with missing fragments now.
    pub incomplete: u64,
    /// Incomplete datagrams given up for want of room, the oldest first.
    pub evicted: u64,
    /// Fragments that overlap or repeat others of their datagram.
    pub overlaps: u64,
    /// Memory charged to the incomplete datagrams now, bytes.
    pub bytes_held: u64,
}

/// All datagrams in work.
#[derive(Debug)]
pub(crate) struct Reassembly {
    sets: HashMap<Key, Set, foldhash::fast::RandomState>,
    /// Keys in the order in which their sets began. An entry whose serial is not the set's is stale.
    order: VecDeque<(Key, u64)>,
    serial: u64,
    held: usize,
    max_sets: usize,
    max_bytes: usize,
    pub stats: ReassemblyStats,
}

impl Reassembly {
    pub fn new(max_sets: usize, max_bytes: usize) -> Self {
        Self {
            sets: HashMap::default(),
            order: VecDeque::new(),
            serial: 0,
            held: 0,
            max_sets: max_sets.max(1),
            max_bytes,
            stats: ReassemblyStats::default(),
        }
    }

    /// Takes a fragment. When it completes its datagram, appends that to `out` and gives its length.
    pub fn add(&mut self, fragment: &Fragment, vlan_id: u16, data: &[u8], out: &mut Vec<u8>) -> Option<u32> {
        let key = Key { src: fragment.src, dst: fragment.dst, id: fragment.id, protocol: fragment.protocol, vlan_id };
        let serial = self.serial + 1;
        let set = self.sets.entry(key).or_insert_with(|| Set { serial, ..Set::default() });
        let before = if set.serial == serial {
            self.serial = serial;
            self.order.push_back((key, serial));
            0
        } else {
            set.cost()
        };
        if set.add(fragment.offset, data) {
            self.stats.overlaps += 1;
        }
        if !fragment.more && set.total.is_none() {
            set.total = Some(fragment.offset + data.len() as u32);
        }
        let done = set.complete();
        if let Some(total) = done {
            set.write(total, out);
            self.sets.remove(&key);
            self.held -= before;
            self.stats.completed += 1;
        } else {
            self.held = self.held - before + set.cost();
        }
        self.shrink();
        self.stats.incomplete = self.sets.len() as u64;
        self.stats.bytes_held = self.held as u64;
        done
    }

    /// Gives up the oldest sets until the limits hold.
    fn shrink(&mut self) {
        while self.sets.len() > self.max_sets || (self.held > self.max_bytes && !self.sets.is_empty()) {
            let Some((key, serial)) = self.order.pop_front() else { return };
            if self.sets.get(&key).is_some_and(|set| set.serial == serial)
                && let Some(set) = self.sets.remove(&key)
            {
                self.held -= set.cost();
                self.stats.evicted += 1;
            }
        }
        if self.order.len() > 2 * self.sets.len() + 64 {
            let sets = &self.sets;
            self.order.retain(|(key, serial)| sets.get(key).is_some_and(|set| set.serial == *serial));
        }
    }
}
