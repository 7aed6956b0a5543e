//! Fields of session descriptions (RFC 8866), in the order in which Wireshark shows them. Keys and passwords are masked.

use super::secret;
use super::start::{self, cut};
use crate::fields;
use crate::filter::registry::Group;
use crate::filter::{FieldId, Sink};

fields! {
    Group::Sdp, "sdp", Some("sip");
    VERSION = string("sdp.version", "Version");
    OWNER = string("sdp.owner", "Origin");
    OWNER_USERNAME = string("sdp.owner.username", "Origin: user name");
    OWNER_SESSION = string("sdp.owner.sessionid", "Origin: session id");
    OWNER_VERSION = string("sdp.owner.version", "Origin: session version");
    OWNER_NETWORK = string("sdp.owner.network_type", "Origin: network type");
    OWNER_KIND = string("sdp.owner.address_type", "Origin: address type");
    OWNER_ADDRESS = string("sdp.owner.address", "Origin: address");
    SESSION_NAME = string("sdp.session_name", "Session name");
    SESSION_INFO = string("sdp.session_info", "Session information");
    URI = string("sdp.uri", "URI of a description");
    EMAIL = string("sdp.email", "E-mail address");
    PHONE = string("sdp.phone", "Telephone number");
    CONNECTION = string("sdp.connection_info", "Connection");
    CONNECTION_NETWORK = string("sdp.connection_info.network_type", "Connection: network type");
    CONNECTION_KIND = string("sdp.connection_info.address_type", "Connection: address type");
    CONNECTION_ADDRESS = string("sdp.connection_info.address", "Connection: address");
    CONNECTION_TTL = string("sdp.connection_info.ttl", "Connection: time to live");
    CONNECTION_COUNT = string("sdp.connection_info.num_addr", "Connection: number of addresses");
    BANDWIDTH = string("sdp.bandwidth", "Bandwidth");
    BANDWIDTH_MODIFIER = string("sdp.bandwidth.modifier", "Bandwidth: what it is of");
    BANDWIDTH_VALUE = string("sdp.bandwidth.value", "Bandwidth: value, kbit/s");
    TIME = string("sdp.time", "Time");
    TIME_START = string("sdp.time.start", "Time: start");
    TIME_STOP = string("sdp.time.stop", "Time: stop");
    REPEAT = string("sdp.repeat_time", "Repetition");
    REPEAT_INTERVAL = string("sdp.repeat_time.interval", "Repetition: interval");
    REPEAT_DURATION = string("sdp.repeat_time.duration", "Repetition: duration");
    REPEAT_OFFSET = string("sdp.repeat_time.offset", "Repetition: offset");
    TIMEZONE = string("sdp.timezone", "Time zone adjustments");
    TIMEZONE_TIME = string("sdp.timezone.time", "Time zone adjustment: time");
    TIMEZONE_OFFSET = string("sdp.timezone.offset", "Time zone adjustment: offset");
    KEY = string("sdp.encryption_key", "Encryption key, masked");
    KEY_TYPE = string("sdp.encryption_key.type", "Encryption key: kind");
    SESSION_ATTR = string("sdp.session_attr", "Attribute of the session");
    SESSION_ATTR_FIELD = string("sdp.session_attr.field", "Attribute of the session: name");
    SESSION_ATTR_VALUE = string("sdp.session_attr.value", "Attribute of the session: value");
    MEDIA = string("sdp.media", "Media");
    MEDIA_MEDIA = string("sdp.media.media", "Media: kind");
    MEDIA_PORT_STRING = string("sdp.media.port_string", "Media: port as text");
    MEDIA_PORT = u16("sdp.media.port", "Media: port");
    MEDIA_PORTCOUNT = string("sdp.media.portcount", "Media: number of ports");
    MEDIA_PROTO = string("sdp.media.proto", "Media: transport");
    MEDIA_FORMAT = string("sdp.media.format", "Media: format");
    MEDIA_TITLE = string("sdp.media_title", "Media title");
    MEDIA_ATTR = string("sdp.media_attr", "Attribute of a medium");
    MEDIA_ATTR_FIELD = string("sdp.media_attribute.field", "Attribute of a medium: name");
    MEDIA_ATTR_VALUE = string("sdp.media_attribute.value", "Attribute of a medium: value");
    MIME_TYPE = string("sdp.mime.type", "Codec");
    SAMPLE_RATE = string("sdp.sample_rate", "Clock rate");
    FMTP = string("sdp.fmtp.parameter", "Parameter of a format");
    CRYPTO_TAG = u32("sdp.crypto.tag", "Keys: tag");
    CRYPTO_SUITE = string("sdp.crypto.crypto_suite", "Keys: suite");
    ICE_FOUNDATION = string("sdp.ice_candidate.foundation", "ICE candidate: foundation");
    ICE_COMPONENT = string("sdp.ice_candidate.componentid", "ICE candidate: component");
    ICE_TRANSPORT = string("sdp.ice_candidate.transport", "ICE candidate: transport");
    ICE_PRIORITY = string("sdp.ice_candidate.priority", "ICE candidate: priority");
    ICE_ADDRESS = string("sdp.ice_candidate.address", "ICE candidate: address");
    ICE_PORT = string("sdp.ice_candidate.port", "ICE candidate: port");
    ICE_TYPE = string("sdp.ice_candidate.type", "ICE candidate: kind");
    UNKNOWN = string("sdp.unknown", "A line of unknown kind");
    INVALID = string("sdp.invalid", "A line that is none");
    DATA = bytes("sdp.data", "What is no whole line at the end");
}

/// Names of static payload types (RFC 3551 6) as Wireshark has them.
static PAYLOAD_TYPES: [(u8, &str); 27] = [
    (0, "ITU-T G.711 PCMU"),
    (1, "USA Federal Standard FS-1016"),
    (2, "ITU-T G.721"),
    (3, "GSM 06.10"),
    (4, "ITU-T G.723"),
    (5, "DVI4 8000 samples/s"),
    (6, "DVI4 16000 samples/s"),
    (7, "Experimental linear predictive encoding from Xerox PARC"),
    (8, "ITU-T G.711 PCMA"),
    (9, "ITU-T G.722"),
    (10, "16-bit uncompressed audio, stereo"),
    (11, "16-bit uncompressed audio, monaural"),
    (12, "Qualcomm Code Excited Linear Predictive coding"),
    (13, "Comfort noise"),
    (14, "MPEG-I/II Audio"),
    (15, "ITU-T G.728"),
    (16, "DVI4 11025 samples/s"),
    (17, "DVI4 22050 samples/s"),
    (18, "ITU-T G.729"),
    (19, "Comfort noise (old)"),
    (25, "Sun CellB video encoding"),
    (26, "JPEG-compressed video"),
    (28, "'nv' program"),
    (31, "ITU-T H.261"),
    (32, "MPEG-I/II Video"),
    (33, "MPEG-II transport streams"),
    (34, "ITU-T H.263"),
];

const OWNER_PARTS: [FieldId; 6] =
    [OWNER_USERNAME, OWNER_SESSION, OWNER_VERSION, OWNER_NETWORK, OWNER_KIND, OWNER_ADDRESS];
const ICE_PARTS: [FieldId; 6] = [ICE_FOUNDATION, ICE_COMPONENT, ICE_TRANSPORT, ICE_PRIORITY, ICE_ADDRESS, ICE_PORT];

/// One value with where it stands.
#[derive(Clone, Copy)]
struct Text<'a> {
    v: &'a [u8],
    at: usize,
}

impl<'a> Text<'a> {
    fn put(&self, field: FieldId, sink: &mut Sink) {
        sink.utf8(field, self.v, self.at);
    }
    fn from(&self, from: usize) -> Text<'a> {
        Text { v: self.v.get(from..).unwrap_or_default(), at: self.at + from }
    }
    /// Words with spaces between them.
    fn words(&self) -> impl Iterator<Item = Text<'a>> {
        let (mut at, v) = (self.at, self.v);
        v.split(|b| *b == b' ')
            .map(move |w| {
                let word = Text { v: w, at };
                at += w.len() + 1;
                word
            })
            .filter(|w| !w.v.is_empty())
    }
}

/// Puts the fields of a description that starts at `at` of its message.
pub(crate) fn put(body: &[u8], at: usize, sink: &mut Sink) {
    let (mut from, mut media) = (0, false);
    // Ends: every turn goes to the next line.
    while from < body.len() {
        let (line, next) = start::line(body, from);
        if line.len() < 2 {
            break;
        }
        let here = at + from;
        from = next;
        if line.get(1) != Some(&b'=') {
            sink.utf8(INVALID, line, here);
            continue;
        }
        media |= line.first() == Some(&b'm');
        one(line, Text { v: line.get(2..).unwrap_or_default(), at: here + 2 }, media, sink);
    }
    if let Some(rest) = body.get(from..).filter(|r| !r.is_empty()) {
        sink.bytes(DATA, rest, at + from);
    }
}

fn one(line: &[u8], t: Text<'_>, media: bool, sink: &mut Sink) {
    let simple = match line.first() {
        Some(b'v') => VERSION,
        Some(b's') => SESSION_NAME,
        Some(b'i') if media => MEDIA_TITLE,
        Some(b'i') => SESSION_INFO,
        Some(b'u') => URI,
        Some(b'e') => EMAIL,
        Some(b'p') => PHONE,
        Some(b'o') => {
            OWNER_PARTS.into_iter().zip(t.words()).for_each(|(f, w)| w.put(f, sink));
            OWNER
        }
        Some(b'c') => {
            connection(t, sink);
            CONNECTION
        }
        Some(b'b') => {
            if let Some((modifier, _)) = cut(t.v, b':') {
                Text { v: modifier, at: t.at }.put(BANDWIDTH_MODIFIER, sink);
                t.from(modifier.len() + 1).put(BANDWIDTH_VALUE, sink);
            }
            BANDWIDTH
        }
        Some(b't') => {
            [TIME_START, TIME_STOP].into_iter().zip(t.words()).for_each(|(f, w)| w.put(f, sink));
            TIME
        }
        Some(b'r') => {
            for (i, w) in t.words().enumerate() {
                w.put([REPEAT_INTERVAL, REPEAT_DURATION].get(i).copied().unwrap_or(REPEAT_OFFSET), sink);
            }
            REPEAT
        }
        Some(b'z') => {
            for (i, w) in t.words().enumerate() {
                w.put(if i % 2 == 0 { TIMEZONE_TIME } else { TIMEZONE_OFFSET }, sink);
            }
            TIMEZONE
        }
        Some(b'k') => {
            let kind = t.v.split(|b| *b == b':').next().unwrap_or_default();
            if kind.len() < t.v.len() {
                Text { v: kind, at: t.at }.put(KEY_TYPE, sink);
            }
            return sink.utf8(KEY, &secret::sdp_line(line)[2..], t.at);
        }
        Some(b'm') => {
            medium(t, sink);
            MEDIA
        }
        Some(b'a') => return attribute(line, t, media, sink),
        _ => return sink.utf8(UNKNOWN, line, t.at - 2),
    };
    t.put(simple, sink);
}

fn connection(t: Text<'_>, sink: &mut Sink) {
    let mut words = t.words();
    for field in [CONNECTION_NETWORK, CONNECTION_KIND] {
        words.next().into_iter().for_each(|w| w.put(field, sink));
    }
    let Some(address) = words.next() else { return };
    let mut at = address.at;
    for (field, part) in
        [CONNECTION_ADDRESS, CONNECTION_TTL, CONNECTION_COUNT].into_iter().zip(address.v.split(|b| *b == b'/'))
    {
        sink.utf8(field, part, at);
        at += part.len() + 1;
    }
}

/// RFC 8866 5.14.
fn medium(t: Text<'_>, sink: &mut Sink) {
    let mut words = t.words();
    words.next().into_iter().for_each(|w| w.put(MEDIA_MEDIA, sink));
    let Some(port) = words.next() else { return };
    let (number, count) = cut(port.v, b'/').unwrap_or((port.v, &[]));
    sink.utf8(MEDIA_PORT_STRING, number, port.at);
    if !number.is_empty() && number.iter().all(u8::is_ascii_digit) {
        let value = super::headers::number(number).unwrap_or(u64::MAX).min(u64::from(u16::MAX));
        sink.uint(MEDIA_PORT, value, port.at, number.len());
    }
    if !count.is_empty() {
        sink.utf8(MEDIA_PORTCOUNT, count, port.at + number.len() + 1);
    }
    let Some(proto) = words.next() else { return };
    proto.put(MEDIA_PROTO, sink);
    let has = |part: &[u8]| proto.v.windows(part.len()).any(|w| w == part);
    let carried = has(b"RTP/AVP") || has(b"RTP/SAVP");
    for format in words {
        let number = super::headers::number(format.v).filter(|_| carried && format.v.iter().all(u8::is_ascii_digit));
        match number.and_then(|n| u8::try_from(n).ok()) {
            Some(n @ 96..=127) => sink.utf8(MEDIA_FORMAT, format!("DynamicRTP-Type-{n}").as_bytes(), format.at),
            Some(n @ 0..=95) => {
                let known = PAYLOAD_TYPES.iter().find(|p| p.0 == n).map(|p| p.1);
                let other = if (72..=76).contains(&n) { "Reserved for RTCP conflict avoidance" } else { "Unassigned" };
                sink.text(MEDIA_FORMAT, known.unwrap_or(other).as_bytes(), format.at, format.v.len());
            }
            _ => format.put(MEDIA_FORMAT, sink),
        }
    }
}

/// RFC 8866 5.13 and 6.
fn attribute(line: &[u8], t: Text<'_>, media: bool, sink: &mut Sink) {
    let masked = secret::sdp_line(line);
    let shown = masked.get(2..).unwrap_or_default();
    let fields = if media {
        [MEDIA_ATTR, MEDIA_ATTR_FIELD, MEDIA_ATTR_VALUE]
    } else {
        [SESSION_ATTR, SESSION_ATTR_FIELD, SESSION_ATTR_VALUE]
    };
    sink.utf8(fields[0], shown, t.at);
    let Some((name, _)) = cut(t.v, b':') else { return };
    sink.utf8(fields[1], name, t.at);
    let value = t.from(name.len() + 1);
    if value.v.is_empty() {
        return;
    }
    match name {
        _ if !media => sink.utf8(fields[2], shown.get(name.len() + 1..).unwrap_or_default(), value.at),
        b"rtpmap" => rtpmap(value, sink),
        b"fmtp" => {
            let format = value.words().next();
            let Some(format) = format.filter(|f| f.at + f.v.len() < value.at + value.v.len()) else { return };
            format.put(MEDIA_FORMAT, sink);
            let mut rest = value.from(format.at + format.v.len() - value.at);
            // Ends: every turn goes behind a separator.
            while !rest.v.is_empty() {
                let len = rest.v.iter().position(|b| *b == b';').unwrap_or(rest.v.len());
                let space = rest.v.iter().take(len).take_while(|b| **b == b' ').count();
                let one = Text { v: rest.v.get(space..len).unwrap_or_default(), at: rest.at + space };
                if !one.v.is_empty() {
                    one.put(FMTP, sink);
                }
                rest = rest.from(len + 1);
            }
        }
        b"crypto" => {
            let mut words = value.words();
            if let Some(tag) = words.next() {
                let number = super::headers::number(tag.v).unwrap_or(0) & 0xffff_ffff;
                sink.uint(CRYPTO_TAG, number, tag.at, tag.v.len());
            }
            words.next().into_iter().for_each(|w| w.put(CRYPTO_SUITE, sink));
        }
        b"candidate" => {
            let mut words = value.words();
            ICE_PARTS.into_iter().zip(words.by_ref()).for_each(|(f, w)| w.put(f, sink));
            if words.next().is_some_and(|w| w.v == b"typ") {
                words.next().into_iter().for_each(|w| w.put(ICE_TYPE, sink));
            }
        }
        b"path" | b"h248item" => {}
        _ => sink.utf8(fields[2], shown.get(name.len() + 1..).unwrap_or_default(), value.at),
    }
}

fn rtpmap(value: Text<'_>, sink: &mut Sink) {
    let Some(format) = value.words().next() else { return };
    let rest = value.from(format.at + format.v.len() - value.at);
    if rest.v.is_empty() {
        return;
    }
    format.put(MEDIA_FORMAT, sink);
    let rest = rest.from(1);
    let (codec, behind) = cut(rest.v, b'/').unwrap_or((rest.v, &[]));
    sink.utf8(MIME_TYPE, codec, rest.at);
    if !behind.is_empty() {
        let rate = behind.split(|b| *b == b'/').next().unwrap_or_default();
        sink.utf8(SAMPLE_RATE, rate, rest.at + codec.len() + 1);
    }
}
