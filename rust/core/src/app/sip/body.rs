//! The session descriptions in the body of a message: the body itself, or parts of it (RFC 3261 7.4, RFC 2046 5.1).

use super::headers::{Header, Parsed, param};
use super::start::{self, cut};

/// Parts of one body that are looked at.
const MAX_PARTS: usize = 16;

/// The bodies that are session descriptions.
pub fn descriptions<'a>(m: &Parsed<'a>) -> Vec<&'a [u8]> {
    if m.body.is_empty() {
        return Vec::new();
    }
    let Some(kind) = m.first("content-type") else { return Vec::new() };
    if is_sdp(&kind) {
        return vec![m.body];
    }
    let (kind, params) = cut(&kind, b';').unwrap_or((&kind, &[]));
    if !kind.get(..10).is_some_and(|k| k.eq_ignore_ascii_case(b"multipart/")) {
        return Vec::new();
    }
    param(params, "boundary").filter(|b| !b.is_empty()).map_or_else(Vec::new, |b| parts(m.body, b))
}

/// Where a part of a message stands in it.
pub fn offset(m: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).saturating_sub(m.as_ptr() as usize).min(m.len())
}

/// A message carried in the body of another (RFC 3261 23.4).
pub fn message<'a>(m: &Parsed<'a>) -> Option<Parsed<'a>> {
    let kind = m.first("content-type")?;
    let kind = cut(&kind, b';').map_or(&kind[..], |(kind, _)| kind);
    kind.trim_ascii().eq_ignore_ascii_case(b"message/sip").then(|| Parsed::read(m.body))?
}

fn is_sdp(content_type: &[u8]) -> bool {
    let kind = cut(content_type, b';').map_or(content_type, |(kind, _)| kind);
    kind.trim_ascii().eq_ignore_ascii_case(b"application/sdp")
}

/// The parts between lines `--boundary` whose type is SDP.
fn parts<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<&'a [u8]> {
    let (mut out, mut at, mut from) = (Vec::new(), 0, None);
    // Ends: every turn goes to the next line.
    while at < body.len() && out.len() < MAX_PARTS {
        let (line, next) = start::line(body, at);
        if line.strip_prefix(b"--").is_some_and(|l| l.starts_with(boundary)) {
            out.extend(from.and_then(|from| body.get(from..at)).and_then(description));
            from = Some(next);
        }
        at = next;
    }
    // The last boundary may be missing.
    if at >= body.len() {
        out.extend(from.and_then(|from| body.get(from..)).and_then(description));
    }
    out
}

/// A part without its headers, where they say that it is SDP.
fn description(part: &[u8]) -> Option<&[u8]> {
    let (mut at, mut sdp) = (0, false);
    // Ends: every turn goes to the next line.
    while at < part.len() {
        let (line, next) = start::line(part, at);
        at = next;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = cut(line, b':') {
            sdp |= Header::new(name, value).is("content-type") && is_sdp(value);
        }
    }
    part.get(at..).filter(|rest| sdp && !rest.is_empty())
}
