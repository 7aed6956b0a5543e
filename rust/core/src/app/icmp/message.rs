//! One message as named fields, for the detail rows.

use super::quote::{self, Quote};
use super::{ndp, types};
use crate::addr::IpAddr;
use crate::app::Context;
use crate::app::bytes::{be16, be32};
use crate::app::message::{Fields, Value};
use crate::layers::Proto;

/// What is kept in front of the bytes of a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extra {
    /// Bytes of the message on the wire.
    pub wire: u32,
    /// Of an echo reply: frame of its request (0: none) and the time since then.
    pub request_frame: u64,
    pub took_ns: i64,
}

impl Extra {
    pub const LEN: usize = 20;

    pub fn bytes(self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        out[..4].copy_from_slice(&self.wire.to_be_bytes());
        out[4..12].copy_from_slice(&self.request_frame.to_be_bytes());
        out[12..].copy_from_slice(&self.took_ns.to_be_bytes());
        out
    }

    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&head, rest) = bytes.split_first_chunk::<{ Self::LEN }>()?;
        let [a, b, c, d, rest_of_head @ ..] = head;
        let (frame, took) = rest_of_head.split_first_chunk::<8>()?;
        let took = took.first_chunk::<8>()?;
        Some((
            Self {
                wire: u32::from_be_bytes([a, b, c, d]),
                request_frame: u64::from_be_bytes(*frame),
                took_ns: i64::from_be_bytes(*took),
            },
            rest,
        ))
    }
}

/// Fields of a kept message: [`Extra`], then its bytes.
pub fn fields(c: &Context, kept: &[u8]) -> Fields {
    let Some((extra, m)) = Extra::read(kept) else { return vec![("malformed", true.into())] };
    let v6 = c.transport == Proto::Icmpv6;
    let mut out: Fields = vec![("message_bytes", extra.wire.into())];
    let (Some(&kind), Some(&code)) = (m.first(), m.get(1)) else {
        out.push(("malformed", true.into()));
        return out;
    };
    let name = if v6 { types::name_v6(kind) } else { types::name_v4(kind) };
    let code_name = if v6 { types::code_v6(kind, code) } else { types::code_v4(kind, code) };
    out.push(("type", kind.into()));
    out.push(("code", code.into()));
    out.push(("type_name", name.unwrap_or("Unassigned").into()));
    out.push(("code_name", code_name.unwrap_or("Unassigned").into()));
    if let Some(&[hi, lo]) = m.get(2..).and_then(|b| b.first_chunk::<2>()) {
        out.push(("checksum", u16::from_be_bytes([hi, lo]).into()));
    }
    let body = if v6 { body_v6(kind, m) } else { body_v4(kind, code, m) };
    match body {
        Some(body) => out.extend(body),
        None => out.push(("cut", true.into())),
    }
    if has_echo_header(v6, kind) {
        out.push(("payload_bytes", extra.wire.saturating_sub(8).into()));
    }
    if extra.request_frame != 0 {
        out.push(("request_frame", extra.request_frame.into()));
        out.push(("response_time_ns", extra.took_ns.into()));
    }
    out
}

/// Identifier and sequence number stand in bytes 4 to 7.
pub fn has_echo_header(v6: bool, kind: u8) -> bool {
    if v6 { matches!(kind, 128 | 129) } else { matches!(kind, 0 | 8 | 13..=18) }
}

/// Types whose header has no length field have no extensions either (RFC 4884 4).
const NO_EXTENSIONS: usize = 1 << 20;

fn address_v4(m: &[u8], at: usize) -> Option<IpAddr> {
    m.get(at..)?.first_chunk::<4>().map(|b| IpAddr::v4(*b))
}

fn identified(m: &[u8]) -> Option<Fields> {
    Some(vec![("id", be16(m, 4)?.into()), ("seq", be16(m, 6)?.into())])
}

/// Extended echo (RFC 8335): one byte of sequence number, then flags.
fn extended(m: &[u8], reply: bool) -> Option<Fields> {
    let mut out: Fields = vec![("id", be16(m, 4)?.into()), ("seq", (*m.get(6)?).into())];
    let flags = *m.get(7)?;
    if reply {
        out.push(("state", (flags >> 5).into()));
        out.push(("active", (flags & 4 != 0).into()));
        out.push(("ipv4", (flags & 2 != 0).into()));
        out.push(("ipv6", (flags & 1 != 0).into()));
    } else {
        out.push(("local", (flags & 1 != 0).into()));
        let objects = m.get(8..).unwrap_or_default();
        out.push(("interface_bytes", objects.len().into()));
    }
    Some(out)
}

/// The quoted packet and the extensions behind it. `length`: of the quoted packet as the header says, bytes.
fn quoted(m: &[u8], length: usize) -> Fields {
    let mut out = Fields::new();
    if let Some(quote) = m.get(8..).and_then(Quote::read) {
        out.push(("original", quote.fields().into()));
    }
    let found = quote::extensions(m, length);
    if !found.is_empty() {
        out.push(("extensions", found.into()));
    }
    out
}

fn body_v4(kind: u8, code: u8, m: &[u8]) -> Option<Fields> {
    Some(match kind {
        0 | 8 => identified(m)?,
        3 | 11 | 12 => {
            let mut out = Fields::new();
            if (kind, code) == (3, 4) {
                out.push(("mtu", be16(m, 6)?.into()));
            }
            if kind == 12 {
                out.push(("pointer", (*m.get(4)?).into()));
            }
            out.extend(quoted(m, usize::from(*m.get(5)?) * 4));
            out
        }
        4 => quoted(m, 0),
        5 => {
            let mut out: Fields = vec![("gateway", address_v4(m, 4)?.into())];
            out.extend(quoted(m, 0));
            out
        }
        9 => {
            let (count, words) = (usize::from(*m.get(4)?), usize::from(*m.get(5)?).max(1));
            let router = |n: usize| -> Option<Value> {
                let at = 8 + n * words * 4;
                let preference = be32(m, at + 4)?.cast_signed();
                Some(vec![("address", address_v4(m, at)?.into()), ("preference", preference.into())].into())
            };
            let routers: Vec<Value> = (0..count).map_while(router).collect();
            vec![("router_lifetime_s", be16(m, 6)?.into()), ("routers", routers.into())]
        }
        13 | 14 => {
            let mut out = identified(m)?;
            // Milliseconds since midnight, UT.
            for (name, at) in [("originate_ms", 8), ("receive_ms", 12), ("transmit_ms", 16)] {
                out.push((name, be32(m, at).into()));
            }
            out
        }
        15 | 16 => identified(m)?,
        17 | 18 => {
            let mut out = identified(m)?;
            out.push(("mask", address_v4(m, 8).into()));
            out
        }
        30 => vec![
            ("id", be16(m, 4)?.into()),
            ("outbound_hops", be16(m, 8).into()),
            ("return_hops", be16(m, 10).into()),
            ("mtu", be32(m, 16).into()),
        ],
        42 | 43 => extended(m, kind == 43)?,
        _ => Fields::new(),
    })
}

fn body_v6(kind: u8, m: &[u8]) -> Option<Fields> {
    Some(match kind {
        1 | 3 => quoted(m, usize::from(*m.get(4)?) * 8),
        2 => {
            let mut out: Fields = vec![("mtu", be32(m, 4)?.into())];
            out.extend(quoted(m, NO_EXTENSIONS));
            out
        }
        4 => {
            let mut out: Fields = vec![("pointer", be32(m, 4)?.into())];
            out.extend(quoted(m, NO_EXTENSIONS));
            out
        }
        128 | 129 => identified(m)?,
        130..=137 | 141..=143 => {
            let mut out = ndp::fields(kind, m)?;
            if kind == 137
                && let Some(quote) = redirected(m)
            {
                out.push(("original", quote.fields().into()));
            }
            out
        }
        160 | 161 => extended(m, kind == 161)?,
        _ => Fields::new(),
    })
}

/// The packet in the option of a redirect (RFC 4861 4.6.3).
fn redirected(m: &[u8]) -> Option<Quote> {
    ndp::options(m, 40).find(|o| o.0 == 4).and_then(|o| Quote::read(o.1.get(6..)?))
}
