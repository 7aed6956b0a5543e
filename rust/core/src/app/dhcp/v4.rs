//! DHCPv4 and BOOTP messages (RFC 951, RFC 2131 2): the fixed part, the areas with options, their values.

use super::names4::{self, Kind};
use super::options4;
use super::show::*;
use crate::app::Context;
use crate::app::bytes::{be16, be32};
use crate::app::message::{Fields, Value, text};
use std::borrow::Cow;

/// Bytes in front of the cookie.
const FIXED: usize = 236;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
const SNAME: std::ops::Range<usize> = 44..108;
const FILE: std::ops::Range<usize> = 108..FIXED;
const PAD: u8 = 0;
const END: u8 = 255;
const OVERLOAD: u8 = 52;

/// Has it the cookie of DHCP options? Wireshark asks that of messages on port 4011.
pub fn has_cookie(m: &[u8]) -> bool {
    m.get(FIXED..FIXED + 4) == Some(&COOKIE)
}

/// Does Wireshark show a message of this length as DHCP? It reads type and length of the hardware address first, and of
/// a request the address itself.
pub fn is_shown(m: &[u8]) -> bool {
    match *m {
        [1, _, hlen, ..] if hlen > 0 => m.len() >= 28 + hlen as usize,
        _ => m.len() >= 3,
    }
}

/// Strict enough for bytes on any port: a request or reply with the cookie and a known message type.
pub fn believable(m: &[u8]) -> bool {
    let (Some(&op), Some(&hlen)) = (m.first(), m.get(2)) else { return false };
    if !matches!(op, 1 | 2) || hlen > 16 || !has_cookie(m) {
        return false;
    }
    let options = Options::read(m);
    options.whole && matches!(options.get(53), Some(&[kind]) if names4::message_type(kind).is_some())
}

/// One option, its pieces put together (RFC 3396).
#[derive(Clone, Debug)]
pub struct One<'a> {
    pub code: u8,
    pub data: Cow<'a, [u8]>,
    pub pieces: usize,
}

/// All options of a message, each code once, in order of appearance.
#[derive(Clone, Debug, Default)]
pub struct Options<'a> {
    pub all: Vec<One<'a>>,
    /// No option runs over the end of its area.
    pub whole: bool,
}

impl<'a> Options<'a> {
    /// Reads the options field and, where option 52 says so, `file` and `sname` behind it (RFC 2131 4.1). At most 254
    /// codes exist, so the list is bounded.
    pub fn read(m: &'a [u8]) -> Self {
        let mut found = Self { all: Vec::new(), whole: true };
        if has_cookie(m) {
            found.area(m.get(FIXED + 4..).unwrap_or_default());
            let overload = found.get(OVERLOAD).and_then(|d| d.first()).copied().unwrap_or(0);
            for (bit, area) in [(1, FILE), (2, SNAME)] {
                if overload & bit != 0 {
                    found.area(m.get(area).unwrap_or_default());
                }
            }
        }
        found
    }

    fn area(&mut self, d: &'a [u8]) {
        let mut at = 0;
        // Ends: every turn moves on by at least a byte.
        while let Some(&code) = d.get(at) {
            match code {
                PAD => at += 1,
                END => return,
                _ => {
                    let Some(&len) = d.get(at + 1) else { break };
                    let Some(data) = d.get(at + 2..at + 2 + len as usize) else { break };
                    self.add(code, data);
                    at += 2 + len as usize;
                }
            }
        }
        self.whole &= at == d.len();
    }

    fn add(&mut self, code: u8, data: &'a [u8]) {
        match self.all.iter_mut().find(|o| o.code == code) {
            None => self.all.push(One { code, data: data.into(), pieces: 1 }),
            Some(one) => {
                one.pieces += 1;
                if !names4::option(code).is_some_and(|(_, kind)| kind.is_fixed()) {
                    one.data.to_mut().extend_from_slice(data);
                }
            }
        }
    }

    pub fn get(&self, code: u8) -> Option<&[u8]> {
        self.all.iter().find(|o| o.code == code).map(|o| &*o.data)
    }

    fn value(&self, code: u8) -> Value {
        let kind = names4::option(code).map_or(Kind::Hex, |o| o.1);
        self.get(code).and_then(|d| options4::value(kind, d)).unwrap_or(Value::None)
    }

    /// The message type; the first byte counts even where the option is longer, as Wireshark reads it.
    fn message_type(&self) -> Option<u8> {
        self.get(53).and_then(|d| d.first()).copied()
    }
}

fn address(m: &[u8], at: usize) -> Value {
    ip4(m, at).into()
}

/// A six-byte address of Ethernet (type 1) or IEEE 802 (type 6), what Wireshark calls `dhcp.hw.mac_addr`.
fn client_mac(m: &[u8]) -> Option<String> {
    match m.get(1..3)? {
        [1 | 6, 6] => mac(m.get(28..34)?),
        _ => None,
    }
}

/// Who the client is: hardware address with its type in front where it is not Ethernet, or the client identifier of
/// those that have none.
fn client_key(m: &[u8], options: &Options<'_>) -> Option<String> {
    let hlen = (*m.get(2)?).min(16) as usize;
    let hardware = m.get(28..28 + hlen)?;
    if let Some(mac) = client_mac(m)
        && hardware.iter().any(|&b| b != 0)
    {
        return Some(mac);
    }
    if hardware.iter().any(|&b| b != 0) {
        return Some(format!("hardware {} {}", m.get(1)?, hex(hardware)));
    }
    options.get(61).map(|d| format!("id {}", hex(d)))
}

fn type_name(code: u8) -> Value {
    names4::message_type(code).map_or_else(|| format!("Unknown({code})").into(), Value::Name)
}

fn malformed(m: &[u8], options: &Options<'_>) -> bool {
    m.len() < FIXED || !options.whole
}

/// What the machine follows.
pub fn brief(m: &[u8]) -> Fields {
    let o = Options::read(m);
    let fingerprint = o.get(55).map(|d| {
        let codes: Vec<String> = d.iter().take(MAX_ENTRIES).map(u8::to_string).collect();
        codes.join(",")
    });
    let fqdn = match o.value(81) {
        Value::Map(f) => f.into_iter().find(|f| f.0 == "name").map_or(Value::None, |f| f.1),
        _ => Value::None,
    };
    let kind = o.message_type();
    vec![
        ("op", m.first().copied().into()),
        ("type", kind.into()),
        ("type_name", kind.map_or(Value::None, type_name)),
        ("xid", be32(m, 4).into()),
        ("client", client_key(m, &o).into()),
        ("mac", client_mac(m).into()),
        ("client_ip", address(m, 12)),
        ("your_ip", address(m, 16)),
        ("relay_ip", address(m, 24)),
        ("server", o.value(54)),
        ("requested", o.value(50)),
        ("lease_time", o.value(51)),
        ("hostname", o.value(12)),
        ("fqdn", fqdn),
        ("vendor_class", o.value(60)),
        ("fingerprint", fingerprint.into()),
        ("malformed", malformed(m, &o).into()),
    ]
}

/// Everything in a message.
pub fn fields(_: &Context, m: &[u8]) -> Fields {
    let o = Options::read(m);
    let flags = be16(m, 10);
    let mut out: Fields = vec![
        (
            "op",
            m.first().map_or(Value::None, |op| match op {
                1 => "Request".into(),
                2 => "Reply".into(),
                n => format!("Unknown({n})").into(),
            }),
        ),
        ("hardware_type", m.get(1).copied().into()),
        ("hops", m.get(3).copied().into()),
        ("transaction_id", be32(m, 4).map(|id| format!("0x{id:08x}")).into()),
        ("seconds", be16(m, 8).into()),
        ("broadcast", flags.map(|f| f & 0x8000 != 0).into()),
        ("client_ip", address(m, 12)),
        ("your_ip", address(m, 16)),
        ("server_ip", address(m, 20)),
        ("relay_ip", address(m, 24)),
        ("client_mac", client_mac(m).into()),
        ("client", client_key(m, &o).into()),
    ];
    let overload = o.get(OVERLOAD).and_then(|d| d.first()).copied().unwrap_or(0);
    for (name, area, bit) in [("server_name", SNAME, 2), ("boot_file", FILE, 1)] {
        let d = m.get(area).unwrap_or_default();
        if overload & bit == 0 && d.first().is_some_and(|&b| b != 0) {
            out.push((name, text(d.split(|&b| b == 0).next().unwrap_or_default(), 128).into()));
        }
    }
    if let Some(kind) = o.message_type() {
        out.push(("message_type", type_name(kind)));
        out.push(("message_type_code", kind.into()));
    }
    out.push(("options", o.all.iter().map(option).collect::<Vec<Value>>().into()));
    if m.len() > FIXED && !has_cookie(m) {
        out.push(("vendor_area", hex(m.get(FIXED..).unwrap_or_default()).into()));
    }
    if malformed(m, &o) {
        out.push(("malformed", true.into()));
    }
    out
}

fn option(one: &One<'_>) -> Value {
    let known = names4::option(one.code);
    let value = match known {
        Some((_, kind)) => options4::value(kind, &one.data),
        None => Some(text_or_hex(&one.data)),
    };
    let mut f: Fields = vec![("code", one.code.into()), ("name", known.map(|k| k.0).into())];
    if one.pieces > 1 {
        f.push(("pieces", one.pieces.into()));
    }
    match value {
        Some(value) => f.push(("value", value)),
        None => {
            f.push(("value", hex(&one.data).into()));
            f.push(("malformed", true.into()));
        }
    }
    f.into()
}
