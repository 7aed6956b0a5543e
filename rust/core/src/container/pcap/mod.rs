//! Classic pcap and its variants: a file header, then records of a fixed header and the captured bytes.
//!
//! Variants differ in byte order, unit of the fraction, fields behind the record header (the patched libpcaps of
//! 1999, Nokia), order of the two lengths (files before version 2.4) and the file header (IXIA).

mod variant;

use super::bytes::Order;
use super::search::{self, Found, MAX_WIRE, Records};
use super::{Context, FormatError, Walk, Window};
use crate::record::{LinkType, Record, RecordKind, RecordSink, Timestamp};
use variant::{Choice, Variant};

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

/// How the records of the file are read, and where the reading stands.
#[derive(Clone, Copy, Debug)]
struct Body {
    /// Which variants the magic number leaves open; None: decided.
    open: Option<&'static [Variant]>,
    header_len: usize,
    /// Bytes in front of the captured data that do not count (AIX FDDI).
    padding: usize,
    /// Nanoseconds per unit of the fraction.
    unit: u32,
    lengths: Lengths,
    link: LinkType,
    snaplen: u32,
    fcs_len: Option<u8>,
    /// Largest captured length believed.
    max_captured: u32,
    /// Largest captured length believed while searching.
    max_searched: u32,
    /// The next believable record is looked for.
    searching: bool,
    recovered: bool,
    /// Seconds of the last good record.
    last_secs: Option<u32>,
}

const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

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
        let body = match &mut self.body {
            Some(body) => body,
            None => {
                let ixia = matches!(self.magic, Magic::IxiaHardware | Magic::IxiaSoftware);
                pos = FILE_HEADER + if ixia { 4 } else { 0 };
                if window.bytes.len() < pos {
                    return Ok(context.cut(window, 0, pos));
                }
                let body = file_header(self.magic, self.order, window.bytes, context)?;
                self.body.insert(body)
            }
        };
        if let Some(candidates) = body.open {
            let big = self.order == Order::Big;
            let rest = Window { bytes: window.bytes.get(pos..).unwrap_or_default(), ..window };
            match variant::choose(candidates, rest, big, body) {
                Choice::Variant(variant) => {
                    body.open = None;
                    body.header_len = variant.header_len();
                    context.facts.file_type = Some(variant.file_type());
                }
                Choice::Need(need) => return Ok(Walk::need(pos, need)),
            }
        }
        Ok(match self.order {
            Order::Little => body.walk::<false, S>(window, pos, context, sink),
            Order::Big => body.walk::<true, S>(window, pos, context, sink),
        })
    }
}

/// Reads the file header, which is whole in `bytes`.
fn file_header(magic: Magic, order: Order, bytes: &[u8], context: &mut Context) -> Result<Body, FormatError> {
    let half = |at| order.u16(bytes, at).unwrap_or_default();
    let word = |at| order.u32(bytes, at).unwrap_or_default();
    let (major, minor, snaplen, mut network) = (half(4), half(6), word(16), word(20));
    if major < 2 {
        let message = format!("pcap version {major}.{minor} is not supported");
        return Err(FormatError::new("unknown_version", message));
    }
    let lengths = match (major, minor) {
        (2, 0..=2) | (543, _) => Lengths::WireFirst,
        (2, 3) => Lengths::Either,
        _ => Lengths::CapturedFirst,
    };
    // AIX writes version 2.2, nanoseconds, and interface types of RFC 1573 where others write link types
    let aix = if magic == Magic::Micro && (major, minor) == (2, 2) {
        [(6, 1), (9, 6), (15, 10), (24, 0)].iter().find(|(if_type, _)| *if_type == network).map(|(_, link)| *link)
    } else {
        None
    };
    network = aix.unwrap_or(network);
    if network & 0x03ff_0000 != 0 {
        let message = format!("pcap: reserved bits of the link type are set (0x{network:08x})");
        return Err(FormatError::new("unsupported", message));
    }
    let link = LinkType(network as u16);
    let nano = matches!(magic, Magic::Nano | Magic::IxiaHardware) || aix.is_some();
    let open = match magic {
        Magic::Micro if lengths == Lengths::CapturedFirst => Some(variant::STANDARD),
        Magic::Modified if lengths == Lengths::CapturedFirst => Some(variant::MODIFIED),
        _ => None,
    };
    let facts = &mut context.facts;
    facts.format = Some("pcap");
    facts.file_type = Some(match aix {
        Some(_) => "aixpcap",
        None if nano => "nsecpcap",
        None => "pcap",
    });
    facts.byte_order = Some(order.name());
    facts.precision = Some(if nano { "nanoseconds" } else { "microseconds" });
    facts.version = Some((major, minor));
    facts.snaplen = Some(snaplen);
    facts.link = Some(link);
    let max_captured = super::max_captured(link, &context.limits);
    Ok(Body {
        open,
        header_len: RECORD_HEADER,
        padding: if aix == Some(10) { 3 } else { 0 },
        unit: if nano { 1 } else { 1000 },
        lengths,
        link,
        snaplen,
        fcs_len: (network & 0x0400_0000 != 0).then_some((network >> 28) as u8 * 2),
        max_captured,
        max_searched: max_captured.min(super::standard_max(&context.limits)),
        searching: false,
        recovered: false,
        last_secs: None,
    })
}

impl Body {
    fn walk<const BIG: bool, S: RecordSink>(
        &mut self,
        window: Window<'_>,
        start: usize,
        context: &mut Context,
        sink: &mut S,
    ) -> Walk {
        let bytes = window.bytes;
        let mut pos = start;
        loop {
            if self.searching {
                match search::search(&Layout::<BIG>(self), self.last_secs, window, pos) {
                    Found::At(found) => {
                        pos = found;
                        self.searching = false;
                        self.recovered = true;
                        context.facts.resumed(window.base + pos as u64, true);
                    }
                    Found::Need(at, need) => return Walk::need(at, need),
                }
            }
            let Some(header) = bytes.get(pos..).and_then(|rest| rest.first_chunk::<RECORD_HEADER>()) else {
                return context.cut(window, pos, self.header_len);
            };
            let [secs, fraction, captured, wire] = self.fields::<BIG>(header);
            // behind damage a record has to make sense, before it Wireshark's limit alone counts
            let odd = self.recovered && (captured > wire || wire > MAX_WIRE);
            if captured > self.max_captured || odd {
                if self.damaged(window, &mut pos, "corrupt_length", context) {
                    continue;
                }
                return Walk::end(pos);
            }
            if secs | fraction | captured | wire == 0 {
                match self.zeros(window, pos) {
                    Zeros::Need(need) => return Walk::need(pos, need),
                    Zeros::Record => {}
                    Zeros::Region => {
                        if self.damaged(window, &mut pos, "zero_filled", context) {
                            continue;
                        }
                        return Walk::end(pos);
                    }
                }
            }
            let len = self.header_len + captured as usize;
            let Some(data) = bytes.get(pos + self.header_len..pos + len) else {
                if window.eof && context.resync && !context.outer_damage {
                    // the length may be what is wrong: look for records in what it covers
                    self.damaged(window, &mut pos, "truncated", context);
                    continue;
                }
                return context.cut(window, pos, len);
            };
            let record = Record {
                data: data.get(self.padding..).unwrap_or_default(),
                wire_len: wire.saturating_sub(self.padding as u32),
                time: Timestamp { secs: i64::from(secs), nanos: fraction.wrapping_mul(self.unit) as i32 },
                has_time: true,
                link: self.link,
                interface: None,
                fcs_len: self.fcs_len,
                kind: RecordKind::Packet,
                offset: window.base + pos as u64,
                recovered: self.recovered,
            };
            self.last_secs = Some(secs);
            pos += len;
            if sink.record(&record).is_break() {
                return Walk::end(pos);
            }
        }
    }

    /// Notes damage at `pos`. True: the search for the next record begins behind it.
    #[cold]
    fn damaged(&mut self, window: Window<'_>, pos: &mut usize, reason: &'static str, context: &mut Context) -> bool {
        context.damaged(window.base + *pos as u64, reason);
        if context.resync {
            self.searching = true;
            *pos += 1;
        }
        context.resync
    }

    /// Is the record header of zeros at `pos` an empty packet of 1970, or the begin of a region that was never
    /// written? A second header of zeros makes it the latter.
    #[cold]
    fn zeros(&self, window: Window<'_>, pos: usize) -> Zeros {
        let rest = window.bytes.get(pos..).unwrap_or_default();
        let want = 2 * self.header_len;
        if rest.len() < want && !window.eof {
            return Zeros::Need(want);
        }
        let all = rest.get(..want).is_some_and(|seen| seen.iter().all(|&byte| byte == 0));
        if all { Zeros::Region } else { Zeros::Record }
    }

    /// Seconds, fraction, captured length and wire length of a record header.
    #[inline(always)]
    fn fields<const BIG: bool>(&self, header: &[u8; RECORD_HEADER]) -> [u32; 4] {
        let [secs, fraction, first, second] = integers::<BIG>(header);
        match self.lengths {
            Lengths::CapturedFirst => [secs, fraction, first, second],
            Lengths::WireFirst => [secs, fraction, second, first],
            Lengths::Either => [secs, fraction, first.min(second), first.max(second)],
        }
    }
}

/// The layout of the records, for the search.
struct Layout<'a, const BIG: bool>(&'a Body);

impl<const BIG: bool> Records<RECORD_HEADER> for Layout<'_, BIG> {
    fn record(&self, header: &[u8; RECORD_HEADER]) -> Option<(usize, u32)> {
        let body = self.0;
        let [secs, fraction, captured, wire] = body.fields::<BIG>(header);
        let in_second = u64::from(fraction) * u64::from(body.unit) < 1_000_000_000;
        let lengths = captured > 0 && captured <= wire && captured <= body.max_searched && wire <= MAX_WIRE;
        (in_second && lengths).then_some((body.header_len + captured as usize, secs))
    }
}

enum Zeros {
    Need(usize),
    Record,
    Region,
}

/// The four integers of a record header.
#[inline(always)]
fn integers<const BIG: bool>(header: &[u8; RECORD_HEADER]) -> [u32; 4] {
    let (words, _) = header.as_chunks::<4>();
    let mut out = [0; 4];
    for (value, raw) in out.iter_mut().zip(words) {
        *value = if BIG { u32::from_be_bytes(*raw) } else { u32::from_le_bytes(*raw) };
    }
    out
}
