//! Capture file formats, read as the bytes stream in: pcap in all its variants, pcapng, snoop.
//!
//! [`Reader`] finds the format by content and hands each record to a [`RecordSink`]. A record that lies whole in the
//! chunk is handed over without a copy; only one that a chunk border cuts is gathered in a carry buffer. No decision
//! depends on where the chunks are cut.

mod bytes;
mod facts;
mod pcap;
mod pcapng;
mod pseudo;
mod search;
mod snoop;

pub use facts::{Damage, FileFacts, Interface, ResolvedName};
pub use pseudo::pseudo_header_len;

use crate::limits::Limits;
use crate::record::{LinkType, RecordSink};
use pcap::Pcap;
use pcapng::Pcapng;
use snoop::Snoop;
use std::fmt;

/// The input cannot be read as a capture at all (damage inside a capture is [`FileFacts::damage`] instead).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// Stable slug: `unknown_format`, `unknown_version`, `unsupported`, `compression_bomb` ...
    pub code: &'static str,
    pub message: String,
}

impl FormatError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FormatError {}

/// What the formats share: facts, limits and the mode of reading.
pub(crate) struct Context {
    pub(crate) facts: FileFacts,
    pub(crate) limits: Limits,
    pub(crate) resync: bool,
    /// The compressed layer broke: a record cut at the end is no further damage.
    pub(crate) outer_damage: bool,
}

impl Context {
    pub(crate) fn damaged(&mut self, offset: u64, reason: &'static str) {
        self.facts.damaged(offset, reason, &self.limits);
    }

    /// What begins at `pos` needs `len` bytes, more than the window has. At the end of the input that is damage.
    pub(crate) fn cut(&mut self, window: Window<'_>, pos: usize, len: usize) -> Walk {
        if window.eof && pos < window.bytes.len() && !self.outer_damage {
            self.damaged(window.base + pos as u64, "truncated");
        }
        Walk::need(pos, len)
    }
}

/// How far a walk over a buffer came.
pub(crate) struct Walk {
    /// Bytes of the buffer that are done with; may lie behind its end: those are to be skipped when they come.
    pub(crate) consumed: u64,
    /// Bytes needed from there on for the next step, more than the buffer has left.
    pub(crate) need: usize,
    /// Nothing further is wanted.
    pub(crate) end: bool,
}

impl Walk {
    pub(crate) fn need(consumed: usize, need: usize) -> Self {
        Self { consumed: consumed as u64, need, end: false }
    }

    pub(crate) fn end(consumed: usize) -> Self {
        Self { consumed: consumed as u64, need: 0, end: true }
    }
}

/// The stretch of the stream a walk goes over.
#[derive(Clone, Copy)]
pub(crate) struct Window<'a> {
    pub(crate) bytes: &'a [u8],
    /// Offset of its first byte in the stream.
    pub(crate) base: u64,
    /// Nothing comes behind it.
    pub(crate) eof: bool,
}

enum Format {
    Unknown,
    Pcap(Pcap),
    Pcapng(Box<Pcapng>),
    Snoop(Snoop),
}

/// Bytes gathered at a time while looking for the next believable record.
const SEARCH_STEP: usize = 256 << 10;

/// Push reader of one capture file.
pub struct Reader {
    context: Context,
    format: Format,
    /// Bytes from `carry_start` on are not consumed yet.
    carry: Vec<u8>,
    carry_start: usize,
    /// Offset of the first byte not consumed.
    offset: u64,
    /// Bytes wanted before the next step makes sense.
    need: usize,
    /// Bytes to pass over.
    skip: u64,
    ended: bool,
}

impl Reader {
    /// A reader; with `resync` it goes on behind damage, without it ends there as Wireshark does.
    pub fn new(limits: &Limits, resync: bool) -> Self {
        Self {
            context: Context { facts: FileFacts::default(), limits: limits.clone(), resync, outer_damage: false },
            format: Format::Unknown,
            carry: Vec::new(),
            carry_start: 0,
            offset: 0,
            need: 1,
            skip: 0,
            ended: false,
        }
    }

    /// What the file says about itself so far.
    pub fn facts(&self) -> &FileFacts {
        &self.context.facts
    }

    /// True once no further input is wanted: the sink said so, or reading ended at damage.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Bytes held because a chunk border cuts a record, or because a search looks ahead.
    pub fn buffered(&self) -> usize {
        self.carry.len()
    }

    /// The compressed layer broke behind the bytes fed so far.
    pub fn damaged(&mut self, reason: &'static str) {
        if !self.ended {
            self.context.outer_damage = true;
            let at = self.offset + (self.carry.len() - self.carry_start) as u64;
            self.context.damaged(at, reason);
        }
    }

    /// Takes the next bytes of the capture (decompressed).
    ///
    /// # Errors
    /// [`FormatError`] when this is no capture, or one of a kind that cannot be read.
    pub fn feed<S: RecordSink>(&mut self, data: &[u8], sink: &mut S) -> Result<(), FormatError> {
        let mut data = data;
        while !self.ended && !data.is_empty() {
            if self.skip > 0 {
                let step = self.skip.min(data.len() as u64) as usize;
                data = data.get(step..).unwrap_or_default();
                self.skip -= step as u64;
                self.advance(step);
            } else if self.carry.is_empty() {
                let used = self.walk(data, false, sink)?;
                data = data.get(used..).unwrap_or_default();
                if self.skip == 0 && data.len() < self.need {
                    self.carry.extend_from_slice(data);
                    break;
                }
            } else {
                let held = self.carry.len() - self.carry_start;
                let want = if self.searching() { self.need.max(held + SEARCH_STEP) } else { self.need };
                let (more, rest) = data.split_at(want.saturating_sub(held).min(data.len()));
                self.carry.extend_from_slice(more);
                data = rest;
                if self.carry.len() - self.carry_start < self.need {
                    break;
                }
                self.walk_carry(false, sink)?;
            }
        }
        Ok(())
    }

    /// The input ends here: a record that is cut is noted as damage.
    ///
    /// # Errors
    /// [`FormatError`] when there was input, but too little of it to be a capture.
    pub fn finish<S: RecordSink>(&mut self, sink: &mut S) -> Result<(), FormatError> {
        if self.ended {
            return Ok(());
        }
        if self.skip == 0 {
            self.walk_carry(true, sink)?;
        }
        if self.ended {
            // Reading ended at damage, or at the sink's word: the bytes behind were not looked at, as when more follow.
            self.carry = Vec::new();
            self.carry_start = 0;
            return Ok(());
        }
        if self.skip > 0 && !self.ended && !self.context.outer_damage {
            self.context.damaged(self.offset, "truncated");
        }
        let rest = self.carry.len() - self.carry_start;
        self.advance(rest);
        self.skip = 0;
        self.context.facts.resumed(self.offset, false);
        self.carry = Vec::new();
        self.carry_start = 0;
        self.ended = true;
        Ok(())
    }

    fn advance(&mut self, bytes: usize) {
        self.offset += bytes as u64;
        self.context.facts.bytes_consumed = self.offset;
    }

    fn searching(&self) -> bool {
        match &self.format {
            Format::Unknown => false,
            Format::Snoop(snoop) => snoop.searching(),
            Format::Pcap(pcap) => pcap.searching(),
            Format::Pcapng(pcapng) => pcapng.searching(),
        }
    }

    /// Walks over the carry buffer and drops what is done with.
    fn walk_carry<S: RecordSink>(&mut self, eof: bool, sink: &mut S) -> Result<(), FormatError> {
        let carry = std::mem::take(&mut self.carry);
        let used = self.walk(carry.get(self.carry_start..).unwrap_or_default(), eof, sink);
        self.carry = carry;
        self.carry_start += used?;
        if self.carry_start >= self.carry.len() {
            self.carry.clear();
            self.carry_start = 0;
        } else if self.carry_start > SEARCH_STEP && self.carry_start > self.carry.len() / 2 {
            self.carry.drain(..self.carry_start);
            self.carry_start = 0;
        }
        Ok(())
    }

    /// One walk over `bytes`, which begin at `self.offset`. Returns how many of them are done with.
    fn walk<S: RecordSink>(&mut self, bytes: &[u8], eof: bool, sink: &mut S) -> Result<usize, FormatError> {
        let walk = match self.walk_format(Window { bytes, base: self.offset, eof }, sink) {
            Ok(walk) => walk,
            Err(error) => {
                self.ended = true;
                return Err(error);
            }
        };
        let used = walk.consumed.min(bytes.len() as u64) as usize;
        self.skip = walk.consumed - used as u64;
        self.need = walk.need.max(1);
        self.advance(used);
        if walk.end {
            self.ended = true;
            self.carry = Vec::new();
            self.carry_start = 0;
        }
        Ok(used)
    }

    fn walk_format<S: RecordSink>(&mut self, window: Window<'_>, sink: &mut S) -> Result<Walk, FormatError> {
        if matches!(self.format, Format::Unknown) && !self.detect(window)? {
            return Ok(Walk::need(0, self.need));
        }
        let context = &mut self.context;
        match &mut self.format {
            Format::Unknown => Ok(Walk::need(0, self.need)),
            Format::Pcap(pcap) => pcap.walk(window, context, sink),
            Format::Pcapng(pcapng) => pcapng.walk(window, context, sink),
            Format::Snoop(snoop) => snoop.walk(window, context, sink),
        }
    }

    /// Finds the format by the first bytes. False: more bytes are needed.
    fn detect(&mut self, window: Window<'_>) -> Result<bool, FormatError> {
        let facts = &mut self.context.facts;
        if window.bytes.is_empty() {
            facts.format = Some("empty");
            facts.file_type = Some("empty");
            return Ok(false);
        }
        // the longest magic is snoop's; a shorter input than that can be none of the formats whole
        let Some(magic) = window.bytes.first_chunk::<4>() else {
            if window.eof {
                return Err(unknown_format());
            }
            self.need = 4;
            return Ok(false);
        };
        self.format = if let Some(pcap) = Pcap::detect(*magic) {
            Format::Pcap(pcap)
        } else if pcapng::is_section_header(*magic) {
            Format::Pcapng(Box::default())
        } else if snoop::MAGIC.starts_with(magic) {
            if window.bytes.len() < snoop::MAGIC.len() && !window.eof {
                self.need = snoop::MAGIC.len();
                return Ok(false);
            }
            if !window.bytes.starts_with(snoop::MAGIC) {
                return Err(unknown_format());
            }
            Format::Snoop(Snoop::default())
        } else {
            return Err(unknown_format());
        };
        Ok(true)
    }
}

fn unknown_format() -> FormatError {
    FormatError::new("unknown_format", "the content is no capture format known here (pcap, pcapng or snoop)")
}

/// Largest captured length believed of a packet of that link type, as in Wireshark: some carry messages, not frames.
fn max_captured(link: LinkType, limits: &Limits) -> u32 {
    const DBUS: u16 = 231;
    const USBPCAP: u16 = 249;
    const EBHSCR: u16 = 279;
    let large = match link.0 {
        DBUS | USBPCAP => 128 << 20,
        EBHSCR => 32 << 20,
        _ => 0,
    };
    standard_max(limits).max(large)
}

/// Largest captured length believed where nothing is known of the link type.
fn standard_max(limits: &Limits) -> u32 {
    u32::try_from(limits.max_packet_bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
