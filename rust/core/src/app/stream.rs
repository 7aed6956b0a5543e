//! TCP streams put in order, for the protocols that ask for them. Bounded in number, bytes and gaps.
//!
//! A segment that comes in order while nothing waits is handed on as the slice of the packet it is; only what the
//! reader leaves of it is copied. What was announced with `Step::Consumed` beyond the readable bytes is passed over.
//!
//! Wireshark does not put segments in order by default: it reads each segment as it comes, and waits only for the rest
//! of a message it has seen the start of. A segment that it takes for a repetition or for late is put to such a message,
//! but nothing is read out of it, the message included where it completes it. Messages that it misses therefore are marked `only_in_order`: those that begin in a segment it did not read,
//! or whose bytes lie partly in one that it read before their start came.

use super::{App, Close, Context, Output, Step};

/// One TCP segment of a direction.
pub struct Segment<'a> {
    pub seq: u32,
    pub ack: u32,
    pub flags: u16,
    /// Captured bytes.
    pub data: &'a [u8],
    /// Bytes on the wire; more than `data.len()` when the packet was cut.
    pub wire_len: u32,
    /// The TCP analysis calls it a retransmission (other than a fast one) or out of order.
    pub repeated: bool,
    /// It calls it a retransmission. Such a segment Wireshark does not even put to a message it waits for.
    pub resent: bool,
}

pub const FIN: u16 = 0x01;
pub const SYN: u16 = 0x02;
pub const RST: u16 = 0x04;
pub const ACK: u16 = 0x10;

/// A segment that came ahead of a gap.
#[derive(Debug)]
struct Held {
    seq: u32,
    data: Box<[u8]>,
    wire_len: u32,
    context: Context,
    read: Read,
}

/// What Wireshark did with a segment when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// Read it on its own.
    Fresh,
    /// Put it to the message it is waiting for.
    Awaited,
    /// Left it alone.
    Ignored,
}

/// Bytes missing of a message that is passed over.
#[derive(Clone, Copy, Debug)]
struct Hole {
    seq: u32,
    bytes: u32,
    /// Sequence number behind the message.
    end: u32,
}

/// What a direction with missing bytes holds.
#[derive(Debug, Default)]
struct Missing {
    ahead: Vec<Held>,
    ahead_bytes: usize,
    /// Missing bytes of messages that are passed over, while Wireshark waits for them.
    holes: Vec<Hole>,
}

/// One direction. Its reader is the pair's.
#[derive(Debug)]
pub struct Stream {
    /// Sequence number behind the bytes that came in order. None: no segment yet.
    next: Option<u32>,
    /// Bytes from the start of a message on that the reader left.
    pending: Vec<u8>,
    /// Bytes the reader asked for before it looks again.
    need: usize,
    /// Bytes to pass over.
    skip: u64,
    /// None: nothing is missing. Few streams ever need it.
    missing: Option<Box<Missing>>,
    /// Start and length of the last messages of several segments: what repeats a part of one Wireshark puts to that.
    joined: [(u32, u32); Self::REMEMBERED],
    joined_at: u8,
    /// Sequence number behind the furthest segment.
    furthest: u32,
    /// What the segment at hand completes is not shown: Wireshark does not read out of what it calls a repetition.
    mute: bool,
    /// The reader passed on bytes that may be another protocol's.
    pub turned_down: bool,
    /// Wireshark stands at the same place of the stream.
    in_step: bool,
    /// The message that is passed over has lost bytes: nobody is told of its end.
    lost_message: bool,
    /// Behind a gap: looking for a segment the reader goes on at.
    resume: bool,
    /// Nobody reads this direction any more.
    pub given_up: bool,
    fin: Option<u32>,
    pub closed: bool,
    /// Bytes of gaps that were passed over.
    pub lost_bytes: u64,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            next: None,
            pending: Vec::new(),
            need: 0,
            skip: 0,
            missing: None,
            joined: [(0, 0); Self::REMEMBERED],
            joined_at: 0,
            furthest: 0,
            mute: false,
            turned_down: false,
            in_step: true,
            lost_message: false,
            resume: false,
            given_up: false,
            fin: None,
            closed: false,
            lost_bytes: 0,
        }
    }
}

/// Who reads a stream, and where it leaves what it finds.
pub struct Reader<'a> {
    pub app: &'a mut dyn App,
    pub out: &'a mut Output,
    /// Largest message waited for, and most bytes held ahead of a gap.
    pub limit: usize,
}

impl Stream {
    /// Segments kept ahead of a gap.
    const MAX_AHEAD: usize = 64;
    /// Messages of several segments remembered.
    const REMEMBERED: usize = 4;
    /// Bytes between two segments of one stream that follow each other at most: the largest window.
    const FARTHEST: u32 = 1 << 30;

    /// Bytes held.
    pub fn held(&self) -> usize {
        self.pending.len() + self.missing.as_ref().map_or(0, |m| m.ahead_bytes)
    }

    /// Sequence number behind the bytes that came in order.
    pub fn behind(&self) -> u32 {
        self.next.unwrap_or(0)
    }

    /// Segments wait for a gap to close.
    pub fn has_gap(&self) -> bool {
        !self.ahead().is_empty()
    }

    fn ahead(&self) -> &[Held] {
        self.missing.as_ref().map_or(&[], |m| &m.ahead)
    }

    fn holes(&self) -> &[Hole] {
        self.missing.as_ref().map_or(&[], |m| &m.holes)
    }

    /// Lets go of what is not needed any more.
    fn tidy(&mut self) {
        if self.missing.as_ref().is_some_and(|m| m.ahead.is_empty() && m.holes.is_empty()) {
            self.missing = None;
        }
    }

    /// The direction begins here, unless it has begun.
    pub fn begin(&mut self, seq: u32) {
        if self.next.is_none() {
            (self.next, self.furthest) = (Some(seq), seq);
        }
    }

    /// Bytes in front of the first segment the reader is to see, of a stream that was nobody's until now.
    pub fn preset(&mut self, pending: Vec<u8>) {
        self.pending = pending;
    }

    /// Takes a segment with data. Bytes seen before are dropped; a gap is waited for as long as the limits allow.
    #[inline]
    pub fn push(&mut self, reader: &mut Reader<'_>, context: &Context, s: &Segment<'_>) {
        let seq = s.seq.wrapping_add((s.flags & SYN != 0) as u32);
        if self.next.is_none() {
            (self.next, self.furthest) = (Some(seq), seq);
        }
        let mut next = self.next.unwrap_or(seq);
        if (seq.wrapping_sub(next) as i32).unsigned_abs() > Self::FARTHEST && !s.repeated {
            // Numbers of another count: something on the way rewrites them, and both copies were captured.
            self.lose(reader, context, 0);
            self.next = Some(seq);
            next = seq;
        }
        let end = seq.wrapping_add(s.data.len() as u32);
        let read = match () {
            // Of a segment that is not whole Wireshark waits for nothing.
            () if !s.resent && self.awaits(seq) && s.data.len() as u32 >= s.wire_len => Read::Awaited,
            () if s.repeated => Read::Ignored,
            () => Read::Fresh,
        };
        self.mute = s.repeated;
        if end.wrapping_sub(self.furthest) as i32 > 0 {
            self.furthest = end;
        }
        if seq != next && end.wrapping_sub(next) as i32 <= 0 {
            // Seen before, or passed over as missing.
            let part = self.joined.iter().any(|j| seq.wrapping_sub(j.0) < j.1);
            if read == Read::Fresh && s.data.len() > 1 && !part {
                reader.app.ahead(context, s.data, reader.out);
            }
            if !self.holes().is_empty() {
                self.fill(reader, context, seq, end, read);
            }
            return;
        }
        let ahead = seq.wrapping_sub(next) as i32;
        if ahead > 0 && !self.skip_hole(reader, context, ahead as u64) {
            if reader.app.waits(context) {
                self.hold(reader, context, seq, s, read);
                return;
            }
            self.lose(reader, context, ahead as u64);
        }
        self.take(reader, context, seq, s.data, s.wire_len, read);
        if self.has_gap() {
            self.drain(reader, context);
        }
        if self.fin.is_some() {
            self.maybe_fin(reader, context);
        }
    }

    /// Whether Wireshark waits for the byte at `seq` as part of a message whose start it has read.
    #[inline]
    fn awaits(&self, seq: u32) -> bool {
        let Some(next) = self.next else { return false };
        if !self.in_step {
            return self.holes().iter().any(|h| seq.wrapping_sub(h.seq) < h.bytes);
        }
        let start = next.wrapping_sub(self.pending.len() as u32);
        let len = if self.pending.is_empty() { self.skip } else { self.need as u64 };
        (seq.wrapping_sub(start) as u64) < len && (seq.wrapping_sub(start) as i32) >= 0
            || self.holes().iter().any(|h| seq.wrapping_sub(h.seq) < h.bytes)
    }

    /// Missing bytes that were to be passed over anyway. False: they are more than that.
    fn skip_hole(&mut self, reader: &mut Reader<'_>, context: &Context, bytes: u64) -> bool {
        if self.skip < bytes || bytes == 0 {
            return bytes == 0;
        }
        let Some(next) = self.next else { return false };
        let end = next.wrapping_add(self.skip as u32);
        if self.in_step && self.holes().len() < Self::MAX_AHEAD {
            self.missing.get_or_insert_default().holes.push(Hole { seq: next, bytes: bytes as u32, end });
        }
        self.next = Some(next.wrapping_add(bytes as u32));
        self.skip -= bytes;
        if self.skip == 0 {
            self.passed(reader, context, end);
        }
        true
    }

    /// All bytes of the message that ends there have been passed over; it is whole unless some were missing.
    fn passed(&mut self, reader: &mut Reader<'_>, context: &Context, end: u32) {
        if !std::mem::take(&mut self.lost_message) && self.holes().iter().all(|h| h.end != end) {
            reader.app.skipped(context, reader.out);
        }
    }

    /// Bytes that may be missing of messages passed over.
    fn fill(&mut self, reader: &mut Reader<'_>, context: &Context, seq: u32, end: u32, read: Read) {
        if read != Read::Awaited {
            return;
        }
        let mut i = 0;
        while let Some(h) = self.missing.as_mut().and_then(|m| m.holes.get_mut(i)) {
            let (from, to) = (seq.wrapping_sub(h.seq) as i32, end.wrapping_sub(h.seq) as i32);
            // Only from its start on: retransmissions come in order.
            if from > 0 || to <= 0 {
                i += 1;
                continue;
            }
            let filled = (to as u32).min(h.bytes);
            (h.seq, h.bytes) = (h.seq.wrapping_add(filled), h.bytes - filled);
            let (message, left) = (h.end, h.bytes);
            if left > 0 {
                i += 1;
                continue;
            }
            self.missing.as_mut().map(|m| m.holes.swap_remove(i));
            let mut context = *context;
            context.only_in_order = self.mute;
            let context = &context;
            if self.next.is_some_and(|n| n.wrapping_sub(message) as i32 >= 0) {
                self.passed(reader, context, message);
            }
        }
        self.tidy();
    }

    fn hold(&mut self, reader: &mut Reader<'_>, context: &Context, seq: u32, s: &Segment<'_>, read: Read) {
        if self.ahead().iter().any(|h| h.seq == seq && h.data.len() >= s.data.len()) {
            return;
        }
        // Behind the message it waits for it goes on reading.
        let awaited = self.next.map_or(0, |n| n.wrapping_sub(self.pending.len() as u32).wrapping_add(self.need as u32));
        let tail = s.data.get(awaited.wrapping_sub(seq) as usize..).unwrap_or_default();
        match read {
            Read::Fresh => reader.app.ahead(context, s.data, reader.out),
            Read::Awaited if !tail.is_empty() => reader.app.ahead(context, tail, reader.out),
            _ => {}
        }
        let missing = self.missing.get_or_insert_default();
        missing.ahead_bytes += s.data.len();
        missing.ahead.push(Held { seq, data: s.data.into(), wire_len: s.wire_len, context: *context, read });
        // Ends: each turn takes at least one held segment.
        while self.missing.as_ref().is_some_and(|m| m.ahead.len() > Self::MAX_AHEAD || m.ahead_bytes > reader.limit) {
            self.pass_gap(reader, context);
        }
    }

    /// New bytes of a segment that starts at or before `next`.
    #[inline]
    fn take(&mut self, reader: &mut Reader<'_>, c: &Context, seq: u32, data: &[u8], wire_len: u32, read: Read) {
        let Some(next) = self.next else { return };
        let known = next.wrapping_sub(seq) as usize;
        let hole = (wire_len as usize).saturating_sub(data.len()) as u64;
        let Some(mut new) = data.get(known..).filter(|d| !d.is_empty()) else {
            if hole > 0 && known == data.len() {
                self.cut(reader, c, hole);
            }
            return;
        };
        self.next = Some(next.wrapping_add(new.len() as u32));
        let mut context = *c;
        let at_border = known == 0 && self.pending.is_empty() && self.skip == 0;
        match read {
            Read::Fresh if at_border => self.in_step = true,
            // In the middle of a message that Wireshark does not wait for.
            Read::Fresh => {
                if !self.in_step || hole > 0 {
                    reader.app.ahead(c, new, reader.out);
                }
            }
            Read::Awaited => {}
            Read::Ignored => self.in_step = false,
        }
        let mute = self.mute && read != Read::Fresh;
        context.only_in_order = !self.in_step || mute;
        if self.skip > 0 {
            let n = self.skip.min(new.len() as u64);
            self.skip -= n;
            if self.skip == 0 {
                self.in_step &= !mute;
                self.passed(reader, &context, next.wrapping_add(n as u32));
            }
            new = new.get(n as usize..).unwrap_or_default();
        }
        if at_border && self.resume {
            if !reader.app.resumes(new) {
                new = &[];
            } else {
                self.resume = false;
            }
        }
        if !self.given_up && !new.is_empty() {
            if self.pending.is_empty() {
                let used = self.run(reader, &context, new);
                self.in_step &= !mute || used == 0;
                self.keep(reader.limit, new.get(used..).unwrap_or_default());
            } else {
                self.keep(reader.limit, new);
                let all = std::mem::take(&mut self.pending);
                let used = self.run(reader, &context, &all);
                self.in_step &= !mute || used == 0;
                if !self.given_up {
                    self.pending = all;
                    self.pending.drain(..used.min(self.pending.len()));
                }
            }
        }
        if hole > 0 {
            self.cut(reader, &context, hole);
        }
    }

    fn keep(&mut self, limit: usize, rest: &[u8]) {
        if self.pending.len() + rest.len() > limit {
            self.give_up();
        } else if !self.given_up {
            self.pending.extend_from_slice(rest);
        }
    }

    /// Hands out messages; the bytes used. Ends: every turn uses at least a byte, or leaves.
    fn run(&mut self, reader: &mut Reader<'_>, context: &Context, data: &[u8]) -> usize {
        let mut at = 0;
        while let Some(rest) = data.get(at..).filter(|r| !r.is_empty() && r.len() >= self.need) {
            match reader.app.stream(context, rest, reader.out) {
                Step::Consumed(n) => {
                    self.need = 0;
                    self.skip = n.saturating_sub(rest.len()) as u64;
                    if self.skip > 0 && !context.only_in_order {
                        self.joins(rest.len(), n);
                    }
                    at += n.clamp(1, rest.len());
                }
                Step::Need(n) => {
                    self.need = n.max(rest.len() + 1);
                    if !context.only_in_order {
                        self.joins(rest.len(), self.need);
                    }
                    if n > reader.limit {
                        self.give_up();
                    }
                    break;
                }
                Step::Pass => {
                    self.need = 0;
                    self.turned_down = true;
                    at = data.len();
                }
                Step::Lost => {
                    self.give_up();
                    break;
                }
            }
        }
        at
    }

    /// A message that has begun `back` bytes ago will be `len` bytes long, as far as known.
    fn joins(&mut self, back: usize, len: usize) {
        let start = self.next.unwrap_or(0).wrapping_sub(back as u32);
        let at = self.joined_at as usize;
        if self.joined[at].0 != start {
            self.joined_at = ((at + 1) % Self::REMEMBERED) as u8;
        }
        self.joined[self.joined_at as usize] = (start, len.min(u32::MAX as usize) as u32);
    }

    /// The rest of a segment was not captured: the stream goes on behind it.
    fn cut(&mut self, reader: &mut Reader<'_>, context: &Context, hole: u64) {
        reader.app.cut(context, reader.out);
        self.in_step = false;
        if !self.skip_hole(reader, context, hole) {
            self.lose(reader, context, hole);
        }
    }

    /// Bytes from `next` on will never come. Reading goes on behind the message they belong to, where its length is
    /// known and it reaches over them, or else at the start of a segment.
    fn lose(&mut self, reader: &mut Reader<'_>, context: &Context, bytes: u64) {
        self.lost_bytes += bytes;
        self.next = self.next.map(|n| n.wrapping_add(bytes as u32));
        let missing = (self.need as u64).saturating_sub(self.pending.len() as u64);
        self.pending = Vec::new();
        self.need = 0;
        if missing > bytes {
            self.skip = missing - bytes;
            self.lost_message = true;
            reader.app.gap(context, bytes, reader.out);
            return;
        }
        self.skip = 0;
        if let Some(missing) = &mut self.missing {
            missing.holes.clear();
        }
        self.resume = true;
        reader.app.gap(context, bytes, reader.out);
    }

    /// Takes over segments whose gap has closed. Ends: each turn removes one.
    fn drain(&mut self, reader: &mut Reader<'_>, now: &Context) {
        while let Some(next) = self.next
            && let Some(i) = self.first_ahead(next)
            && next.wrapping_sub(self.ahead()[i].seq) as i32 >= 0
            && let Some(missing) = &mut self.missing
        {
            let held = missing.ahead.swap_remove(i);
            missing.ahead_bytes -= held.data.len();
            // Wireshark read it when it came, if it began a message; what it completes now is shown now.
            let border = held.seq == next && self.pending.is_empty() && self.skip == 0;
            // So it did with what stands behind a message that lost bytes.
            let behind = held.read == Read::Awaited && self.lost_message;
            let own = behind || held.read == Read::Fresh && border;
            let mark = reader.out.mark();
            let context = if own { &held.context } else { now };
            // Read on its own in the middle of a message, it is lost for that one.
            self.in_step &= own || held.read == Read::Awaited;
            let read = if own && !behind { Read::Fresh } else { Read::Awaited };
            self.take(reader, context, held.seq, &held.data, held.wire_len, read);
            if held.read != Read::Awaited || behind {
                reader.out.back_to(mark);
            }
        }
        self.tidy();
    }

    /// The held segment that is first in order.
    fn first_ahead(&self, next: u32) -> Option<usize> {
        let ahead = self.ahead();
        (0..ahead.len()).min_by_key(|&i| ahead[i].seq.wrapping_sub(next) as i32)
    }

    /// Gives up on the missing bytes: what waited in front of the gap is dropped, reading goes on behind it.
    pub fn pass_gap(&mut self, reader: &mut Reader<'_>, now: &Context) {
        let Some(next) = self.next else { return };
        let Some(i) = self.first_ahead(next) else { return };
        let (seq, context) = (self.ahead()[i].seq, self.ahead()[i].context);
        let bytes = seq.wrapping_sub(next) as u64;
        if !self.skip_hole(reader, &context, bytes) {
            self.lose(reader, &context, bytes);
        }
        self.drain(reader, now);
    }

    /// The other end has acknowledged what is missing here: it will not come again.
    pub fn acknowledged(&mut self, reader: &mut Reader<'_>, now: &Context, ack: u32) {
        // Ends: each turn takes at least one held segment.
        while let Some(next) = self.next
            && let Some(i) = self.first_ahead(next)
            && ack.wrapping_sub(self.ahead()[i].seq) as i32 >= 0
        {
            self.pass_gap(reader, now);
        }
        self.maybe_fin(reader, now);
    }

    /// No more bytes will come: what is held is read.
    pub fn flush(&mut self, reader: &mut Reader<'_>, now: Option<&Context>) {
        while let Some(last) = self.ahead().first().map(|h| h.context) {
            self.pass_gap(reader, now.unwrap_or(&last));
        }
    }

    /// The sender's FIN, behind the data of its segment.
    pub fn fin(&mut self, reader: &mut Reader<'_>, context: &Context, s: &Segment<'_>) {
        self.fin.get_or_insert(s.seq.wrapping_add(s.wire_len.max(s.data.len() as u32)));
        self.maybe_fin(reader, context);
    }

    /// The sender's RST.
    pub fn rst(&mut self, reader: &mut Reader<'_>, context: &Context) {
        self.flush(reader, Some(context));
        self.close(reader, context, Close::Rst);
    }

    fn maybe_fin(&mut self, reader: &mut Reader<'_>, context: &Context) {
        if let Some(fin) = self.fin
            && self.next.is_none_or(|n| n.wrapping_sub(fin) as i32 >= 0)
        {
            self.close(reader, context, Close::Fin);
        }
    }

    /// The sender has closed its direction; told once.
    pub fn close(&mut self, reader: &mut Reader<'_>, context: &Context, how: Close) {
        if !std::mem::replace(&mut self.closed, true) {
            reader.app.closed(context, how, reader.out);
        }
    }

    /// Nobody reads this direction any more.
    pub fn give_up(&mut self) {
        self.given_up = true;
        self.pending = Vec::new();
        if let Some(missing) = &mut self.missing {
            (missing.ahead, missing.ahead_bytes) = (Vec::new(), 0);
        }
        self.tidy();
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
