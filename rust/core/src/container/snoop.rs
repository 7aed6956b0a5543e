//! Solaris snoop (RFC 1761) and Shomiti Surveyor's files, which are the same but for data link types and a trailer.

use super::bytes::Order;
use super::search::{self, Found, Records};
use super::{Context, FormatError, Walk, Window};
use crate::record::{LinkType, Record, RecordKind, RecordSink, Timestamp};

/// First bytes of every snoop file.
pub(crate) const MAGIC: &[u8] = b"snoop\0\0\0";

const FILE_HEADER: usize = 16;
const RECORD_HEADER: usize = 24;
/// Padding of the first record from which on it holds a trailer of Shomiti's.
const SHOMITI_TRAILER: u32 = 16;
/// Padding behind a packet that is believed while searching: such a trailer, and the fill to 4 bytes.
const MAX_PADDING: u32 = 32;
/// Padding up to which a record is waited for whole; more is passed over.
const MAX_KEPT_PADDING: u32 = 1 << 16;
/// A data link type that has no number in the tcpdump registry.
const UNKNOWN_LINK: LinkType = LinkType(u16::MAX);

/// State of the reader of one snoop file.
#[derive(Debug, Default)]
pub(crate) struct Snoop {
    /// None: the file header is still to be read.
    body: Option<Body>,
    searching: bool,
    recovered: bool,
    /// Seconds of the last good record.
    last_secs: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Body {
    link: LinkType,
    fcs_len: Option<u8>,
    max_captured: u32,
}

/// The integers of a record header.
struct Header {
    wire: u32,
    captured: u32,
    /// Length of the record with header and padding.
    len: u32,
    secs: u32,
    micros: u32,
}

impl Header {
    fn new(bytes: &[u8; RECORD_HEADER]) -> Self {
        let word = |index: usize| Order::Big.u32(bytes, 4 * index).unwrap_or_default();
        Self { wire: word(0), captured: word(1), len: word(2), secs: word(4), micros: word(5) }
    }

    /// Bytes behind the packet; None: the packet does not fit the record.
    fn padding(&self) -> Option<u32> {
        self.len.checked_sub(RECORD_HEADER as u32)?.checked_sub(self.captured)
    }
}

impl Records<RECORD_HEADER> for Body {
    fn record(&self, header: &[u8; RECORD_HEADER]) -> Option<(usize, u32)> {
        let header = Header::new(header);
        let lengths = header.captured > 0 && header.captured <= header.wire && header.wire <= self.max_captured;
        let believable = lengths && header.micros < 1_000_000 && header.padding()? <= MAX_PADDING;
        believable.then_some((header.len as usize, header.secs))
    }
}

impl Snoop {
    pub(crate) fn searching(&self) -> bool {
        self.searching
    }

    /// Reads records out of `window` until it is used up.
    pub(crate) fn walk<S: RecordSink>(
        &mut self,
        window: Window<'_>,
        context: &mut Context,
        sink: &mut S,
    ) -> Result<Walk, FormatError> {
        let bytes = window.bytes;
        let mut pos = 0;
        let body = match self.body {
            Some(body) => body,
            None => {
                // the first record says whose file it is
                if bytes.len() < FILE_HEADER || (bytes.len() < FILE_HEADER + RECORD_HEADER && !window.eof) {
                    return Ok(context.cut(window, 0, FILE_HEADER + RECORD_HEADER));
                }
                pos = FILE_HEADER;
                *self.body.insert(file_header(bytes, context)?)
            }
        };
        loop {
            if self.searching {
                match search::search(&body, self.last_secs, window, pos) {
                    Found::At(found) => {
                        pos = found;
                        self.searching = false;
                        context.facts.resumed(window.base + pos as u64, true);
                    }
                    Found::Need(at, need) => return Ok(Walk::need(at, need)),
                }
            }
            let offset = window.base + pos as u64;
            let Some(header) = bytes.get(pos..).and_then(|rest| rest.first_chunk::<RECORD_HEADER>()) else {
                return Ok(context.cut(window, pos, RECORD_HEADER));
            };
            let header = Header::new(header);
            if header.captured.max(header.wire) > body.max_captured || header.padding().is_none() {
                let zeros = header.captured | header.wire | header.len | header.secs | header.micros == 0;
                context.damaged(offset, if zeros { "zero_filled" } else { "corrupt_length" });
                if !self.search(&mut pos, context) {
                    return Ok(Walk::end(pos));
                }
                continue;
            }
            let data_end = pos + RECORD_HEADER + header.captured as usize;
            let kept = header.padding().filter(|&padding| padding <= MAX_KEPT_PADDING).unwrap_or_default();
            let kept_end = data_end + kept as usize;
            let data = bytes.get(pos + RECORD_HEADER..data_end).filter(|_| bytes.len() >= kept_end);
            let Some(data) = data else {
                if window.eof && context.resync && !context.outer_damage {
                    context.damaged(offset, "truncated");
                    self.search(&mut pos, context);
                    continue;
                }
                return Ok(context.cut(window, pos, kept_end - pos));
            };
            let record = Record {
                data,
                wire_len: header.wire,
                time: Timestamp { secs: i64::from(header.secs), nanos: header.micros.wrapping_mul(1000) as i32 },
                has_time: true,
                link: body.link,
                interface: None,
                fcs_len: body.fcs_len,
                kind: RecordKind::Packet,
                offset,
                recovered: self.recovered,
            };
            self.last_secs = Some(header.secs);
            let next = pos as u64 + u64::from(header.len);
            let end = sink.record(&record).is_break();
            if end || next > bytes.len() as u64 {
                return Ok(Walk { consumed: next, need: RECORD_HEADER, end });
            }
            pos = next as usize;
        }
    }

    /// There is damage at `pos`. True: the next record is searched behind it.
    #[cold]
    fn search(&mut self, pos: &mut usize, context: &Context) -> bool {
        self.searching = context.resync;
        self.recovered = true;
        *pos += usize::from(context.resync);
        context.resync
    }
}

/// Reads the file header, which is whole in `bytes`, and of the first record, if there is one, how long it is.
fn file_header(bytes: &[u8], context: &mut Context) -> Result<Body, FormatError> {
    let word = |at| Order::Big.u32(bytes, at).unwrap_or_default();
    let (version, datalink) = (word(8), word(12));
    if !(2..=5).contains(&version) {
        return Err(FormatError::new("unknown_version", format!("snoop version {version} is not supported")));
    }
    let first = bytes.get(FILE_HEADER..).and_then(|rest| rest.first_chunk::<RECORD_HEADER>()).map(Header::new);
    let shomiti = first.and_then(|first| first.padding()).is_some_and(|padding| padding >= SHOMITI_TRAILER);
    let link = if shomiti { shomiti_link(datalink) } else { snoop_link(datalink) };
    let ethernet = link == LinkType(1);
    let facts = &mut context.facts;
    facts.format = Some("snoop");
    facts.file_type = Some(if shomiti { "shomiti" } else { "snoop" });
    facts.byte_order = Some(Order::Big.name());
    facts.precision = Some("microseconds");
    facts.version = Some((version as u16, 0));
    facts.link = Some(link);
    Ok(Body {
        link,
        // Shomiti's hardware keeps the frame check sequence, Solaris does not
        fcs_len: ethernet.then_some(if shomiti { 4 } else { 0 }),
        max_captured: super::standard_max(&context.limits),
    })
}

/// Number in the tcpdump registry of a DLPI data link type.
fn snoop_link(datalink: u32) -> LinkType {
    LinkType(match datalink {
        0 | 4 => 1,
        2 => 6,
        8 => 10,
        // "other" and software loopback
        9 | 14 => 0,
        16 => 122,
        18 => 123,
        0x8000_0005 => 226,
        _ => return UNKNOWN_LINK,
    })
}

/// The same for Shomiti's files, which use free numbers for their own purposes.
fn shomiti_link(datalink: u32) -> LinkType {
    LinkType(match datalink {
        0 | 4 | 10 | 12 | 19 => 1,
        2 | 11 | 13 | 14 => 6,
        8 => 10,
        _ => return UNKNOWN_LINK,
    })
}
