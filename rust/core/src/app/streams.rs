//! The TCP streams that somebody reads: both directions of each, and the table of them, bounded in number and in the bytes
//! they hold together.

use super::Context;
use super::stream::{ACK, FIN, RST, Reader, SYN, Segment, Stream};
use crate::layers::Proto;
use crate::limits::Limits;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use std::collections::VecDeque;

/// Both directions of a stream that somebody reads, or that may turn out to be somebody's.
#[derive(Debug, Default)]
pub struct Pair {
    /// What it stands in: HTTP that a proxy opened a tunnel with. Wireshark shows both.
    pub inside: Option<Proto>,
    /// Index of the protocol that reads it. None: too few bytes to tell.
    pub app: Option<usize>,
    pub by_content: bool,
    /// Time of the SYN that no answer has come to yet.
    pub syn_ns: Option<i64>,
    /// The reader has seen bytes and did not turn them down.
    pub confirmed: bool,
    /// It was over when it was looked at, and nothing has come since.
    pub was_over: bool,
    /// It stands among the ended ones of [`Load`].
    pub ended: bool,
    /// RST by either end.
    pub reset: bool,
    /// By end: 0 for the lower one.
    pub sides: [Stream; 2],
    /// Bytes of a stream that is nobody's yet, by end.
    pub unknown: Option<Box<[Vec<u8>; 2]>>,
}

/// Thousands are held at a time.
const _: () = assert!(size_of::<Pair>() <= 288);

impl Pair {
    fn over(&self) -> bool {
        self.reset || self.sides.iter().all(|s| s.given_up || s.closed)
    }

    fn held(&self) -> usize {
        self.sides.iter().map(Stream::held).sum()
    }

    fn gaps(&self) -> usize {
        self.sides.iter().filter(|s| s.has_gap()).count()
    }

    /// Hands a segment of the end `side` to the reader of the stream. True: it turned the bytes down.
    #[inline]
    pub fn deliver(
        &mut self,
        reader: &mut Reader<'_>,
        load: &mut Load,
        ctx: &Context,
        side: usize,
        s: &Segment<'_>,
    ) -> bool {
        let (gaps_before, held_before) = (self.gaps(), self.held());
        self.was_over = false;
        let [low, high] = &mut self.sides;
        let (own, other) = if side == 0 { (low, high) } else { (high, low) };
        if s.flags & ACK != 0 && other.has_gap() {
            other.acknowledged(reader, ctx, s.ack);
        }
        if s.flags & SYN != 0 {
            own.begin(s.seq.wrapping_add(1));
            if s.flags & ACK == 0 {
                self.syn_ns = Some(ctx.time_ns);
            } else if let Some(syn_ns) = self.syn_ns.take() {
                reader.app.handshake(ctx, ctx.time_ns.saturating_sub(syn_ns));
            }
        }
        if s.flags & RST != 0 {
            own.rst(reader, ctx);
            self.reset = true;
        } else {
            if !s.data.is_empty() && !own.given_up {
                own.push(reader, ctx, s);
            }
            if s.flags & FIN != 0 {
                own.fin(reader, ctx, s);
            }
        }
        let turned_down = std::mem::take(&mut own.turned_down) || own.given_up && !self.confirmed && !self.by_content;
        self.confirmed |= !s.data.is_empty();
        load.held = (load.held + self.held()).saturating_sub(held_before);
        if load.held > load.max_held {
            // No room for what this stream waits for: it is given up, not the others.
            load.held = load.held.saturating_sub(self.held());
            self.sides.iter_mut().for_each(|s| s.give_up());
            load.refused += 1;
        }
        load.gaps = load.gaps + self.gaps() - gaps_before;
        if !self.ended && self.over() {
            (self.ended, self.was_over) = (true, true);
            load.ended.extend(ctx.stream);
        }
        turned_down && !s.data.is_empty()
    }
}

/// What all streams together hold, and may hold.
#[derive(Debug)]
pub struct Load {
    /// Directions with segments that wait for a gap to close.
    pub gaps: usize,
    pub max_stream_bytes: usize,
    /// Bytes held of all directions.
    pub held: usize,
    pub max_held: usize,
    /// Streams that found no room.
    pub refused: u64,
    /// Numbers of those that are over, in the order they ended.
    ended: VecDeque<u32>,
}

/// When a table is looked through for what is over. That costs its whole length: it is done whenever the table has half as
/// many entries again as the last time left, and when it is full; where that made little room, again for every quarter of the
/// table that wanted in.
///
/// What is over is dropped the second time it is met, if it was not used between: segments sent again after the end
/// still find what they belong to.
#[derive(Debug, Default)]
pub struct Sweeps {
    /// The last one made little room; those that found none since.
    turned_away: Option<usize>,
    /// Entries at which it is looked through again.
    at: usize,
}

impl Sweeps {
    /// Fewer entries are not looked through: half of what a table of 4,096 places takes.
    const LEAST: usize = 1_792;

    /// Somebody new wants into the table of `size` places, which has so many entries.
    pub fn is_due(&mut self, entries: usize, size: usize) -> bool {
        if entries < size {
            return entries >= self.at.max(Self::LEAST);
        }
        self.turned_away.as_mut().is_none_or(|n| {
            *n += 1;
            *n > size / 4
        })
    }

    /// Entries left by a sweep.
    pub fn left(&mut self, entries: usize, size: usize) {
        self.turned_away = (entries > size - size / 4).then_some(0);
        self.at = entries + entries / 2;
    }
}

/// The streams that somebody reads, by number.
pub struct Streams {
    /// Each in a place of its own: the free places of the table, up to as many again, stay small.
    pub open: HashMap<u32, Box<Pair>, foldhash::fast::RandomState>,
    pub load: Load,
    max_streams: usize,
    sweeps: Sweeps,
}

impl Streams {
    /// Streams that are over and stay for what comes late.
    pub const KEPT_ENDED: usize = 1_024;

    pub fn new(limits: &Limits) -> Self {
        Self::of(limits.max_app_streams, limits.max_app_stream_bytes, limits.max_app_buffer_bytes)
    }

    /// Streams held, those included that are over.
    #[cfg(test)]
    pub fn number(&self) -> usize {
        self.open.len()
    }

    /// directions: read at a time; `stream_bytes` of one of them and `buffer_bytes` of all are held at most.
    pub fn of(directions: usize, stream_bytes: usize, buffer_bytes: usize) -> Self {
        Self {
            open: HashMap::default(),
            load: Load {
                gaps: 0,
                max_stream_bytes: stream_bytes,
                held: 0,
                max_held: buffer_bytes,
                refused: 0,
                ended: VecDeque::new(),
            },
            max_streams: directions / 2,
            sweeps: Sweeps::default(),
        }
    }

    /// A place for a new stream, if there is room.
    pub fn add(&mut self, number: u32, pair: Pair) {
        self.drop_ended();
        if self.sweeps.is_due(self.open.len(), self.max_streams) {
            let is_full = self.open.len() >= self.max_streams;
            let mut freed = 0;
            self.open.retain(|_, p| {
                let goes = p.over() && (is_full || std::mem::replace(&mut p.was_over, true));
                freed += if goes { p.held() } else { 0 };
                !goes
            });
            self.load.held = self.load.held.saturating_sub(freed);
            self.sweeps.left(self.open.len(), self.max_streams);
        }
        if self.open.len() >= self.max_streams {
            self.load.refused += 1;
            return;
        }
        self.open.insert(number, Box::new(pair));
    }

    /// Drops streams that ended a good while ago. What was used since then is left until as many more have ended:
    /// segments sent again after the end still find what they belong to.
    fn drop_ended(&mut self) {
        // Ends: each turn takes one away, or marks it to go the next time.
        while self.load.ended.len() > Self::KEPT_ENDED
            && let Some(number) = self.load.ended.pop_front()
        {
            let Entry::Occupied(mut entry) = self.open.entry(number) else { continue };
            let pair = entry.get_mut();
            if !pair.ended {
                continue;
            }
            if std::mem::replace(&mut pair.was_over, true) {
                self.load.held = self.load.held.saturating_sub(pair.held());
                entry.remove();
            } else {
                self.load.ended.push_back(number);
            }
        }
    }

    /// Numbers of the streams with segments that wait for a gap to close, in order.
    pub fn with_gaps(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.open.iter().filter(|(_, p)| p.gaps() > 0).map(|(&n, _)| n).collect();
        numbers.sort_unstable();
        numbers
    }
}
