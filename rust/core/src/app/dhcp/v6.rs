//! DHCPv6 messages (RFC 8415): relays around them, identity associations, options inside options.

use super::names6::{self, Kind};
use super::show::*;
use super::{duid, v4};
use crate::app::Context;
use crate::app::bytes::{be16, be32};
use crate::app::message::{Fields, Value};

/// Relay messages around one another that are opened (RFC 8415 7.6 allows 8 hops, RFC 3315 allowed 32).
const MAX_RELAYS: usize = 64;
/// Options of one message that are shown, those inside others included.
const MAX_OPTIONS: usize = 512;
/// Options inside options inside options ... that are opened.
const MAX_DEPTH: usize = 6;

const RELAY_FORW: u8 = 12;
const RELAY_REPL: u8 = 13;
const RELAY_MESSAGE: u16 = 9;

/// (code, data) of each option; `whole` tells whether none ran over the end.
struct Walk<'a> {
    rest: &'a [u8],
    whole: bool,
}

impl<'a> Iterator for Walk<'a> {
    type Item = (u16, &'a [u8]);
    fn next(&mut self) -> Option<Self::Item> {
        let d = self.rest;
        if d.is_empty() {
            return None;
        }
        let one = || {
            let len = be16(d, 2)? as usize;
            Some((be16(d, 0)?, d.get(4..4 + len)?, d.get(4 + len..)?))
        };
        match one() {
            Some((code, data, rest)) => {
                self.rest = rest;
                Some((code, data))
            }
            None => {
                self.rest = &[];
                self.whole = false;
                None
            }
        }
    }
}

fn walk(d: &[u8]) -> Walk<'_> {
    Walk { rest: d, whole: true }
}

/// One relay on the way (RFC 8415 9).
struct Relay<'a> {
    kind: u8,
    header: &'a [u8],
    options: &'a [u8],
}

/// A message with the relay messages around it, outermost first. `inner` is empty where a relay carries nothing.
struct Opened<'a> {
    relays: Vec<Relay<'a>>,
    inner: &'a [u8],
    whole: bool,
}

fn open(mut m: &[u8]) -> Opened<'_> {
    let (mut relays, mut whole) = (Vec::new(), true);
    // Ends: every turn goes into a shorter message.
    while let Some(&kind @ (RELAY_FORW | RELAY_REPL)) = m.first() {
        let (header, options) = match (m.get(..34), m.get(34..)) {
            (Some(h), Some(o)) => (h, o),
            _ => (m, &[][..]),
        };
        whole &= header.len() == 34;
        let mut all = walk(options);
        let mut inner: &[u8] = &[];
        for (code, data) in all.by_ref() {
            if code == RELAY_MESSAGE {
                inner = data;
            }
        }
        whole &= all.whole;
        relays.push(Relay { kind, header, options });
        m = inner;
        if relays.len() == MAX_RELAYS {
            break;
        }
    }
    Opened { relays, inner: m, whole }
}

fn type_name(code: u8) -> Value {
    names6::message_type(code).map_or_else(|| format!("Unknown({code})").into(), Value::Name)
}

fn body(inner: &[u8]) -> &[u8] {
    inner.get(4..).unwrap_or_default()
}

/// Transaction identifier, 24 bits.
fn xid(inner: &[u8]) -> Option<u32> {
    Some(be32(inner, 0)? & 0x00ff_ffff)
}

/// What the machine follows.
pub fn brief(m: &[u8]) -> Fields {
    let opened = open(m);
    let kinds = opened.relays.iter().map(|r| r.kind).chain(opened.inner.first().copied());
    let types: Vec<Value> = kinds.clone().map(type_name).collect();
    let codes: Vec<Value> = kinds.map(Into::into).collect();
    let mut options = walk(body(opened.inner));
    let mut addresses: Vec<Value> = Vec::new();
    let (mut client, mut client_mac, mut server, mut status) = (Value::None, Value::None, Value::None, Value::None);
    let (mut fqdn, mut fingerprint, mut vendor, mut rapid) = (Value::None, Value::None, Value::None, false);
    for (code, d) in options.by_ref() {
        match code {
            1 => (client, client_mac) = (hex(d).into(), duid::mac_of(d).into()),
            2 => server = hex(d).into(),
            3 | 4 | 25 => {
                let head = if code == 4 { 4 } else { 12 };
                association(code, d.get(head..).unwrap_or_default(), &mut addresses, &mut status);
            }
            6 => {
                let codes: Vec<String> =
                    d.chunks_exact(2).take(MAX_ENTRIES).filter_map(|c| be16(c, 0).map(|c| c.to_string())).collect();
                fingerprint = codes.join(",").into();
            }
            13 => status = status_name(d),
            14 => rapid = true,
            16 => vendor = vendor_class_text(d),
            39 => fqdn = d.get(1..).map(partial_name).into(),
            _ => {}
        }
    }
    vec![
        ("types", types.into()),
        ("codes", codes.into()),
        ("xid", xid(opened.inner).into()),
        ("client", client),
        ("mac", client_mac),
        ("server", server),
        ("addresses", addresses.into()),
        ("status", status),
        ("rapid_commit", rapid.into()),
        ("fqdn", fqdn),
        ("vendor_class", vendor),
        ("fingerprint", fingerprint),
        ("malformed", (!opened.whole || !options.whole || opened.inner.len() < 4).into()),
    ]
}

/// Addresses and prefixes of an identity association: `{address, valid, kind}`; a status that is no success counts for
/// the message.
fn association(kind: u16, d: &[u8], out: &mut Vec<Value>, status: &mut Value) {
    for (code, d) in walk(d) {
        let (shown, valid, options) = match code {
            5 => (ip6(d, 0).map(|a| a.to_string()), be32(d, 20), d.get(24..)),
            26 => {
                let prefix = ip6(d, 9).and_then(|a| Some(format!("{a}/{}", d.get(8)?)));
                (prefix, be32(d, 4), d.get(25..))
            }
            13 => {
                let name = status_name(d);
                if name != Value::Name("Success") {
                    *status = name;
                }
                continue;
            }
            _ => continue,
        };
        let refused = walk(options.unwrap_or_default()).any(|(c, d)| c == 13 && be16(d, 0) != Some(0));
        if let (Some(shown), Some(valid), false) = (shown, valid, refused)
            && out.len() < MAX_ENTRIES
        {
            let name = match kind {
                3 => "IA_NA",
                4 => "IA_TA",
                _ => "IA_PD",
            };
            let f: Fields = vec![("address", shown.into()), ("valid", valid.into()), ("kind", name.into())];
            out.push(f.into());
        }
    }
}

fn status_name(d: &[u8]) -> Value {
    let Some(code) = be16(d, 0) else { return Value::None };
    names6::status(code).map_or_else(|| format!("Unknown({code})").into(), Value::Name)
}

/// Enterprise number and the classes as text.
fn vendor_class_text(d: &[u8]) -> Value {
    let Some(enterprise) = be32(d, 0) else { return Value::None };
    let mut text = enterprise.to_string();
    for one in long_fields(d.get(4..).unwrap_or_default()).unwrap_or_default() {
        text.push(' ');
        text.push_str(&match text_or_hex(one) {
            Value::Text(t) => t,
            _ => String::new(),
        });
    }
    text.into()
}

/// Fields with two bytes of length in front; None when one runs over.
fn long_fields(d: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut out, mut at) = (Vec::new(), 0);
    // Ends: every turn moves on by at least two bytes.
    while at < d.len() && out.len() < MAX_ENTRIES {
        let len = be16(d, at)? as usize;
        out.push(d.get(at + 2..at + 2 + len)?);
        at += 2 + len;
    }
    Some(out)
}

/// Everything in a message.
pub fn fields(c: &Context, m: &[u8]) -> Fields {
    let opened = open(m);
    let mut left = MAX_OPTIONS;
    let mut whole = opened.whole;
    let mut relays: Vec<Value> = Vec::new();
    for r in &opened.relays {
        let mut f: Fields = vec![("message_type", type_name(r.kind)), ("hops", r.header.get(1).copied().into())];
        f.push(("link_address", ip6(r.header, 2).into()));
        f.push(("peer_address", ip6(r.header, 18).into()));
        f.push(("options", options(c, r.options, &mut left, 0, &mut whole)));
        relays.push(f.into());
    }
    let outer = m.first().copied();
    let kind = opened.inner.first().copied();
    let mut out: Fields = vec![
        ("message_type", kind.map_or(Value::None, type_name)),
        ("message_type_code", kind.into()),
        ("outer_message_type", outer.map_or(Value::None, type_name)),
        ("transaction_id", xid(opened.inner).map(|id| format!("0x{id:06x}")).into()),
    ];
    for (name, code) in [("client_duid", 1), ("server_duid", 2)] {
        let found = walk(body(opened.inner)).find(|o| o.0 == code).map(|o| duid::value(o.1));
        out.push((name, found.into()));
    }
    let (mut held, mut status): (Vec<Value>, Value) = (Vec::new(), Value::None);
    for (code, d) in walk(body(opened.inner)) {
        match code {
            3 | 25 => association(code, d.get(12..).unwrap_or_default(), &mut held, &mut status),
            4 => association(code, d.get(4..).unwrap_or_default(), &mut held, &mut status),
            13 => status = status_name(d),
            _ => {}
        }
    }
    out.push(("addresses", held.into()));
    out.push(("status", status));
    out.push(("relays", relays.into()));
    out.push(("options", options(c, body(opened.inner), &mut left, 0, &mut whole)));
    if !whole || opened.inner.len() < 4 {
        out.push(("malformed", true.into()));
    }
    out
}

fn options(c: &Context, d: &[u8], left: &mut usize, depth: usize, whole: &mut bool) -> Value {
    let mut out: Vec<Value> = Vec::new();
    let mut all = walk(d);
    for (code, d) in all.by_ref() {
        if *left == 0 {
            break;
        }
        *left -= 1;
        let known = names6::option(code);
        let mut f: Fields = vec![("code", code.into()), ("name", known.map(|k| k.0).into())];
        let value = match known {
            Some((_, kind)) => value(c, kind, d, left, depth, whole),
            None => Some(text_or_hex(d)),
        };
        match value {
            Some(v) => f.push(("value", v)),
            None => {
                f.push(("value", hex(d).into()));
                f.push(("malformed", true.into()));
            }
        }
        out.push(f.into());
    }
    *whole &= all.whole;
    out.into()
}

fn value(c: &Context, kind: Kind, d: &[u8], left: &mut usize, depth: usize, whole: &mut bool) -> Option<Value> {
    let mut inside = |from: usize| {
        let d = d.get(from..)?;
        Some(if depth < MAX_DEPTH { options(c, d, left, depth + 1, whole) } else { hex(d).into() })
    };
    let exact = |len| (d.len() == len).then_some(d);
    let f: Fields = match kind {
        Kind::Duid => return Some(duid::value(d)),
        Kind::Ia => vec![
            ("iaid", be32(d, 0)?.into()),
            ("t1", be32(d, 4)?.into()),
            ("t2", be32(d, 8)?.into()),
            ("options", inside(12)?),
        ],
        Kind::IaTemporary => vec![("iaid", be32(d, 0)?.into()), ("options", inside(4)?)],
        Kind::Address => vec![
            ("address", ip6(d, 0)?.into()),
            ("preferred_lifetime", be32(d, 16)?.into()),
            ("valid_lifetime", be32(d, 20)?.into()),
            ("options", inside(24)?),
        ],
        Kind::Prefix => vec![
            ("prefix", format!("{}/{}", ip6(d, 9)?, d.get(8)?).into()),
            ("preferred_lifetime", be32(d, 0)?.into()),
            ("valid_lifetime", be32(d, 4)?.into()),
            ("options", inside(25)?),
        ],
        Kind::Options => return inside(0),
        Kind::Codes | Kind::U16s => return if d.is_empty() { Some(Value::List(Vec::new())) } else { u16s(d) },
        Kind::U8 => return Some((*exact(1)?.first()?).into()),
        Kind::U16 => return Some(be16(exact(2)?, 0)?.into()),
        Kind::U32 => return Some(be32(exact(4)?, 0)?.into()),
        // Given in seconds.
        Kind::Elapsed => return Some(Value::Float(f64::from(be16(exact(2)?, 0)?) / 100.0)),
        // Shown as the message itself, not again among the relay's options.
        Kind::Relay => vec![("message_bytes", d.len().into())],
        Kind::Authentication => vec![
            ("protocol", (*d.first()?).into()),
            ("algorithm", (*d.get(1)?).into()),
            ("replay_detection_method", (*d.get(2)?).into()),
            ("replay_detection", hex(d.get(3..11)?).into()),
            ("information", hex(d.get(11..)?).into()),
        ],
        Kind::Ip => return Some(ip6(exact(16)?, 0)?.into()),
        Kind::Ips => return ips6(d),
        Kind::Status => {
            vec![("code", be16(d, 0)?.into()), ("name", status_name(d)), ("text", string(d.get(2..)?).into())]
        }
        Kind::Present => return Some(exact(0)?.is_empty().into()),
        Kind::UserClass => return Some(long_fields(d)?.into_iter().map(text_or_hex).collect::<Vec<_>>().into()),
        Kind::VendorClass => vec![
            ("enterprise", be32(d, 0)?.into()),
            ("classes", long_fields(d.get(4..)?)?.into_iter().map(text_or_hex).collect::<Vec<_>>().into()),
        ],
        Kind::VendorOptions => {
            let mut all = walk(d.get(4..)?);
            let options: Vec<Value> = all
                .by_ref()
                .take(MAX_ENTRIES)
                .map(|(code, d)| Value::Map(vec![("code", code.into()), ("value", text_or_hex(d))]))
                .collect();
            vec![("enterprise", be32(d, 0)?.into()), ("options", options.into())]
        }
        Kind::Names => return names(d),
        Kind::Name => return Some(partial_name(d).into()),
        Kind::Text => return Some(string(d).into()),
        Kind::Texts => return Some(long_fields(d)?.into_iter().map(text_or_hex).collect::<Vec<_>>().into()),
        Kind::RemoteId => vec![("enterprise", be32(d, 0)?.into()), ("identifier", text_or_hex(d.get(4..)?))],
        Kind::Fqdn => {
            let flags = *d.first()?;
            vec![
                ("name", partial_name(d.get(1..)?).into()),
                ("server_updates_aaaa", (flags & 1 != 0).into()),
                ("overridden", (flags & 2 != 0).into()),
                ("no_updates", (flags & 4 != 0).into()),
            ]
        }
        Kind::Ntp => return Some(ntp(d).into()),
        Kind::LinkLayer => {
            let address = d.get(2..)?;
            vec![
                ("hardware_type", be16(d, 0)?.into()),
                ("address", mac(address).unwrap_or_else(|| hex(address)).into()),
            ]
        }
        Kind::Dhcpv4 => v4::fields(c, d),
        Kind::Hex => return Some(hex(d).into()),
    };
    Some(f.into())
}

fn u16s(d: &[u8]) -> Option<Value> {
    each(d, 2, |d| be16(d, 0).map(Into::into))
}

/// RFC 5908: an address, a multicast address or a name.
fn ntp(d: &[u8]) -> Vec<Value> {
    let one = |(code, d): (u16, &[u8])| match (code, ip6(d, 0)) {
        (1 | 2, Some(ip)) if d.len() == 16 => ip.into(),
        (3, _) => partial_name(d).into(),
        _ => hex(d).into(),
    };
    walk(d).take(MAX_ENTRIES).map(one).collect()
}
