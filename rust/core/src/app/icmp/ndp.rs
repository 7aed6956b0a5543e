//! Neighbour discovery (RFC 4861) with its options (RFC 4191, RFC 8106, RFC 8781), and multicast listener discovery
//! (RFC 2710, RFC 3810).

use crate::addr::{IpAddr, MacAddr};
use crate::app::bytes::{be16, be32};
use crate::app::message::{Fields, Value, text};

/// Options, prefixes, group records listed of one message.
const MAX_ITEMS: usize = 64;

/// An IPv6 address at `at`.
pub fn address(data: &[u8], at: usize) -> Option<IpAddr> {
    data.get(at..)?.first_chunk::<16>().map(|b| IpAddr::v6(*b))
}

fn mac(body: &[u8]) -> Option<MacAddr> {
    body.first_chunk::<6>().map(|b| MacAddr(*b))
}

/// (kind, body) of each option from `at` on; the body is what follows kind and length.
pub fn options(message: &[u8], at: usize) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = message.get(at..).unwrap_or_default();
    std::iter::from_fn(move || {
        let &[kind, units] = rest.first_chunk::<2>()?;
        // A length of zero is forbidden: nothing behind it can be found.
        let body = rest.get(2..usize::from(units) * 8)?;
        rest = rest.get(usize::from(units) * 8..)?;
        Some((kind, body))
    })
    .take(MAX_ITEMS)
}

/// Link-layer address in an option of that kind (1: of the source, 2: of the target).
pub fn link_address(message: &[u8], at: usize, kind: u8) -> Option<MacAddr> {
    options(message, at).find(|o| o.0 == kind).and_then(|o| mac(o.1))
}

/// Where the options of a message of that type begin.
pub fn options_at(kind: u8) -> Option<usize> {
    Some(match kind {
        133 => 8,
        134 => 16,
        135 | 136 => 24,
        137 => 40,
        141 | 142 => 8,
        _ => return None,
    })
}

/// The fields of a message from type 130 on that this module knows, without its common header.
pub fn fields(kind: u8, m: &[u8]) -> Option<Fields> {
    let mut out = match kind {
        130..=132 => return listener(kind, m),
        143 => return report(m),
        133 | 141 | 142 => Fields::new(),
        134 => router_advertisement(m)?,
        135 => vec![("target", address(m, 8)?.into())],
        136 => {
            let flags = *m.get(4)?;
            vec![
                ("target", address(m, 8)?.into()),
                ("router", (flags & 0x80 != 0).into()),
                ("solicited", (flags & 0x40 != 0).into()),
                ("override", (flags & 0x20 != 0).into()),
            ]
        }
        137 => vec![("target", address(m, 8)?.into()), ("destination", address(m, 24)?.into())],
        _ => return None,
    };
    let found: Vec<Value> = options(m, options_at(kind)?).map(|(k, body)| option(k, body).into()).collect();
    if !found.is_empty() {
        out.push(("options", found.into()));
    }
    Some(out)
}

fn router_advertisement(m: &[u8]) -> Option<Fields> {
    let flags = *m.get(5)?;
    Some(vec![
        ("hop_limit", (*m.get(4)?).into()),
        ("managed", (flags & 0x80 != 0).into()),
        ("other_config", (flags & 0x40 != 0).into()),
        ("home_agent", (flags & 0x20 != 0).into()),
        ("preference", preference(flags).into()),
        ("router_lifetime_s", be16(m, 6)?.into()),
        ("reachable_time_ms", be32(m, 8)?.into()),
        ("retransmit_time_ms", be32(m, 12)?.into()),
    ])
}

/// Two bits of preference (RFC 4191 2.1).
fn preference(flags: u8) -> &'static str {
    ["medium", "high", "reserved", "low"][usize::from(flags >> 3 & 3)]
}

fn option(kind: u8, b: &[u8]) -> Fields {
    let named = match kind {
        1 | 2 => mac(b).map(|a| {
            let name = if kind == 1 { "source link-layer address" } else { "target link-layer address" };
            vec![("option", name.into()), ("address", Value::Text(a.to_string()))]
        }),
        3 => prefix(b),
        4 => Some(vec![("option", "redirected header".into()), ("bytes", b.len().saturating_sub(6).into())]),
        5 => be32(b, 2).map(|mtu| vec![("option", "MTU".into()), ("mtu", mtu.into())]),
        14 => Some(vec![("option", "nonce".into()), ("bytes", b.len().into())]),
        24 => route(b),
        25 => servers(b),
        31 => search_list(b),
        37 => Some(vec![("option", "captive portal".into()), ("uri", Value::Text(uri(b)))]),
        38 => nat64(b),
        _ => None,
    };
    named.unwrap_or_else(|| vec![("option", "other".into()), ("kind", kind.into()), ("bytes", b.len().into())])
}

fn prefix(b: &[u8]) -> Option<Fields> {
    let flags = *b.get(1)?;
    Some(vec![
        ("option", "prefix information".into()),
        ("prefix", address(b, 14)?.into()),
        ("prefix_length", (*b.first()?).into()),
        ("on_link", (flags & 0x80 != 0).into()),
        ("autonomous", (flags & 0x40 != 0).into()),
        ("valid_lifetime_s", be32(b, 2)?.into()),
        ("preferred_lifetime_s", be32(b, 6)?.into()),
    ])
}

/// Route information (RFC 4191 2.3): the prefix has 0, 8 or 16 bytes.
fn route(b: &[u8]) -> Option<Fields> {
    let mut whole = [0; 16];
    let given = b.get(6..)?;
    let n = given.len().min(16);
    whole[..n].copy_from_slice(&given[..n]);
    Some(vec![
        ("option", "route information".into()),
        ("prefix", IpAddr::v6(whole).into()),
        ("prefix_length", (*b.first()?).into()),
        ("preference", preference(*b.get(1)?).into()),
        ("lifetime_s", be32(b, 2)?.into()),
    ])
}

/// Recursive DNS servers (RFC 8106 5.1).
fn servers(b: &[u8]) -> Option<Fields> {
    let all = b.get(6..)?.chunks_exact(16).filter_map(|a| address(a, 0));
    Some(vec![
        ("option", "recursive DNS servers".into()),
        ("lifetime_s", be32(b, 2)?.into()),
        ("addresses", all.map(Value::from).collect::<Vec<_>>().into()),
    ])
}

/// DNS search list (RFC 8106 5.2): names without compression, padded with zeros.
fn search_list(b: &[u8]) -> Option<Fields> {
    let (mut names, mut name, mut rest) = (Vec::new(), String::new(), b.get(6..)?);
    while let Some((&len, tail)) = rest.split_first() {
        if len == 0 {
            if !name.is_empty() {
                names.push(Value::Text(std::mem::take(&mut name)));
            }
            rest = tail;
            continue;
        }
        let Some((label, tail)) = tail.split_at_checked(usize::from(len)).filter(|_| len < 64) else { break };
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&text(label, 256));
        rest = tail;
    }
    Some(vec![("option", "DNS search list".into()), ("lifetime_s", be32(b, 2)?.into()), ("names", names.into())])
}

fn uri(b: &[u8]) -> String {
    text(b.split(|&c| c == 0).next().unwrap_or_default(), 256)
}

/// Prefix for the translation to IPv4 (RFC 8781): 96 bits, length and lifetime in one field.
fn nat64(b: &[u8]) -> Option<Fields> {
    let field = be16(b, 0)?;
    let mut whole = [0; 16];
    whole[..12].copy_from_slice(b.get(2..14)?);
    let length = [96u8, 64, 56, 48, 40, 32].get(usize::from(field & 7)).copied();
    Some(vec![
        ("option", "PREF64".into()),
        ("prefix", IpAddr::v6(whole).into()),
        ("prefix_length", length.into()),
        ("lifetime_s", (field & !7).into()),
    ])
}

/// Query, report and done; a query of 28 bytes or more is one of version 2.
fn listener(kind: u8, m: &[u8]) -> Option<Fields> {
    let group = address(m, 8)?;
    let mut out: Fields = vec![("group", group.into())];
    if kind == 130 {
        let code = be16(m, 4)?;
        out.push(("version", if m.len() >= 28 { 2u8 } else { 1 }.into()));
        out.push(("max_response_ms", if m.len() >= 28 { response_code(code) } else { code.into() }.into()));
        if let Some(sources) = be16(m, 26).filter(|_| m.len() >= 28) {
            let all = (0..usize::from(sources).min(MAX_ITEMS)).map_while(|n| address(m, 28 + n * 16));
            out.push(("sources", all.map(Value::from).collect::<Vec<_>>().into()));
        }
    }
    Some(out)
}

/// Maximum response code as milliseconds (RFC 3810 5.1.3): a floating-point number from 32768 on.
fn response_code(code: u16) -> u32 {
    let code = u32::from(code);
    if code < 0x8000 { code } else { (code & 0xfff | 0x1000) << ((code >> 12 & 7) + 3) }
}

/// (record type, group, number of sources, offset of the sources) of a version 2 report.
pub fn records(m: &[u8]) -> impl Iterator<Item = (u8, IpAddr, usize, usize)> {
    let (mut left, mut at) = (be16(m, 6).unwrap_or(0), 8usize);
    std::iter::from_fn(move || {
        left = left.checked_sub(1)?;
        let (kind, aux) = (*m.get(at)?, *m.get(at + 1)?);
        let sources = usize::from(be16(m, at + 2)?);
        let group = address(m, at + 4)?;
        let first = at + 20;
        at = first + sources * 16 + usize::from(aux) * 4;
        Some((kind, group, sources, first))
    })
    .take(MAX_ITEMS)
}

fn report(m: &[u8]) -> Option<Fields> {
    be16(m, 6)?;
    let record = |(kind, group, sources, first): (u8, IpAddr, usize, usize)| -> Value {
        let all = (0..sources.min(MAX_ITEMS)).map_while(|n| address(m, first + n * 16));
        vec![
            ("record", record_name(kind).map_or(Value::from(kind), Value::Name)),
            ("group", group.into()),
            ("sources", all.map(Value::from).collect::<Vec<_>>().into()),
        ]
        .into()
    };
    Some(vec![("records", records(m).map(record).collect::<Vec<_>>().into())])
}

/// Record types (RFC 3810 5.2.12).
fn record_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "mode is include",
        2 => "mode is exclude",
        3 => "change to include mode",
        4 => "change to exclude mode",
        5 => "allow new sources",
        6 => "block old sources",
        _ => return None,
    })
}
