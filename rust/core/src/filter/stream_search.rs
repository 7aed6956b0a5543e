//! A pattern searched in what TCP connections carry: in order, across the borders of segments.
//!
//! Each direction keeps only the end of its bytes, as long as a match may reach back, so that a search is linear in the
//! bytes of the capture and bounded in memory. Segments ahead of a gap wait until it closes, the receiver acknowledges it,
//! the buffers are full or the capture ends; no match reaches over missing bytes.

use super::check;
use super::select::Row;
use crate::limits::Limits;
use foldhash::fast::RandomState;
use regex::bytes::Regex;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Bytes shown on each side of a match.
pub const CONTEXT: usize = 24;
/// Bytes of a match that are shown.
pub const SHOWN: usize = 200;
/// Farthest that a match may reach back into the segments before the one that completes it, bytes.
pub const MAX_REACH: usize = 1_024;
/// Segments of one direction that wait for a gap to close.
const MAX_HELD: usize = 1_024;
const SYN: u16 = 0x02;
const ACK: u16 = 0x10;

/// What is searched.
#[derive(Clone, Debug)]
pub struct StreamQuery {
    regex: Regex,
    reach: usize,
}

impl StreamQuery {
    /// reach: bytes of a match that may lie in front of the segment that completes it, at most [`MAX_REACH`]. None: the
    /// pattern is not taken.
    pub fn new(pattern: &str, reach: usize) -> Option<Self> {
        let regex = check::build(pattern).ok()?;
        Some(Self { regex, reach: reach.clamp(1, MAX_REACH) })
    }
}

/// A match in a direction of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamMatch {
    /// `tcp.stream`.
    pub stream: u32,
    pub to_client: bool,
    /// Of its first byte in the direction; missing bytes count.
    pub offset: u64,
    pub len: u64,
    /// The frame that brought its first byte.
    pub first_frame: u64,
    pub before: Box<[u8]>,
    /// The first [`SHOWN`] bytes.
    pub matched: Box<[u8]>,
    /// As far as it has come with the frame that completes the match.
    pub after: Box<[u8]>,
}

/// A segment of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub stream: u32,
    /// Which of the two ends sent it, told by address and port.
    pub end: usize,
    pub to_client: bool,
    /// First segment of its connection.
    pub new: bool,
    pub frame: u64,
    pub seq: u32,
    pub ack: u32,
    pub flags: u16,
    /// Captured bytes, and how many there were on the wire.
    pub data: &'a [u8],
    pub wire: u32,
}

/// A match with the row of the frame that completes it; None: the frame at hand.
pub(crate) type Hit = (Option<Box<Row>>, StreamMatch);

#[derive(Debug)]
struct Held {
    data: Box<[u8]>,
    wire: u32,
    to_client: bool,
    row: Box<Row>,
}

#[derive(Debug, Default)]
struct Side {
    next: Option<u32>,
    /// Of `next` in the direction.
    offset: u64,
    /// The last bytes in front of `next`.
    tail: Vec<u8>,
    /// Where the bytes of the tail begin that a frame brought: (offset, frame).
    frames: VecDeque<(u64, u64)>,
    /// End of the last match.
    searched: u64,
    /// By offset and frame.
    held: BTreeMap<(u64, u64), Held>,
    held_bytes: usize,
}

/// The search of one pass.
pub(crate) struct StreamSearch {
    query: std::sync::Arc<StreamQuery>,
    young: HashMap<u32, [Side; 2], RandomState>,
    /// Connections not seen since `young` was last full: the next to be let go.
    old: HashMap<u32, [Side; 2], RandomState>,
    max: usize,
    max_side_bytes: usize,
    max_bytes: usize,
    held_bytes: usize,
    window: Vec<u8>,
    pub hits: Vec<Hit>,
    /// Connections let go for want of room that went on.
    pub let_go: u64,
}

/// What the directions share while they take bytes.
struct Finder<'a> {
    query: &'a StreamQuery,
    window: &'a mut Vec<u8>,
    hits: &'a mut Vec<Hit>,
    stream: u32,
}

impl StreamSearch {
    pub fn new(query: std::sync::Arc<StreamQuery>, limits: &Limits) -> Self {
        Self {
            query,
            young: HashMap::default(),
            old: HashMap::default(),
            // Two directions each, in two halves.
            max: (limits.max_app_streams / 4).max(1),
            max_side_bytes: limits.max_app_stream_bytes,
            max_bytes: limits.max_app_buffer_bytes,
            held_bytes: 0,
            window: Vec::new(),
            hits: Vec::new(),
            let_go: 0,
        }
    }

    /// Takes the next segment of the capture; what it completes is in `hits`. `row`: makes the row of its frame.
    pub fn segment(&mut self, p: &Piece<'_>, row: &mut dyn FnMut() -> Row) {
        let closes_gap = p.flags & ACK != 0 && self.held_bytes > 0;
        if p.wire == 0 && p.flags & SYN == 0 && !p.new && !closes_gap {
            return;
        }
        if !self.young.contains_key(&p.stream) {
            self.remember(p.stream, p.new);
        }
        let Some(sides) = self.young.get_mut(&p.stream) else { return };
        let before = sides[0].held_bytes + sides[1].held_bytes;
        let (window, hits) = (&mut self.window, &mut self.hits);
        let mut finder = Finder { query: &self.query, window, hits, stream: p.stream };
        if closes_gap {
            sides[1 - (p.end & 1)].acknowledged(p.ack, &mut finder);
        }
        let side = &mut sides[p.end & 1];
        let most = if self.held_bytes >= self.max_bytes { 0 } else { self.max_side_bytes };
        side.take_segment(p, most, row, &mut finder);
        let after = sides[0].held_bytes + sides[1].held_bytes;
        self.held_bytes = (self.held_bytes + after).saturating_sub(before);
    }

    /// Makes room for a connection, or takes it back among the young.
    fn remember(&mut self, stream: u32, new: bool) {
        let known = self.old.remove(&stream);
        self.let_go += u64::from(known.is_none() && !new);
        if self.young.len() >= self.max {
            let gone = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            self.flush(gone);
        }
        self.young.insert(stream, known.unwrap_or_default());
    }

    /// The capture has ended: nothing closes gaps any more.
    pub fn finish(&mut self) {
        let (young, old) = (std::mem::take(&mut self.young), std::mem::take(&mut self.old));
        self.flush(old);
        self.flush(young);
    }

    fn flush(&mut self, connections: HashMap<u32, [Side; 2], RandomState>) {
        let mut waiting: Vec<_> =
            connections.into_iter().filter(|c| c.1.iter().any(|side| !side.held.is_empty())).collect();
        // The order of a hash table is no order.
        waiting.sort_by_key(|c| c.0);
        for (stream, mut sides) in waiting {
            for side in &mut sides {
                self.held_bytes = self.held_bytes.saturating_sub(side.held_bytes);
                let (window, hits) = (&mut self.window, &mut self.hits);
                let mut finder = Finder { query: &self.query, window, hits, stream };
                // Ends: each turn takes at least one segment.
                while side.pass_gap(&mut finder) {}
            }
        }
    }
}

impl Side {
    fn take_segment(&mut self, p: &Piece<'_>, most: usize, row: &mut dyn FnMut() -> Row, finder: &mut Finder<'_>) {
        let syn = p.flags & SYN != 0;
        let seq = p.seq.wrapping_add(u32::from(syn));
        if self.next.is_none() || (syn && self.offset == 0 && self.held.is_empty()) {
            self.next = Some(seq);
        }
        if p.wire == 0 {
            return;
        }
        let ahead = i64::from(seq.wrapping_sub(self.next.unwrap_or(seq)) as i32);
        if ahead > 0 {
            let at = (self.offset + ahead as u64, p.frame);
            let held = Held { data: p.data.into(), wire: p.wire, to_client: p.to_client, row: Box::new(row()) };
            if self.held.insert(at, held).is_none() {
                self.held_bytes += p.data.len().max(1);
            }
            // Ends: each turn takes at least one segment.
            while (self.held_bytes > most || self.held.len() > MAX_HELD) && self.pass_gap(finder) {}
            return;
        }
        self.take(ahead.unsigned_abs(), p.data, p.wire, p.to_client, p.frame, None, finder);
        self.drain(finder);
    }

    /// Bytes that begin `known` bytes in front of `next`.
    #[allow(clippy::too_many_arguments)] // a segment at hand, or one that was held
    fn take(
        &mut self,
        known: u64,
        data: &[u8],
        wire: u32,
        to_client: bool,
        frame: u64,
        row: Option<&Row>,
        finder: &mut Finder<'_>,
    ) {
        let Some(new) = u64::from(wire).checked_sub(known).filter(|new| *new > 0) else { return };
        let data = data.get(..data.len().min(wire as usize)).unwrap_or_default();
        let data = data.get(known as usize..).unwrap_or_default();
        if !data.is_empty() {
            self.search(data, to_client, frame, row, finder);
        }
        self.next = self.next.map(|n| n.wrapping_add(new as u32));
        self.offset += new;
        if (data.len() as u64) < new {
            self.forget();
        }
    }

    fn search(&mut self, data: &[u8], to_client: bool, frame: u64, row: Option<&Row>, finder: &mut Finder<'_>) {
        let old = self.tail.len();
        let start = self.offset - old as u64;
        self.frames.push_back((self.offset, frame));
        let Finder { query, window, hits, stream } = finder;
        let bytes: &[u8] = if old == 0 {
            data
        } else {
            window.clear();
            window.extend_from_slice(&self.tail);
            window.extend_from_slice(data);
            window
        };
        // Where the tail was cut a first byte stands for what was in front of it: the start of a stream is there only once.
        let mut at = self.searched.saturating_sub(start).max(u64::from(start > 0 && old > 0)) as usize;
        while at <= bytes.len()
            && let Some(found) = query.regex.find_at(bytes, at)
        {
            at = found.end().max(at + 1);
            if found.is_empty() || found.end() <= old {
                continue;
            }
            let offset = start + found.start() as u64;
            self.searched = start + found.end() as u64;
            let part = |from: usize, to: usize| bytes.get(from..to.min(bytes.len())).unwrap_or_default().into();
            let first = self.frames.iter().rev().find(|f| f.0 <= offset).or(self.frames.front());
            let found = StreamMatch {
                stream: *stream,
                to_client,
                offset,
                len: found.len() as u64,
                first_frame: first.map_or(frame, |f| f.1),
                before: part(found.start().saturating_sub(CONTEXT), found.start()),
                matched: part(found.start(), found.end().min(found.start() + SHOWN)),
                after: part(found.end(), found.end() + CONTEXT),
            };
            hits.push((row.map(|row| Box::new(row.clone())), found));
        }
        let keep = query.reach + CONTEXT + 1;
        let from = bytes.len().saturating_sub(keep);
        let kept = bytes.get(from..).unwrap_or_default();
        if data.len() >= keep {
            self.tail.clear();
            self.tail.extend_from_slice(kept);
        } else {
            self.tail.drain(..old.min(from));
            self.tail.extend_from_slice(data);
        }
        let begins = start + from as u64;
        while self.frames.get(1).is_some_and(|f| f.0 <= begins) {
            self.frames.pop_front();
        }
    }

    /// Bytes are missing: no match reaches over them.
    fn forget(&mut self) {
        self.tail.clear();
        self.frames.clear();
        self.searched = self.searched.max(self.offset);
    }

    fn drain(&mut self, finder: &mut Finder<'_>) {
        while let Some(entry) = self.held.first_entry()
            && entry.key().0 <= self.offset
        {
            let ((at, frame), held) = entry.remove_entry();
            self.held_bytes -= held.data.len().max(1);
            self.take(self.offset - at, &held.data, held.wire, held.to_client, frame, Some(&held.row), finder);
        }
    }

    /// Goes on behind the first gap; false: nothing waits.
    fn pass_gap(&mut self, finder: &mut Finder<'_>) -> bool {
        let Some(((at, _), _)) = self.held.first_key_value() else { return false };
        let missing = at.saturating_sub(self.offset);
        self.next = self.next.map(|n| n.wrapping_add(missing as u32));
        self.offset += missing;
        if missing > 0 {
            self.forget();
        }
        self.drain(finder);
        true
    }

    /// The receiver has bytes that are not in the capture.
    fn acknowledged(&mut self, ack: u32, finder: &mut Finder<'_>) {
        while let (Some(next), Some(((at, _), _))) = (self.next, self.held.first_key_value()) {
            let acked = i64::from(ack.wrapping_sub(next) as i32);
            if acked <= (at.saturating_sub(self.offset)) as i64 {
                return;
            }
            self.pass_gap(finder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Timestamp;
    use std::sync::Arc;

    fn row(frame: u64) -> Row {
        Row {
            number: frame,
            is_packet: true,
            time: Timestamp::default(),
            has_time: true,
            offset: 0,
            captured_bytes: 0,
            wire_bytes: 0,
            link: 1,
            interface: None,
            cells: Vec::new(),
            summary: None,
            bytes: None,
            front: Box::default(),
            found: None,
        }
    }

    /// (frame, first frame, offset, matched) of segments (end, seq, ack, data) of one connection.
    fn found(pattern: &str, segments: &[(usize, u32, u32, &str)]) -> Vec<(u64, u64, u64, String)> {
        let query = Arc::new(StreamQuery::new(pattern, 64).unwrap());
        let mut search = StreamSearch::new(query, &Limits::default());
        let mut all = Vec::new();
        for (i, &(end, seq, ack, data)) in segments.iter().enumerate() {
            let frame = i as u64 + 1;
            let (flags, wire) = (ACK, data.len() as u32);
            let (stream, to_client, data) = (7, end == 1, data.as_bytes());
            let new = i == 0;
            let piece = Piece { stream, end, to_client, new, frame, seq, ack, flags, data, wire };
            search.segment(&piece, &mut || row(frame));
            all.extend(search.hits.drain(..).map(|hit| (frame, hit)));
        }
        search.finish();
        all.extend(search.hits.drain(..).map(|hit| (0, hit)));
        all.into_iter()
            .map(|(frame, (row, m))| {
                assert_eq!(m.stream, 7);
                let text = String::from_utf8_lossy(&m.matched).into_owned();
                (row.map_or(frame, |r| r.number), m.first_frame, m.offset, text)
            })
            .collect()
    }

    fn hit(frame: u64, first: u64, offset: u64, text: &str) -> (u64, u64, u64, String) {
        (frame, first, offset, text.to_owned())
    }

    #[test]
    fn across_borders_and_in_one_segment() {
        let segments = [
            (0, 100, 1, "a se"),
            (1, 1, 104, "cret"),
            (0, 104, 5, "cret and sec"),
            (0, 116, 5, "r"),
            (0, 117, 5, "et."),
        ];
        assert_eq!(found("secret", &segments), [hit(3, 1, 2, "secret"), hit(5, 3, 13, "secret")]);
    }

    #[test]
    fn sent_again_counts_once() {
        let segments =
            [(0, 100, 1, "secret"), (0, 100, 1, "secret"), (0, 103, 1, "ret secret"), (0, 100, 1, "secret secret")];
        assert_eq!(found("secret", &segments), [hit(1, 1, 0, "secret"), hit(3, 3, 7, "secret")]);
    }

    #[test]
    fn late_segments_are_put_in_order() {
        let segments = [(0, 100, 1, "se"), (0, 104, 1, "et "), (0, 102, 1, "cr")];
        assert_eq!(found("secret", &segments), [hit(2, 1, 0, "secret")]);
    }

    #[test]
    fn nothing_reaches_over_a_gap() {
        // Acknowledged by the receiver, and never.
        let acked = [(0, 100, 1, "sec"), (0, 104, 1, "ret secret"), (1, 1, 114, "")];
        assert_eq!(found("sec.?ret", &acked), [hit(2, 2, 8, "secret")]);
        assert_eq!(found("sec.?ret", &acked[..2]), [hit(2, 2, 8, "secret")]);
    }

    #[test]
    fn the_start_of_a_stream_is_there_once() {
        let long = "y".repeat(200);
        let segments = [(0, 100, 1, "x"), (0, 101, 1, long.as_str()), (0, 301, 1, "x"), (0, 302, 1, "x")];
        assert_eq!(found("^x", &segments), [hit(1, 1, 0, "x")]);
    }

    #[test]
    fn any_cut_gives_the_same_matches() {
        let text = "one needle, two needles, and a need le at the end: needle";
        let whole: Vec<u64> = found("needle", &[(0, 0xffff_fff0, 1, text)]).iter().map(|h| h.2).collect();
        assert_eq!(whole, [4, 16, 51]);
        for size in 1..text.len() {
            let mut seq = 0xffff_fff0u32;
            let mut segments = Vec::new();
            for part in text.as_bytes().chunks(size) {
                segments.push((0, seq, 1, std::str::from_utf8(part).unwrap()));
                seq = seq.wrapping_add(part.len() as u32);
            }
            assert_eq!(found("needle", &segments).iter().map(|h| h.2).collect::<Vec<_>>(), whole, "{size}");
        }
    }

    #[test]
    fn bounded_in_connections_and_waiting_bytes() {
        let limits = Limits { max_app_streams: 8, max_app_stream_bytes: 20, ..Limits::default() };
        let mut search = StreamSearch::new(Arc::new(StreamQuery::new("needle", 5).unwrap()), &limits);
        let mut push = |stream, seq, data: &[u8]| {
            let wire = data.len() as u32;
            let (end, to_client, frame, ack, flags) = (0, false, 1, 0, 0);
            let piece = Piece { stream, end, to_client, new: seq == 1, frame, seq, ack, flags, data, wire };
            search.segment(&piece, &mut || row(1));
            (search.young.len() + search.old.len(), search.held_bytes, search.let_go, search.hits.len())
        };
        for stream in 0..6 {
            assert!(push(stream, 1, b"x").0 <= 4);
        }
        // Ahead of a gap: held, until there is too much of it.
        assert_eq!(push(5, 10, b"a needle"), (4, 8, 0, 0));
        assert_eq!(push(5, 30, b"another needle").3, 1);
        // Let go, and what waited is searched.
        for stream in 6..12 {
            push(stream, 1, b"x");
        }
        // It goes on.
        assert_eq!(push(5, 60, b"x").2, 1);
        assert_eq!((search.hits.len(), search.held_bytes), (2, 0));
    }
}
