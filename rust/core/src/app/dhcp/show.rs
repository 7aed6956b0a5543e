//! Bytes of options as values: addresses, numbers, names, hexadecimal.

use crate::addr::{IpAddr, MacAddr};
use crate::app::dns::wire::read_name;
use crate::app::message::{Value, text};
use std::fmt::Write;

/// Bytes of a text that are shown: the longest option of one piece (RFC 2132).
pub const MAX_TEXT: usize = 255;
/// Bytes that are shown in hexadecimal.
const MAX_HEX: usize = 128;
/// Entries of a list inside an option that are shown.
pub const MAX_ENTRIES: usize = 255;

pub fn ip4(d: &[u8], at: usize) -> Option<IpAddr> {
    Some(IpAddr::v4(d.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub fn ip6(d: &[u8], at: usize) -> Option<IpAddr> {
    Some(IpAddr::v6(d.get(at..at.checked_add(16)?)?.try_into().ok()?))
}

pub fn mac(d: &[u8]) -> Option<String> {
    Some(MacAddr(d.try_into().ok()?).to_string())
}

/// `00:01:ab`, the first [`MAX_HEX`] bytes, an ellipsis where there are more.
pub fn hex(d: &[u8]) -> String {
    let mut out = String::with_capacity(3 * d.len().min(MAX_HEX));
    for (i, b) in d.iter().take(MAX_HEX).enumerate() {
        // Writing to a String cannot fail.
        let _ = if i == 0 { write!(out, "{b:02x}") } else { write!(out, ":{b:02x}") };
    }
    if d.len() > MAX_HEX {
        out.push('\u{2026}');
    }
    out
}

/// Text up to the first zero byte: some implementations count it in (RFC 2132 2: they should not).
pub fn string(d: &[u8]) -> String {
    text(d.split(|&b| b == 0).next().unwrap_or_default(), MAX_TEXT)
}

/// Text when all bytes are printable, hexadecimal otherwise.
pub fn text_or_hex(d: &[u8]) -> Value {
    let printable = !d.is_empty() && d.iter().all(|b| matches!(b, 0x20..=0x7e));
    Value::Text(if printable { string(d) } else { hex(d) })
}

/// Each `size` bytes by `one`; None when the length is no multiple.
pub fn each(d: &[u8], size: usize, one: impl Fn(&[u8]) -> Option<Value>) -> Option<Value> {
    if d.is_empty() || !d.len().is_multiple_of(size) {
        return None;
    }
    Some(d.chunks_exact(size).take(MAX_ENTRIES).map(one).collect::<Option<Vec<Value>>>()?.into())
}

pub fn ips4(d: &[u8]) -> Option<Value> {
    each(d, 4, |d| ip4(d, 0).map(Value::Ip))
}

pub fn ips6(d: &[u8]) -> Option<Value> {
    each(d, 16, |d| ip6(d, 0).map(Value::Ip))
}

/// Domain names one behind the other, possibly compressed within the option (RFC 3397 2, RFC 8415 10).
pub fn names(d: &[u8]) -> Option<Value> {
    let (mut out, mut at): (Vec<Value>, usize) = (Vec::new(), 0);
    // Ends: every name is at least a byte long.
    while at < d.len() && out.len() < MAX_ENTRIES {
        let mut name = String::new();
        at = read_name(d, at, &mut name)?;
        out.push(name.into());
    }
    Some(out.into())
}

/// A name that may end without its root, as clients send it (RFC 4702 2.3.1).
pub fn partial_name(d: &[u8]) -> String {
    let mut whole = d.to_vec();
    if whole.last() != Some(&0) {
        whole.push(0);
    }
    let mut out = String::new();
    match read_name(&whole, 0, &mut out) {
        Some(end) if end >= d.len() => out,
        _ => hex(d),
    }
}

/// Fields of one byte of code, one of length, then the data: (code, data) of each; None when one runs over.
pub fn short_tlv(d: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let (mut out, mut at) = (Vec::new(), 0);
    // Ends: every turn moves on by at least a byte.
    while let Some(&code) = d.get(at) {
        match code {
            0 => at += 1,
            255 => break,
            _ => {
                let len = *d.get(at + 1)? as usize;
                out.push((code, d.get(at + 2..at + 2 + len)?));
                at += 2 + len;
            }
        }
        if out.len() >= MAX_ENTRIES {
            break;
        }
    }
    Some(out)
}

/// A GUID with its first three parts little-endian, as PXE firmware sends it and Wireshark prints it (RFC 4578 2.3).
pub fn guid(d: &[u8]) -> Option<String> {
    let b: [u8; 16] = d.try_into().ok()?;
    let mut s = format!(
        "{:08x}-{:04x}-{:04x}-{:02x}{:02x}-",
        u32::from_le_bytes([b[0], b[1], b[2], b[3]]),
        u16::from_le_bytes([b[4], b[5]]),
        u16::from_le_bytes([b[6], b[7]]),
        b[8],
        b[9]
    );
    for x in &b[10..] {
        let _ = write!(s, "{x:02x}");
    }
    Some(s)
}
