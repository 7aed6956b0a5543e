//! Messages kept for the detail rows: as the bytes they came in, decoded when somebody looks.
//!
//! There can be tens of thousands. They lie one behind the other with their context in few bytes in front, in blocks
//! that are compressed when they are full; a page is read out of the few blocks it lies in. Messages of which more will
//! be known stand apart until it is.

use super::message::{Fields, Message};
use super::{Context, DetectedBy};
use crate::layers::Proto;
use crate::limits::Limits;
use crate::packing::{self, Reader, at, put, put_ip, since};
use foldhash::fast::RandomState;
use lz4_flex::block::{compress, decompress_into};
use std::collections::HashMap;
use std::sync::Arc;

/// Decodes the bytes of a kept message. Total: what cannot be decoded is said in the fields.
pub type Decode = fn(&Context, &[u8]) -> Fields;

/// Bytes of a block before it is compressed, at most; a longer message has one of its own. LZ4 takes the smaller of its
/// tables below 64 KiB.
const BLOCK: usize = 65_000;
/// Bytes in front of a message, at most.
const HEAD: usize = 96;
/// Blocks held while messages are read. Those of a page lie near each other.
const READ_AT_ONCE: usize = 8;
/// The place of a message that is open.
const OPEN: u32 = u32::MAX;

/// A full block.
#[derive(Clone, Debug)]
struct Block {
    /// Bytes of those before it, and its own, as they were before compression.
    start: u32,
    size: u32,
    packed: Arc<[u8]>,
}

/// The first messages of a pass, of one protocol family. Those that find no room are counted.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Bytes before each one, of those that are settled, in the order they were kept in.
    places: Vec<u32>,
    blocks: Vec<Block>,
    /// Bytes of the blocks before compression.
    packed: u32,
    /// What follows the blocks.
    tail: Vec<u8>,
    /// Messages of which more may become known, by number.
    open: HashMap<u32, Box<[u8]>, RandomState>,
    /// The protocols of the family; messages name them by number.
    kinds: Vec<(&'static str, Decode)>,
    /// Times are seen from the first message's.
    base_ns: i64,
    /// Of the messages themselves.
    bytes: usize,
    dropped: u64,
    max_messages: usize,
    max_bytes: usize,
}

impl Kept {
    pub fn new(limits: &Limits) -> Self {
        Self { max_messages: limits.max_kept_messages, max_bytes: limits.max_kept_message_bytes, ..Self::default() }
    }

    pub fn keep(&mut self, protocol: &'static str, context: &Context, decode: Decode, bytes: &[u8]) {
        if let Some(kind) = self.admit(protocol, context, decode, bytes) {
            let place = self.end();
            write(&mut self.tail, kind, self.base_ns, context, bytes);
            self.places.push(place);
        }
    }

    /// Keeps a message of which more will become known. Its number, for [`Self::replace`] and [`Self::settle`]; None: it
    /// found no room.
    pub fn open(&mut self, protocol: &'static str, context: &Context, decode: Decode, bytes: &[u8]) -> Option<u32> {
        let kind = self.admit(protocol, context, decode, bytes)?;
        let number = self.places.len() as u32;
        self.open.insert(number, record(kind, self.base_ns, context, bytes));
        self.places.push(OPEN);
        Some(number)
    }

    /// More is known of an open message: new bytes, and where it stands now. They may pass the limit by what they are
    /// larger.
    pub fn replace(&mut self, number: u32, context: &Context, bytes: &[u8]) {
        let Some(before) = self.open.get_mut(&number) else { return };
        let (kind, _, old) = read(before, self.base_ns);
        self.bytes = (self.bytes + bytes.len()).saturating_sub(old.len());
        *before = record(kind, self.base_ns, context, bytes);
    }

    /// Nothing more will become known of an open message.
    pub fn settle(&mut self, number: u32) {
        let Some(record) = self.open.remove(&number) else { return };
        if self.make_room(record.len()) {
            let place = self.end();
            self.tail.extend_from_slice(&record);
            if let Some(slot) = self.places.get_mut(number as usize) {
                *slot = place;
            }
        } else {
            self.open.insert(number, record);
        }
    }

    /// Room for a message and its place. The number of its protocol; None: there is no room.
    fn admit(&mut self, protocol: &'static str, c: &Context, decode: Decode, bytes: &[u8]) -> Option<usize> {
        let is_full = self.places.len() >= self.max_messages || self.bytes + bytes.len() > self.max_bytes;
        if is_full || !self.make_room(HEAD + bytes.len()) {
            self.dropped += 1;
            return None;
        }
        if self.places.is_empty() {
            self.base_ns = c.time_ns;
        }
        packing::make_room(&mut self.places, 1, 64);
        self.bytes += bytes.len();
        let kind = self.kinds.iter().position(|k| k.0 == protocol);
        Some(kind.unwrap_or_else(|| {
            self.kinds.push((protocol, decode));
            self.kinds.len() - 1
        }))
    }

    /// Room for so many bytes behind the blocks. False: places cannot say where that is.
    fn make_room(&mut self, size: usize) -> bool {
        if self.tail.len() + size > BLOCK {
            self.pack();
        }
        u32::try_from(size).ok().and_then(|size| self.end().checked_add(size)).is_some_and(|end| end < OPEN)
    }

    /// Bytes of all that is settled.
    fn end(&self) -> u32 {
        self.packed + self.tail.len() as u32
    }

    /// The tail becomes a block.
    fn pack(&mut self) {
        if !self.tail.is_empty() {
            let size = self.tail.len() as u32;
            self.blocks.push(Block { start: self.packed, size, packed: compress(&self.tail).into() });
            self.packed += size;
            self.tail.clear();
            if size as usize > BLOCK {
                self.tail = Vec::new();
            }
        }
    }

    /// Nothing is kept any more: gives back what was held in reserve.
    pub fn shrink(&mut self) {
        let mut open: Vec<u32> = self.open.keys().copied().collect();
        open.sort_unstable();
        open.into_iter().for_each(|number| self.settle(number));
        self.pack();
        self.tail = Vec::new();
        self.open.shrink_to_fit();
        self.places.shrink_to_fit();
    }

    /// Bytes held.
    pub fn memory_bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(|b| b.packed.len() + size_of::<Block>()).sum();
        let open: usize = self.open.values().map(|record| record.len() + size_of::<(u32, Box<[u8]>)>()).sum();
        blocks + open + self.tail.capacity() + self.places.capacity() * size_of::<u32>()
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

    /// Shows at most so many of one of the family's protocols as the bytes they came in, in the order they were kept in.
    pub fn raw(&self, protocol: &str, limit: usize, mut show: impl FnMut(&Context, &[u8])) {
        let Some(wanted) = self.kinds.iter().position(|k| k.0 == protocol) else { return };
        let (mut pages, mut left) = (Pages::of(self), limit);
        for number in 0..self.places.len() {
            if left == 0 {
                return;
            }
            let record = pages.record(number);
            if kind_of(record) == wanted {
                let (_, context, bytes) = read(record, self.base_ns);
                show(&context, bytes);
                left -= 1;
            }
        }
    }

    /// A page of them, decoded, in the order they were kept in; `protocol` chooses one of the family's.
    pub fn page(&self, protocol: Option<&str>, offset: usize, limit: usize) -> Vec<Message> {
        let mut pages = Pages::of(self);
        let wanted = protocol.map(|p| self.kinds.iter().position(|k| k.0 == p));
        let first = if wanted.is_none() { offset } else { 0 };
        let mut to_skip = offset - first;
        let mut out = Vec::new();
        for number in first..self.places.len() {
            if out.len() >= limit {
                break;
            }
            let record = pages.record(number);
            if wanted.is_some_and(|w| w != Some(kind_of(record))) {
                continue;
            }
            if to_skip > 0 {
                to_skip -= 1;
                continue;
            }
            let (kind, context, bytes) = read(record, self.base_ns);
            if let Some(&(protocol, decode)) = self.kinds.get(kind) {
                out.push(Message { protocol, context, fields: decode(&context, bytes) });
            }
        }
        out
    }

    /// Messages of another part of the traffic behind these.
    pub fn merge(&mut self, other: &Self) {
        self.dropped += other.dropped;
        let mut pages = Pages::of(other);
        for number in 0..other.places.len() {
            let (kind, context, bytes) = read(pages.record(number), other.base_ns);
            if let Some(&(protocol, decode)) = other.kinds.get(kind) {
                self.keep(protocol, &context, decode, bytes);
            }
        }
    }
}

/// Reads messages one after the other.
struct Pages<'a> {
    kept: &'a Kept,
    /// Blocks as they were before compression, by number.
    held: Vec<(usize, Vec<u8>)>,
    /// The one that was read first.
    oldest: usize,
}

impl<'a> Pages<'a> {
    fn of(kept: &'a Kept) -> Self {
        Self { kept, held: Vec::new(), oldest: 0 }
    }

    /// The message with its head, and what follows it.
    fn record(&mut self, number: usize) -> &[u8] {
        let place = self.kept.places.get(number).copied().unwrap_or(OPEN);
        if place == OPEN {
            return self.kept.open.get(&(number as u32)).map_or(&[], |record| record);
        }
        if let Some(at) = place.checked_sub(self.kept.packed) {
            return self.kept.tail.get(at as usize..).unwrap_or_default();
        }
        let number = self.kept.blocks.partition_point(|b| b.start <= place).saturating_sub(1);
        let Some(block) = self.kept.blocks.get(number) else { return &[] };
        let at = self.held.iter().position(|h| h.0 == number).unwrap_or_else(|| self.hold(number, block));
        let bytes = self.held.get(at).map(|h| h.1.as_slice()).unwrap_or_default();
        bytes.get((place - block.start) as usize..).unwrap_or_default()
    }

    /// Where among those held the block now is.
    fn hold(&mut self, number: usize, block: &Block) -> usize {
        let mut at = self.held.len();
        if at < READ_AT_ONCE {
            self.held.push((number, Vec::new()));
        } else {
            at = self.oldest;
            self.oldest = (at + 1) % READ_AT_ONCE;
        }
        if let Some(slot) = self.held.get_mut(at) {
            slot.0 = number;
            slot.1.resize(block.size as usize, 0);
            // It was compressed here: what cannot be read again would be a block of zeros.
            let _ = decompress_into(&block.packed, &mut slot.1);
        }
        at
    }
}

fn record(kind: usize, base_ns: i64, context: &Context, bytes: &[u8]) -> Box<[u8]> {
    let mut out = Vec::with_capacity(HEAD + bytes.len());
    write(&mut out, kind, base_ns, context, bytes);
    out.into()
}

/// Appends a message: its head, then its bytes. What is alike in many messages stands together.
fn write(out: &mut Vec<u8>, kind: usize, base_ns: i64, c: &Context, bytes: &[u8]) {
    let detected = match c.detected_by {
        DetectedBy::Port => 0,
        DetectedBy::Content => 1,
        DetectedBy::Heuristic => 2,
    };
    let flags = [c.to_client, c.only_in_order, c.recovered, c.server_known];
    let flags = flags.iter().enumerate().fold(detected << 6, |all, (i, &is)| all | (is as u8) << i);
    out.extend_from_slice(&[kind as u8, flags, c.transport as u8, c.ttl]);
    put_ip(out, c.src);
    put_ip(out, c.dst);
    out.extend_from_slice(&c.src_port.to_le_bytes());
    out.extend_from_slice(&c.dst_port.to_le_bytes());
    let stream = c.stream.map_or(0, |n| n as u64 + 1);
    for n in [stream, c.frame, since(c.time_ns, base_ns), c.frame_bytes as u64, bytes.len() as u64] {
        put(out, n);
    }
    out.extend_from_slice(bytes);
}

fn kind_of(record: &[u8]) -> usize {
    record.first().copied().unwrap_or(0) as usize
}

/// (kind, context, bytes) of the message there.
fn read(record: &[u8], base_ns: i64) -> (usize, Context, &[u8]) {
    let mut from = Reader(record);
    let [kind, flags, transport, ttl] = std::array::from_fn(|_| from.byte());
    let is = |bit: u8| flags >> bit & 1 != 0;
    let (src, dst) = (from.ip(), from.ip());
    let ports = from.half();
    let [stream, frame, time, frame_bytes, length] = std::array::from_fn(|_| from.number());
    let bytes = from.0.get(..length as usize).unwrap_or(from.0);
    let context = Context {
        frame,
        time_ns: at(base_ns, time),
        src,
        dst,
        src_port: ports as u16,
        dst_port: (ports >> 16) as u16,
        transport: Proto::ALL.get(transport as usize).copied().unwrap_or(Proto::Udp),
        ttl,
        frame_bytes: frame_bytes as u32,
        stream: stream.checked_sub(1).map(|n| n as u32),
        to_client: is(0),
        detected_by: match flags >> 6 {
            0 => DetectedBy::Port,
            1 => DetectedBy::Content,
            _ => DetectedBy::Heuristic,
        },
        only_in_order: is(1),
        server_known: is(3),
        recovered: is(2),
    };
    (kind as usize, context, bytes)
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
            server_known: n.is_multiple_of(13),
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
    fn messages_come_back_as_they_were_and_take_less_than_their_bytes() {
        let mut kept = Kept::new(&Limits::default());
        let count = 20_000;
        for n in 0..count {
            kept_of_both(&mut kept, n);
        }
        let held = kept.memory_bytes();
        kept.shrink();
        let content: usize = (0..count).map(|n| body(n).len()).sum();
        assert!(held < content && kept.memory_bytes() < held, "{held} {content}");
        let all: Vec<String> = (0..count).map(|n| expected(if n % 2 == 0 { "a" } else { "b" }, n, &body(n))).collect();
        assert_eq!(texts(&kept.page(None, 0, usize::MAX)), all);
        assert_eq!(texts(&kept.page(Some("b"), 100, 2)), [all[201].clone(), all[203].clone()]);
        assert_eq!((kept.len(), kept.dropped()), (20_000, 0));
    }

    #[test]
    fn open_messages_keep_their_place_while_more_becomes_known_of_them() {
        let mut kept = Kept::new(&Limits::default());
        let numbers: Vec<u32> = (0..5_000).map(|n| kept.open("a", &context(n), shown, &body(n)).unwrap()).collect();
        for turn in 1..20u64 {
            (0..5_000).for_each(|n| kept.replace(numbers[n as usize], &context(n + turn), &body(n + turn)));
        }
        let mut all: Vec<String> = (0..5_000).map(|n| expected("a", n + 19, &body(n + 19))).collect();
        assert_eq!(texts(&kept.page(None, 0, usize::MAX)), all);
        kept.replace(7, &context(1), &vec![1; 100_000]);
        all[7] = expected("a", 1, &vec![1; 100_000]);
        // In another order than they came in; what is settled stays as it is.
        numbers.iter().filter(|n| *n % 3 != 0).rev().for_each(|&n| kept.settle(n));
        (0..4_000).filter(|n| n % 3 != 0).for_each(|n| kept.replace(n, &context(0), &[]));
        assert_eq!(texts(&kept.page(None, 0, usize::MAX)), all);
        assert_eq!(texts(&kept.page(Some("a"), 3, 9)), all[3..12]);
        kept.shrink();
        assert!(kept.memory_bytes() < 5_000 * 40, "{}", kept.memory_bytes());
        assert_eq!(texts(&kept.page(None, 0, usize::MAX)), all);
        let mut other = Kept::new(&Limits { max_kept_messages: 6_000, ..Limits::default() });
        (0..2_000).for_each(|n| kept_of_both(&mut other, n));
        other.merge(&kept);
        assert_eq!((other.len(), other.dropped()), (6_000, 1_000));
        assert_eq!(texts(&other.page(None, 2_007, 1)), [all[7].clone()]);
        assert_eq!(texts(&other.page(Some("a"), 1_000, 2)), all[..2]);
        assert_eq!(texts(&other.page(Some("c"), 0, 2)), [""; 0]);
    }

    fn kept_of_both(kept: &mut Kept, n: u64) {
        kept.keep(if n.is_multiple_of(2) { "a" } else { "b" }, &context(n), shown, &body(n));
    }

    #[test]
    fn as_many_as_are_wanted_of_one_protocol_are_shown_as_they_came() {
        let mut kept = Kept::new(&Limits::default());
        (0..5_000).for_each(|n| kept_of_both(&mut kept, n));
        let mut seen = Vec::new();
        kept.raw("b", 2_000, |c, bytes| seen.push((c.frame, bytes.to_vec())));
        assert_eq!(seen, (0..2_000).map(|n| (2 * n + 1, body(2 * n + 1))).collect::<Vec<_>>());
        kept.raw("c", 9, |_, _| panic!("there is none"));
    }

    #[test]
    fn the_limits_hold() {
        let mut kept = Kept::new(&Limits { max_kept_message_bytes: 100, ..Limits::default() });
        let numbers = [60, 50, 40].map(|n| kept.open("a", &context(1), shown, &vec![0; n]));
        assert_eq!(numbers, [Some(0), None, Some(1)]);
        assert_eq!((kept.len(), kept.dropped()), (2, 1));
        // What was replaced has left room for one more.
        kept.replace(0, &context(1), &[0; 9]);
        kept.keep("a", &context(1), shown, &[0; 51]);
        assert_eq!((kept.len(), kept.dropped()), (3, 1));
        kept.keep("a", &context(1), shown, &[0; 1]);
        assert_eq!((kept.len(), kept.dropped()), (3, 2));
    }
}
