//! What never leaves the core: passwords, answers to challenges, and what they can be guessed from.

use super::headers::{Header, auth_param};
use super::start;
use crate::app::message::text;

/// Longest text of one header handed out, bytes.
const MAX_TEXT: usize = 400;
pub const HIDDEN: &str = "***";

/// Parts of credentials and challenges that are told; nonce, response and the rest are not.
const TOLD: [&str; 6] = ["username", "realm", "uri", "algorithm", "qop", "stale"];

/// Words in names of headers whose values are secrets or may be.
const SECRET_NAMES: [&str; 6] = ["auth", "token", "password", "secret", "cookie", "credential"];

/// The value of a header for people to read.
pub fn header_text(header: &Header<'_>) -> String {
    let (name, value) = (header.name(), header.value());
    if is_credentials(&name) {
        return credentials(&value);
    }
    if is_secret(&name) {
        return HIDDEN.into();
    }
    uri_text(&value)
}

/// Whether the value of a header of that name is never told.
pub fn is_secret(name: &str) -> bool {
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// Headers and body of a message with all secrets masked, as far as their lines tell.
pub fn whole(m: &[u8]) -> Vec<u8> {
    let (mut out, mut at, mut in_body) = (Vec::with_capacity(m.len()), 0, false);
    // Ends: every turn goes to the next line.
    while at < m.len() {
        let (line, next) = start::line(m, at);
        let ends = m.get(at + line.len()..next).unwrap_or_default();
        in_body |= line.is_empty();
        match start::cut(line, b':') {
            Some((name, value)) if !in_body => {
                let header = Header::new(name, value);
                let long = header.name();
                if is_credentials(&long) || is_secret(&long) {
                    out.extend_from_slice(name);
                    out.extend_from_slice(b": ");
                    out.extend_from_slice(header_text(&header).as_bytes());
                    at = next;
                    // The rest of a folded value goes with it.
                    while matches!(m.get(at), Some(b' ' | b'\t')) {
                        at = start::line(m, at).1;
                    }
                    out.extend_from_slice(ends);
                    continue;
                }
                out.extend_from_slice(&without_password(line));
            }
            _ if in_body => out.extend_from_slice(&sdp_line(line)),
            _ => out.extend_from_slice(line),
        }
        out.extend_from_slice(ends);
        at = next;
    }
    out
}

/// A line of a session description with keys and passwords masked (RFC 4568, RFC 4567, RFC 8839, `k=`).
pub fn sdp_line(line: &[u8]) -> Vec<u8> {
    let kept = |from: usize| {
        let mut out = line.get(..from).unwrap_or_default().to_vec();
        out.extend_from_slice(HIDDEN.as_bytes());
        out
    };
    let behind =
        |what: &[u8]| line.windows(what.len()).position(|w| w.eq_ignore_ascii_case(what)).map(|i| i + what.len());
    let starts = |what: &[u8]| line.get(..what.len()).is_some_and(|l| l.eq_ignore_ascii_case(what));
    if starts(b"a=crypto:") {
        return behind(b"inline:").map_or_else(|| line.to_vec(), kept);
    }
    if starts(b"a=key-mgmt:") {
        return behind(b" ").map_or_else(|| line.to_vec(), kept);
    }
    if starts(b"a=ice-pwd:") {
        return kept(10);
    }
    if starts(b"k=") {
        return behind(b":").map_or_else(|| line.to_vec(), kept);
    }
    line.to_vec()
}

fn is_credentials(name: &str) -> bool {
    matches!(name, "authorization" | "proxy-authorization" | "www-authenticate" | "proxy-authenticate")
}

/// Scheme and harmless parameters.
fn credentials(value: &[u8]) -> String {
    let scheme = value.split(|&b| b == b' ').next().unwrap_or_default();
    let mut out = text(scheme, 32);
    if scheme.eq_ignore_ascii_case(b"digest") {
        for name in TOLD {
            if let Some(v) = auth_param(value, name) {
                out.push_str(&format!(" {name}=\"{}\"", text(&without_password(v), 100)));
            }
        }
    }
    out.push(' ');
    out.push_str(HIDDEN);
    out
}

/// Text with URIs in it, their passwords hidden.
pub fn uri_text(value: &[u8]) -> String {
    text(&without_password(value), MAX_TEXT)
}

/// `sip:user:password@host` with the password hidden (RFC 3261 19.1.1 advises against it, yet it occurs).
pub fn without_password(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    // Ends: every turn takes at least the scheme off.
    while let Some(i) = scheme_end(rest) {
        let (scheme, behind) = rest.split_at(i);
        out.extend_from_slice(scheme);
        let stop =
            behind.iter().position(|b| matches!(b, b'@' | b'>' | b'<' | b'"' | b' ' | b',')).unwrap_or(behind.len());
        let (info, after) = behind.split_at(stop);
        match info.iter().position(|&b| b == b':') {
            Some(colon) if after.first() == Some(&b'@') => {
                out.extend_from_slice(info.get(..=colon).unwrap_or_default());
                out.extend_from_slice(HIDDEN.as_bytes());
            }
            _ => out.extend_from_slice(info),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out
}

/// Offset behind the next `sip:` or `sips:`.
fn scheme_end(value: &[u8]) -> Option<usize> {
    let at = value.windows(4).position(|w| w.eq_ignore_ascii_case(b"sip:") || w.eq_ignore_ascii_case(b"ips:"))?;
    Some(at + 4)
}

#[cfg(test)]
mod tests {
    use super::super::headers::Parsed;
    use super::*;

    fn told(header: &str) -> String {
        let m = format!("OPTIONS sip:a@b SIP/2.0\r\n{header}\r\n\r\n");
        header_text(&Parsed::read(m.as_bytes()).unwrap().headers[0])
    }

    #[test]
    fn answers_and_passwords_are_hidden() {
        // RFC 2617 3.5, with SIP's method.
        let digest = "Authorization: Digest username=\"Mufasa\", realm=\"a@b\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"sip:c\", response=\"6629fae49393a05397450978507c4ef1\"";
        assert_eq!(told(digest), "Digest username=\"Mufasa\" realm=\"a@b\" uri=\"sip:c\" ***");
        assert_eq!(told("Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "Basic ***");
        assert_eq!(
            told("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", stale=TRUE"),
            "Digest realm=\"r\" stale=\"TRUE\" ***"
        );
        assert_eq!(told("X-Auth-Token: abc"), "***");
        assert_eq!(told("Authentication-Info: rspauth=\"6629\""), "***");
        assert_eq!(told("Contact: <sip:u:pw@h:5060>, <SIPS:v:p@h>;q=1"), "<sip:u:***@h:5060>, <SIPS:v:***@h>;q=1");
        assert_eq!(told("To: <sip:h:5060>;tag=a@b"), "<sip:h:5060>;tag=a@b");
    }
}
