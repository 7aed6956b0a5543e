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

#[cfg(test)]
mod tests {
    use super::Reassembly;
    use crate::addr::IpAddr;
    use crate::dissect::Fragment;
    use crate::dissect::testing::{ipv4_fragment, path_of, record, udp};
    use crate::dissect::{Dissector, View};
    use crate::layers::Layers;
    use crate::limits::Limits;
    use proptest::prelude::*;

    fn fragment(id: u32, offset: u32, more: bool) -> Fragment {
        let (src, dst) = (IpAddr::v4([10, 0, 0, 1]), IpAddr::v4([10, 0, 0, 2]));
        Fragment { src, dst, id, protocol: 17, offset, more, next: 17 }
    }

    fn table() -> Reassembly {
        Reassembly::new(100, 1 << 20)
    }

    /// Adds parts of one datagram; what comes out, and behind which part.
    fn feed(table: &mut Reassembly, id: u32, parts: &[(u32, &[u8], bool)]) -> Option<(usize, Vec<u8>)> {
        for (n, &(offset, data, more)) in parts.iter().enumerate() {
            let mut out = Vec::new();
            if let Some(length) = table.add(&fragment(id, offset, more), 0, data, &mut out) {
                assert_eq!(out.len(), length as usize);
                return Some((n, out));
            }
            assert!(out.is_empty());
        }
        None
    }

    const WHOLE: &[u8] = b"abcdefgh01234567tail";

    #[test]
    fn in_order_reversed_and_shuffled() {
        let parts: [(u32, &[u8], bool); 3] =
            [(0, &WHOLE[..8], true), (8, &WHOLE[8..16], true), (16, &WHOLE[16..], false)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]] {
            let mut table = table();
            let shuffled: Vec<_> = order.iter().map(|&i| parts[i]).collect();
            assert_eq!(feed(&mut table, 1, &shuffled), Some((2, WHOLE.to_vec())));
            assert_eq!((table.stats.completed, table.stats.incomplete, table.stats.bytes_held), (1, 0, 0));
        }
    }

    #[test]
    fn bytes_that_are_there_stay() {
        let mut table = table();
        let parts: [(u32, &[u8], bool); 3] =
            [(8, b"XXXXXXXX", true), (0, &WHOLE[..12], true), (12, &WHOLE[12..], false)];
        let expected = [&WHOLE[..8], b"XXXXXXXX", &WHOLE[16..]].concat();
        assert_eq!(feed(&mut table, 1, &parts), Some((2, expected)));
        assert_eq!(table.stats.overlaps, 2);
    }

    #[test]
    fn duplicates_change_nothing_and_cost_nothing() {
        let mut table = table();
        let first: (u32, &[u8], bool) = (0, &WHOLE[..8], true);
        assert_eq!(feed(&mut table, 1, &[first]), None);
        let held = table.stats.bytes_held;
        assert_eq!(feed(&mut table, 1, &[first, first, first]), None);
        assert_eq!((table.stats.bytes_held, table.stats.overlaps), (held, 3));
        assert_eq!(feed(&mut table, 1, &[(8, &WHOLE[8..], false)]), Some((0, WHOLE.to_vec())));
    }

    #[test]
    fn a_gap_keeps_it_open_and_the_first_tail_says_the_length() {
        let mut table = table();
        assert_eq!(feed(&mut table, 1, &[(0, &WHOLE[..8], true), (16, b"tail", false), (24, b"later", false)]), None);
        assert_eq!(table.stats.incomplete, 1);
        assert_eq!(feed(&mut table, 1, &[(8, &WHOLE[8..16], true)]), Some((0, WHOLE.to_vec())));
    }

    #[test]
    fn two_datagrams_interleaved() {
        let mut table = table();
        assert_eq!(feed(&mut table, 1, &[(0, &WHOLE[..8], true)]), None);
        assert_eq!(feed(&mut table, 2, &[(0, b"other--1", true)]), None);
        assert_eq!(feed(&mut table, 1, &[(8, &WHOLE[8..], false)]), Some((0, WHOLE.to_vec())));
        assert_eq!(feed(&mut table, 2, &[(8, b"2", false)]), Some((0, b"other--12".to_vec())));
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut table = Reassembly::new(2, 1 << 20);
        for id in 1..=3 {
            assert_eq!(feed(&mut table, id, &[(0, &WHOLE[..8], true)]), None);
        }
        assert_eq!((table.stats.incomplete, table.stats.evicted), (2, 1));
        assert_eq!(feed(&mut table, 1, &[(8, &WHOLE[8..], false)]), None, "1 was given up");
        let mut table = Reassembly::new(100, 2_000);
        for id in 0..50 {
            assert_eq!(feed(&mut table, id, &[(0, &[0; 800], true)]), None);
            assert!(table.stats.bytes_held <= 2_000);
        }
        assert!(table.order.len() < 200);
    }

    #[test]
    fn a_datagram_belongs_to_the_frame_that_completes_it() {
        let datagram = udp(40_000, 40_001, &[7; 40]);
        let frames = [ipv4_fragment(17, 5, 0x2000, &datagram[..24]), ipv4_fragment(17, 5, 3, &datagram[24..])];
        let mut dissector = Dissector::new(&Limits::default());
        let mut layers = Layers::default();
        dissector.dissect(&record(228, &frames[0]), 1, &mut layers);
        assert_eq!(path_of(&layers), "ip:data");
        assert!(layers.ip_fragment && layers.udps.is_empty());
        let second = record(228, &frames[1]);
        dissector.dissect(&second, 2, &mut layers);
        assert_eq!(path_of(&layers), "ip:udp");
        let payload = layers.udps[0].payload;
        assert!(payload.reassembled);
        assert_eq!(dissector.bytes(&second, payload), [7; 40]);
    }

    #[test]
    fn fragments_inside_a_reassembled_datagram() {
        let inner = udp(40_000, 40_001, &[9; 64]);
        let packets = [ipv4_fragment(17, 8, 0x2000, &inner[..32]), ipv4_fragment(17, 8, 4, &inner[32..])];
        let mut dissector = Dissector::new(&Limits::default());
        let mut layers = Layers::default();
        let mut paths = Vec::new();
        for (id, packet) in packets.iter().enumerate() {
            for (field, part) in [(0x2000, &packet[..24]), (3, &packet[24..])] {
                let frame = ipv4_fragment(4, 100 + id as u16, field, part);
                dissector.dissect(&record(228, &frame), 1, &mut layers);
                paths.push(path_of(&layers));
            }
        }
        assert_eq!(paths, ["ip:data", "ip:ip:data", "ip:data", "ip:ip:udp"]);
        assert_eq!(layers.udps[0].len, 64);
    }

    #[test]
    fn a_view_stays_inside_its_bytes() {
        let view = View::frame(b"abcdef", 4);
        assert_eq!((view.wire, view.skip(2).data, view.skip(9).beyond), (6, &b"cdef"[..], true));
        assert_eq!(view.limit(3).skip(1).data, b"bc");
    }

    proptest! {
        /// Any cover of a datagram by parts, in any order, with repeats, gives the datagram back.
        #[test]
        fn any_order_gives_the_datagram(cuts in prop::collection::vec(1usize..40, 1..20), seed in any::<u64>()) {
            let mut bounds = vec![0];
            for cut in &cuts {
                bounds.push(bounds[bounds.len() - 1] + cut * 8);
            }
            let total = bounds[bounds.len() - 1];
            let whole: Vec<u8> = (0..total).map(|i| (i * 7) as u8).collect();
            let mut order: Vec<usize> = (0..cuts.len()).chain(0..cuts.len() / 2).collect();
            let mut state = seed;
            for i in (1..order.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                order.swap(i, (state >> 33) as usize % (i + 1));
            }
            let mut table = table();
            let mut made = None;
            for &n in &order {
                let mut out = Vec::new();
                let part = &whole[bounds[n]..bounds[n + 1]];
                let piece = fragment(1, bounds[n] as u32, bounds[n + 1] < total);
                if table.add(&piece, 0, part, &mut out).is_some() {
                    made = Some(out);
                    break;
                }
            }
            prop_assert_eq!(made, Some(whole));
        }
    }
}
