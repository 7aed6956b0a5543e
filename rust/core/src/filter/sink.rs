//! Where decoders put the values of fields: only those that somebody wants, without allocation.

use super::field::FieldId;
use super::registry;
use crate::layers::Span;

/// Which bytes an offset counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Buffer {
    /// The captured bytes of the frame.
    #[default]
    Frame,
    /// IP datagrams put together from fragments (and decompressed payloads).
    Datagram,
    /// A message put together from TCP segments (or decrypted): offsets count from its first byte.
    Message,
}

/// The value of one occurrence of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found {
    None,
    Uint(u64),
    Int(i64),
    Float(f64),
    /// Seconds and nanoseconds; the nanoseconds have the sign of the whole.
    Time(i64, i32),
    Ip4(u32),
    Ip6([u8; 16]),
    Ether([u8; 6]),
    /// Bytes or text: a range in the sink's own store.
    Kept(u32, u32),
    /// Bytes of the frame, or of the datagrams put together for it.
    Span(Span),
}

/// One occurrence of a field in the frame at hand.
#[derive(Clone, Copy, Debug)]
pub struct Occurrence {
    pub field: FieldId,
    pub value: Found,
    /// How many layers of its protocol the frame has up to this one, from 1; 0: belongs to no layer.
    pub layer: u8,
    pub buffer: Buffer,
    /// Where it stands in the buffer, bytes.
    pub start: u32,
    pub len: u32,
}

/// Takes the values of wanted fields of one frame at a time.
#[derive(Debug)]
pub struct Sink {
    /// By field number.
    wanted: Box<[bool]>,
    /// By number of the table.
    tables: Box<[bool]>,
    /// Some field that a layer of the frame fills is wanted.
    pub(crate) found: Vec<Occurrence>,
    pub(crate) kept: Vec<u8>,
    layer: u8,
    buffer: Buffer,
    origin: u32,
}

impl Sink {
    /// Most occurrences kept of one frame; a hostile frame has no more of them.
    const MAX_FOUND: usize = 20_000;
    /// Bytes kept of one frame.
    const MAX_KEPT: usize = 4 << 20;

    pub fn new(fields: impl IntoIterator<Item = FieldId>) -> Self {
        let mut wanted = vec![false; registry::len()].into_boxed_slice();
        let mut tables = vec![false; registry::TABLES.len()].into_boxed_slice();
        for id in fields {
            if let Some(w) = wanted.get_mut(id.0 as usize) {
                *w = true;
            }
            if let Some(t) = registry::table_of(id).and_then(|t| tables.get_mut(t)) {
                *t = true;
            }
        }
        let (found, kept) = (Vec::with_capacity(64), Vec::with_capacity(1024));
        Self { wanted, tables, found, kept, layer: 0, buffer: Buffer::Frame, origin: 0 }
    }

    /// Whether anybody wants the field.
    #[inline]
    pub fn wants(&self, id: FieldId) -> bool {
        self.wanted[id.0 as usize]
    }

    /// Whether anybody wants a field of that table: ask this first.
    #[inline]
    pub fn wants_table(&self, group: registry::Group) -> bool {
        self.tables[group as usize]
    }

    /// Whether anybody wants a field that this application protocol fills.
    pub fn wants_app(&self, app: &str) -> bool {
        registry::TABLES.iter().zip(&self.tables).any(|(t, &wanted)| wanted && t.app == Some(app))
    }

    /// Forgets the last frame.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.found.clear();
        self.kept.clear();
        self.at(Buffer::Frame, 0, 0);
    }

    /// What follows is found in bytes that start at `origin` of `buffer`, in that layer of its protocol.
    #[inline]
    pub fn at(&mut self, buffer: Buffer, origin: u32, layer: u8) {
        (self.buffer, self.origin, self.layer) = (buffer, origin, layer);
    }

    /// The number of the layer of what follows.
    #[inline]
    pub fn set_layer(&mut self, layer: u8) {
        self.layer = layer;
    }

    #[inline]
    fn push(&mut self, field: FieldId, value: Found, at: usize, len: usize) {
        if self.found.len() < Self::MAX_FOUND {
            let start = self.origin.saturating_add(at.min(u32::MAX as usize) as u32);
            let len = len.min(u32::MAX as usize) as u32;
            self.found.push(Occurrence { field, value, layer: self.layer, buffer: self.buffer, start, len });
        }
    }

    /// A field without a value. `at`, `len`: its bytes, counted from the start of what the decoder was given.
    #[inline]
    pub fn label(&mut self, id: FieldId, at: usize, len: usize) {
        if self.wants(id) {
            self.push(id, Found::None, at, len);
        }
    }

    /// A number: an unsigned integer, a frame number, a character, a boolean (0 or 1).
    #[inline]
    pub fn uint(&mut self, id: FieldId, value: u64, at: usize, len: usize) {
        if self.wants(id) {
            self.push(id, Found::Uint(value), at, len);
        }
    }

    #[inline]
    pub fn boolean(&mut self, id: FieldId, value: bool, at: usize, len: usize) {
        self.uint(id, value as u64, at, len);
    }

    #[inline]
    pub fn int(&mut self, id: FieldId, value: i64, at: usize, len: usize) {
        if self.wants(id) {
            self.push(id, Found::Int(value), at, len);
        }
    }

    #[inline]
    pub fn float(&mut self, id: FieldId, value: f64, at: usize, len: usize) {
        if self.wants(id) {
            self.push(id, Found::Float(value), at, len);
        }
    }

    /// A time, absolute or relative: seconds and nanoseconds of the same sign.
    #[inline]
    pub fn time(&mut self, id: FieldId, secs: i64, nanos: i32, at: usize, len: usize) {
        if self.wants(id) {
            self.push(id, Found::Time(secs, nanos), at, len);
        }
    }

    /// A time offset in nanoseconds.
    #[inline]
    pub fn nanos(&mut self, id: FieldId, ns: i64, at: usize, len: usize) {
        self.time(id, ns / 1_000_000_000, (ns % 1_000_000_000) as i32, at, len);
    }

    #[inline]
    pub fn ipv4(&mut self, id: FieldId, address: [u8; 4], at: usize) {
        if self.wants(id) {
            self.push(id, Found::Ip4(u32::from_be_bytes(address)), at, 4);
        }
    }

    #[inline]
    pub fn ipv6(&mut self, id: FieldId, address: [u8; 16], at: usize) {
        if self.wants(id) {
            self.push(id, Found::Ip6(address), at, 16);
        }
    }

    #[inline]
    pub fn ether(&mut self, id: FieldId, address: [u8; 6], at: usize) {
        if self.wants(id) {
            self.push(id, Found::Ether(address), at, 6);
        }
    }

    /// Bytes, copied.
    pub fn bytes(&mut self, id: FieldId, value: &[u8], at: usize) {
        self.text(id, value, at, value.len());
    }

    /// Text as Wireshark compares it, or bytes: copied. `at`, `len`: where it was read from.
    pub fn text(&mut self, id: FieldId, value: &[u8], at: usize, len: usize) {
        if self.wants(id) && self.kept.len() + value.len() <= Self::MAX_KEPT {
            let start = self.kept.len() as u32;
            self.kept.extend_from_slice(value);
            self.push(id, Found::Kept(start, value.len() as u32), at, len);
        }
    }

    /// Text in ASCII as Wireshark has it: up to the first zero byte, what is none replaced.
    pub fn ascii(&mut self, id: FieldId, value: &[u8], at: usize) {
        if self.wants(id) {
            let text = value.split(|b| *b == 0).next().unwrap_or_default();
            if text.is_ascii() {
                return self.text(id, text, at, value.len());
            }
            let replaced: String =
                text.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '\u{fffd}' }).collect();
            self.text(id, replaced.as_bytes(), at, value.len());
        }
    }

    /// Text in UTF-8 as Wireshark has it: up to the first zero byte, what is none replaced.
    pub fn utf8(&mut self, id: FieldId, value: &[u8], at: usize) {
        if self.wants(id) {
            let text = value.split(|b| *b == 0).next().unwrap_or_default();
            match std::str::from_utf8(text) {
                Ok(_) => self.text(id, text, at, value.len()),
                Err(_) => self.text(id, String::from_utf8_lossy(text).as_bytes(), at, value.len()),
            }
        }
    }

    /// Bytes of the frame or of its datagram, not copied. `value`: what the field compares as; `len`: what it covers.
    #[inline]
    pub(crate) fn span(&mut self, id: FieldId, value: Span, len: u32) {
        if self.wants(id) && self.found.len() < Self::MAX_FOUND {
            let buffer = if value.reassembled { Buffer::Datagram } else { Buffer::Frame };
            let layer = self.layer;
            self.found.push(Occurrence {
                field: id,
                value: Found::Span(value),
                layer,
                buffer,
                start: value.start,
                len,
            });
        }
    }
}
