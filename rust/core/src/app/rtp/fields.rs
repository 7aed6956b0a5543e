//! Fields of RTP packets (RFC 3550, RFC 8285, RFC 2198) and of the telephone events in them (RFC 4733), in the order in which
//! Wireshark shows them.

use super::header::Header;
use super::stream;
use crate::app::media::Announcement;
use crate::fields;
use crate::filter::Sink;
use crate::filter::registry::Group;

fields! {
    Group::Rtp, "rtp", Some("rtp");
    SETUP = string("rtp.setup", "Set up by signalling").stateful();
    SETUP_FRAME = frame_number("rtp.setup-frame", "Frame that announced it").stateful();
    SETUP_METHOD = string("rtp.setup-method", "What announced it").stateful();
    VERSION = u8("rtp.version", "Version").table(&VERSIONS);
    PADDING = boolean("rtp.padding", "Padding");
    EXT = boolean("rtp.ext", "Header extension");
    CC = u8("rtp.cc", "Number of contributing sources");
    MARKER = boolean("rtp.marker", "Marker");
    P_TYPE = u8("rtp.p_type", "Payload type");
    SEQ = u16("rtp.seq", "Sequence number");
    TIMESTAMP = u32("rtp.timestamp", "Timestamp");
    SSRC = u32("rtp.ssrc", "Source (SSRC)").hex();
    CSRC_ITEMS = label("rtp.csrc.items", "Contributing sources");
    CSRC_ITEM = u32("rtp.csrc.item", "Contributing source").hex();
    EXT_PROFILE = u16("rtp.ext.profile", "Header extension: profile").hex();
    EXT_LEN = u16("rtp.ext.len", "Header extension: length in words");
    HDR_EXTS = label("rtp.hdr_exts", "Header extensions");
    HDR_EXT = u32("rtp.hdr_ext", "Header extension: word").hex();
    EXT_APPBITS = u8("rtp.ext.rfc5285.appbits", "Header extension: bits of the application");
    EXT_ID = u8("rtp.ext.rfc5285.id", "Header extension: identifier");
    EXT_ID_LEN = u8("rtp.ext.rfc5285.len", "Header extension: length of an element");
    EXT_DATA = bytes("rtp.ext.rfc5285.data", "Header extension: element");
    PAYLOAD = bytes("rtp.payload", "Payload");
    PADDING_DATA = bytes("rtp.padding.data", "Padding bytes");
    PADDING_COUNT = u8("rtp.padding.count", "Number of padding bytes");
    FOLLOW = boolean("rtp.follow", "Redundant audio: another block follows");
    BLOCK_OFFSET = u16("rtp.timestamp-offset", "Redundant audio: timestamp offset of a block");
    BLOCK_LENGTH = u16("rtp.block-length", "Redundant audio: length of a block");
    EVENT_ID = u8("rtpevent.event_id", "Event").table(&EVENTS);
    EVENT_END = boolean("rtpevent.end_of_event", "Event: end");
    EVENT_RESERVED = boolean("rtpevent.reserved", "Event: reserved");
    EVENT_VOLUME = u8("rtpevent.volume", "Event: volume");
    EVENT_DURATION = u16("rtpevent.duration", "Event: duration");
}

/// As Wireshark names them, as in all tables here.
pub(super) static VERSIONS: [(u64, &str); 3] =
    [(2, "RFC 1889 Version"), (0, "Old VAT Version"), (1, "First Draft Version")];
/// The keys of a telephone and the first other event (RFC 4733 3.2).
static EVENTS: [(u64, &str); 17] = [
    (0, "DTMF Zero 0"),
    (1, "DTMF One 1"),
    (2, "DTMF Two 2"),
    (3, "DTMF Three 3"),
    (4, "DTMF Four 4"),
    (5, "DTMF Five 5"),
    (6, "DTMF Six 6"),
    (7, "DTMF Seven 7"),
    (8, "DTMF Eight 8"),
    (9, "DTMF Nine 9"),
    (10, "DTMF Star *"),
    (11, "DTMF Pound #"),
    (12, "DTMF A"),
    (13, "DTMF B"),
    (14, "DTMF C"),
    (15, "DTMF D"),
    (16, "Flash"),
];

const ONE_BYTE: u16 = 0xbede;
const TWO_BYTES: u16 = 0x1000;
/// Cisco's named signalling events, and telephone events, where nothing else is announced for these types.
const EVENT_TYPES: [u8; 2] = [100, 101];

/// Puts the fields of a packet, as far as it goes. `wire_len`: of all of it.
pub(super) fn put(data: &[u8], wire_len: usize, by: Option<&Announcement>, sink: &mut Sink) {
    let _ = packet(data, wire_len, by, sink);
}

fn packet(data: &[u8], wire_len: usize, by: Option<&Announcement>, sink: &mut Sink) -> Option<()> {
    let h = Header::read(data)?;
    let first = *data.first()?;
    if let Some(a) = by {
        sink.text(SETUP, &[], 0, 0);
        sink.uint(SETUP_FRAME, a.said_in, 0, 0);
        sink.text(SETUP_METHOD, a.method.as_bytes(), 0, 0);
    }
    let (padded, extended, sources) = (first & 0x20 != 0, first & 0x10 != 0, usize::from(first & 15));
    sink.uint(VERSION, u64::from(first >> 6), 0, 1);
    sink.boolean(PADDING, padded, 0, 1);
    sink.boolean(EXT, extended, 0, 1);
    sink.uint(CC, sources as u64, 0, 1);
    sink.boolean(MARKER, h.marker, 1, 1);
    sink.uint(P_TYPE, h.payload_type.into(), 1, 1);
    sink.uint(SEQ, h.sequence.into(), 2, 2);
    sink.uint(TIMESTAMP, h.timestamp.into(), 4, 4);
    sink.uint(SSRC, h.ssrc.into(), 8, 4);
    let mut at = Header::BYTES;
    if sources > 0 {
        sink.label(CSRC_ITEMS, at, 4 * sources);
        for _ in 0..sources {
            sink.uint(CSRC_ITEM, word(data, at)?, at, 4);
            at += 4;
        }
    }
    if extended {
        at = extension(data, at, sink)?;
    }
    if stream::encrypted(by) {
        return Some(());
    }
    let rest = data.get(at..).filter(|r| !r.is_empty())?;
    // Padding is told where all of the packet is there.
    let padding = if padded && data.len() >= wire_len { usize::from(*data.last()?) } else { 0 };
    let payload = rest.get(..rest.len().saturating_sub(padding)).unwrap_or_default();
    if !payload.is_empty() {
        sink.bytes(PAYLOAD, payload, at);
        inside(payload, at, h.payload_type, by, sink);
    }
    if padding > 0 {
        let end = data.len() - 1;
        if let Some(bytes) = data.get(at + payload.len()..end).filter(|b| !b.is_empty()) {
            sink.bytes(PADDING_DATA, bytes, at + payload.len());
        }
        sink.uint(PADDING_COUNT, padding as u64, end, 1);
    }
    Some(())
}

fn word(data: &[u8], at: usize) -> Option<u64> {
    data.get(at..at + 4)?.first_chunk().map(|b| u32::from_be_bytes(*b).into())
}

/// RFC 3550 5.3.1 and RFC 8285 4; the offset behind it.
fn extension(data: &[u8], at: usize, sink: &mut Sink) -> Option<usize> {
    let head = word(data, at)?;
    let (profile, words) = ((head >> 16) as u16, (head & 0xffff) as usize);
    sink.uint(EXT_PROFILE, profile.into(), at, 2);
    sink.uint(EXT_LEN, words as u64, at + 2, 2);
    let mut at = at + 4;
    let end = at + 4 * words;
    if words == 0 {
        return Some(at);
    }
    sink.label(HDR_EXTS, at, 4 * words);
    if profile != ONE_BYTE && profile & 0xfff0 != TWO_BYTES {
        for i in 0..words {
            sink.uint(HDR_EXT, word(data, at + 4 * i)?, at + 4 * i, 4);
        }
        return Some(end);
    }
    // Ends: every turn moves on by at least a byte.
    while at < end {
        let b = *data.get(at)?;
        if b == 0 {
            at += 1;
            continue;
        }
        let (id, len, size) = match profile == ONE_BYTE {
            true => (b >> 4, usize::from(b & 15) + 1, 1),
            false => (b, usize::from(*data.get(at + 1)?), 2),
        };
        if profile == ONE_BYTE && id == 15 {
            return Some(end);
        }
        let element = data.get(at + size..at + size + len)?;
        if profile != ONE_BYTE {
            sink.uint(EXT_APPBITS, u64::from(profile & 15), at, 1);
        }
        sink.uint(EXT_ID, id.into(), at, 1);
        sink.uint(EXT_ID_LEN, len as u64, at + size - 1, 1);
        if len > 0 {
            sink.bytes(EXT_DATA, element, at + size);
        }
        at += size + len;
    }
    Some(end)
}

fn inside(payload: &[u8], at: usize, payload_type: u8, by: Option<&Announcement>, sink: &mut Sink) {
    if stream::is_redundant(by, payload_type) {
        let _ = redundant(payload, at, sink);
    } else if by.is_some_and(|_| stream::is_event(by, payload_type))
        || (EVENT_TYPES.contains(&payload_type) && !stream::is_named(by, payload_type))
    {
        let _ = event(payload, at, sink);
    }
}

/// RFC 2198 3.
fn redundant(payload: &[u8], start: usize, sink: &mut Sink) -> Option<()> {
    let (mut at, mut lengths) = (0, Vec::new());
    // Ends: every turn moves on by four bytes, or ends.
    loop {
        let b = *payload.get(at)?;
        sink.boolean(FOLLOW, b & 0x80 != 0, start + at, 1);
        sink.uint(P_TYPE, u64::from(b & 0x7f), start + at, 1);
        if b & 0x80 == 0 {
            at += 1;
            break;
        }
        let head = word(payload, at)?;
        sink.uint(BLOCK_OFFSET, head >> 10 & 0x3fff, start + at + 1, 2);
        sink.uint(BLOCK_LENGTH, head & 0x3ff, start + at + 2, 2);
        lengths.push((head & 0x3ff) as usize);
        at += 4;
    }
    for len in lengths {
        sink.bytes(PAYLOAD, payload.get(at..at + len)?, start + at);
        at += len;
    }
    if let Some(rest) = payload.get(at..).filter(|r| !r.is_empty()) {
        sink.bytes(PAYLOAD, rest, start + at);
    }
    Some(())
}

fn event(payload: &[u8], at: usize, sink: &mut Sink) -> Option<()> {
    sink.uint(EVENT_ID, (*payload.first()?).into(), at, 1);
    let bits = *payload.get(1)?;
    sink.boolean(EVENT_END, bits & 0x80 != 0, at + 1, 1);
    sink.boolean(EVENT_RESERVED, bits & 0x40 != 0, at + 1, 1);
    sink.uint(EVENT_VOLUME, u64::from(bits & 0x3f), at + 1, 1);
    let duration = payload.get(2..4)?;
    sink.uint(EVENT_DURATION, u64::from(duration[0]) << 8 | u64::from(duration[1]), at + 2, 2);
    Some(())
}
