//! Connections that nobody uses, packed one behind the other: a third of their size in the table, or less.
//!
//! What is taken out again leaves a gap; when there is more gap than content, the content is written anew.

use super::connection::Connection;
use super::key::Key;
use super::state::Flow;
use super::state::packed::{key_of, stream_of};

const CHUNK_BITS: u32 = 16;
/// Bytes of a chunk; a record lies in one chunk as a whole.
const CHUNK: usize = 1 << CHUNK_BITS;
/// Chunks that places can tell apart.
const MAX_CHUNKS: usize = 1 << (31 - CHUNK_BITS);
/// Gaps that are not worth while to close.
const LEAST_GAP: usize = 1 << 20;
/// Bytes in front of a record: its length, and whether it was taken out.
const HEAD: usize = 2;
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
        flow.pack(base_ns, &mut record);
        let place = self.append(&mut record);
        self.scratch = record;
        place
    }

    /// A record behind the last one.
    fn append(&mut self, record: &mut [u8]) -> Option<u32> {
        let length = u16::try_from(record.len()).ok().filter(|n| n & GONE == 0)?;
        record[..HEAD].copy_from_slice(&length.to_le_bytes());
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
        let length = u16::from_le_bytes(*rest.first_chunk::<HEAD>()?);
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
        if let Some(head) = self.chunks.get_mut(chunk).and_then(|c| c.get_mut(offset..offset + HEAD)) {
            head.copy_from_slice(&(length as u16 | GONE).to_le_bytes());
        }
        self.records -= 1;
        self.bytes -= length;
        self.gap += length;
        Some(flow)
    }

    /// Places of all connections, oldest first.
    pub fn places(&self) -> impl Iterator<Item = u32> + '_ {
        self.chunks.iter().enumerate().flat_map(|(number, chunk)| {
            let mut offset = 0;
            std::iter::from_fn(move || {
                while let Some(head) = chunk.get(offset..).and_then(|rest| rest.first_chunk::<HEAD>()) {
                    let (head, at) = (u16::from_le_bytes(*head), offset);
                    offset += usize::from(head & !GONE).max(HEAD);
                    if head & GONE == 0 {
                        return Some((number as u32) << CHUNK_BITS | at as u32);
                    }
                }
                None
            })
        })
    }

    /// Place of the one that has been here longest.
    pub fn oldest(&mut self) -> Option<u32> {
        loop {
            let (number, offset) = self.hand;
            let chunk = self.chunks.get(number)?;
            let Some(head) = chunk.get(offset..).and_then(|rest| rest.first_chunk::<HEAD>()) else {
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

    /// More gap than content.
    pub fn wants_tidying(&self) -> bool {
        self.gap > self.bytes.max(LEAST_GAP)
    }

    /// Closes the gaps. (key, place before, place now) of each is told: all others are void.
    pub fn tidy(&mut self, mut moved: impl FnMut(Key, u32, u32)) {
        let mut fresh = Self { base_ns: self.base_ns, ..Self::default() };
        for before in self.places() {
            let Some(packed) = self.record(before) else { continue };
            let key = key_of(packed);
            let mut record = std::mem::take(&mut fresh.scratch);
            record.clear();
            record.extend_from_slice(&[0; HEAD]);
            record.extend_from_slice(packed);
            let now = fresh.append(&mut record);
            fresh.scratch = record;
            if let Some(now) = now {
                moved(key, before, now);
            }
        }
        *self = fresh;
    }

    /// What to show of the connection there.
    #[inline]
    pub fn connection(&self, place: u32, end_ns: i64) -> Option<Connection> {
        let packed = self.record(place)?;
        Some(Flow::unpack(packed, self.base_ns.unwrap_or(0), false).into_connection(end_ns))
    }

    /// Places in the order of stream numbers.
    pub fn by_stream(&self) -> Vec<u32> {
        let mut all: Vec<(u32, u32)> =
            self.places().map(|place| (self.record(place).map_or(0, stream_of), place)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, place)| place).collect()
    }

    /// Nothing is put in any more.
    pub fn shrink(&mut self) {
        self.chunks.iter_mut().for_each(Vec::shrink_to_fit);
        self.scratch = Vec::new();
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        self.chunks.iter().map(Vec::capacity).sum()
    }
}
