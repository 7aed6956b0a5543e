//! Lines and the start line of a message (RFC 3261 7.1, 7.2), by the rules with which Wireshark tells SIP from others.

/// A first line that is SIP's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'a> {
    Request { method: &'a [u8], uri: &'a [u8] },
    Response { code: u16, reason: &'a [u8] },
}

/// The only version there is (RFC 3261 7.1).
const VERSION: &[u8] = b"SIP/2.0";

/// (end of the line that starts at `at`, start of the next one). None: the line has no end.
pub fn line_end(m: &[u8], at: usize) -> Option<(usize, usize)> {
    let end = at + m.get(at..)?.iter().position(|b| matches!(b, b'\r' | b'\n'))?;
    let two = m.get(end) == Some(&b'\r') && m.get(end + 1) == Some(&b'\n');
    Some((end, end + 1 + usize::from(two)))
}

/// (the line that starts at `at`, start of the next one); the last line needs no end.
pub fn line(m: &[u8], at: usize) -> (&[u8], usize) {
    let (end, next) = line_end(m, at).unwrap_or((m.len(), m.len()));
    (m.get(at..end).unwrap_or_default(), next)
}

/// The start line in a line; None: it is none of SIP's. A method needs not be a known one.
pub fn start(line: &[u8]) -> Option<Start<'_>> {
    if !matches!(line.first(), Some(b'!'..=b'~')) || line.contains(&0) {
        return None;
    }
    let (first, rest) = cut(line, b' ')?;
    let (second, third) = cut(rest, b' ')?;
    if first == VERSION {
        let [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] = second else { return None };
        let code = [a, b, c].into_iter().fold(0, |n, d| n * 10 + u16::from(d - b'0'));
        return Some(Start::Response { code, reason: third });
    }
    // A URI has a scheme in front of its colon.
    let uri = second.len() >= 3 && second.get(1..)?.contains(&b':');
    (uri && third == VERSION).then_some(Start::Request { method: first, uri: second })
}

/// What stands before and behind the first `at`.
pub fn cut(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let i = bytes.iter().position(|&b| b == at)?;
    Some((bytes.get(..i)?, bytes.get(i + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    // What tshark 4.0.17 says of each, sent to port 5060.
    #[test]
    fn start_lines_as_wireshark_takes_them() {
        for good in [
            "OPTIONS sip:a@b SIP/2.0",
            "FOO sip:a@b SIP/2.0",
            "options sip:a@b SIP/2.0",
            "OPTIONS tel:1 SIP/2.0",
            "SIP/2.0 200 OK",
            "SIP/2.0 200 ",
            "a b:c SIP/2.0",
        ] {
            assert!(start(good.as_bytes()).is_some(), "{good}");
        }
        for bad in [
            "OPTIONS sip:a@b SIP/3.0",
            "OPTIONS  sip:a@b SIP/2.0",
            "OPTIONS ab SIP/2.0",
            "SIP/2.0 200",
            "SIP/2.0 2000 OK",
            "OPTIONS sip:a@b SIP/2.0 ",
            "OPTIONS sip:a b@c SIP/2.0",
            "OPTIONS xyz SIP/2.0 a:b",
            "OP\0 b:c SIP/2.0",
            "",
            " ",
        ] {
            assert!(start(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn lines_end_with_cr_lf_or_both() {
        assert_eq!(line_end(b"ab\r\ncd", 0), Some((2, 4)));
        assert_eq!(line_end(b"ab\ncd", 0), Some((2, 3)));
        assert_eq!(line_end(b"ab\rcd", 0), Some((2, 3)));
        assert_eq!(line_end(b"ab", 0), None);
        assert_eq!(line_end(b"ab", 7), None);
        assert_eq!(line(b"ab\ncd", 3), (&b"cd"[..], 5));
    }
}
