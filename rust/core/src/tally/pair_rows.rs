//! Conversations in few bytes: rows one behind the other, in order of appearance, of 28 to 58 bytes.
//!
//! A row: a byte of marks, 19 of counts, both ends. Counts that outgrow their bytes move to a list beside the rows, and
//! the row says where they are; few conversations are that large.

use super::pairs::{End, Pair};
use crate::packing;
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
const MAX_SINCE: u64 = (1 << FIRST_BITS) - 1;
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

#[inline(always)]
fn low(bits: usize) -> u64 {
    (1 << bits) - 1
}

/// Eight bytes from there on.
#[inline(always)]
fn word(head: &[u8; HEAD], at: usize) -> u64 {
    u64::from_le_bytes([
        head[at],
        head[at + 1],
        head[at + 2],
        head[at + 3],
        head[at + 4],
        head[at + 5],
        head[at + 6],
        head[at + 7],
    ])
}

/// Where the parts of the counts are; the length takes the last five bytes of its word, the time before it the first six.
const COUNTS: usize = 1;
const FIRST: usize = 9;
const LENGTH: usize = 12;
const FIRST_BITS: usize = 48;
const LENGTH_SHIFT: usize = 24;

/// Place in `wide`.
#[inline(always)]
fn place_in(head: &[u8; HEAD]) -> usize {
    word(head, COUNTS) as u32 as usize
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

    /// Whether the ends of a row with these marks are in the short form.
    #[inline(always)]
    fn is_short(marks: u8) -> bool {
        K::SHORT == K::LONG || K::SHORT > 0 && marks & LONG == 0
    }

    /// Whether such ends are.
    #[inline(always)]
    fn are_short([a, b]: &Ends) -> bool {
        K::SHORT == K::LONG || K::SHORT > 0 && (a[1] | a[2] | b[1] | b[2]) == 0
    }

    #[inline(always)]
    fn size(marks: u8) -> usize {
        HEAD + 2 * if Self::is_short(marks) { K::SHORT } else { K::LONG }
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

    /// First words of both ends of a row in the short form.
    #[inline(always)]
    fn short_ends(row: &[u8]) -> Option<[u64; 2]> {
        let both = row.get(HEAD..HEAD + 2 * K::SHORT)?;
        let (a, b) = (u64::from_le_bytes(*both.first_chunk()?), u64::from_le_bytes(*both.last_chunk()?));
        let bits = 8 * K::SHORT;
        Some([a & low(bits), b >> (64 - bits)])
    }

    #[inline(always)]
    fn long_ends(row: &[u8]) -> Option<Ends> {
        let both = row.get(HEAD..HEAD + 2 * K::LONG)?;
        let (a, b) = both.split_at_checked(K::LONG)?;
        let end = |e: &[u8]| -> Option<[u64; 3]> {
            let (first, second) = (e.first_chunk()?, e.get(8..)?.first_chunk()?);
            // The third word is the rest of the end, which is at least as long as it.
            let third = u32::from_le_bytes(*e.last_chunk()?) as u64;
            let third = if K::LONG > 16 { third >> (8 * (20 - K::LONG)) } else { 0 };
            Some([u64::from_le_bytes(*first), u64::from_le_bytes(*second), third])
        };
        Some([end(a)?, end(b)?])
    }

    pub fn ends(&self, at: usize) -> Ends {
        let row = self.bytes.get(at..).unwrap_or_default();
        if row.first().is_none_or(|&marks| Self::is_short(marks)) {
            Self::short_ends(row).unwrap_or_default().map(|end| [end, 0, 0])
        } else {
            Self::long_ends(row).unwrap_or_default()
        }
    }

    /// The way of a frame from the first to the second of these ends in the row of a place, if it is between them.
    #[inline(always)]
    pub fn way(&self, at: usize, ends: &Ends) -> Option<usize> {
        let row = self.bytes.get(at..)?;
        let short = Self::is_short(*row.first()?);
        if short != Self::are_short(ends) {
            return None;
        }
        let [src, dst] = ends;
        let (same, turned) = if short {
            let [a, b] = Self::short_ends(row)?;
            (a == src[0] && b == dst[0], b == src[0] && a == dst[0])
        } else {
            let [a, b] = Self::long_ends(row)?;
            let equal = |x: &[u64; 3], y: &[u64; 3]| (x[0] ^ y[0] | x[1] ^ y[1] | x[2] ^ y[2]) == 0;
            (equal(&a, src) && equal(&b, dst), equal(&b, src) && equal(&a, dst))
        };
        (same || turned).then_some(!same as usize)
    }

    /// A new row; its place.
    pub fn push(&mut self, ends: &Ends, ns: i64) -> usize {
        if self.count == 0 {
            self.base_ns = ns.saturating_sub(BEFORE_NS);
        }
        let marks = if Self::are_short(ends) { 0 } else { LONG };
        let (at, size) = (self.bytes.len(), Self::size(marks));
        packing::make_room(&mut self.bytes, size, 64 * size);
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
        let (short, size) = (Self::is_short(row[0]), Self::size(row[0]));
        for (out, w) in row[HEAD..size].chunks_exact_mut((size - HEAD) / 2).zip(ends) {
            if short {
                out.copy_from_slice(&w[0].to_le_bytes()[..K::SHORT]);
            } else {
                let all: [[u8; 8]; 3] = w.map(u64::to_le_bytes);
                out.copy_from_slice(&all.as_flattened()[..K::LONG]);
            }
        }
    }

    /// Counts one frame.
    #[inline(always)]
    pub fn frame(&mut self, at: usize, way: usize, wire: u64, ns: i64) {
        let base = self.base_ns;
        let Some(head) = self.bytes.get_mut(at..).and_then(|row| row.first_chunk_mut::<HEAD>()) else { return };
        if head[0] & WIDE != 0 {
            if let Some(counts) = self.wide.get_mut(place_in(head)) {
                counts.frame(way & 1, wire, ns);
            }
            return;
        }
        let (counts, end) = (word(head, COUNTS), word(head, LENGTH));
        let first = word(head, FIRST) & low(FIRST_BITS);
        let frames = counts >> (8 * way) & MAX_FRAMES;
        let bytes = counts >> (16 + 24 * way) & MAX_BYTES;
        // Of a frame earlier than the first a very large number.
        let since = (ns.wrapping_sub(base) as u64).wrapping_sub(first);
        if frames < MAX_FRAMES && bytes + wire <= MAX_BYTES && since <= MAX_LENGTH && ns >= base {
            let counts = counts + (1 << (8 * way)) + (wire << (16 + 24 * way));
            head[COUNTS..COUNTS + 8].copy_from_slice(&counts.to_le_bytes());
            if since > end >> LENGTH_SHIFT {
                let end = end & low(LENGTH_SHIFT) | since << LENGTH_SHIFT;
                head[LENGTH..LENGTH + 8].copy_from_slice(&end.to_le_bytes());
            }
        } else {
            self.outgrown(at, way, wire, ns);
        }
    }

    #[cold]
    fn outgrown(&mut self, at: usize, way: usize, wire: u64, ns: i64) {
        let mut counts = self.counts(at);
        counts.frame(way, wire, ns);
        self.set(at, counts);
    }

    pub fn counts(&self, at: usize) -> Counts {
        let head = self.bytes.get(at..).and_then(|row| row.first_chunk::<HEAD>());
        let Some(head) = head else { return Counts::none(0) };
        if head[0] & WIDE != 0 {
            return self.wide.get(place_in(head)).copied().unwrap_or(Counts::none(0));
        }
        let counts = word(head, COUNTS);
        let first_ns = self.base_ns + (word(head, FIRST) & low(FIRST_BITS)) as i64;
        Counts {
            frames: [counts & MAX_FRAMES, counts >> 8 & MAX_FRAMES],
            bytes: [counts >> 16 & MAX_BYTES, counts >> 40],
            first_ns,
            last_ns: first_ns + (word(head, LENGTH) >> LENGTH_SHIFT) as i64,
        }
    }

    fn set(&mut self, at: usize, c: Counts) {
        let Some(head) = self.bytes.get_mut(at..).and_then(|row| row.first_chunk_mut::<HEAD>()) else { return };
        let (since, length) = (c.first_ns.checked_sub(self.base_ns), c.last_ns.checked_sub(c.first_ns));
        let [since, length] = [since, length].map(|t| t.map_or(u64::MAX, |t| t as u64));
        let fits = c.frames.iter().all(|&n| n <= MAX_FRAMES) && c.bytes.iter().all(|&n| n <= MAX_BYTES);
        if head[0] & WIDE != 0 {
            if let Some(counts) = self.wide.get_mut(place_in(head)) {
                *counts = c;
            }
        } else if fits && since <= MAX_SINCE && length <= MAX_LENGTH {
            let counts = c.frames[0] | c.frames[1] << 8 | c.bytes[0] << 16 | c.bytes[1] << 40;
            head[COUNTS..COUNTS + 8].copy_from_slice(&counts.to_le_bytes());
            head[FIRST..FIRST + 8].copy_from_slice(&since.to_le_bytes());
            let end = word(head, LENGTH) & low(LENGTH_SHIFT) | length << LENGTH_SHIFT;
            head[LENGTH..LENGTH + 8].copy_from_slice(&end.to_le_bytes());
        } else {
            let place = self.wide.len() as u64;
            head[0] |= WIDE;
            head[COUNTS..COUNTS + 8].copy_from_slice(&place.to_le_bytes());
            packing::make_room(&mut self.wide, 1, 16);
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
            ends.sort();
            ends.dedup();
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
