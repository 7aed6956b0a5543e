//! The data of a DHCPv4 option as a value (RFC 2132 and the documents its registry names).

use super::names4::{self, Kind};
use super::show::*;
use crate::addr::IpAddr;
use crate::app::bytes::{be16, be32};
use crate::app::message::{Fields, Value};

/// The value of an option; None: it has not the length or form its kind asks for.
pub fn value(kind: Kind, d: &[u8]) -> Option<Value> {
    Some(match kind {
        Kind::Ip => {
            exact(d, 4)?;
            ip4(d, 0)?.into()
        }
        Kind::Ips => ips4(d)?,
        Kind::IpPairs => each(d, 8, |d| Some(format!("{} {}", ip4(d, 0)?, ip4(d, 4)?).into()))?,
        Kind::U8 => (*exact(d, 1)?.first()?).into(),
        Kind::U16 => be16(exact(d, 2)?, 0)?.into(),
        Kind::U32 => be32(exact(d, 4)?, 0)?.into(),
        Kind::I32 => (be32(exact(d, 4)?, 0)? as i32).into(),
        Kind::U16s => each(d, 2, |d| be16(d, 0).map(Into::into))?,
        Kind::Bool => (*exact(d, 1)?.first()? != 0).into(),
        Kind::Present => {
            exact(d, 0)?;
            true.into()
        }
        Kind::Text => string(d).into(),
        Kind::Hex => hex(d).into(),
        Kind::MessageType => {
            let code = *exact(d, 1)?.first()?;
            names4::message_type(code).map_or_else(|| format!("Unknown({code})").into(), Value::Name)
        }
        Kind::Codes => d.iter().take(MAX_ENTRIES).map(|&c| c.into()).collect::<Vec<Value>>().into(),
        Kind::ClientId => client_id(d)?,
        Kind::Overload => match *exact(d, 1)?.first()? {
            1 => "file".into(),
            2 => "sname".into(),
            3 => "file and sname".into(),
            _ => return None,
        },
        Kind::RelayAgent => relay_agent(d)?,
        Kind::Routes => routes(d)?,
        Kind::Names => names(d)?,
        Kind::Fqdn => fqdn(d)?,
        Kind::Sip => match d.split_first()? {
            (0, rest) => names(rest)?,
            (1, rest) => ips4(rest)?,
            _ => return None,
        },
        Kind::UserClass => user_class(d),
        Kind::VendorClasses => vendor(d, text_or_hex)?,
        Kind::VendorOptions => vendor(d, |d| sub_options(d).unwrap_or_else(|| hex(d).into()))?,
        Kind::Encapsulated => sub_options(d).unwrap_or_else(|| text_or_hex(d)),
        Kind::Guid => match exact(d, 17)?.split_first()? {
            (0, rest) => guid(rest)?.into(),
            _ => hex(d).into(),
        },
        Kind::Architectures => each(d, 2, |d| {
            let code = be16(d, 0)?;
            Some(names4::architecture(code).map_or_else(|| code.into(), Value::Name))
        })?,
        Kind::Interface => match exact(d, 3)? {
            [1, major, minor] => format!("UNDI {major}.{minor}").into(),
            _ => hex(d).into(),
        },
        Kind::Authentication => authentication(d)?,
        Kind::SlpAgents => {
            let (mandatory, rest) = d.split_first()?;
            let f: Fields = vec![("mandatory", (*mandatory != 0).into()), ("agents", ips4(rest)?)];
            f.into()
        }
        Kind::SlpScope => {
            let (mandatory, rest) = d.split_first()?;
            let f: Fields = vec![("mandatory", (*mandatory != 0).into()), ("scopes", string(rest).into())];
            f.into()
        }
        Kind::Status => {
            let (code, rest) = d.split_first()?;
            let f: Fields = vec![("code", (*code).into()), ("text", string(rest).into())];
            f.into()
        }
        Kind::SixRd => six_rd(d)?,
    })
}

fn exact(d: &[u8], len: usize) -> Option<&[u8]> {
    (d.len() == len).then_some(d)
}

/// RFC 2132 9.14: a hardware type and address; type 255: an IAID and a DUID (RFC 4361 6.1); type 0: anything.
fn client_id(d: &[u8]) -> Option<Value> {
    let (&kind, rest) = d.split_first()?;
    let mut f: Fields = vec![("hex", hex(d).into())];
    match kind {
        0 => f.push(("text", text_or_hex(rest))),
        1 | 6 if rest.len() == 6 => f.push(("mac", mac(rest)?.into())),
        255 if rest.len() >= 6 => {
            f.push(("iaid", be32(rest, 0)?.into()));
            f.push(("duid", super::duid::value(rest.get(4..)?)));
        }
        _ => f.push(("hardware_type", kind.into())),
    }
    Some(f.into())
}

fn sub_option(code: impl Into<Value>, name: Option<&'static str>, value: Value) -> Value {
    let f: Fields = vec![("code", code.into()), ("name", name.into()), ("value", value)];
    f.into()
}

/// RFC 3046 2: sub-options without padding or end.
fn relay_agent(d: &[u8]) -> Option<Value> {
    let (mut out, mut at): (Vec<Value>, usize) = (Vec::new(), 0);
    // Ends: every turn moves on by at least two bytes.
    while at < d.len() {
        let (&code, len) = (d.get(at)?, *d.get(at + 1)? as usize);
        let data = d.get(at + 2..at + 2 + len)?;
        at += 2 + len;
        let value = match code {
            5 | 11 if len == 4 => ip4(data, 0)?.into(),
            6 => string(data).into(),
            10 if len == 1 => (if data[0] & 0x80 != 0 { "unicast" } else { "broadcast" }).into(),
            9 => vendor(data, |d| sub_options(d).unwrap_or_else(|| hex(d).into())).unwrap_or_else(|| hex(data).into()),
            16 if len == 6 => mac(data)?.into(),
            _ => text_or_hex(data),
        };
        out.push(sub_option(code, names4::relay_agent(code), value));
    }
    Some(out.into())
}

/// Encapsulated options with codes of the vendor (RFC 2132 8.4); None when they do not fill the option exactly.
fn sub_options(d: &[u8]) -> Option<Value> {
    let all = short_tlv(d)?;
    if all.is_empty() {
        return None;
    }
    Some(all.into_iter().map(|(code, data)| sub_option(code, None, text_or_hex(data))).collect::<Vec<_>>().into())
}

/// RFC 3442: width of the mask, the bytes of the destination that matter, the router.
fn routes(d: &[u8]) -> Option<Value> {
    let (mut out, mut at): (Vec<Value>, usize) = (Vec::new(), 0);
    // Ends: every turn moves on by at least five bytes.
    while at < d.len() && out.len() < MAX_ENTRIES {
        let width = *d.get(at)?;
        if width > 32 {
            return None;
        }
        let significant = (width as usize).div_ceil(8);
        let mut destination = [0; 4];
        destination[..significant].copy_from_slice(d.get(at + 1..at + 1 + significant)?);
        let router = ip4(d, at + 1 + significant)?;
        out.push(format!("{}/{width} via {router}", IpAddr::v4(destination)).into());
        at += 5 + significant;
    }
    if out.is_empty() { None } else { Some(out.into()) }
}

/// RFC 4702 2: flags, two codes that are no longer used, the name in DNS form (E set) or as text.
fn fqdn(d: &[u8]) -> Option<Value> {
    let (&flags, rest) = (d.first()?, d.get(3..)?);
    let name = if flags & 4 != 0 { partial_name(rest) } else { string(rest) };
    let f: Fields = vec![
        ("name", name.into()),
        ("server_updates_a", (flags & 1 != 0).into()),
        ("overridden", (flags & 2 != 0).into()),
        ("no_updates", (flags & 8 != 0).into()),
    ];
    Some(f.into())
}

/// RFC 3004 4: fields with a length each; what is not of that form is shown as text.
fn user_class(d: &[u8]) -> Value {
    let (mut out, mut at): (Vec<Value>, usize) = (Vec::new(), 0);
    while let Some(&len) = d.get(at) {
        match d.get(at + 1..at + 1 + len as usize) {
            Some(one) if len > 0 => out.push(text_or_hex(one)),
            _ => return text_or_hex(d),
        }
        at += 1 + len as usize;
    }
    out.into()
}

/// RFC 3925: enterprise number, length, data, for each enterprise.
fn vendor(d: &[u8], data: impl Fn(&[u8]) -> Value) -> Option<Value> {
    let (mut out, mut at): (Vec<Value>, usize) = (Vec::new(), 0);
    // Ends: every turn moves on by at least five bytes.
    while at < d.len() && out.len() < MAX_ENTRIES {
        let (enterprise, len) = (be32(d, at)?, *d.get(at + 4)? as usize);
        let f: Fields = vec![("enterprise", enterprise.into()), ("data", data(d.get(at + 5..at + 5 + len)?))];
        out.push(f.into());
        at += 5 + len;
    }
    Some(out.into())
}

/// RFC 3118 2.
fn authentication(d: &[u8]) -> Option<Value> {
    let protocol = *d.first()?;
    let f: Fields = vec![
        ("protocol", protocol.into()),
        ("algorithm", (*d.get(1)?).into()),
        ("replay_detection_method", (*d.get(2)?).into()),
        ("replay_detection", hex(d.get(3..11)?).into()),
        ("information", hex(d.get(11..)?).into()),
    ];
    Some(f.into())
}

/// RFC 5969 7.1.1.
fn six_rd(d: &[u8]) -> Option<Value> {
    let f: Fields = vec![
        ("ipv4_mask_length", (*d.first()?).into()),
        ("prefix", format!("{}/{}", ip6(d, 2)?, d.get(1)?).into()),
        ("border_relays", ips4(d.get(18..)?)?),
    ];
    Some(f.into())
}
