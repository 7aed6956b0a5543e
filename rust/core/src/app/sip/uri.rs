//! Where the parts of a URI stand in a header (RFC 3261 19.1, 20.10), by the rules with which Wireshark finds them.

use std::ops::Range;

/// Parts of a URI, as ranges of the header's value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uri {
    pub display: Option<Range<usize>>,
    pub whole: Range<usize>,
    /// With a password, where there is one.
    pub user: Option<Range<usize>>,
    pub host: Option<Range<usize>>,
    pub port: Option<Range<usize>>,
    /// Where parameters start behind host and port.
    pub params: Option<usize>,
    /// In angle brackets.
    pub angled: bool,
    /// Its end; of one in brackets where the closing one stands.
    pub end: usize,
}

fn find(v: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    v.get(from..)?.iter().position(|b| what.contains(b)).map(|i| from + i)
}

fn skip(v: &[u8], from: usize) -> usize {
    from + v.get(from..).unwrap_or_default().iter().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// A name and a URI in brackets, or a URI alone, from there on.
pub fn name_addr(v: &[u8], from: usize) -> Option<Uri> {
    let from = skip(v, from);
    let (display, open) = match *v.get(from)? {
        b'"' => {
            let mut close = find(v, from + 1, b"\"")?;
            // Ends: every turn goes to a later quote.
            while v.get(..close)?.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1 {
                close = find(v, close + 1, b"\"")?;
            }
            (Some(from..close + 1), find(v, close, b"<")?)
        }
        b'<' => (None, from),
        _ => match (find(v, from, b"<"), find(v, from, b":")) {
            (Some(open), colon) if colon.is_none_or(|c| open < c) => (Some(from..open), open),
            (_, Some(_)) => return plain(v, from),
            _ => return None,
        },
    };
    let end = find(v, open + 1, b">")?;
    let start = skip(v, open + 1);
    let mut uri = Uri { display, whole: start..end.max(start), angled: true, end, ..Uri::default() };
    if is_sip(v, start) {
        parts(v, &mut uri);
    }
    Some(uri)
}

/// A URI without brackets, from there on. None: it is none of SIP.
pub fn plain(v: &[u8], from: usize) -> Option<Uri> {
    let start = skip(v, from);
    let end = find(v, start, b",;").unwrap_or(v.len());
    let mut uri = Uri { whole: start..end, end, ..Uri::default() };
    is_sip(v, start).then(|| parts(v, &mut uri))?;
    Some(uri)
}

fn is_sip(v: &[u8], start: usize) -> bool {
    v.get(start..).is_some_and(|v| v.starts_with(b"sip"))
}

fn parts(v: &[u8], uri: &mut Uri) {
    let Range { start, end } = uri.whole;
    // The last character is not looked at.
    let within = v.get(..end.saturating_sub(1)).unwrap_or_default();
    let colon = find(within, start, b":").map_or(0, |i| i + 1);
    let host = match find(within, start, b"@") {
        Some(sign) => {
            uri.user = Some(colon..sign.max(colon));
            sign + 1
        }
        None => colon,
    };
    let mut in_v6 = v.get(host) == Some(&b'[');
    let mut at = host + 1;
    // Ends: every turn moves on by a byte.
    while let Some(&b) = v.get(at) {
        match b {
            b'>' | b',' | b';' | b'?' | b' ' | b'\r' => break,
            b':' if !in_v6 => break,
            b'[' => in_v6 = true,
            b']' => in_v6 = false,
            _ => {}
        }
        at += 1;
    }
    uri.host = Some(host..at.min(v.len()).max(host));
    if v.get(at) == Some(&b':') {
        let port = at + 1;
        at = find(v, port + 1, b">,;? \r").unwrap_or(v.len());
        uri.port = Some(port..at.max(port));
    }
    if v.get(at) == Some(&b';') {
        uri.params = Some(at + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(v: &str) -> Option<[String; 5]> {
        let u = name_addr(v.as_bytes(), 0)?;
        let text = |r: Option<Range<usize>>| r.map_or_else(String::new, |r| v[r].to_owned());
        Some([text(u.display), text(Some(u.whole)), text(u.user), text(u.host), text(u.port)])
    }

    // As tshark 4.0.17 takes them apart.
    #[test]
    fn parts_of_addresses() {
        let all = |t: [&str; 5]| Some(t.map(str::to_owned));
        assert_eq!(
            texts("\"A \\\"x\\\"\" <sip:al:pw@at.com:5061;lr>;tag=1"),
            all(["\"A \\\"x\\\"\"", "sip:al:pw@at.com:5061;lr", "al:pw", "at.com", "5061"])
        );
        assert_eq!(
            texts("Bob <sips:[2001:db8::1]:50>"),
            all(["Bob ", "sips:[2001:db8::1]:50", "", "[2001:db8::1]", "50"])
        );
        assert_eq!(texts("sip:bob@h;tag=x"), all(["", "sip:bob@h", "bob", "h", ""]));
        assert_eq!(texts("<tel:1;x=y>;tag=1"), all(["", "tel:1;x=y", "", "", ""]));
        for none in ["tel:+123;tag=q", "", "\"x <sip:a@b>", "<sip:a@b", "\"A\" sip:a@b", "abc"] {
            assert_eq!(texts(none), None, "{none}");
        }
    }

    #[test]
    fn any_bytes_are_survived() {
        let whole = b"\"A\" <sip:u:p@[::1]:5;a=b,c;d>;tag=1, sip:x@y;z";
        for i in 0..whole.len() {
            let _ = name_addr(&whole[..i], 0);
            for b in b"\"<>@:;,[]? \\\xff" {
                let mut hurt = whole.to_vec();
                hurt[i] = *b;
                for from in 0..hurt.len() {
                    if let Some(u) = name_addr(&hurt, from) {
                        for r in [Some(u.whole), u.display, u.user, u.host, u.port].into_iter().flatten() {
                            assert!(hurt.get(r).is_some());
                        }
                    }
                }
            }
        }
    }
}
