//! Start lines and header fields of HTTP/1 (RFC 9112), read as tolerantly as Wireshark reads them: what it shows as a
//! message has to be one here, too, so a strict parser would not do.

/// What a start line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Request,
    /// UPnP's NOTIFY, SUBSCRIBE and UNSUBSCRIBE: requests that Wireshark does not pair with responses.
    Notification,
    Response,
}

/// Methods by which Wireshark knows a request.
#[rustfmt::skip]
const METHODS: [&str; 38] = [
    "GET", "PUT", "COPY", "HEAD", "LOCK", "MOVE", "POLL", "POST", "BCOPY", "BMOVE", "MKCOL", "TRACE", "PATCH",
    "LABEL", "MERGE", "DELETE", "SEARCH", "UNLOCK", "REPORT", "UPDATE", "BDELETE", "CONNECT", "OPTIONS", "CHECKIN",
    "PROPFIND", "CHECKOUT", "CCM_POST", "PROPPATCH", "BPROPFIND", "BPROPPATCH", "UNCHECKOUT", "MKACTIVITY",
    "MKWORKSPACE", "RPC_CONNECT", "RPC_IN_DATA", "RPC_OUT_DATA", "VERSION-CONTROL", "BASELINE-CONTROL",
];
const NOTIFICATIONS: [&str; 3] = ["NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE"];

/// The next line without its end, and where the one behind it starts. None: no line end yet. As in Wireshark a CR alone
/// ends a line, too (RFC 9112 2.2 leaves it to the recipient).
pub fn line(data: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = data.get(at..)?;
    let len = rest.iter().position(|&b| b == b'\n' || b == b'\r')?;
    let end = match rest.get(len..)? {
        [b'\r', b'\n', ..] => 2,
        // The LF may be in the next segment.
        [b'\r'] => return None,
        _ => 1,
    };
    Some((rest.get(..len)?, at + len + end))
}

/// What the line starts; None: it is no start line.
pub fn kind(line: &[u8]) -> Option<Kind> {
    // RFC 2774: the prefix of a request with mandatory extensions.
    let line = line.strip_prefix(b"M-").unwrap_or(line);
    if line.starts_with(b"HTTP/") || line.starts_with(b"ICY") {
        return Some(Kind::Response);
    }
    let end = line.iter().take(17).position(|&b| b == b' ').unwrap_or(line.len());
    let word = line.get(..end)?;
    if !word.first().is_some_and(u8::is_ascii_uppercase) {
        return None;
    }
    if METHODS.iter().any(|m| m.as_bytes() == word) || word == b"SSTP_DUPLEX_POST" {
        return Some(Kind::Request);
    }
    NOTIFICATIONS.iter().any(|m| m.as_bytes() == word).then_some(Kind::Notification)
}

/// The first word of a line, and the rest behind its spaces.
fn token(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(|&b| b == b' ').unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    let spaces = rest.iter().take_while(|&&b| b == b' ').count();
    (word, rest.get(spaces..).unwrap_or_default())
}

/// A start line with its header fields. Empty: the field is absent.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    pub kind: Kind,
    /// Bytes up to the body, empty lines in front included.
    pub len: usize,
    pub method: &'a [u8],
    pub target: &'a [u8],
    pub status: u16,
    /// Digits behind `HTTP/`: 10, 11; 0: something else.
    pub version: u8,
    pub content_length: Option<u64>,
    pub chunked: bool,
    pub host: &'a [u8],
    pub user_agent: &'a [u8],
    pub server: &'a [u8],
    pub content_type: &'a [u8],
    pub content_encoding: &'a [u8],
    pub location: &'a [u8],
    pub upgrade: &'a [u8],
    pub connection: &'a [u8],
    /// Credentials of the request, or challenge of the response.
    pub authorization: &'a [u8],
    pub fields: u32,
}

impl<'a> Head<'a> {
    /// The head at the start of `data`, whose lines up to an empty one are all there; None where they are not, or where
    /// there is no start line.
    pub fn read(data: &'a [u8]) -> Option<Self> {
        let skip = if data.len() > 3 && data.starts_with(b"\r\n") { 2 } else { 0 };
        let (first, mut at) = line(data, skip)?;
        let kind = kind(first)?;
        let mut head = Self::start(kind, first);
        let mut readable = true;
        loop {
            let (field, next) = line(data, at)?;
            at = next;
            if field.is_empty() {
                break;
            }
            // Framing looks at every line; the rest stops at one that is no field, as Wireshark's reading does.
            head.framing(field);
            readable &= field.contains(&b':');
            if readable {
                head.field(field);
            }
        }
        head.len = at;
        Some(head)
    }

    /// What there is of a head whose end is missing: its start line and the fields that are whole.
    pub fn partial(data: &'a [u8]) -> Option<Self> {
        let skip = if data.len() > 3 && data.starts_with(b"\r\n") { 2 } else { 0 };
        let (first, mut at) = line(data, skip).unwrap_or((data.get(skip..)?, data.len()));
        let mut head = Self::start(kind(first)?, first);
        while let Some((field, next)) = line(data, at).filter(|(field, _)| field.contains(&b':')) {
            head.field(field);
            at = next;
        }
        head.len = data.len();
        Some(head)
    }

    fn start(kind: Kind, first: &'a [u8]) -> Self {
        let mut head = Self {
            kind,
            len: 0,
            method: b"",
            target: b"",
            status: 0,
            version: 0,
            content_length: None,
            chunked: false,
            host: b"",
            user_agent: b"",
            server: b"",
            content_type: b"",
            content_encoding: b"",
            location: b"",
            upgrade: b"",
            connection: b"",
            authorization: b"",
            fields: 0,
        };
        let (word, rest) = token(first);
        let version = if kind == Kind::Response {
            // Of what is no number of three digits Wireshark takes the digits at the front.
            let code = rest.get(..3).unwrap_or(rest).trim_ascii_start();
            let digits = code.iter().take_while(|b| b.is_ascii_digit()).count();
            head.status = number(code.get(..digits).unwrap_or_default()).unwrap_or(0) as u16;
            word
        } else {
            head.method = word;
            // Two spaces stand around an empty target.
            let empty = first.get(word.len()..).is_some_and(|s| s.starts_with(b"  "));
            let (target, version) = if empty { (&b""[..], rest) } else { token(rest) };
            head.target = target;
            version
        };
        head.version = match version {
            [b'H', b'T', b'T', b'P', b'/', a @ b'0'..=b'9', b'.', b @ b'0'..=b'9', ..] => (a - b'0') * 10 + (b - b'0'),
            _ => 0,
        };
        head
    }

    /// What decides where the body ends. A later field overrules an earlier one.
    fn framing(&mut self, field: &[u8]) {
        if let Some(value) = value(field, b"content-length:") {
            self.content_length = number(value.strip_prefix(b"+").unwrap_or(value)).or(self.content_length);
        } else if let Some(value) = value(field, b"transfer-encoding:") {
            self.chunked |= value.split(|&b| b == b',').any(|v| v.trim_ascii().eq_ignore_ascii_case(b"chunked"));
        }
    }

    fn field(&mut self, field: &'a [u8]) {
        let Some(colon) = field.iter().position(|&b| b == b':') else { return };
        let (name, rest) = field.split_at(colon);
        let value = rest.get(1..).unwrap_or_default().trim_ascii();
        self.fields += 1;
        let response = self.kind == Kind::Response;
        let slot = match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => &mut self.host,
            6 if name.eq_ignore_ascii_case(b"server") => &mut self.server,
            7 if name.eq_ignore_ascii_case(b"upgrade") => &mut self.upgrade,
            8 if name.eq_ignore_ascii_case(b"location") => &mut self.location,
            10 if name.eq_ignore_ascii_case(b"user-agent") => &mut self.user_agent,
            10 if name.eq_ignore_ascii_case(b"connection") => &mut self.connection,
            12 if name.eq_ignore_ascii_case(b"content-type") => &mut self.content_type,
            16 if name.eq_ignore_ascii_case(b"content-encoding") => &mut self.content_encoding,
            13 if name.eq_ignore_ascii_case(b"authorization") => &mut self.authorization,
            19 if name.eq_ignore_ascii_case(b"proxy-authorization") => &mut self.authorization,
            16 if response && name.eq_ignore_ascii_case(b"www-authenticate") => &mut self.authorization,
            18 if response && name.eq_ignore_ascii_case(b"proxy-authenticate") => &mut self.authorization,
            _ => return,
        };
        *slot = value;
    }

    /// The connection stays open behind this message (RFC 9112 9.3).
    pub fn keeps_open(&self) -> bool {
        let says =
            |word: &[u8]| self.connection.split(|&b| b == b',').any(|v| v.trim_ascii().eq_ignore_ascii_case(word));
        if self.version >= 11 { !says(b"close") } else { says(b"keep-alive") }
    }

    /// The media type in front of its parameters.
    pub fn media_type(&self) -> &'a [u8] {
        self.content_type.split(|&b| b == b';').next().unwrap_or_default().trim_ascii()
    }
}

/// The value of a field whose name (lower case, with its colon) stands right at the start.
fn value<'a>(field: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = field.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then(|| rest.trim_ascii())
}

/// A decimal number with nothing behind it.
pub fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |n, &b| {
        b.is_ascii_digit().then_some(())?;
        n.checked_mul(10)?.checked_add((b - b'0') as u64)
    })
}

/// The size in a chunk's first line (RFC 9112 7.1), extensions left out. None: it is no number.
pub fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
    if digits.is_empty() || digits.len() > 15 {
        return None;
    }
    digits.iter().try_fold(0u64, |n, &b| Some(n << 4 | (b as char).to_digit(16)? as u64))
}

/// What a payload on a connection looks like that is not at the start of a message Wireshark knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A start line.
    Start,
    /// No line end yet: more bytes may tell.
    Unfinished,
    /// Text whose first line could be a header field, or is empty.
    Field,
    /// Text or bytes of a body.
    Other,
}

/// How Wireshark takes the bytes.
pub fn look(data: &[u8]) -> Look {
    let skip = if data.len() > 3 && data.starts_with(b"\r\n") { 2 } else { 0 };
    if !data.get(skip).is_some_and(|&b| b == b' ' || b.is_ascii_graphic()) {
        return Look::Other;
    }
    match line(data, skip) {
        None => Look::Unfinished,
        Some((first, _)) if kind(first).is_some() => Look::Start,
        Some((first, _)) if first.contains(&b':') || first.is_empty() => Look::Field,
        Some(_) => Look::Other,
    }
}

/// Wireshark's test of a stream on a port that is not HTTP's: the first line starts or ends with the version.
pub fn on_any_port(data: &[u8]) -> bool {
    let Some((first, _)) = line(data, 0) else { return false };
    let version = |b: Option<&[u8]>| b.is_some_and(|b| b.eq_ignore_ascii_case(b"HTTP/1."));
    first.len() != 8
        && (version(first.get(..7)) || first.len().checked_sub(8).is_some_and(|at| version(first.get(at..at + 7))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_lf_cr_lf_or_cr() {
        assert_eq!(line(b"ab\ncd", 0), Some((&b"ab"[..], 3)));
        assert_eq!(line(b"ab\r\ncd", 0), Some((&b"ab"[..], 4)));
        assert_eq!(line(b"ab\rcd\n", 0), Some((&b"ab"[..], 3)));
        assert_eq!(line(b"ab\r", 0), None);
        assert_eq!(line(b"ab", 0), None);
        assert_eq!(look(b"v\x00\xe2\r\x9a: x\n"), Look::Other);
    }

    #[test]
    fn start_lines_are_those_of_wireshark() {
        // Seen by running tshark 4.0 over each.
        for (line, expected) in [
            ("GET / HTTP/1.1", Some(Kind::Request)),
            ("PATCH / HTTP/1.1", Some(Kind::Request)),
            ("M-POST / HTTP/1.1", Some(Kind::Request)),
            ("RPC_IN_DATA / HTTP/1.1", Some(Kind::Request)),
            ("SSTP_DUPLEX_POST / HTTP/1.1", Some(Kind::Request)),
            ("NOTIFY * HTTP/1.1", Some(Kind::Notification)),
            ("HTTP/1.1 20", Some(Kind::Response)),
            ("ICY 200 OK", Some(Kind::Response)),
            ("FOO / HTTP/1.1", None),
            ("get / HTTP/1.1", None),
            ("", None),
        ] {
            assert_eq!(kind(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn a_head_with_its_fields() {
        let data = b"\r\nGET /a?b HTTP/1.1\r\nHost:  h.example \r\nUSER-AGENT: x y\r\nContent-Length: 3\r\ncontent-length: 12\r\n\r\nbody";
        let h = Head::read(data).unwrap();
        assert_eq!(
            (h.method, h.target, h.host, h.user_agent),
            (&b"GET"[..], &b"/a?b"[..], &b"h.example"[..], &b"x y"[..])
        );
        assert_eq!((h.content_length, h.version, &data[h.len..]), (Some(12), 11, &b"body"[..]));
        assert!(h.keeps_open() && !h.chunked);
        assert!(Head::read(&data[..60]).is_none());
    }

    #[test]
    fn lengths_that_are_none() {
        // RFC 9110 8.6: digits only. tshark takes a plus sign, and none of the others.
        for (value, expected) in
            [("8", Some(8)), ("+8", Some(8)), ("8abc", None), ("-1", None), ("99999999999999999999", None)]
        {
            let data = format!("HTTP/1.1 200 OK\r\nContent-Length: {value}\r\n\r\n");
            assert_eq!(Head::read(data.as_bytes()).unwrap().content_length, expected, "{value}");
        }
        let spaced = b"HTTP/1.1 200 OK\r\nContent-Length : 8\r\n\r\n";
        assert_eq!(Head::read(spaced).unwrap().content_length, None);
    }

    /// As tshark 4.0 has http.response.code.
    #[test]
    fn status_codes_that_are_none() {
        for (line, expected) in [("200 OK", 200), ("20", 20), ("2 OK", 2), ("2000 OK", 200), ("OK", 0), ("", 0)] {
            let data = format!("HTTP/1.1 {line}\r\n\r\n");
            assert_eq!(Head::read(data.as_bytes()).unwrap().status, expected, "{line}");
        }
    }

    #[test]
    fn chunk_sizes() {
        assert_eq!(chunk_size(b"1aF; name=value"), Some(0x1af));
        assert_eq!(chunk_size(b"0"), Some(0));
        assert_eq!(chunk_size(b"zzz"), None);
        assert_eq!(chunk_size(b"ffffffffffffffff"), None);
    }

    #[test]
    fn looks() {
        assert_eq!(look(b"hello"), Look::Unfinished);
        assert_eq!(look(b"a b: c\r\nrest"), Look::Field);
        assert_eq!(look(b"\r\nabc\r\ndef\r\n"), Look::Other);
        assert_eq!(look(b"\r\n"), Look::Other);
        assert_eq!(look(b"\x01\x02"), Look::Other);
        assert!(
            on_any_port(b"GET / HTTP/1.0\r\n") && on_any_port(b"HTTP/1.1 200 OK\n") && !on_any_port(b"HTTP/1.1\r\n")
        );
    }

    #[test]
    fn every_cut_and_flipped_byte_survives() {
        let data =
            b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\nAuthorization: Basic YTpi\r\n\r\n"
                .to_vec();
        for i in 0..data.len() {
            let _ = (Head::read(&data[..i]), look(&data[..i]), on_any_port(&data[..i]));
            for b in [0, b' ', b':', b'\r', b'\n', 0xff] {
                let mut d = data.clone();
                d[i] = b;
                let _ = (Head::read(&d), look(&d));
            }
        }
    }
}
