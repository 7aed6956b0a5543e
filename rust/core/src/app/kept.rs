//! Messages kept for the detail rows: as the bytes they came in, decoded when somebody looks.

use super::Context;
use super::message::{Fields, Message};
use crate::limits::Limits;

/// Decodes the bytes of a kept message. Total: what cannot be decoded is said in the fields.
pub type Decode = fn(&Context, &[u8]) -> Fields;

#[derive(Clone, Debug)]
struct One {
    context: Context,
    protocol: &'static str,
    decode: Decode,
    bytes: Box<[u8]>,
}

/// The first messages of a pass, of one protocol family. Those that find no room are counted.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    all: Vec<One>,
    bytes: usize,
    dropped: u64,
    max_messages: usize,
    max_bytes: usize,
}

impl Kept {
    pub fn new(limits: &Limits) -> Self {
        Self { max_messages: limits.max_kept_messages, max_bytes: limits.max_kept_message_bytes, ..Self::default() }
    }

    /// Its place, for [`Self::replace`]; None: it found no room.
    pub fn keep(&mut self, protocol: &'static str, context: &Context, decode: Decode, bytes: &[u8]) -> Option<usize> {
        if self.all.len() >= self.max_messages || self.bytes + bytes.len() > self.max_bytes {
            self.dropped += 1;
            return None;
        }
        self.bytes += bytes.len();
        self.all.push(One { context: *context, protocol, decode, bytes: bytes.into() });
        Some(self.all.len() - 1)
    }

    /// More is known of a message kept before: new bytes, and where it stands now. They may pass the limit by what
    /// they are larger.
    pub fn replace(&mut self, place: usize, context: &Context, bytes: &[u8]) {
        if let Some(one) = self.all.get_mut(place) {
            self.bytes = (self.bytes + bytes.len()).saturating_sub(one.bytes.len());
            (one.context, one.bytes) = (*context, bytes.into());
        }
    }

    /// Messages kept.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Messages that found no room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Those of one of the family's protocols as the bytes they came in, in frame order.
    pub fn raw<'a>(&'a self, protocol: &'a str) -> impl Iterator<Item = (&'a Context, &'a [u8])> {
        self.all.iter().filter(move |m| m.protocol == protocol).map(|m| (&m.context, &*m.bytes))
    }

    /// A page of them, decoded, in frame order; `protocol` chooses one of the family's.
    pub fn page(&self, protocol: Option<&str>, offset: usize, limit: usize) -> Vec<Message> {
        let chosen = self.all.iter().filter(|m| protocol.is_none_or(|p| p == m.protocol));
        chosen
            .skip(offset)
            .take(limit)
            .map(|m| Message { protocol: m.protocol, context: m.context, fields: (m.decode)(&m.context, &m.bytes) })
            .collect()
    }

    /// Messages of another part of the traffic behind these.
    pub fn merge(&mut self, other: &Self) {
        self.dropped += other.dropped;
        for m in &other.all {
            self.keep(m.protocol, &m.context, m.decode, &m.bytes);
        }
    }
}
