//! Fields of HTTP/1 and SSDP: start line, header fields, and how requests and responses go together.
//!
//! Filters compare all of them; what is returned of credentials, cookies and secrets in targets is `***`.

use super::head::{Head, Kind, line};
use super::secret;
use crate::app::Context;
use crate::fields;
use crate::filter::registry::Group;
use crate::filter::{FieldId, Sink};
use std::collections::VecDeque;

fields! {
    Group::Http, "http", Some("http");
    CHAT = label("http.chat", "Start line");
    REQUEST = boolean("http.request", "Is a request");
    RESPONSE = boolean("http.response", "Is a response");
    NOTIFICATION = boolean("http.notification", "Is a notification");
    REQUEST_NUMBER = u32("http.request_number", "Number of the request in its connection").stateful();
    RESPONSE_NUMBER = u32("http.response_number", "Number of the response in its connection").stateful();
    METHOD = string("http.request.method", "Request method");
    URI = string("http.request.uri", "Request target").secret(shown_target);
    URI_PATH = string("http.request.uri.path", "Request target in front of the query").secret(shown_target);
    URI_QUERY = string("http.request.uri.query", "Query of the request target").secret(shown_query);
    URI_PARAMETER = string("http.request.uri.query.parameter", "Parameter of the query").secret(shown_query);
    REQUEST_VERSION = string("http.request.version", "Version of the request");
    REQUEST_LINE = string("http.request.line", "Header field of a request, as it stands there").secret(shown_line);
    FULL_URI = string("http.request.full_uri", "Request URI with scheme and host").secret(shown_target);
    RESPONSE_VERSION = string("http.response.version", "Version of the response");
    CODE = u16("http.response.code", "Status code");
    CODE_DESC = string("http.response.code.desc", "Meaning of the status code");
    PHRASE = string("http.response.phrase", "Reason phrase");
    RESPONSE_LINE = string("http.response.line", "Header field of a response, as it stands there").secret(shown_line);
    RESPONSE_FOR_URI = string("http.response_for.uri", "Request URI of a response").stateful().secret(shown_target);
    TIME = duration("http.time", "Time from the end of the request to the end of the response").stateful();
    REQUEST_IN = frame_number("http.request_in", "Frame of the request").stateful();
    PREV_REQUEST_IN = frame_number("http.prev_request_in", "Frame of the request before").stateful();
    PREV_RESPONSE_IN = frame_number("http.prev_response_in", "Frame of the response before").stateful();
    RESPONSE_IN = frame_number("http.response_in", "Frame of the response").look_ahead();
    NEXT_REQUEST_IN = frame_number("http.next_request_in", "Frame of the next request").look_ahead();
    NEXT_RESPONSE_IN = frame_number("http.next_response_in", "Frame of the next response").look_ahead();
    AUTHORIZATION = string("http.authorization", "Authorization").secret(credentials);
    PROXY_AUTHORIZATION = string("http.proxy_authorization", "Proxy-Authorization").secret(credentials);
    PROXY_AUTHENTICATE = string("http.proxy_authenticate", "Proxy-Authenticate");
    WWW_AUTHENTICATE = string("http.www_authenticate", "WWW-Authenticate");
    CONTENT_TYPE = string("http.content_type", "Content-Type");
    CONTENT_LENGTH_HEADER = string("http.content_length_header", "Content-Length");
    CONTENT_LENGTH = u64("http.content_length", "Content-Length as a number");
    CONTENT_ENCODING = string("http.content_encoding", "Content-Encoding");
    TRANSFER_ENCODING = string("http.transfer_encoding", "Transfer-Encoding");
    UPGRADE = string("http.upgrade", "Upgrade");
    USER_AGENT = string("http.user_agent", "User-Agent");
    HOST = string("http.host", "Host");
    CONNECTION = string("http.connection", "Connection");
    COOKIE = string("http.cookie", "Cookie").secret(nothing);
    COOKIE_PAIR = string("http.cookie_pair", "One of the cookies").secret(cookie_name);
    ACCEPT = string("http.accept", "Accept");
    REFERER = string("http.referer", "Referer").secret(shown_target);
    ACCEPT_LANGUAGE = string("http.accept_language", "Accept-Language");
    ACCEPT_ENCODING = string("http.accept_encoding", "Accept-Encoding");
    DATE = string("http.date", "Date");
    CACHE_CONTROL = string("http.cache_control", "Cache-Control");
    SERVER = string("http.server", "Server");
    LOCATION = string("http.location", "Location").secret(shown_target);
    WEBSOCKET_ACCEPT = string("http.sec_websocket_accept", "Sec-WebSocket-Accept");
    WEBSOCKET_EXTENSIONS = string("http.sec_websocket_extensions", "Sec-WebSocket-Extensions");
    WEBSOCKET_KEY = string("http.sec_websocket_key", "Sec-WebSocket-Key");
    WEBSOCKET_PROTOCOL = string("http.sec_websocket_protocol", "Sec-WebSocket-Protocol");
    WEBSOCKET_VERSION = string("http.sec_websocket_version", "Sec-WebSocket-Version");
    SET_COOKIE = string("http.set_cookie", "Set-Cookie").secret(cookie_name);
    LAST_MODIFIED = string("http.last_modified", "Last-Modified");
    X_FORWARDED_FOR = string("http.x_forwarded_for", "X-Forwarded-For");
    HTTP2_SETTINGS = string("http.http2_settings", "HTTP2-Settings");
    CHUNK_SIZE = u32("http.chunk_size", "Size of a chunk");
}

/// Header fields that have a field of their own, by their name in lower case.
const HEADERS: [(&[u8], FieldId); 30] = [
    (b"authorization", AUTHORIZATION),
    (b"proxy-authorization", PROXY_AUTHORIZATION),
    (b"proxy-authenticate", PROXY_AUTHENTICATE),
    (b"www-authenticate", WWW_AUTHENTICATE),
    (b"content-type", CONTENT_TYPE),
    (b"content-length", CONTENT_LENGTH_HEADER),
    (b"content-encoding", CONTENT_ENCODING),
    (b"transfer-encoding", TRANSFER_ENCODING),
    (b"upgrade", UPGRADE),
    (b"user-agent", USER_AGENT),
    (b"host", HOST),
    (b"connection", CONNECTION),
    (b"cookie", COOKIE),
    (b"accept", ACCEPT),
    (b"referer", REFERER),
    (b"accept-language", ACCEPT_LANGUAGE),
    (b"accept-encoding", ACCEPT_ENCODING),
    (b"date", DATE),
    (b"cache-control", CACHE_CONTROL),
    (b"server", SERVER),
    (b"location", LOCATION),
    (b"sec-websocket-accept", WEBSOCKET_ACCEPT),
    (b"sec-websocket-extensions", WEBSOCKET_EXTENSIONS),
    (b"sec-websocket-key", WEBSOCKET_KEY),
    (b"sec-websocket-protocol", WEBSOCKET_PROTOCOL),
    (b"sec-websocket-version", WEBSOCKET_VERSION),
    (b"set-cookie", SET_COOKIE),
    (b"last-modified", LAST_MODIFIED),
    (b"x-forwarded-for", X_FORWARDED_FOR),
    (b"http2-settings", HTTP2_SETTINGS),
];

/// Longest target returned, bytes.
const MAX_SHOWN: usize = 8_192;

pub(super) fn shown_target(value: &[u8]) -> Vec<u8> {
    secret::shown_target(value, MAX_SHOWN).into_bytes()
}

/// A query or a parameter of it, without the question mark.
fn shown_query(value: &[u8]) -> Vec<u8> {
    let whole = [b"?", value].concat();
    secret::shown_target(&whole, MAX_SHOWN).into_bytes().split_off(1)
}

pub(super) fn nothing(_: &[u8]) -> Vec<u8> {
    b"***".to_vec()
}

/// Credentials: the scheme is no secret.
pub(super) fn credentials(value: &[u8]) -> Vec<u8> {
    let scheme = value.split(|&b| b == b' ').next().filter(|s| s.len() < value.len()).unwrap_or_default();
    if scheme.is_empty() { nothing(value) } else { [scheme, b" ***"].concat() }
}

/// The name of a cookie.
fn cookie_name(value: &[u8]) -> Vec<u8> {
    match value.iter().position(|&b| b == b'=') {
        Some(at) => [value.get(..=at).unwrap_or_default(), b"***"].concat(),
        None => nothing(value),
    }
}

/// A header field with its line end.
fn shown_line(value: &[u8]) -> Vec<u8> {
    let colon = value.iter().position(|&b| b == b':').unwrap_or(value.len());
    let (name, rest) = value.split_at(colon);
    let secret: fn(&[u8]) -> Vec<u8> = match header(name) {
        Some(COOKIE) => nothing,
        Some(SET_COOKIE) => cookie_name,
        Some(AUTHORIZATION | PROXY_AUTHORIZATION) => credentials,
        Some(REFERER | LOCATION) => shown_target,
        // Names that speak of secrets, beside the known ones.
        _ if secret::is_secret(name) => nothing,
        _ => return value.to_vec(),
    };
    [name, b": ", &secret(rest.get(1..).unwrap_or_default().trim_ascii()), b"\r\n"].concat()
}

/// The field of a header field's name.
fn header(name: &[u8]) -> Option<FieldId> {
    let name = name.trim_ascii_end();
    HEADERS.iter().find(|h| h.0.eq_ignore_ascii_case(name)).map(|h| h.1)
}

/// One exchange, as Wireshark pairs them: a response goes to the last request that has none.
#[derive(Clone, Debug, Default)]
struct Pair {
    number: u32,
    /// Frame, and time of its end.
    request: Option<(u64, i64)>,
    response: Option<u64>,
    uri: Vec<u8>,
}

/// The last two exchanges of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs {
    last: Pair,
    before: Pair,
    /// Frames of messages read ahead of a gap, which come again when it has closed.
    ahead: VecDeque<u64>,
}

impl Pairs {
    /// Most frames read ahead that are remembered.
    const MAX_AHEAD: usize = 64;

    /// A message is put that comes again later.
    pub fn read_ahead(&mut self, c: &Context) {
        self.ahead.push_back(c.frame);
        if self.ahead.len() > Self::MAX_AHEAD {
            self.ahead.pop_front();
        }
    }

    /// Whether the message at hand has come before.
    pub fn came_before(&self, c: &Context) -> bool {
        self.ahead.contains(&c.frame)
    }

    fn begin(&mut self) {
        let number = self.last.number + 1;
        self.before = std::mem::replace(&mut self.last, Pair { number, ..Pair::default() });
    }

    fn request(&mut self, c: &Context, uri: &[u8]) {
        self.begin();
        self.last.request = Some((c.frame, c.time_ns));
        self.last.uri = uri.to_vec();
    }

    fn response(&mut self, c: &Context) {
        if self.last.number == 0 || self.last.response.is_some() {
            self.begin();
        }
        self.last.response = Some(c.frame);
    }
}

/// Puts the fields of a message that is whole. `data`: its head; `chunks`: sizes of its chunks.
pub(super) fn put(data: &[u8], c: &Context, pairs: &mut Pairs, chunks: &[u32], sink: &mut Sink) {
    let skip = if data.len() > 3 && data.starts_with(b"\r\n") { 2 } else { 0 };
    let Some(head) = Head::read(data).or_else(|| Head::partial(data)) else { return };
    let (first, mut at) = line(data, skip).unwrap_or((data.get(skip..).unwrap_or_default(), data.len()));
    let request = head.kind != Kind::Response;
    sink.label(CHAT, 0, 0);
    if request {
        request_line(&head, first, skip, sink);
    } else {
        status_line(&head, first, skip, sink);
    }
    // The last line of a head that was cut has no end.
    let rest = |at: usize| Some((data.get(at..).filter(|r| !r.is_empty())?, data.len()));
    while let Some((field, next)) = line(data, at).or_else(|| rest(at)).filter(|(field, _)| field.contains(&b':')) {
        let whole = data.get(at..next).unwrap_or_default();
        header_field(field, whole, at, request, sink);
        at = next;
    }
    let uri = if request { full_uri(&head, c.is_decrypted()) } else { Vec::new() };
    if !uri.is_empty() {
        sink.text(FULL_URI, &uri, 0, 0);
    }
    together(&head, c, pairs, &uri, sink);
    for &size in chunks {
        sink.uint(CHUNK_SIZE, size as u64, 0, 0);
    }
}

/// What is known of the messages before this one.
fn together(head: &Head<'_>, c: &Context, pairs: &mut Pairs, uri: &[u8], sink: &mut Sink) {
    match head.kind {
        Kind::Notification => return sink.boolean(NOTIFICATION, true, 0, 0),
        Kind::Request => {
            pairs.request(c, if uri.is_empty() { head.target } else { uri });
            sink.boolean(REQUEST, true, 0, 0);
            sink.uint(REQUEST_NUMBER, pairs.last.number as u64, 0, 0);
        }
        Kind::Response => {
            pairs.response(c);
            sink.boolean(RESPONSE, true, 0, 0);
            sink.uint(RESPONSE_NUMBER, pairs.last.number as u64, 0, 0);
            if let Some((frame, time_ns)) = pairs.last.request {
                sink.nanos(TIME, c.time_ns.saturating_sub(time_ns), 0, 0);
                sink.uint(REQUEST_IN, frame, 0, 0);
            }
            if !pairs.last.uri.is_empty() {
                sink.text(RESPONSE_FOR_URI, &pairs.last.uri, 0, 0);
            }
            if let Some(frame) = pairs.before.response {
                sink.uint(PREV_RESPONSE_IN, frame, 0, 0);
            }
        }
    }
    if let Some((frame, _)) = pairs.before.request {
        sink.uint(PREV_REQUEST_IN, frame, 0, 0);
    }
}

/// Where a part of a line stands.
fn offset(whole: &[u8], part: &[u8], base: usize) -> usize {
    let (from, to) = (whole.as_ptr() as usize, part.as_ptr() as usize);
    base + to.saturating_sub(from).min(whole.len())
}

fn request_line(head: &Head<'_>, first: &[u8], at: usize, sink: &mut Sink) {
    let put = |field, part: &[u8], sink: &mut Sink| sink.text(field, part, offset(first, part, at), part.len());
    put(METHOD, head.method, sink);
    put(URI, head.target, sink);
    if let Some(mark) = head.target.iter().position(|&b| b == b'?') {
        let (path, query) = head.target.split_at(mark);
        put(URI_PATH, path, sink);
        let query = query.get(1..).unwrap_or_default();
        put(URI_QUERY, query, sink);
        for parameter in query.split(|&b| b == b'&') {
            put(URI_PARAMETER, parameter, sink);
        }
    }
    let behind = offset(first, head.target, 0) + head.target.len();
    let version = first.get(behind..).unwrap_or_default();
    let version = version.get(version.iter().take_while(|&&b| b == b' ').count()..).unwrap_or_default();
    put(REQUEST_VERSION, version, sink);
}

fn status_line(head: &Head<'_>, first: &[u8], at: usize, sink: &mut Sink) {
    let end = first.iter().position(|&b| b == b' ').unwrap_or(first.len());
    let (version, rest) = first.split_at(end);
    sink.text(RESPONSE_VERSION, version, at, version.len());
    let spaces = rest.iter().take_while(|&&b| b == b' ').count();
    let rest = rest.get(spaces..).unwrap_or_default();
    if rest.len() < 3 {
        return;
    }
    let code_at = offset(first, rest, at);
    sink.uint(CODE, head.status as u64, code_at, 3);
    if sink.wants(CODE_DESC) {
        let unknown;
        let name = match CODES.iter().find(|c| c.0 == head.status) {
            Some(c) => c.1,
            None => {
                unknown = format!("Unknown ({})", head.status);
                &unknown
            }
        };
        sink.text(CODE_DESC, name.as_bytes(), code_at, 3);
    }
    if let Some(phrase) = rest.get(4..).filter(|p| !p.is_empty()) {
        sink.text(PHRASE, phrase, code_at + 4, phrase.len());
    }
}

/// `whole`: with its line end.
fn header_field(field: &[u8], whole: &[u8], at: usize, request: bool, sink: &mut Sink) {
    let colon = field.iter().position(|&b| b == b':').unwrap_or(field.len());
    let (name, rest) = field.split_at(colon);
    if let Some(id) = header(name) {
        let value = rest.get(1..).unwrap_or_default().trim_ascii_start();
        let value = if whole.ends_with(b"\n") { value.trim_ascii_end() } else { value };
        sink.text(id, value, at, whole.len());
        match id {
            CONTENT_LENGTH_HEADER => {
                if let Some(n) = super::head::number(value.strip_prefix(b"+").unwrap_or(value)) {
                    sink.uint(CONTENT_LENGTH, n, at, whole.len());
                }
            }
            COOKIE => {
                for pair in value.split(|&b| b == b';').map(<[u8]>::trim_ascii).filter(|p| !p.is_empty()) {
                    sink.text(COOKIE_PAIR, pair, offset(whole, pair, at), pair.len());
                }
            }
            _ => {}
        }
    }
    sink.text(if request { REQUEST_LINE } else { RESPONSE_LINE }, whole, at, whole.len());
}

/// The target with scheme and host; empty: not known.
fn full_uri(head: &Head<'_>, decrypted: bool) -> Vec<u8> {
    let absolute = |scheme: &[u8]| head.target.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme));
    match () {
        () if head.host.is_empty() || head.target.is_empty() && head.method.is_empty() => Vec::new(),
        () if absolute(b"http://") || absolute(b"https://") || head.method == b"CONNECT" => head.target.to_vec(),
        () if decrypted => [b"https://", head.host, head.target].concat(),
        () => [b"http://", head.host, head.target].concat(),
    }
}

/// Wireshark's words, which are those of RFC 7231 and its extensions.
#[rustfmt::skip]
const CODES: [(u16, &str); 67] = [
    (100, "Continue"),
    (101, "Switching Protocols"),
    (102, "Processing"),
    (103, "Early Hints"),
    (199, "Informational - Others"),
    (200, "OK"),
    (201, "Created"),
    (202, "Accepted"),
    (203, "Non-authoritative Information"),
    (204, "No Content"),
    (205, "Reset Content"),
    (206, "Partial Content"),
    (207, "Multi-Status"),
    (208, "Already Reported"),
    (226, "IM Used"),
    (299, "Success - Others"),
    (300, "Multiple Choices"),
    (301, "Moved Permanently"),
    (302, "Found"),
    (303, "See Other"),
    (304, "Not Modified"),
    (305, "Use Proxy"),
    (307, "Temporary Redirect"),
    (308, "Permanent Redirect"),
    (399, "Redirection - Others"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (402, "Payment Required"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (406, "Not Acceptable"),
    (407, "Proxy Authentication Required"),
    (408, "Request Time-out"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "Length Required"),
    (412, "Precondition Failed"),
    (413, "Request Entity Too Large"),
    (414, "Request-URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Requested Range Not Satisfiable"),
    (417, "Expectation Failed"),
    (418, "I'm a teapot"),
    (421, "Misdirected Request"),
    (422, "Unprocessable Entity"),
    (423, "Locked"),
    (424, "Failed Dependency"),
    (425, "Too Early"),
    (426, "Upgrade Required"),
    (428, "Precondition Required"),
    (429, "Too Many Requests"),
    (431, "Request Header Fields Too Large"),
    (451, "Unavailable For Legal Reasons"),
    (499, "Client Error - Others"),
    (500, "Internal Server Error"),
    (501, "Not Implemented"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Gateway Time-out"),
    (505, "HTTP Version not supported"),
    (506, "Variant Also Negotiates"),
    (507, "Insufficient Storage"),
    (508, "Loop Detected"),
    (510, "Not Extended"),
    (511, "Network Authentication Required"),
    (599, "Server Error - Others"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Output;
    use crate::filter::registry;

    fn context() -> Context {
        Context {
            frame: 1,
            time_ns: 0,
            src: Default::default(),
            dst: Default::default(),
            src_port: 1,
            dst_port: 80,
            transport: crate::layers::Proto::Tcp,
            ttl: 64,
            frame_bytes: 0,
            stream: Some(0),
            to_client: false,
            detected_by: crate::app::DetectedBy::Port,
            only_in_order: false,
            server_known: false,
            recovered: false,
        }
    }

    fn fields_of(pairs: &mut Pairs, data: &[u8]) -> Output {
        let mut out = Output::watched();
        put(data, &context(), pairs, &[], out.fields(Group::Http).unwrap());
        out
    }

    #[test]
    fn a_request_and_its_response() {
        let mut pairs = Pairs::default();
        let request = b"GET /a?b=1&c HTTP/1.1\r\nHost: h.example\r\nCookie: x=1; y=2\r\nContent-Length: 3\r\n\r\nabc";
        let found = fields_of(&mut pairs, request);
        for (name, values) in [
            ("http.request.method", vec!["GET"]),
            ("http.request.uri", vec!["/a?b=1&c"]),
            ("http.request.uri.path", vec!["/a"]),
            ("http.request.uri.query", vec!["b=1&c"]),
            ("http.request.uri.query.parameter", vec!["b=1", "c"]),
            ("http.request.version", vec!["HTTP/1.1"]),
            ("http.request.full_uri", vec!["http://h.example/a?b=1&c"]),
            ("http.host", vec!["h.example"]),
            ("http.cookie", vec!["x=1; y=2"]),
            ("http.cookie_pair", vec!["x=1", "y=2"]),
            ("http.content_length", vec!["3"]),
            ("http.request.line", vec!["Host: h.example\r\n", "Cookie: x=1; y=2\r\n", "Content-Length: 3\r\n"]),
            ("http.request_number", vec!["1"]),
        ] {
            assert_eq!(found.values(name), values, "{name}");
        }
        let found = fields_of(&mut pairs, b"HTTP/1.0 404 Not here\r\n\r\n");
        for (name, value) in [
            ("http.response.code", "404"),
            ("http.response.code.desc", "Not Found"),
            ("http.response.phrase", "Not here"),
            ("http.response_number", "1"),
            ("http.request_in", "1"),
            ("http.response_for.uri", "http://h.example/a?b=1&c"),
        ] {
            assert_eq!(found.values(name), [value], "{name}");
        }
    }

    #[test]
    fn secrets_are_not_returned() {
        let hidden = |id: FieldId, value: &str| {
            let hide = registry::field(id).hide.unwrap_or(|v| v.to_vec());
            String::from_utf8_lossy(&hide(value.as_bytes())).into_owned()
        };
        for (id, value, expected) in [
            (AUTHORIZATION, "Basic YTpi", "Basic ***"),
            (AUTHORIZATION, "secret", "***"),
            (COOKIE, "a=b; c=d", "***"),
            (COOKIE_PAIR, "a=b", "a=***"),
            (SET_COOKIE, "sid=1; Path=/", "sid=***"),
            (URI, "/login?user=a&password=b", "/login?user=a&password=***"),
            (URI_QUERY, "user=a&password=b", "user=a&password=***"),
            (URI_PARAMETER, "password=b", "password=***"),
            (FULL_URI, "http://u:p@h/", "http://u:***@h/"),
            (REQUEST_LINE, "Authorization: Bearer x\r\n", "Authorization: Bearer ***\r\n"),
            (REQUEST_LINE, "cookie: a=b\r\n", "cookie: ***\r\n"),
            (REQUEST_LINE, "X-Auth-Token: abc\r\n", "X-Auth-Token: ***\r\n"),
            (RESPONSE_LINE, "Set-Cookie: a=b\r\n", "Set-Cookie: a=***\r\n"),
            (RESPONSE_LINE, "Server: x\r\n", "Server: x\r\n"),
        ] {
            assert_eq!(hidden(id, value), expected, "{value}");
        }
    }

    #[test]
    fn every_cut_and_flipped_byte_survives() {
        let data = b"POST /x?a=b&c HTTP/1.1\r\nHost: a\r\nCookie: a=b;\r\nContent-Length: 99\r\n\r\n".to_vec();
        for i in 0..data.len() {
            fields_of(&mut Pairs::default(), &data[..i]);
            for b in [0, b' ', b':', b'?', b'\n', 0xff] {
                let mut other = data.clone();
                other[i] = b;
                fields_of(&mut Pairs::default(), &other);
                let hide = |f: &crate::filter::field::Field| f.hide.map(|h| h(&other));
                TABLE.fields.iter().for_each(|f| _ = hide(f));
            }
        }
    }
}
