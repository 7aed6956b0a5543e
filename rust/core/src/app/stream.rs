//! TCP streams put in order, for the protocols that ask for them. Bounded in number, bytes and gaps.

use crate::limits::Limits;
use std::collections::HashMap;

/// One TCP segment of a direction.
pub struct Segment<'a> {
    pub seq: u32,
    pub flags: u16,
    /// Captured bytes.
    pub data: &'a [u8],
    /// Bytes on the wire; more than `data.len()` when the packet was cut.
    pub wire_len: u32,
}

const SYN: u16 = 0x02;

/// Bytes of one direction, readable in order.
#[derive(Debug, Default)]
pub struct Stream {
    /// Index of the protocol that reads it.
    pub app: Option<usize>,
    pub by_content: bool,
    /// Bytes the reader asked for before it looks again.
    pub need: usize,
    /// Sequence number behind the readable bytes. None: no segment yet.
    next: Option<u32>,
    readable: Vec<u8>,
    /// Segments ahead of a gap, by distance from nothing: (sequence number, bytes).
    ahead: Vec<(u32, Vec<u8>)>,
    ahead_bytes: usize,
    /// The bytes now readable waited for an earlier segment.
    reordered: bool,
    given_up: bool,
    limit: usize,
    /// Bytes of gaps that were passed over.
    pub lost_bytes: u64,
}

impl Stream {
    /// Bytes looked at before an unknown stream is left alone.
    pub const PROBE_BYTES: usize = 256;
    /// Segments kept ahead of a gap.
    const MAX_AHEAD: usize = 64;

    /// Takes a segment. Bytes seen before are dropped; a gap is waited for as long as the limits allow.
    pub fn push(&mut self, s: &Segment<'_>) {
        if self.given_up {
            return;
        }
        let seq = s.seq.wrapping_add((s.flags & SYN != 0) as u32);
        let next = *self.next.get_or_insert(seq);
        if s.data.is_empty() {
            return;
        }
        let ahead = seq.wrapping_sub(next) as i32;
        if ahead > 0 {
            if self.ahead.len() >= Self::MAX_AHEAD || self.ahead_bytes + s.data.len() > self.limit {
                self.skip_gap();
                return self.push(s);
            }
            self.ahead_bytes += s.data.len();
            self.ahead.push((seq, s.data.to_vec()));
            return;
        }
        self.reordered = false;
        self.append(seq, s.data);
        if (s.data.len() as u32) < s.wire_len {
            // The rest of the segment was not captured: nothing behind it can be put in order.
            self.lost_bytes += s.wire_len as u64 - s.data.len() as u64;
            self.give_up();
            return;
        }
        self.drain();
    }

    /// Appends what is new of a segment that starts at or before `next`.
    fn append(&mut self, seq: u32, data: &[u8]) {
        let Some(next) = self.next else { return };
        let known = next.wrapping_sub(seq) as usize;
        if let Some(new) = data.get(known..).filter(|d| !d.is_empty()) {
            if self.readable.len() + new.len() > self.limit {
                self.give_up();
                return;
            }
            self.readable.extend_from_slice(new);
            self.next = Some(next.wrapping_add(new.len() as u32));
        }
    }

    /// Takes over segments whose gap has closed. Ends: each turn removes one.
    fn drain(&mut self) {
        while let Some(next) = self.next
            && let Some(i) = self.ahead.iter().position(|a| next.wrapping_sub(a.0) as i32 >= 0)
        {
            let (seq, data) = self.ahead.swap_remove(i);
            self.ahead_bytes -= data.len();
            self.reordered = true;
            self.append(seq, &data);
        }
    }

    /// Gives up on the missing bytes: what was readable is dropped, reading goes on behind the gap.
    fn skip_gap(&mut self) {
        let Some(next) = self.next else { return };
        let Some(first) = self.ahead.iter().map(|a| a.0).min_by_key(|s| s.wrapping_sub(next)) else {
            // A segment larger than the limit: start over behind it.
            self.give_up();
            return;
        };
        self.lost_bytes += first.wrapping_sub(next) as u64;
        self.readable.clear();
        self.need = 0;
        self.next = Some(first);
        self.drain();
    }

    pub fn readable(&self) -> &[u8] {
        &self.readable
    }

    /// True when the last bytes came after later ones.
    pub fn reordered(&self) -> bool {
        self.reordered
    }

    pub fn consume(&mut self, n: usize) {
        self.need = 0;
        self.readable.drain(..n.min(self.readable.len()));
    }

    /// Largest message waited for, bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Nobody reads this direction any more.
    pub fn give_up(&mut self) {
        self.given_up = true;
        self.readable = Vec::new();
        self.ahead = Vec::new();
        self.ahead_bytes = 0;
    }
}

/// The directions that somebody reads.
pub struct Streams {
    open: HashMap<(u32, bool), Stream, foldhash::fast::RandomState>,
    max_streams: usize,
    max_stream_bytes: usize,
    /// Directions that found the table full since the last sweep.
    turned_away: usize,
    /// Directions that found no room.
    pub refused: u64,
}

impl Streams {
    pub fn new(limits: &Limits) -> Self {
        Self {
            open: HashMap::default(),
            max_streams: limits.max_app_streams,
            max_stream_bytes: limits.max_app_stream_bytes,
            turned_away: 0,
            refused: 0,
        }
    }

    /// The direction a segment belongs to, made when it may matter: its port is known, or it is the first data.
    pub fn direction(
        &mut self,
        number: u32,
        to_client: bool,
        port: Option<usize>,
        s: &Segment<'_>,
    ) -> Option<&mut Stream> {
        let key = (number, to_client);
        if !self.open.contains_key(&key) {
            // A SYN tells where a stream begins; worth a place only where its port says that it will be read.
            if s.data.is_empty() && (s.flags & SYN == 0 || port.is_none()) {
                return None;
            }
            if self.open.len() >= self.max_streams {
                // A sweep looks at all of them: one for every quarter of the table that wanted in.
                self.turned_away += 1;
                if self.turned_away > self.max_streams / 4 {
                    self.turned_away = 0;
                    self.open.retain(|_, s| !s.given_up);
                }
                if self.open.len() >= self.max_streams {
                    self.refused += 1;
                    return None;
                }
            }
            let stream = Stream { app: port, limit: self.max_stream_bytes, ..Stream::default() };
            self.open.insert(key, stream);
        }
        self.open.get_mut(&key).filter(|s| !s.given_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Stream { limit: 1000, ..Stream::default() }
    }
    fn put(s: &mut Stream, seq: u32, data: &[u8]) {
        s.push(&Segment { seq, flags: 0x10, data, wire_len: data.len() as u32 });
    }

    #[test]
    fn segments_are_put_in_order_over_the_wrap() {
        let mut s = stream();
        put(&mut s, u32::MAX - 1, b"ab");
        put(&mut s, 3, b"fg");
        put(&mut s, 0, b"cde");
        assert_eq!(s.readable(), b"abcdefg");
        assert!(s.reordered());
    }

    #[test]
    fn known_bytes_are_dropped_and_the_first_copy_stays() {
        let mut s = stream();
        put(&mut s, 10, b"abc");
        put(&mut s, 10, b"XYZd");
        put(&mut s, 11, b"Q");
        assert_eq!(s.readable(), b"abcd");
    }

    #[test]
    fn a_gap_that_stays_is_passed_over() {
        let mut s = stream();
        put(&mut s, 0, b"a");
        for i in 0..70u32 {
            put(&mut s, 100 + i, b"x");
        }
        assert_eq!((s.readable().len(), s.lost_bytes), (70, 99));
    }

    #[test]
    fn memory_is_bounded() {
        let mut s = stream();
        for i in 0..10_000u32 {
            put(&mut s, i * 7, &[1; 5]);
            assert!(s.readable.len() + s.ahead_bytes <= 2000);
        }
    }

    #[test]
    fn only_streams_that_are_read_take_a_place() {
        let mut streams = Streams::new(&Limits::default());
        let syn = Segment { seq: 0, flags: SYN, data: b"", wire_len: 0 };
        assert!(streams.direction(1, false, None, &syn).is_none());
        assert!(streams.direction(2, false, Some(0), &syn).is_some());
    }
}
