//! Connections that nobody uses, packed one behind the other: a third of their size in the table, or less.
//!
//! What is taken out again leaves a gap; when the gaps are an eighth of the content, it is written anew.

use super::connection::Connection;
use super::key::Key;
use super::state::Flow;
use super::state::packed::{initial_rtt_of, key_of, stream_of};

const CHUNK_BITS: u32 = 16;
/// Bytes of a chunk; a record lies in one chunk as a whole.
const CHUNK: usize = 1 << CHUNK_BITS;
/// Chunks that places can tell apart.
const MAX_CHUNKS: usize = 1 << (31 - CHUNK_BITS);
/// Gaps that are not worth while to close.
const LEAST_GAP: usize = 256 << 10;
/// Bytes in front of a record: its length with them, and whether it was taken out; the length of the part of it that the
/// table needs.
const HEAD: usize = 4;
const GONE: u16 = 1 << 15;

#[derive(Clone, Debug, Default)]
pub(super) struct Cold {
    chunks: Vec<Vec<u8>>,
    /// Times are seen from the first connection's.
    base_ns: Option<i64>,
    records: usize,
    bytes: usize,
    gap: usize,
    /// Where to look for the oldest one: everything in front of it is gone.
    hand: (usize, usize),
    scratch: Vec<u8>,
}

impl Cold {
    pub fn len(&self) -> usize {
        self.records
    }

    /// Packs a connection; gives its place. None: there is no room.
    pub fn put(&mut self, flow: &Flow) -> Option<u32> {
        let base_ns = *self.base_ns.get_or_insert(flow.first_ns());
        let mut record = std::mem::take(&mut self.scratch);
        record.clear();
        record.extend_from_slice(&[0; HEAD]);
        let core = flow.pack(base_ns, &mut record);
        let place = self.append(&mut record, core);
        self.scratch = record;
        place
    }

    /// A record behind the last one.
    fn append(&mut self, record: &mut [u8], core: usize) -> Option<u32> {
        let length = u16::try_from(record.len()).ok().filter(|n| n & GONE == 0)?;
        record[..2].copy_from_slice(&length.to_le_bytes());
        record[2..HEAD].copy_from_slice(&(core as u16).to_le_bytes());
        if self.chunks.last().is_none_or(|last| last.len() + record.len() > CHUNK) {
            if self.chunks.len() >= MAX_CHUNKS {
                return None;
            }
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let offset = chunk.len();
        chunk.extend_from_slice(record);
        self.records += 1;
        self.bytes += record.len();
        Some((number as u32) << CHUNK_BITS | offset as u32)
    }

    /// The record at a place, unless it is gone.
    #[inline]
    fn record(&self, place: u32) -> Option<&[u8]> {
        let rest = self.chunks.get((place >> CHUNK_BITS) as usize)?.get(place as usize & (CHUNK - 1)..)?;
        let length = u16::from_le_bytes(*rest.first_chunk()?);
        if length & GONE != 0 {
            return None;
        }
        rest.get(HEAD..length as usize)
    }

    /// Whether the connection of that key lies there.
    #[inline]
    pub fn is(&self, place: u32, key: &Key) -> bool {
        self.record(place).is_some_and(|packed| key_of(packed) == *key)
    }

    /// Takes a connection out.
    pub fn take(&mut self, place: u32) -> Option<Flow> {
        let packed = self.record(place)?;
        let length = packed.len() + HEAD;
        let flow = Flow::unpack(packed, self.base_ns.unwrap_or(0), true);
        let (chunk, offset) = ((place >> CHUNK_BITS) as usize, place as usize & (CHUNK - 1));
        if let Some(head) = self.chunks.get_mut(chunk).and_then(|c| c.get_mut(offset..offset + 2)) {
            head.copy_from_slice(&(length as u16 | GONE).to_le_bytes());
        }
        self.records -= 1;
        self.bytes -= length;
        self.gap += length;
        Some(flow)
    }

    /// Place of the one that has been here longest.
    pub fn oldest(&mut self) -> Option<u32> {
        loop {
            let (number, offset) = self.hand;
            let chunk = self.chunks.get(number)?;
            let Some(head) = chunk.get(offset..).and_then(|rest| rest.first_chunk()) else {
                if number + 1 >= self.chunks.len() {
                    return None;
                }
                self.hand = (number + 1, 0);
                continue;
            };
            let head = u16::from_le_bytes(*head);
            if head & GONE == 0 {
                return Some((number as u32) << CHUNK_BITS | offset as u32);
            }
            self.hand.1 += usize::from(head & !GONE).max(HEAD);
        }
    }

    /// The gaps are worth while to close.
    pub fn wants_tidying(&self) -> bool {
        self.gap > (self.bytes / 8).max(LEAST_GAP)
    }

    /// Closes the gaps. (key, place before, place now) of each is told: all others are void.
    pub fn tidy(&mut self, mut moved: impl FnMut(Key, u32, u32)) {
        *self = std::mem::take(self).written_anew(true, |packed, before, now| moved(key_of(packed), before, now));
    }

    /// Without the gaps, and where it is not `whole` without the state of the sequence analysis. Each old chunk is freed
    /// as soon as its content is written.
    fn written_anew(self, whole: bool, mut told: impl FnMut(&[u8], u32, u32)) -> Self {
        let mut fresh = Self { base_ns: self.base_ns, ..Self::default() };
        let mut record = Vec::new();
        for (number, chunk) in self.chunks.into_iter().enumerate() {
            let mut offset = 0;
            while let Some(&[a, b, c, d]) = chunk.get(offset..).and_then(|rest| rest.first_chunk::<HEAD>()) {
                let (length, core) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]) as usize);
                let (at, size) = (offset, usize::from(length & !GONE).max(HEAD));
                offset += size;
                if length & GONE != 0 {
                    continue;
                }
                record.clear();
                let end = if whole { at + size } else { at + HEAD + core };
                record.extend_from_slice(chunk.get(at..end).unwrap_or_default());
                if let Some(now) = fresh.append(&mut record, core) {
                    told(&record[HEAD..], (number as u32) << CHUNK_BITS | at as u32, now);
                }
            }
        }
        fresh
    }

    /// What to show of the connection there.
    #[inline]
    pub fn connection(&self, place: u32, end_ns: i64) -> Option<Connection> {
        let packed = self.record(place)?;
        Some(Flow::unpack(packed, self.base_ns.unwrap_or(0), false).into_connection(end_ns))
    }

    /// [`Connection::initial_rtt_ns`] of the connection there.
    pub fn initial_rtt(&self, place: u32) -> Option<u64> {
        self.record(place).and_then(initial_rtt_of)
    }

    /// As a table needs it, with the places in the order of stream numbers. Nothing is put in any more.
    pub fn into_table(self) -> (Self, Vec<u32>) {
        let mut streams: Vec<(u32, u32)> = Vec::with_capacity(self.records);
        let mut table = self.written_anew(false, |packed, _, now| streams.push((stream_of(packed), now)));
        table.chunks.iter_mut().for_each(Vec::shrink_to_fit);
        streams.sort_unstable();
        (table, streams.into_iter().map(|(_, place)| place).collect())
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        self.chunks.iter().map(Vec::capacity).sum()
    }
}
