//! Classic pcap and its variants: a file header, then records of a fixed header and the captured bytes.
//!
//! Variants differ in byte order, unit of the fraction, fields behind the record header (the "modified" formats of
//! 1999, Nokia, IXIA) and order of the two lengths (files before version 2.4).

use super::bytes::Order;
use super::{Context, FormatError, Walk, Window};
use crate::record::{LinkType, Record, RecordKind, RecordSink, Timestamp};

/// What the magic number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Magic {
    Micro,
    Nano,
    /// Alexey Kuznetzov's patched libpcap, 1999.
    Modified,
    /// IXIA "lcap", hardware: nanoseconds; the file header has 4 bytes more.
    IxiaHardware,
    /// IXIA "lcap", software: microseconds.
    IxiaSoftware,
}

/// Order of captured and wire length in the record header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    WireFirst,
    /// Version 2.3 files hold either; the smaller one is the captured length.
    Either,
}

/// State of the reader of one pcap file.
#[derive(Debug)]
pub(crate) struct Pcap {
    magic: Magic,
    order: Order,
    /// None: the file header is still to be read.
    body: Option<Body>,
}

#[derive(Clone, Copy, Debug)]
struct Body {
    header_len: usize,
    /// Nanoseconds per unit of the fraction.
    unit: u32,
    lengths: Lengths,
    link: LinkType,
    fcs_len: Option<u8>,
    /// Largest captured length believed.
    max_captured: u32,
    /// The next believable record is looked for.
    searching: bool,
    recovered: bool,
    /// Seconds of the last good record.
    last_secs: Option<u32>,
}

const FILE_HEADER: usize = 24;

impl Pcap {
    /// The variant and byte order by the first four bytes.
    pub(crate) fn detect(magic: [u8; 4]) -> Option<Pcap> {
        let known = |value: u32| {
            Some(match value {
                0xa1b2_c3d4 => Magic::Micro,
                0xa1b2_3c4d => Magic::Nano,
                0xa1b2_cd34 => Magic::Modified,
                0x1c00_01ac => Magic::IxiaHardware,
                0x1c00_01ab => Magic::IxiaSoftware,
                _ => return None,
            })
        };
        if let Some(magic) = known(u32::from_le_bytes(magic)) {
            return Some(Pcap { magic, order: Order::Little, body: None });
        }
        known(u32::from_be_bytes(magic)).map(|magic| Pcap { magic, order: Order::Big, body: None })
    }

    pub(crate) fn searching(&self) -> bool {
        self.body.is_some_and(|body| body.searching)
    }

    /// Reads records out of `window` until it is used up.
    pub(crate) fn walk<S: RecordSink>(
        &mut self,
        window: Window<'_>,
        context: &mut Context,
        sink: &mut S,
    ) -> Result<Walk, FormatError> {
        let mut pos = 0;
        if self.body.is_none() {
            match self.file_header(window, context)? {
                Some(len) => pos = len,
                None => return Ok(Walk::need(0, FILE_HEADER + 4)),
            }
        }
        let Some(body) = &mut self.body else { return Ok(Walk::end(0)) };
        match self.order {
            Order::Little => body.walk::<false, S>(window, pos, context, sink),
            Order::Big => body.walk::<true, S>(window, pos, context, sink),
        }
    }

    /// Reads the file header. None: more bytes are needed.
    fn file_header(&mut self, window: Window<'_>, context: &mut Context) -> Result<Option<usize>, FormatError> {
        let ixia = matches!(self.magic, Magic::IxiaHardware | Magic::IxiaSoftware);
        let len = FILE_HEADER + if ixia { 4 } else { 0 };
        let bytes = window.bytes;
        let order = self.order;
        let fields = (order.u16(bytes, 4), order.u16(bytes, 6), order.u32(bytes, 16), order.u32(bytes, 20));
        let (Some(major), Some(minor), Some(snaplen), Some(network)) = fields else { return Ok(None) };
        if bytes.len() < len {
            return Ok(None);
        }
        if major < 2 {
            let message = format!("pcap version {major}.{minor} is not supported");
            return Err(FormatError::new("unknown_version", message));
        }
        if network & 0x03ff_0000 != 0 {
            let message = format!("pcap: reserved bits of the link type are set (0x{network:08x})");
            return Err(FormatError::new("unsupported", message));
        }
        let lengths = match (major, minor) {
            (2, 0..=2) | (543, _) => Lengths::WireFirst,
            (2, 3) => Lengths::Either,
            _ => Lengths::CapturedFirst,
        };
        let link = LinkType(network as u16);
        let nano = matches!(self.magic, Magic::Nano | Magic::IxiaHardware);
        let facts = &mut context.facts;
        facts.format = Some(match self.magic {
            Magic::Micro | Magic::Nano => "pcap",
            Magic::Modified => "pcap-modified",
            Magic::IxiaHardware => "pcap-ixia-hw",
            Magic::IxiaSoftware => "pcap-ixia-sw",
        });
        facts.byte_order = Some(order.name());
        facts.precision = Some(if nano { "nanoseconds" } else { "microseconds" });
        facts.version = Some((major, minor));
        facts.snaplen = Some(snaplen);
        facts.link = Some(link);
        self.body = Some(Body {
            header_len: if self.magic == Magic::Modified { 24 } else { 16 },
            unit: if nano { 1 } else { 1000 },
            lengths,
            link,
            fcs_len: (network & 0x0400_0000 != 0).then_some((network >> 28) as u8 * 2),
            max_captured: super::max_captured(link, &context.limits),
            searching: false,
            recovered: false,
            last_secs: None,
        });
        Ok(Some(len))
    }
}

impl Body {
    fn walk<const BIG: bool, S: RecordSink>(
        &mut self,
        window: Window<'_>,
        start: usize,
        context: &mut Context,
        sink: &mut S,
    ) -> Result<Walk, FormatError> {
        let bytes = window.bytes;
        let mut pos = start;
        loop {
            let Some(header) = bytes.get(pos..).and_then(|rest| rest.first_chunk::<16>()) else {
                return Ok(self.cut(window, pos, self.header_len, context));
            };
            let [secs, fraction, mut captured, mut wire] = fields::<BIG>(header);
            if self.lengths != Lengths::CapturedFirst && (self.lengths == Lengths::WireFirst || captured > wire) {
                (captured, wire) = (wire, captured);
            }
            if captured > self.max_captured {
                context.damaged(window.base + pos as u64, "corrupt_length");
                return Ok(Walk::end(pos));
            }
            let len = self.header_len + captured as usize;
            let Some(data) = bytes.get(pos + self.header_len..pos + len) else {
                return Ok(self.cut(window, pos, len, context));
            };
            let record = Record {
                data,
                wire_len: wire,
                time: Timestamp { secs: i64::from(secs), nanos: fraction.wrapping_mul(self.unit) as i32 },
                has_time: true,
                link: self.link,
                interface: None,
                fcs_len: self.fcs_len,
                kind: RecordKind::Packet,
                offset: window.base + pos as u64,
                recovered: self.recovered,
            };
            pos += len;
            if sink.record(&record).is_break() {
                return Ok(Walk::end(pos));
            }
        }
    }

    /// The record at `pos` needs `len` bytes, more than are there.
    fn cut(&mut self, window: Window<'_>, pos: usize, len: usize, context: &mut Context) -> Walk {
        if window.eof && pos < window.bytes.len() && !context.outer_damage {
            context.damaged(window.base + pos as u64, "truncated");
        }
        Walk::need(pos, len)
    }
}

/// The four integers of a record header.
#[inline(always)]
fn fields<const BIG: bool>(header: &[u8; 16]) -> [u32; 4] {
    let (words, _) = header.as_chunks::<4>();
    let mut out = [0; 4];
    for (value, raw) in out.iter_mut().zip(words) {
        *value = if BIG { u32::from_be_bytes(*raw) } else { u32::from_le_bytes(*raw) };
    }
    out
}
