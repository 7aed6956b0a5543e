//! What the decoders find: messages, protocols of the frame at hand, fields that somebody wants.

use super::Message;
use super::inside::Piece;
use crate::filter::{Buffer, FieldId, Group, Sink};
use crate::layers::Proto;
use arrayvec::ArrayVec;

/// Where an application protocol puts what it found.
#[derive(Debug, Default)]
pub struct Output {
    pub messages: Vec<Message>,
    /// Protocols found in the frame at hand, for its protocol path.
    pub(super) protocols: ArrayVec<Proto, 8>,
    /// Takes the fields that a filter or a column wants; None: nobody wants any.
    pub(crate) sink: Option<Box<Sink>>,
    /// The frame at hand does not pass the filter of the pass.
    pub(super) passed_over: bool,
    /// What was decrypted of the segment at hand.
    pub(super) inner: Vec<Piece>,
}

impl Output {
    /// Where the protocols and fields found so far end, for [`Self::back_to`].
    pub(super) fn mark(&self) -> (usize, usize) {
        (self.protocols.len(), self.sink.as_ref().map_or(0, |s| s.found.len()))
    }

    /// The protocols found since.
    pub(super) fn since(&self, (protocols, _): (usize, usize)) -> &[Proto] {
        self.protocols.get(protocols..).unwrap_or_default()
    }

    /// Takes back the protocols and fields found since: they were found in bytes of an earlier frame.
    pub(super) fn back_to(&mut self, (protocols, fields): (usize, usize)) {
        self.protocols.truncate(protocols);
        if let Some(sink) = &mut self.sink {
            sink.found.truncate(fields);
        }
    }

    /// Puts `outer` in front of the protocols found since, if there are any.
    pub(super) fn stands_in(&mut self, outer: Proto, (protocols, _): (usize, usize)) {
        if protocols < self.protocols.len() {
            let _ = self.protocols.try_insert(protocols, outer);
        }
    }

    /// The frame at hand holds this protocol.
    pub fn found(&mut self, proto: Proto) {
        // More than eight kinds in one frame do not occur; the path has no room for them either.
        let _ = self.protocols.try_push(proto);
        if let Some(sink) = &mut self.sink {
            let nth = self.protocols.iter().filter(|p| **p == proto).count();
            sink.set_layer(nth as u8);
        }
    }

    /// Whether the frame at hand counts. If not, it does not pass the filter of the pass: a decoder reads its stream on as
    /// always, but counts nothing, keeps nothing and hands out nothing.
    #[inline]
    pub fn counts(&self) -> bool {
        !self.passed_over
    }

    /// The bytes of the protocol just [`found`](Self::found): what its name compares with in filters.
    pub fn layer(&mut self, proto: FieldId, bytes: &[u8]) {
        if let Some(sink) = &mut self.sink {
            sink.bytes(proto, bytes, 0);
        }
    }

    /// Where to put fields of that table; None when nobody wants any of them. Offsets count from the start of the bytes
    /// the decoder was given.
    #[inline]
    pub fn fields(&mut self, group: Group) -> Option<&mut Sink> {
        self.sink.as_deref_mut().filter(|s| s.wants_table(group))
    }

    /// What follows is decoded from bytes that start there.
    pub(super) fn place(&mut self, buffer: Buffer, start: u32) {
        if let Some(sink) = &mut self.sink {
            sink.at(buffer, start, 1);
        }
    }

    /// The same, and those that `inner` found inside it.
    pub fn found_with(&mut self, proto: Proto, inner: &Output) {
        self.found(proto);
        for &p in &inner.protocols {
            self.found(p);
        }
    }
}

#[cfg(test)]
impl Output {
    /// One that takes every field there is.
    pub(super) fn watched() -> Self {
        let all = (0..crate::filter::registry::len()).map(|i| FieldId(i as u16));
        Self { sink: Some(Box::new(Sink::new(all))), ..Self::default() }
    }

    /// The values of a field that were put, as numbers or texts.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        use crate::filter::{Found, registry};
        let Some(sink) = &self.sink else { return Vec::new() };
        let text = |value: &Found| match *value {
            Found::Kept(at, n) => String::from_utf8_lossy(&sink.kept[at as usize..(at + n) as usize]).into_owned(),
            Found::Uint(n) => n.to_string(),
            other => format!("{other:?}"),
        };
        let named = sink.found.iter().filter(|o| registry::field(o.field).name == name);
        named.map(|o| text(&o.value)).collect()
    }
}
