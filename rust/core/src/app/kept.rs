//! Messages kept for the detail rows: as the bytes they came in, decoded when somebody looks.
//!
//! They lie one behind the other in chunks, with their context in few bytes in front: there can be tens of thousands.

use super::message::{Fields, Message};
use super::{Context, DetectedBy};
use crate::layers::Proto;
use crate::limits::Limits;
use crate::packing::{Reader, at, put, put_all, put_ip, since};

/// Decodes the bytes of a kept message. Total: what cannot be decoded is said in the fields.
pub type Decode = fn(&Context, &[u8]) -> Fields;

/// Bytes of a chunk; a longer message has one of its own.
const CHUNK: usize = 1 << 16;
/// Bytes that replaced messages leave behind before the others are written anew.
const LEAST_GAP: usize = 1 << 18;

/// Where a message lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    chunk: u32,
    offset: u32,
}

/// The first messages of a pass, of one protocol family. Those that find no room are counted.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// In the order they were kept in.
    places: Vec<Place>,
    chunks: Vec<Vec<u8>>,
    /// The protocols of the family; messages name them by number.
    kinds: Vec<(&'static str, Decode)>,
    /// Times are seen from the first message's.
    base_ns: i64,
    /// Of the messages themselves.
    bytes: usize,
    /// Of what was replaced.
    gap: usize,
    /// Of all records.
    written: usize,
    dropped: u64,
    max_messages: usize,
    max_bytes: usize,
    scratch: Vec<u8>,
}

impl Kept {
    pub fn new(limits: &Limits) -> Self {
        Self { max_messages: limits.max_kept_messages, max_bytes: limits.max_kept_message_bytes, ..Self::default() }
    }

    /// Its place, for [`Self::replace`]; None: it found no room.
    pub fn keep(&mut self, protocol: &'static str, context: &Context, decode: Decode, bytes: &[u8]) -> Option<usize> {
        if self.places.len() >= self.max_messages || self.bytes + bytes.len() > self.max_bytes {
            self.dropped += 1;
            return None;
        }
        if self.places.is_empty() {
            self.base_ns = context.time_ns;
        }
        let kind = self.kinds.iter().position(|k| k.0 == protocol).unwrap_or_else(|| {
            self.kinds.push((protocol, decode));
            self.kinds.len() - 1
        });
        self.bytes += bytes.len();
        let place = self.write(kind, context, bytes);
        self.places.push(place);
        Some(self.places.len() - 1)
    }

    /// More is known of a message kept before: new bytes, and where it stands now. They may pass the limit by what
    /// they are larger.
    pub fn replace(&mut self, place: usize, context: &Context, bytes: &[u8]) {
        let Some(before) = self.places.get(place).copied() else { return };
        let (kind, old, size) = {
            let (kind, _, old, size) = self.read(before);
            (kind, old.len(), size)
        };
        self.bytes = (self.bytes + bytes.len()).saturating_sub(old);
        self.gap += size;
        let now = self.write(kind, context, bytes);
        if let Some(slot) = self.places.get_mut(place) {
            *slot = now;
        }
        if self.gap > (self.written / 4).max(LEAST_GAP) {
            self.tidy();
        }
    }

    /// Appends a record: kind, context, length and bytes.
    fn write(&mut self, kind: usize, c: &Context, bytes: &[u8]) -> Place {
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        out.push(kind as u8);
        put_ip(&mut out, c.src);
        put_ip(&mut out, c.dst);
        let detected = match c.detected_by {
            DetectedBy::Port => 0,
            DetectedBy::Content => 1,
            DetectedBy::Heuristic => 2,
        };
        let flags = c.to_client as u64 | (c.only_in_order as u64) << 1 | (c.recovered as u64) << 2 | detected << 3;
        let numbers = [
            c.frame,
            since(c.time_ns, self.base_ns),
            c.src_port as u64 | (c.dst_port as u64) << 16,
            c.transport as u64,
            c.ttl as u64,
            c.frame_bytes as u64,
            c.stream.map_or(0, |n| n as u64 + 1),
            flags,
        ];
        put_all(&mut out, &numbers);
        put(&mut out, bytes.len() as u64);
        let place = self.append(&out, bytes);
        self.scratch = out;
        place
    }

    fn append(&mut self, head: &[u8], bytes: &[u8]) -> Place {
        let size = head.len() + bytes.len();
        if self.chunks.last().is_none_or(|last| last.len() + size > CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK.max(size)));
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let offset = chunk.len();
        chunk.extend_from_slice(head);
        chunk.extend_from_slice(bytes);
        self.written += size;
        Place { chunk: number as u32, offset: offset as u32 }
    }

    /// (kind, context, bytes, size of the record) of the message there.
    fn read(&self, place: Place) -> (usize, Context, &[u8], usize) {
        let rest = self.chunks.get(place.chunk as usize).and_then(|chunk| chunk.get(place.offset as usize..));
        let rest = rest.unwrap_or_default();
        let mut from = Reader(rest);
        let kind = from.byte() as usize;
        let (src, dst) = (from.ip(), from.ip());
        let [frame, time, ports, transport, ttl, frame_bytes, stream, flags] = from.all();
        let length = from.number() as usize;
        let bytes = from.0.get(..length).unwrap_or(from.0);
        let context = Context {
            frame,
            time_ns: at(self.base_ns, time),
            src,
            dst,
            src_port: ports as u16,
            dst_port: (ports >> 16) as u16,
            transport: Proto::ALL.get(transport as usize).copied().unwrap_or(Proto::Udp),
            ttl: ttl as u8,
            frame_bytes: frame_bytes as u32,
            stream: stream.checked_sub(1).map(|n| n as u32),
            to_client: flags & 1 != 0,
            detected_by: match flags >> 3 {
                0 => DetectedBy::Port,
                1 => DetectedBy::Content,
                _ => DetectedBy::Heuristic,
            },
            only_in_order: flags & 2 != 0,
            recovered: flags & 4 != 0,
        };
        (kind, context, bytes, rest.len() - from.0.len() + bytes.len())
    }

    /// Leaves out what was replaced.
    fn tidy(&mut self) {
        let mut old = Self { chunks: std::mem::take(&mut self.chunks), ..Self::default() };
        (self.gap, self.written) = (0, 0);
        // Chunk by chunk, so that each can be freed when the next one is begun.
        let mut order: Vec<u32> = (0..self.places.len() as u32).collect();
        order.sort_unstable_by_key(|&i| self.places.get(i as usize).map(|p| (p.chunk, p.offset)));
        let mut begun = 0;
        for i in order {
            let Some(place) = self.places.get(i as usize).copied() else { continue };
            old.chunks.iter_mut().take(place.chunk as usize).skip(begun).for_each(|done| *done = Vec::new());
            begun = place.chunk as usize;
            let size = old.read(place).3;
            let record = old.chunks.get(begun).and_then(|c| c.get(place.offset as usize..));
            let now = self.append(record.and_then(|r| r.get(..size)).unwrap_or_default(), &[]);
            if let Some(slot) = self.places.get_mut(i as usize) {
                *slot = now;
            }
        }
    }

    /// Nothing is kept any more: gives back what was held in reserve.
    pub fn shrink(&mut self) {
        if self.gap > 0 {
            self.tidy();
        }
        self.places.shrink_to_fit();
        if let Some(last) = self.chunks.last_mut() {
            last.shrink_to_fit();
        }
    }

    /// Bytes held.
    pub fn memory_bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(Vec::capacity).sum();
        chunks + self.places.capacity() * size_of::<Place>()
    }

    /// Messages kept.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Messages that found no room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Those of one of the family's protocols as the bytes they came in, in frame order.
    pub fn raw<'a>(&'a self, protocol: &str) -> impl Iterator<Item = (Context, &'a [u8])> {
        let wanted = self.kinds.iter().position(|k| k.0 == protocol);
        let read = |place: &Place| self.read(*place);
        self.places.iter().map(read).filter(move |m| Some(m.0) == wanted).map(|(_, context, bytes, _)| (context, bytes))
    }

    /// A page of them, decoded, in frame order; `protocol` chooses one of the family's.
    pub fn page(&self, protocol: Option<&str>, offset: usize, limit: usize) -> Vec<Message> {
        let kind_of = |place: &Place| self.chunks.get(place.chunk as usize)?.get(place.offset as usize).copied();
        let named = |place: &&Place| {
            protocol.is_none_or(|p| kind_of(place).and_then(|k| self.kinds.get(k as usize)).is_some_and(|k| k.0 == p))
        };
        let message = |place: &Place| {
            let (kind, context, bytes, _) = self.read(*place);
            let (protocol, decode) = *self.kinds.get(kind)?;
            Some(Message { protocol, context, fields: decode(&context, bytes) })
        };
        self.places.iter().filter(named).skip(offset).take(limit).filter_map(message).collect()
    }

    /// Messages of another part of the traffic behind these.
    pub fn merge(&mut self, other: &Self) {
        self.dropped += other.dropped;
        for place in &other.places {
            let (kind, context, bytes, _) = other.read(*place);
            if let Some(&(protocol, decode)) = other.kinds.get(kind) {
                self.keep(protocol, &context, decode, bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::IpAddr;
    use crate::app::message::Value;

    fn context(n: u64) -> Context {
        Context {
            frame: n,
            time_ns: 1_700_000_000_000_000_000 + n as i64 * 1_000_003,
            src: IpAddr::v4([10, 0, (n >> 8) as u8, n as u8]),
            dst: if n.is_multiple_of(3) { IpAddr::v6([n as u8; 16]) } else { IpAddr::v4([192, 0, 2, 1]) },
            src_port: 40_000 + n as u16 % 20_000,
            dst_port: 53,
            transport: if n.is_multiple_of(5) { Proto::Tcp } else { Proto::Udp },
            ttl: 64,
            frame_bytes: 80,
            stream: n.is_multiple_of(5).then_some(n as u32),
            to_client: n.is_multiple_of(2),
            detected_by: [DetectedBy::Port, DetectedBy::Content, DetectedBy::Heuristic][n as usize % 3],
            only_in_order: n.is_multiple_of(7),
            recovered: n.is_multiple_of(11),
        }
    }

    fn shown(_: &Context, bytes: &[u8]) -> Fields {
        vec![("bytes", Value::Bytes(bytes.to_vec()))]
    }

    fn body(n: u64) -> Vec<u8> {
        vec![n as u8; 30 + n as usize % 50]
    }

    /// The messages as text, which tells all of their contexts.
    fn texts(messages: &[Message]) -> Vec<String> {
        messages.iter().map(|m| format!("{} {:?} {:?}", m.protocol, m.context, m.fields)).collect()
    }

    fn expected(protocol: &str, n: u64, bytes: &[u8]) -> String {
        format!("{protocol} {:?} {:?}", context(n), shown(&context(n), bytes))
    }

    #[test]
    fn messages_come_back_as_they_were_and_take_little_more_than_their_bytes() {
        let mut kept = Kept::new(&Limits::default());
        let count = 20_000;
        for n in 0..count {
            kept.keep(if n % 2 == 0 { "a" } else { "b" }, &context(n), shown, &body(n));
        }
        kept.shrink();
        let content: usize = (0..count).map(|n| body(n).len()).sum();
        assert!(kept.memory_bytes() < content + 52 * count as usize, "{}", kept.memory_bytes() - content);
        let all: Vec<String> = (0..count).map(|n| expected(if n % 2 == 0 { "a" } else { "b" }, n, &body(n))).collect();
        assert_eq!(texts(&kept.page(None, 0, usize::MAX)), all);
        assert_eq!(texts(&kept.page(Some("b"), 100, 2)), [all[201].clone(), all[203].clone()]);
        assert_eq!((kept.len(), kept.dropped()), (20_000, 0));
    }

    #[test]
    fn replaced_messages_keep_their_place_and_leave_no_gaps() {
        let mut kept = Kept::new(&Limits::default());
        (0..5_000).for_each(|n| _ = kept.keep("a", &context(n), shown, &body(n)));
        for turn in 1..20u64 {
            (0..5_000).for_each(|n| kept.replace(n as usize, &context(n + turn), &body(n + turn)));
        }
        assert!(kept.memory_bytes() < 5_000 * 160, "{}", kept.memory_bytes());
        kept.replace(7, &context(1), &vec![1; 100_000]);
        let mut all: Vec<String> = (0..5_000).map(|n| expected("a", n + 19, &body(n + 19))).collect();
        all[7] = expected("a", 1, &vec![1; 100_000]);
        assert_eq!(texts(&kept.page(None, 0, usize::MAX)), all);
        kept.shrink();
        assert_eq!(texts(&kept.page(None, 0, usize::MAX)), all);
        let mut other = Kept::new(&Limits { max_kept_messages: 6_000, ..Limits::default() });
        (0..2_000).for_each(|n| _ = other.keep("b", &context(n), shown, &body(n)));
        other.merge(&kept);
        assert_eq!((other.len(), other.dropped()), (6_000, 1_000));
        assert_eq!(texts(&other.page(None, 2_007, 1)), [all[7].clone()]);
    }

    #[test]
    fn the_limits_hold() {
        let mut kept = Kept::new(&Limits { max_kept_message_bytes: 100, ..Limits::default() });
        assert_eq!([60, 50, 40].map(|n| kept.keep("a", &context(1), shown, &vec![0; n])), [Some(0), None, Some(1)]);
        assert_eq!((kept.len(), kept.dropped()), (2, 1));
        assert!(kept.memory_bytes() <= 2 * CHUNK);
    }
}
