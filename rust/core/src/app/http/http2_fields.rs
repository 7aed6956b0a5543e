//! Fields of HTTP/2: frames, and the fields of header blocks by their names.
//!
//! What is secret is compared as it is and returned as `***`. Values of fields without a name of their own are not decoded.

use super::fields::{credentials, nothing, shown_target};
use crate::fields;
use crate::filter::registry::Group;
use crate::filter::{FieldId, Sink};

fields! {
    Group::Http2, "http2", Some("http");
    STREAM = label("http2.stream", "Frame");
    MAGIC = string("http2.magic", "Preface");
    LENGTH = u24("http2.length", "Length of the payload");
    TYPE = u8("http2.type", "Type").table(&TYPES);
    FLAGS = u8("http2.flags", "Flags").hex();
    END_STREAM = boolean("http2.flags.end_stream", "Flag: end of the stream");
    END_HEADERS = boolean("http2.flags.eh", "Flag: end of the header block");
    PADDED = boolean("http2.flags.padded", "Flag: padded");
    HAS_PRIORITY = boolean("http2.flags.priority", "Flag: priority");
    ACK_SETTINGS = boolean("http2.flags.ack.settings", "Flag: settings acknowledged");
    ACK_PING = boolean("http2.flags.ack.ping", "Flag: ping answered");
    STREAM_ID = u32("http2.streamid", "Stream");
    SETTINGS_ID = u16("http2.settings.id", "Setting: number").table(&SETTINGS);
    HEADER_TABLE_SIZE = u32("http2.settings.header_table_size", "Setting: size of the header table");
    ENABLE_PUSH = u32("http2.settings.enable_push", "Setting: push enabled");
    MAX_CONCURRENT_STREAMS = u32("http2.settings.max_concurrent_streams", "Setting: streams at a time");
    INITIAL_WINDOW_SIZE = u32("http2.settings.initial_window_size", "Setting: first window");
    MAX_FRAME_SIZE = u32("http2.settings.max_frame_size", "Setting: largest frame");
    MAX_HEADER_LIST_SIZE = u32("http2.settings.max_header_list_size", "Setting: largest header list");
    EXTENDED_CONNECT = u32("http2.settings.extended_connect", "Setting: extended CONNECT");
    RST_ERROR = u32("http2.rst_stream.error", "Reset: error").table(&ERRORS);
    GOAWAY_LAST = u32("http2.goaway.last_stream_id", "Goodbye: last stream");
    GOAWAY_ERROR = u32("http2.goaway.error", "Goodbye: error").table(&ERRORS);
    WINDOW_INCREMENT = u32("http2.window_update.window_size_increment", "Window: increment");
    PING = bytes("http2.ping", "Ping");
    PROMISED = u32("http2.push_promise.promised_stream_id", "Stream promised");
    HEADER = label("http2.header", "Header field");
    HEADER_COUNT = u32("http2.header.count", "Header fields");
    HEADER_NAME_LENGTH = u32("http2.header.name.length", "Header field: length of the name");
    HEADER_NAME = string("http2.header.name", "Header field: name");
    HEADER_VALUE_LENGTH = u32("http2.header.value.length", "Header field: length of the value");
    METHOD = string("http2.headers.method", ":method");
    PATH = string("http2.headers.path", ":path").secret(shown_target);
    SCHEME = string("http2.headers.scheme", ":scheme");
    AUTHORITY = string("http2.headers.authority", ":authority");
    STATUS = u16("http2.headers.status", ":status");
    ACCEPT = string("http2.headers.accept", "accept");
    ACCEPT_ENCODING = string("http2.headers.accept_encoding", "accept-encoding");
    ACCEPT_LANGUAGE = string("http2.headers.accept_language", "accept-language");
    ACCEPT_RANGES = string("http2.headers.accept_ranges", "accept-ranges");
    AUTHORIZATION = string("http2.headers.authorization", "authorization").secret(credentials);
    CACHE_CONTROL = string("http2.headers.cache_control", "cache-control");
    CONTENT_ENCODING = string("http2.headers.content_encoding", "content-encoding");
    CONTENT_LENGTH = u64("http2.headers.content_length", "content-length");
    CONTENT_TYPE = string("http2.headers.content_type", "content-type");
    COOKIE = string("http2.headers.cookie", "cookie").secret(nothing);
    DATE = string("http2.headers.date", "date");
    ETAG = string("http2.headers.etag", "etag");
    LAST_MODIFIED = string("http2.headers.last_modified", "last-modified");
    LOCATION = string("http2.headers.location", "location").secret(shown_target);
    REFERER = string("http2.headers.referer", "referer").secret(shown_target);
    SERVER = string("http2.headers.server", "server");
    SET_COOKIE = string("http2.headers.set_cookie", "set-cookie").secret(nothing);
    USER_AGENT = string("http2.headers.user_agent", "user-agent");
    VARY = string("http2.headers.vary", "vary");
    VIA = string("http2.headers.via", "via");
}

static TYPES: [(u64, &str); 10] = [
    (0, "DATA"),
    (1, "HEADERS"),
    (2, "PRIORITY"),
    (3, "RST_STREAM"),
    (4, "SETTINGS"),
    (5, "PUSH_PROMISE"),
    (6, "PING"),
    (7, "GOAWAY"),
    (8, "WINDOW_UPDATE"),
    (9, "CONTINUATION"),
];
static SETTINGS: [(u64, &str); 7] = [
    (1, "Settings - Header table size"),
    (2, "Settings - Enable PUSH"),
    (3, "Settings - Max concurrent streams"),
    (4, "Settings - Initial Windows size"),
    (5, "Settings - Max frame size"),
    (6, "Settings - Max header list size"),
    (8, "Settings - Extended CONNECT"),
];
/// RFC 9113 7.
static ERRORS: [(u64, &str); 14] = [
    (0, "NO_ERROR"),
    (1, "PROTOCOL_ERROR"),
    (2, "INTERNAL_ERROR"),
    (3, "FLOW_CONTROL_ERROR"),
    (4, "SETTINGS_TIMEOUT"),
    (5, "STREAM_CLOSED"),
    (6, "FRAME_SIZE_ERROR"),
    (7, "REFUSED_STREAM"),
    (8, "CANCEL"),
    (9, "COMPRESSION_ERROR"),
    (10, "CONNECT_ERROR"),
    (11, "ENHANCE_YOUR_CALM"),
    (12, "INADEQUATE_SECURITY"),
    (13, "HTTP_1_1_REQUIRED"),
];

/// The preface of a connection.
pub(super) fn preface(data: &[u8], sink: &mut Sink) {
    sink.label(STREAM, 0, data.len());
    sink.text(MAGIC, data, 0, data.len());
}

/// The header of a frame: its type, flags and stream, and the length of what follows.
pub(super) fn frame((kind, flags, id): (u8, u8, u32), length: usize, sink: &mut Sink) {
    sink.label(STREAM, 0, 9 + length);
    sink.uint(LENGTH, length as u64, 0, 3);
    sink.uint(TYPE, kind as u64, 3, 1);
    sink.uint(FLAGS, flags as u64, 4, 1);
    let bits: &[(FieldId, u8)] = match kind {
        0 => &[(PADDED, 8), (END_STREAM, 1)],
        1 => &[(HAS_PRIORITY, 0x20), (PADDED, 8), (END_HEADERS, 4), (END_STREAM, 1)],
        4 => &[(ACK_SETTINGS, 1)],
        5 => &[(PADDED, 8), (END_HEADERS, 4)],
        6 => &[(ACK_PING, 1)],
        9 => &[(END_HEADERS, 4)],
        _ => &[],
    };
    bits.iter().for_each(|&(field, bit)| sink.boolean(field, flags & bit != 0, 4, 1));
    sink.uint(STREAM_ID, id as u64, 5, 4);
}

/// What stands in a frame other than header blocks and data.
pub(super) fn payload(kind: u8, flags: u8, data: &[u8], sink: &mut Sink) {
    let word = |at: usize| data.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as u64);
    let mut put = |field, at: usize, mask: u64| {
        if let Some(v) = word(at) {
            sink.uint(field, v & mask, 9 + at, 4);
        }
    };
    let (all, stream) = (u32::MAX as u64, 0x7fff_ffff);
    match kind {
        3 => put(RST_ERROR, 0, all),
        4 => settings(data, sink),
        5 => put(PROMISED, (flags >> 3 & 1) as usize, stream),
        6 => sink.bytes(PING, data, 9),
        7 => {
            put(GOAWAY_LAST, 0, stream);
            put(GOAWAY_ERROR, 4, all);
        }
        8 => put(WINDOW_INCREMENT, 0, stream),
        _ => {}
    }
}

fn settings(data: &[u8], sink: &mut Sink) {
    for (i, s) in data.chunks_exact(6).enumerate() {
        let (id, value) = (u16::from_be_bytes([s[0], s[1]]), u32::from_be_bytes([s[2], s[3], s[4], s[5]]));
        let at = 9 + 6 * i;
        sink.uint(SETTINGS_ID, id as u64, at, 2);
        let field = match id {
            1 => HEADER_TABLE_SIZE,
            2 => ENABLE_PUSH,
            3 => MAX_CONCURRENT_STREAMS,
            4 => INITIAL_WINDOW_SIZE,
            5 => MAX_FRAME_SIZE,
            6 => MAX_HEADER_LIST_SIZE,
            8 => EXTENDED_CONNECT,
            _ => continue,
        };
        sink.uint(field, value as u64, at + 2, 4);
    }
}

/// How many fields a header block has.
pub(super) fn count(n: usize, sink: &mut Sink) {
    sink.uint(HEADER_COUNT, n as u64, 0, 0);
}

/// One field of a header block.
pub(super) fn header(name: &[u8], value: &[u8], sink: &mut Sink) {
    sink.label(HEADER, 0, 0);
    sink.uint(HEADER_NAME_LENGTH, name.len() as u64, 0, 0);
    sink.text(HEADER_NAME, name, 0, 0);
    sink.uint(HEADER_VALUE_LENGTH, value.len() as u64, 0, 0);
    let field = match name {
        b":method" => METHOD,
        b":path" => PATH,
        b":scheme" => SCHEME,
        b":authority" => AUTHORITY,
        b"accept" => ACCEPT,
        b"accept-encoding" => ACCEPT_ENCODING,
        b"accept-language" => ACCEPT_LANGUAGE,
        b"accept-ranges" => ACCEPT_RANGES,
        b"authorization" => AUTHORIZATION,
        b"cache-control" => CACHE_CONTROL,
        b"content-encoding" => CONTENT_ENCODING,
        b"content-type" => CONTENT_TYPE,
        b"cookie" => COOKIE,
        b"date" => DATE,
        b"etag" => ETAG,
        b"last-modified" => LAST_MODIFIED,
        b"location" => LOCATION,
        b"referer" => REFERER,
        b"server" => SERVER,
        b"set-cookie" => SET_COOKIE,
        b"user-agent" => USER_AGENT,
        b"vary" => VARY,
        b"via" => VIA,
        b":status" | b"content-length" => {
            let id = if name == b":status" { STATUS } else { CONTENT_LENGTH };
            if let Some(n) = super::head::number(value) {
                sink.uint(id, n, 0, 0);
            }
            return;
        }
        _ => return,
    };
    sink.text(field, value, 0, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Output;

    fn fields_of(kind: u8, flags: u8, data: &[u8]) -> Output {
        let mut out = Output::watched();
        let sink = out.fields(Group::Http2).unwrap();
        frame((kind, flags, 3), data.len(), sink);
        payload(kind, flags, data, sink);
        out
    }

    #[test]
    fn frames_by_their_type() {
        let settings = fields_of(4, 0, b"\0\x03\0\0\0\x64\0\x04\0\0\xff\xff\0\x63\0\0\0\x01");
        assert_eq!(settings.values("http2.settings.id"), ["3", "4", "99"]);
        assert_eq!(settings.values("http2.settings.max_concurrent_streams"), ["100"]);
        assert_eq!(settings.values("http2.settings.initial_window_size"), ["65535"]);
        assert_eq!(settings.values("http2.streamid"), ["3"]);
        let goaway = fields_of(7, 0, b"\0\0\0\x05\0\0\0\x0b");
        assert_eq!(goaway.values("http2.goaway.last_stream_id"), ["5"]);
        assert_eq!(goaway.values("http2.goaway.error"), ["11"]);
        assert_eq!(fields_of(8, 0, b"\x80\0\x01\0").values("http2.window_update.window_size_increment"), ["256"]);
        assert_eq!(fields_of(1, 0x25, b"").values("http2.flags.end_stream"), ["1"]);
    }

    #[test]
    fn every_type_cut_anywhere_survives() {
        for kind in 0..=255 {
            for n in 0..16 {
                fields_of(kind, 0xff, &[0xff; 16][..n]);
            }
        }
    }

    #[test]
    fn header_fields_by_their_names() {
        let mut out = Output::watched();
        let sink = out.fields(Group::Http2).unwrap();
        header(b":method", b"GET", sink);
        header(b":status", b"404", sink);
        header(b"x-own", b"1", sink);
        assert_eq!(out.values("http2.header.name"), [":method", ":status", "x-own"]);
        assert_eq!(out.values("http2.headers.method"), ["GET"]);
        assert_eq!(out.values("http2.headers.status"), ["404"]);
    }
}
