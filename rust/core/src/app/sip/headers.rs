//! Headers of a message (RFC 3261 7.3): compact names, folded lines, the parts of addresses, Via and CSeq.

use super::start::{self, Start};
use std::borrow::Cow;

/// Headers looked at in one message; the rest is counted.
const MAX_HEADERS: usize = 256;

/// One header, its value still as it lies in the message.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// As written.
    name: &'a [u8],
    /// Without white space around it; folds are still in it.
    raw: &'a [u8],
}

impl<'a> Header<'a> {
    pub fn new(name: &'a [u8], value: &'a [u8]) -> Self {
        Self { name: name.trim_ascii(), raw: value.trim_ascii() }
    }

    /// The long name, lower case, of a compact one (RFC 3261 7.3.3 and the registry of header fields).
    pub fn name(&self) -> Cow<'a, str> {
        let long = match self.name {
            [one] => compact(*one),
            _ => None,
        };
        match long {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(String::from_utf8_lossy(self.name).to_ascii_lowercase()),
        }
    }

    pub fn is(&self, long: &str) -> bool {
        match self.name {
            [one] => compact(*one) == Some(long),
            name => name.eq_ignore_ascii_case(long.as_bytes()),
        }
    }

    /// The value on one line: a fold counts as one space (RFC 3261 7.3.1).
    pub fn value(&self) -> Cow<'a, [u8]> {
        if !self.raw.iter().any(|b| matches!(b, b'\r' | b'\n')) {
            return Cow::Borrowed(self.raw);
        }
        let mut out = Vec::with_capacity(self.raw.len());
        let mut at = 0;
        // Ends: every turn goes to the next line.
        while at < self.raw.len() {
            let (line, next) = start::line(self.raw, at);
            if at > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(line.trim_ascii());
            at = next;
        }
        Cow::Owned(out)
    }
}

pub fn compact(letter: u8) -> Option<&'static str> {
    Some(match letter.to_ascii_lowercase() {
        b'a' => "accept-contact",
        b'b' => "referred-by",
        b'c' => "content-type",
        b'd' => "request-disposition",
        b'e' => "content-encoding",
        b'f' => "from",
        b'i' => "call-id",
        b'j' => "reject-contact",
        b'k' => "supported",
        b'l' => "content-length",
        b'm' => "contact",
        b'n' => "identity-info",
        b'o' => "event",
        b'r' => "refer-to",
        b's' => "subject",
        b't' => "to",
        b'u' => "allow-events",
        b'v' => "via",
        b'x' => "session-expires",
        b'y' => "identity",
        _ => return None,
    })
}

/// A message taken apart; nothing copied.
#[derive(Debug)]
pub struct Parsed<'a> {
    pub start: Start<'a>,
    pub start_line: &'a [u8],
    pub headers: Vec<Header<'a>>,
    /// Header lines beyond the limit, and lines that are no headers.
    pub left_out: usize,
    pub body: &'a [u8],
    /// The headers have an end.
    pub whole: bool,
}

impl<'a> Parsed<'a> {
    /// The message at the start of `m`, its body cut to the Content-Length where there is one. None: no SIP.
    pub fn read(m: &'a [u8]) -> Option<Self> {
        let (start_line, mut at) = start::line(m, 0);
        let start = start::start(start_line)?;
        let mut out = Self { start, start_line, headers: Vec::new(), left_out: 0, body: &[], whole: false };
        // Ends: every turn goes to the next line.
        while at < m.len() {
            let (mut line, mut next) = start::line(m, at);
            if line.is_empty() {
                out.whole = true;
                break;
            }
            // Lines that begin with white space belong to the header before.
            while matches!(m.get(next), Some(b' ' | b'\t')) {
                let (more, behind) = start::line(m, next);
                line = m.get(at..next + more.len()).unwrap_or_default();
                next = behind;
            }
            match start::cut(line, b':') {
                Some((name, raw)) if out.headers.len() < MAX_HEADERS => {
                    out.headers.push(Header::new(name, raw));
                }
                _ => out.left_out += 1,
            }
            at = next;
        }
        if out.whole {
            let body = m.get(start::line(m, at).1..).unwrap_or_default();
            out.body = body.get(..out.content_length().unwrap_or(body.len())).unwrap_or(body);
        }
        Some(out)
    }

    /// The first header of that long name.
    pub fn first(&self, long: &str) -> Option<Cow<'a, [u8]>> {
        self.headers.iter().find(|h| h.is(long)).map(Header::value)
    }

    pub fn all<'s>(&'s self, long: &'s str) -> impl Iterator<Item = Cow<'a, [u8]>> + 's {
        self.headers.iter().filter(move |h| h.is(long)).map(Header::value)
    }

    /// None: not said, or no number.
    pub fn content_length(&self) -> Option<usize> {
        number(&self.first("content-length")?).map(|n| n as usize)
    }

    /// Bytes of the whole message, once its headers have an end: what a stream has to hold. A message that does not say
    /// its length ends where the bytes do.
    pub fn stream_length(m: &'a [u8]) -> Option<usize> {
        let end = headers_end(m)?;
        let length = Self::read(m.get(..end)?)?.content_length();
        Some(length.map_or(m.len(), |n| end.saturating_add(n)))
    }
}

/// Offset behind the empty line; None: it has not come yet.
fn headers_end(m: &[u8]) -> Option<usize> {
    let mut at = 0;
    // Ends: every turn goes to the next line.
    loop {
        let (end, next) = start::line_end(m, at)?;
        if end == at {
            // The line feed of a carriage return that stands last may still come.
            let half = m.get(end) == Some(&b'\r') && next == m.len() && next == end + 1;
            return (!half).then_some(next);
        }
        at = next;
    }
}

/// A number of decimal digits in front of anything else.
pub fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    std::str::from_utf8(text.get(..digits)?).ok()?.parse().ok()
}

/// What an address header says (RFC 3261 20.10): the URI and the parameters behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Address<'a> {
    pub uri: &'a [u8],
    pub params: &'a [u8],
}

impl<'a> Address<'a> {
    pub fn read(value: &'a [u8]) -> Self {
        let (mut quoted, mut open) = (false, None);
        for (i, &b) in value.iter().enumerate() {
            match b {
                b'"' if i == 0 || value.get(i - 1) != Some(&b'\\') => quoted = !quoted,
                b'<' if !quoted && open.is_none() => open = Some(i + 1),
                b'>' if !quoted => {
                    if let Some(from) = open {
                        let uri = value.get(from..i).unwrap_or_default();
                        return Self { uri, params: value.get(i + 1..).unwrap_or_default() };
                    }
                }
                _ => {}
            }
        }
        let (uri, params) = start::cut(value, b';').unwrap_or((value, &[]));
        Self { uri: uri.trim_ascii(), params }
    }

    pub fn tag(&self) -> Option<&'a [u8]> {
        param(self.params, "tag")
    }

    /// User part, without a password.
    pub fn user(&self) -> Option<&'a [u8]> {
        let (_, rest) = start::cut(self.uri, b':')?;
        let info = match start::cut(rest, b'@') {
            Some((info, _)) => info,
            // A telephone number has no host.
            None if self.uri.get(..4).is_some_and(|s| s.eq_ignore_ascii_case(b"tel:")) => rest,
            None => return None,
        };
        let end = info.iter().position(|b| matches!(b, b':' | b';')).unwrap_or(info.len());
        info.get(..end)
    }

    /// Host part, without a port.
    pub fn host(&self) -> Option<&'a [u8]> {
        let (scheme, rest) = start::cut(self.uri, b':')?;
        if scheme.eq_ignore_ascii_case(b"tel") {
            return None;
        }
        let host = start::cut(rest, b'@').map_or(rest, |(_, host)| host);
        if host.first() == Some(&b'[') {
            return start::cut(host.get(1..)?, b']').map(|(address, _)| address);
        }
        let end = host.iter().position(|b| matches!(b, b':' | b';' | b'?' | b'>' | b',')).unwrap_or(host.len());
        host.get(..end)
    }
}

/// The value of a parameter in `;name=value;name=value`.
pub fn param<'a>(params: &'a [u8], name: &str) -> Option<&'a [u8]> {
    params.split(|&b| b == b';').find_map(|one| {
        let (key, value) = start::cut(one, b'=').unwrap_or((one, &[]));
        key.trim_ascii().eq_ignore_ascii_case(name.as_bytes()).then(|| unquoted(value))
    })
}

/// The value of a parameter in `Scheme name=value, name="value"` (RFC 3261 20.7).
pub fn auth_param<'a>(value: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (_, params) = start::cut(value, b' ')?;
    split_list(params).find_map(|one| {
        let (key, value) = start::cut(one, b'=')?;
        key.trim_ascii().eq_ignore_ascii_case(name.as_bytes()).then(|| unquoted(value))
    })
}

fn unquoted(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value)
}

/// The entries of a list, divided by commas outside quotes and angle brackets.
pub fn split_list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut angle) = (false, false);
    value
        .split(move |&b| {
            match b {
                b'"' => quoted = !quoted,
                b'<' if !quoted => angle = true,
                b'>' if !quoted => angle = false,
                _ => {}
            }
            b == b',' && !quoted && !angle
        })
        .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_names_folds_and_repeated_headers() {
        let m = b"OPTIONS sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP one\r\nSubject: a\r\n  b\r\n\tc\r\nVia:SIP/2.0/UDP two\r\nl: 3\r\ni : x\r\n\r\nabcdef";
        let p = Parsed::read(m).unwrap();
        assert_eq!(p.all("via").map(|v| v.into_owned()).collect::<Vec<_>>(), [b"SIP/2.0/UDP one", b"SIP/2.0/UDP two"]);
        assert_eq!(p.first("subject").as_deref(), Some(&b"a b c"[..]));
        assert_eq!(p.first("call-id").as_deref(), Some(&b"x"[..]));
        assert_eq!((p.body, p.whole), (&b"abc"[..], true));
        assert_eq!(Parsed::stream_length(m), Some(m.len() - 3));
    }

    #[test]
    fn a_stream_message_ends_by_its_length() {
        let m = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length:\r\n 4\r\n\r\nabcdOPTIONS";
        assert_eq!(Parsed::stream_length(m), Some(m.len() - 7));
        assert_eq!(Parsed::stream_length(&m[..30]), None);
        // The last line feed is missing.
        assert_eq!(Parsed::stream_length(&m[..m.len() - 12]), None);
        let none = b"OPTIONS sip:a@b SIP/2.0\n\nrest";
        assert_eq!(Parsed::stream_length(none), Some(none.len()));
    }

    #[test]
    fn parts_of_addresses() {
        let a = Address::read(b"\"Bob <x>\" <sip:bob:secret@biloxi.example:5070;transport=tcp>;tag=a6c85cf");
        assert_eq!(
            (a.user(), a.host(), a.tag()),
            (Some(&b"bob"[..]), Some(&b"biloxi.example"[..]), Some(&b"a6c85cf"[..]))
        );
        let b = Address::read(b"sip:+12125551212@[2001:db8::1]:5060;tag=887s");
        assert_eq!(
            (b.user(), b.host(), b.tag()),
            (Some(&b"+12125551212"[..]), Some(&b"2001:db8::1"[..]), Some(&b"887s"[..]))
        );
        let c = Address::read(b"<tel:+1-201-555-0123>");
        assert_eq!((c.user(), c.host(), c.tag()), (Some(&b"+1-201-555-0123"[..]), None, None));
        assert_eq!(Address::read(b"<sip:example.org>").user(), None);
    }

    #[test]
    fn parameters_of_challenges() {
        let v = b"Digest realm=\"a, b\", nonce=\"x\",stale=TRUE";
        assert_eq!(auth_param(v, "realm"), Some(&b"a, b"[..]));
        assert_eq!(auth_param(v, "Stale"), Some(&b"TRUE"[..]));
        assert_eq!(auth_param(v, "opaque"), None);
    }
}
