//! Conversations in few bytes: rows one behind the other, in order of appearance, of 28 to 58 bytes.
//!
//! A row: a byte of marks, 19 of counts, both ends. Counts that outgrow their bytes move to a list beside the rows, and
//! the row says where they are; few conversations are that large.

use super::pairs::{End, Pair};
use std::marker::PhantomData;

/// Marks and counts.
const HEAD: usize = 20;
/// The counts are in `wide`, at the place that the row has instead of them.
const WIDE: u8 = 1;
/// The ends need all bytes of their kind.
const LONG: u8 = 2;
/// Largest counts of a row: frames and bytes each way, time of the first frame since the base, and from it to the last.
const MAX_FRAMES: u64 = (1 << 8) - 1;
const MAX_BYTES: u64 = (1 << 24) - 1;
const MAX_SINCE: u64 = (1 << 48) - 1;
const MAX_LENGTH: u64 = (1 << 40) - 1;
/// The base lies so long before the first frame: others may be earlier. 19 hours.
const BEFORE_NS: i64 = 1 << 46;

/// What is counted of a conversation; index 0 counts a to b, 1 b to a.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub frames: [u64; 2],
    pub bytes: [u64; 2],
    pub first_ns: i64,
    pub last_ns: i64,
}

impl Counts {
    pub fn none(ns: i64) -> Self {
        Self { frames: [0; 2], bytes: [0; 2], first_ns: ns, last_ns: ns }
    }

    #[inline]
    fn frame(&mut self, way: usize, wire: u64, ns: i64) {
        self.frames[way] += 1;
        self.bytes[way] += wire;
        self.first_ns = self.first_ns.min(ns);
        self.last_ns = self.last_ns.max(ns);
    }
}

/// The rows; each is known by the place of its first byte.
#[derive(Clone, Debug)]
pub struct Rows<K> {
    bytes: Vec<u8>,
    wide: Vec<Counts>,
    count: usize,
    base_ns: i64,
    ends: PhantomData<K>,
}

/// Both ends as [`End::words`] has them.
pub type Ends = [[u64; 3]; 2];

#[inline]
fn little(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

impl<K: End> Rows<K> {
    pub fn new() -> Self {
        Self { bytes: Vec::new(), wide: Vec::new(), count: 0, base_ns: 0, ends: PhantomData }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether a place can still be told by 32 bits.
    pub fn has_room(&self) -> bool {
        self.bytes.len() < u32::MAX as usize
    }

    pub fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.wide.shrink_to_fit();
    }

    #[inline]
    fn size(marks: u8) -> usize {
        HEAD + 2 * if marks & LONG == 0 { K::SHORT } else { K::LONG }
    }

    /// Places of all rows.
    pub fn places(&self) -> impl Iterator<Item = usize> + '_ {
        let mut next = 0;
        std::iter::from_fn(move || {
            let at = next;
            next += Self::size(*self.bytes.get(at)?);
            Some(at)
        })
    }

    #[inline]
    pub fn ends(&self, at: usize) -> Ends {
        let row = &self.bytes[at..];
        if row[0] & LONG == 0 {
            let ends = &row[HEAD..HEAD + 2 * K::SHORT];
            [[little(&ends[..K::SHORT]), 0, 0], [little(&ends[K::SHORT..]), 0, 0]]
        } else {
            let ends = &row[HEAD..HEAD + 2 * K::LONG];
            let end = |e: &[u8]| [little(&e[..8]), little(&e[8..16]), little(&e[16..K::LONG])];
            [end(&ends[..K::LONG]), end(&ends[K::LONG..])]
        }
    }

    /// The way of a frame from the first to the second of these ends in the row of a place, if it is between them.
    #[inline]
    pub fn way(&self, at: usize, [src, dst]: &Ends) -> Option<usize> {
        if at >= self.bytes.len() {
            return None;
        }
        let [a, b] = &self.ends(at);
        if (a, b) == (src, dst) {
            Some(0)
        } else if (b, a) == (src, dst) {
            Some(1)
        } else {
            None
        }
    }

    /// A new row; its place.
    pub fn push(&mut self, ends: &Ends, ns: i64) -> usize {
        if self.count == 0 {
            self.base_ns = ns.saturating_sub(BEFORE_NS);
        }
        let fits = |w: &[u64; 3]| K::SHORT > 0 && w[1] == 0 && w[2] == 0;
        let marks = if ends.iter().all(fits) { 0 } else { LONG };
        let (at, size) = (self.bytes.len(), Self::size(marks));
        if self.bytes.capacity() - at < size {
            // Not twice as much: a table of many pairs would hold room for as many again.
            self.bytes.reserve_exact((at / 4).max(64 * size));
        }
        self.bytes.resize(at + size, 0);
        self.bytes[at] = marks;
        self.count += 1;
        self.set_ends(at, ends);
        self.set(at, Counts::none(ns));
        at
    }

    /// Both ends are as long as those of the row.
    fn set_ends(&mut self, at: usize, ends: &Ends) {
        let row = &mut self.bytes[at..];
        let (short, size) = (row[0] & LONG == 0, Self::size(row[0]));
        for (out, w) in row[HEAD..size].chunks_exact_mut((size - HEAD) / 2).zip(ends) {
            if short {
                out.copy_from_slice(&w[0].to_le_bytes()[..K::SHORT]);
            } else {
                let all: [[u8; 8]; 3] = w.map(u64::to_le_bytes);
                out.copy_from_slice(&all.as_flattened()[..K::LONG]);
            }
        }
    }

    #[inline]
    fn head(&mut self, at: usize) -> &mut [u8; HEAD] {
        (&mut self.bytes[at..at + HEAD]).try_into().expect("a slice of that length")
    }

    /// Counts one frame.
    #[inline]
    pub fn frame(&mut self, at: usize, way: usize, wire: u64, ns: i64) {
        let base = self.base_ns;
        let head = self.head(at);
        if head[0] & WIDE != 0 {
            let place = little(&head[1..5]) as usize;
            self.wide[place].frame(way, wire, ns);
            return;
        }
        let counts = little(&head[1..9]);
        let (first, length) = (little(&head[9..15]), little(&head[15..20]));
        let frames = counts >> (8 * way) & MAX_FRAMES;
        let bytes = counts >> (16 + 24 * way) & MAX_BYTES;
        // Of a frame earlier than the first a very large number.
        let since = (ns.wrapping_sub(base) as u64).wrapping_sub(first);
        if frames < MAX_FRAMES && bytes + wire <= MAX_BYTES && since <= MAX_LENGTH && ns >= base {
            let counts = counts + (1 << (8 * way)) + (wire << (16 + 24 * way));
            head[1..9].copy_from_slice(&counts.to_le_bytes());
            head[15..20].copy_from_slice(&length.max(since).to_le_bytes()[..5]);
        } else {
            let mut counts = self.counts(at);
            counts.frame(way, wire, ns);
            self.set(at, counts);
        }
    }

    pub fn counts(&self, at: usize) -> Counts {
        let head = &self.bytes[at..at + HEAD];
        if head[0] & WIDE != 0 {
            return self.wide[little(&head[1..5]) as usize];
        }
        let (counts, first, length) = (little(&head[1..9]), little(&head[9..15]), little(&head[15..20]));
        let first_ns = self.base_ns + first as i64;
        Counts {
            frames: [counts & MAX_FRAMES, counts >> 8 & MAX_FRAMES],
            bytes: [counts >> 16 & MAX_BYTES, counts >> 40],
            first_ns,
            last_ns: first_ns + length as i64,
        }
    }

    fn set(&mut self, at: usize, c: Counts) {
        let place = self.wide.len();
        let (since, length) = (c.first_ns.checked_sub(self.base_ns), c.last_ns.checked_sub(c.first_ns));
        let [since, length] = [since, length].map(|t| t.map_or(u64::MAX, |t| t as u64));
        let fits = c.frames.iter().all(|&n| n <= MAX_FRAMES) && c.bytes.iter().all(|&n| n <= MAX_BYTES);
        let head = self.head(at);
        if head[0] & WIDE != 0 {
            let place = little(&head[1..5]) as usize;
            self.wide[place] = c;
        } else if fits && since <= MAX_SINCE && length <= MAX_LENGTH {
            let counts = c.frames[0] | c.frames[1] << 8 | c.bytes[0] << 16 | c.bytes[1] << 40;
            head[1..9].copy_from_slice(&counts.to_le_bytes());
            head[9..15].copy_from_slice(&since.to_le_bytes()[..6]);
            head[15..20].copy_from_slice(&length.to_le_bytes()[..5]);
        } else {
            head[0] |= WIDE;
            head[1..5].copy_from_slice(&(place as u32).to_le_bytes());
            if place == self.wide.capacity() {
                self.wide.reserve_exact((place / 4).max(16));
            }
            self.wide.push(c);
        }
    }

    pub fn pair(&self, at: usize) -> Pair<K> {
        let [a, b] = self.ends(at).map(K::from_words);
        let Counts { frames, bytes, first_ns, last_ns } = self.counts(at);
        Pair { a, b, frames, bytes, first_ns, last_ns }
    }

    /// Adds what was counted elsewhere between these ends; the sender of the earliest frame of both parts becomes `a`.
    pub fn join(&mut self, at: usize, theirs: &Ends, o: Counts) {
        let mut c = self.counts(at);
        let mut mine = self.ends(at);
        if o.first_ns < c.first_ns && mine[0] != theirs[0] {
            mine.swap(0, 1);
            c.frames.swap(0, 1);
            c.bytes.swap(0, 1);
            self.set_ends(at, &mine);
        }
        let turned = (mine[0] != theirs[0]) as usize;
        for way in 0..2 {
            c.frames[way] += o.frames[way ^ turned];
            c.bytes[way] += o.bytes[way ^ turned];
        }
        c.first_ns = c.first_ns.min(o.first_ns);
        c.last_ns = c.last_ns.max(o.last_ns);
        self.set(at, c);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PairTable, UdpEnd};
    use super::*;
    use crate::addr::IpAddr;
    use proptest::prelude::*;

    /// The same, counted plainly.
    #[derive(Default)]
    struct Plain(Vec<Pair<UdpEnd>>);

    impl Plain {
        fn add(&mut self, src: UdpEnd, dst: UdpEnd, wire: u64, ns: i64) {
            let known = self.0.iter().position(|p| (p.a, p.b) == (src, dst) || (p.b, p.a) == (src, dst));
            let at = known.unwrap_or(self.0.len());
            if known.is_none() {
                self.0.push(Pair { a: src, b: dst, frames: [0; 2], bytes: [0; 2], first_ns: ns, last_ns: ns });
            }
            let p = &mut self.0[at];
            let way = (p.a != src) as usize;
            p.frames[way] += 1;
            p.bytes[way] += wire;
            p.first_ns = p.first_ns.min(ns);
            p.last_ns = p.last_ns.max(ns);
        }
    }

    fn end() -> impl Strategy<Value = UdpEnd> {
        let long = (any::<bool>(), 0u8..3).prop_map(|(high, b)| {
            let mut bytes = [0; 16];
            bytes[if high { 0 } else { 15 }] = b;
            IpAddr::v6(bytes)
        });
        (prop_oneof![(0u8..3).prop_map(|b| IpAddr::v4([b, 0, 0, b])), long], 0u16..2)
    }

    fn frame() -> impl Strategy<Value = (UdpEnd, UdpEnd, u64, i64)> {
        let wire = prop_oneof![4 => 60u64..1500, 1 => MAX_BYTES - 2..MAX_BYTES + 2, 1 => Just(u32::MAX as u64)];
        let hour = 3_600_000_000_000i64;
        let time = prop_oneof![8 => -2 * hour..2 * hour, 2 => -100 * hour..100 * hour, 1 => any::<i64>()];
        (end(), end(), wire, time)
    }

    proptest! {
        #[test]
        fn rows_count_as_wide_numbers_do(frames in proptest::collection::vec(frame(), 0..200), cut in 0usize..200) {
            let (mut table, mut plain) = (PairTable::new(10_000), Plain::default());
            for &(src, dst, wire, ns) in &frames {
                table.add(src, dst, wire, ns);
                plain.add(src, dst, wire, ns);
            }
            prop_assert_eq!(table.pairs().collect::<Vec<_>>(), plain.0.clone());
            prop_assert_eq!(table.held(), plain.0.len());
            table.shrink();
            let mut ends: Vec<UdpEnd> = plain.0.iter().flat_map(|p| [p.a, p.b]).collect();
            (ends.sort(), ends.dedup());
            prop_assert_eq!(table.ends(), ends.len());
            // In parts the same, but for who is `a`: that is the sender of the earliest frame of the parts.
            let part = |frames: &[(UdpEnd, UdpEnd, u64, i64)]| {
                let mut t = PairTable::new(10_000);
                frames.iter().for_each(|&(src, dst, wire, ns)| t.add(src, dst, wire, ns));
                t
            };
            let (head, tail) = frames.split_at(cut.min(frames.len()));
            let mut both = part(head);
            both.merge(&part(tail));
            let in_order = |mut p: Pair<UdpEnd>| {
                if p.b < p.a {
                    (p.a, p.b) = (p.b, p.a);
                    (p.frames, p.bytes) = ([p.frames[1], p.frames[0]], [p.bytes[1], p.bytes[0]]);
                }
                p
            };
            prop_assert_eq!(both.pairs().map(in_order).collect::<Vec<_>>(), plain.0.into_iter().map(in_order).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_usual_conversation_takes_32_bytes_and_a_large_one_outgrows_them() {
        let (a, b): (UdpEnd, UdpEnd) = ((IpAddr::v4([10, 0, 0, 1]), 5353), (IpAddr::v4([10, 0, 0, 2]), 53));
        let mut rows: Rows<UdpEnd> = Rows::new();
        let at = rows.push(&[a.words(), b.words()], 1_700_000_000_000_000_000);
        for n in 0..300 {
            rows.frame(at, 1, 100, 1_700_000_000_000_000_000 + n);
            assert_eq!(rows.wide.len(), (n >= 255) as usize);
        }
        assert_eq!(rows.bytes.len(), 32);
        assert_eq!((rows.counts(at).frames, rows.counts(at).bytes), ([0, 300], [0, 30_000]));
    }
}
