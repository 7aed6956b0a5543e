//! Reads a message from front to back and puts what it reads.

use super::Put;
use crate::filter::FieldId;

/// A place in a message, and where the part at hand ends. What does not fit in there is left out.
pub(super) struct Walk<'p, 's, 'a> {
    pub put: &'p mut Put<'s>,
    data: &'a [u8],
    at: usize,
    end: usize,
    /// Where the message stands in the bytes the decoder was given.
    origin: usize,
}

impl<'p, 's, 'a> Walk<'p, 's, 'a> {
    pub fn new(put: &'p mut Put<'s>, data: &'a [u8], origin: usize) -> Self {
        Self { put, data, at: 0, end: data.len(), origin }
    }

    /// Bytes left of the part at hand.
    pub fn left(&self) -> usize {
        self.end.saturating_sub(self.at)
    }

    pub fn peek(&self) -> &'a [u8] {
        self.data.get(self.at..self.end).unwrap_or_default()
    }

    /// Where it stands in the message.
    pub fn here(&self) -> usize {
        self.at
    }

    /// Goes to a place in the part at hand.
    pub fn back_to(&mut self, at: usize) {
        self.at = at.min(self.end);
    }

    pub fn skip(&mut self, n: usize) {
        self.at = self.at.saturating_add(n).min(self.end);
    }

    /// A number of `n` bytes, at most 8.
    pub fn number(&mut self, field: FieldId, n: usize) -> Option<usize> {
        let bytes = self.peek().get(..n)?;
        let value = bytes.iter().fold(0u64, |v, &b| v << 8 | b as u64);
        self.put.sink.uint(self.put.id(field), value, self.origin + self.at, n);
        self.at += n;
        usize::try_from(value).ok()
    }

    /// As many of `n` bytes as there are. None puts nothing.
    pub fn bytes(&mut self, field: FieldId, n: usize) -> &'a [u8] {
        let bytes = self.peek();
        let bytes = bytes.get(..n).unwrap_or(bytes);
        if !bytes.is_empty() {
            self.put.sink.bytes(self.put.id(field), bytes, self.origin + self.at);
        }
        self.skip(n);
        bytes
    }

    /// The same, also of no bytes at all.
    pub fn all(&mut self, field: FieldId) {
        let bytes = self.peek();
        self.put.sink.bytes(self.put.id(field), bytes, self.origin + self.at);
        self.at = self.end;
    }

    /// The same of text, also of an empty one.
    pub fn text(&mut self, field: FieldId, n: usize) {
        let bytes = self.peek();
        let bytes = bytes.get(..n).unwrap_or(bytes);
        // Text ends at a zero byte.
        let shown = bytes.split(|&b| b == 0).next().unwrap_or_default();
        self.put.sink.text(self.put.id(field), shown, self.origin + self.at, bytes.len());
        self.skip(n);
    }

    /// A field without a value over the next `n` bytes.
    pub fn label(&mut self, field: FieldId, n: usize) {
        self.put.sink.label(self.put.id(field), self.origin + self.at, n);
    }

    /// Seconds since 1970, which are not passed.
    pub fn time(&mut self, field: FieldId) {
        if let Some(b) = self.peek().first_chunk::<4>() {
            self.put.sink.time(self.put.id(field), u32::from_be_bytes(*b) as i64, 0, self.origin + self.at, 4);
        }
    }

    /// A text that does not stand in the message as it is.
    pub fn made(&mut self, field: FieldId, text: &str) {
        self.put.sink.text(self.put.id(field), text.as_bytes(), self.origin + self.at, 0);
    }

    pub fn wants(&self, field: FieldId) -> bool {
        self.put.sink.wants(self.put.id(field))
    }

    /// Reads the next `n` bytes as a part of their own, and goes on behind them.
    pub fn within(&mut self, n: usize, read: impl FnOnce(&mut Self)) {
        let outer = self.end;
        self.end = self.at.saturating_add(n).min(outer);
        let behind = self.end;
        read(self);
        (self.at, self.end) = (behind, outer);
    }

    /// Reads to the end of the part at hand, a piece at a time. Ends: a piece that takes nothing is the last.
    pub fn each(&mut self, mut read: impl FnMut(&mut Self)) {
        while self.left() > 0 {
            let before = self.at;
            read(self);
            if self.at == before {
                break;
            }
        }
    }
}
