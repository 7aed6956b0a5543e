//! How the streams of TCP protocols are cut into what Wireshark shows as one message.

use super::super::{Output, Step};
use crate::layers::Proto;

/// Whatever comes is shown as the protocol, segment by segment.
pub fn every_segment(data: &[u8], _: &mut Output) -> Step {
    Step::Consumed(data.len())
}

/// RFC 4253: lines up to the one that names the version, then packets that say their length until they are encrypted, when
/// what looks like a length is none; the stream is shown segment by segment there.
pub fn ssh(data: &[u8], _: &mut Output) -> Step {
    const LONGEST: usize = 35_000;
    if data.starts_with(b"SSH-") {
        return Step::Consumed(data.iter().position(|&b| b == b'\n').map_or(data.len(), |at| at + 1));
    }
    match (be32(data, 0), data.get(4)) {
        // At least a byte of payload and four of padding.
        (Some(len), Some(&padding)) if (6..=LONGEST).contains(&len) && (4..len - 1).contains(&(padding as usize)) => {
            if data.len() < 4 + len {
                Step::Need(4 + len)
            } else {
                Step::Consumed(4 + len)
            }
        }
        _ => Step::Consumed(data.len()),
    }
}

/// Waits for the end of the first line.
pub fn lines(data: &[u8], _: &mut Output) -> Step {
    if data.contains(&b'\n') { Step::Consumed(data.len()) } else { Step::Need(data.len() + 1) }
}

/// Messages that say their length: `whole` gives it from the first `header` bytes, None where these cannot be one.
fn sized(data: &[u8], header: usize, whole: impl FnOnce(&[u8]) -> Option<usize>) -> Step {
    let Some(head) = data.get(..header) else { return Step::Need(header) };
    match whole(head) {
        Some(n) if n < header => Step::Lost,
        Some(n) if data.len() < n => Step::Need(n),
        Some(n) => Step::Consumed(n),
        None => Step::Lost,
    }
}

fn be16(data: &[u8], at: usize) -> Option<usize> {
    Some(u16::from_be_bytes(data.get(at..at + 2)?.try_into().ok()?) as usize)
}

fn be24(data: &[u8], at: usize) -> Option<usize> {
    Some((*data.get(at)? as usize) << 16 | be16(data, at + 1)?)
}

fn be32(data: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?) as usize)
}

fn le32(data: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?) as usize)
}

/// RFC 4271 section 4.1: 16 bytes of ones, length, type.
pub fn bgp(data: &[u8], _: &mut Output) -> Step {
    sized(data, 19, |h| (h.get(..16)? == [0xff; 16]).then(|| be16(h, 16)).flatten())
}

/// RFC 4120 section 7.2.2: length in front.
pub fn kerberos(data: &[u8], _: &mut Output) -> Step {
    sized(data, 4, |h| Some(4 + (be32(h, 0)? & 0x7fff_ffff)))
}

/// RFC 1006 section 6. On its usual ports it carries remote desktop or ISO transport.
pub fn tpkt(data: &[u8], out: &mut Output) -> Step {
    let step = sized(data, 4, |h| (h.first() == Some(&3)).then(|| be16(h, 2)).flatten());
    if let Step::Consumed(n) = step
        && rdp(data.get(..n).unwrap_or_default())
    {
        out.found(Proto::Rdp);
    }
    step
}

/// Remote desktop in a connection request or confirm: a cookie, a routing token or a negotiation. MS-RDPBCGR 2.2.1.
fn rdp(message: &[u8]) -> bool {
    let Some(&kind) = message.get(5) else { return false };
    let body = message.get(11..).unwrap_or_default();
    matches!(kind & 0xf0, 0xe0 | 0xd0)
        && (body.starts_with(b"Cookie: mstshash=")
            || body.starts_with(b"Cookie: msts=")
            || matches!(body, [1..=3, _, 8, 0, ..]))
}

/// A BER value that says its length. X.690 section 8.1.3.
fn ber(data: &[u8], tag: u8) -> Step {
    let Some(&[first, len]) = data.get(..2).and_then(|h| <&[u8; 2]>::try_from(h).ok()) else { return Step::Need(2) };
    if first != tag {
        return Step::Lost;
    }
    let bytes = if len & 0x80 == 0 { 0 } else { (len & 0x7f) as usize };
    if bytes > 4 || len == 0x80 {
        return Step::Lost;
    }
    sized(data, 2 + bytes, |h| {
        let long = h.get(2..)?.iter().fold(0usize, |n, &b| n << 8 | b as usize);
        Some(2 + bytes + if bytes == 0 { len as usize } else { long })
    })
}

/// RFC 3430: messages one behind the other.
pub fn snmp(data: &[u8], _: &mut Output) -> Step {
    ber(data, 0x30)
}

/// RFC 4511 section 5.2; a security layer puts its length in front (RFC 4422 section 3.7), in which case the stream is
/// shown segment by segment.
pub fn ldap(data: &[u8], _: &mut Output) -> Step {
    if data.first() == Some(&0) { Step::Consumed(data.len()) } else { ber(data, 0x30) }
}

/// Modbus application protocol V1.1b3: transaction, protocol 0, length, unit.
pub fn modbus(data: &[u8], out: &mut Output) -> Step {
    let step = sized(data, 6, |h| (be16(h, 2)? == 0).then(|| be16(h, 4)).flatten().map(|n| 6 + n));
    if matches!(step, Step::Consumed(8..)) {
        out.found(Proto::Modbus);
    }
    step
}

/// RFC 7826: header up to the empty line and the body it announces, or interleaved data behind `$`.
pub fn rtsp(data: &[u8], _: &mut Output) -> Step {
    if data.first() == Some(&b'$') {
        return sized(data, 4, |h| Some(4 + be16(h, 2)?));
    }
    let Some(end) = data.windows(4).position(|w| w == b"\r\n\r\n") else { return Step::Need(data.len() + 1) };
    let header = data.get(..end).unwrap_or_default();
    let body = header.split(|&c| c == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(15)?;
        name.eq_ignore_ascii_case(b"content-length:")
            .then(|| std::str::from_utf8(value).ok()?.trim().parse::<usize>().ok())?
    });
    let whole = (end + 4).saturating_add(body.unwrap_or(0));
    if data.len() < whole { Step::Need(whole) } else { Step::Consumed(whole) }
}

/// MS-TDS section 2.2.3.1: type, status, length.
pub fn tds(data: &[u8], _: &mut Output) -> Step {
    sized(data, 8, |h| be16(h, 2))
}

/// MQTT 3.1.1 section 2.2: type, remaining length in groups of seven bits.
pub fn mqtt(data: &[u8], _: &mut Output) -> Step {
    let mut len = 0usize;
    for i in 0..4 {
        let Some(&byte) = data.get(1 + i) else { return Step::Need(2 + i) };
        len |= ((byte & 0x7f) as usize) << (7 * i);
        if byte & 0x80 == 0 {
            return sized(data, 2 + i, |_| Some(2 + i + len));
        }
    }
    Step::Lost
}

/// Skinny client control: length without the first eight bytes, little endian.
pub fn skinny(data: &[u8], _: &mut Output) -> Step {
    sized(data, 12, |h| Some(le32(h, 0)?.saturating_add(8)))
}

/// MySQL client/server protocol: three bytes of length, number.
pub fn mysql(data: &[u8], _: &mut Output) -> Step {
    sized(data, 4, |h| Some(4 + (le32(h, 0)? & 0xff_ffff)))
}

/// RFC 6733 section 3: version 1, length. A message has at least one attribute (16 bytes).
pub fn diameter(data: &[u8], _: &mut Output) -> Step {
    sized(data, 20, |h| (h.first() == Some(&1)).then(|| be24(h, 1)).flatten().filter(|&n| n >= 36))
}

/// PostgreSQL protocol 3: type and length; the start-up message has no type.
pub fn pgsql(data: &[u8], _: &mut Output) -> Step {
    if data.first() == Some(&0) {
        return sized(data, 4, |h| be32(h, 0));
    }
    // The one-byte answer to a request for encryption.
    if matches!(data, [b'S' | b'N']) {
        return Step::Consumed(1);
    }
    sized(data, 5, |h| Some(1 + be32(h, 1)?))
}

/// IEEE 1815: start bytes, length of the header's rest, then blocks of 16 bytes with two of check each.
pub fn dnp3(data: &[u8], _: &mut Output) -> Step {
    sized(data, 10, |h| {
        let len = (h.get(..2)? == [0x05, 0x64]).then(|| h.get(2)).flatten()?;
        let user = (*len as usize).checked_sub(5)?;
        Some(10 + user + user.div_ceil(16) * 2)
    })
}
