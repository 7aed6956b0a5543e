//! Record data by type (RFC 1035 3.3 and the RFCs of the later types), as values with the RFCs' field names.

use super::types;
use super::wire::read_name;
use crate::addr::IpAddr;
use crate::app::bytes::{be16, be32};
use crate::app::message::{Fields, Value, text};

/// Longest text given of one string, bytes.
const MAX_TEXT: usize = 1024;

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().take(MAX_TEXT / 2).fold(String::new(), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

fn name(m: &[u8], at: usize) -> Option<(String, usize)> {
    let mut out = String::new();
    read_name(m, at, &mut out).map(|end| (out, end))
}

/// `TYPE65280` for numbers without a name (RFC 3597 5).
pub fn type_name(n: u16) -> Value {
    types::record_type(n).map_or_else(|| Value::Text(format!("TYPE{n}")), Value::Name)
}

fn named(n: u8, of: fn(u8) -> Option<&'static str>) -> Value {
    of(n).map_or(Value::Int(n as i64), Value::Name)
}

/// One `<character-string>` (RFC 1035 3.3) and the offset behind it.
fn string(d: &[u8], at: usize) -> Option<(Value, usize)> {
    let n = *d.get(at)? as usize;
    Some((text(d.get(at + 1..at + 1 + n)?, MAX_TEXT).into(), at + 1 + n))
}

/// Calls `each` with the types of a bit map (RFC 4034 4.1.2); false: it is cut.
fn types_of(mut d: &[u8], mut each: impl FnMut(u16)) -> bool {
    while let [window, len, rest @ ..] = d {
        let Some(bits) = rest.get(..*len as usize) else { return false };
        for (i, byte) in bits.iter().enumerate() {
            for bit in (0..8).filter(|bit| byte & (0x80 >> bit) != 0) {
                each((*window as u16) << 8 | (i as u16 * 8 + bit));
            }
        }
        d = &rest[*len as usize..];
    }
    true
}

fn bitmap(d: &[u8]) -> Option<Value> {
    let mut all: Vec<Value> = Vec::new();
    types_of(d, |t| all.push(type_name(t))).then_some(Value::List(all))
}

/// Calls `each` with the types listed in an NSEC or NSEC3 record.
pub fn listed_types(m: &[u8], r: &super::wire::Record, each: impl FnMut(u16)) {
    let Some(d) = m.get(r.data_at..r.data_at + r.data_len) else { return };
    let at = match r.rtype {
        47 => super::wire::skip_name(m, r.data_at).and_then(|end| end.checked_sub(r.data_at)),
        50 => d.get(4).and_then(|&salt| {
            let hash = *d.get(5 + salt as usize)?;
            Some(6 + salt as usize + hash as usize)
        }),
        _ => None,
    };
    if let Some(d) = at.and_then(|at| d.get(at..)) {
        types_of(d, each);
    }
}

/// Base32hex without padding (RFC 4648 7), as NSEC3 owner names are written.
fn base32hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
    let (mut out, mut held, mut bits) = (String::new(), 0u32, 0);
    for &b in bytes {
        held = held << 8 | b as u32;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(DIGITS[(held >> bits & 31) as usize] as char);
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        out.push(DIGITS[(held << (5 - bits) & 31) as usize] as char);
    }
    out
}

/// Parameters of SVCB and HTTPS (RFC 9460 2.2).
fn service_params(mut d: &[u8]) -> Option<Value> {
    let mut all: Vec<Value> = Vec::new();
    while !d.is_empty() {
        let (key, len) = (be16(d, 0)?, be16(d, 2)? as usize);
        let v = d.get(4..4 + len)?;
        let value: Value = match key {
            0 => v.chunks_exact(2).map(|c| service_key(u16::from_be_bytes([c[0], c[1]]))).collect::<Vec<_>>().into(),
            1 => {
                let (mut at, mut ids) = (0, Vec::new());
                while at < v.len() {
                    let (id, end) = string(v, at)?;
                    ids.push(id);
                    at = end;
                }
                ids.into()
            }
            3 => be16(v, 0)?.into(),
            4 => v.chunks_exact(4).map(|c| IpAddr::v4([c[0], c[1], c[2], c[3]]).into()).collect::<Vec<Value>>().into(),
            6 => v
                .chunks_exact(16)
                .filter_map(|c| <[u8; 16]>::try_from(c).ok())
                .map(|c| IpAddr::v6(c).into())
                .collect::<Vec<Value>>()
                .into(),
            7 => text(v, MAX_TEXT).into(),
            _ => hex(v).into(),
        };
        all.push(vec![("key", service_key(key)), ("value", value)].into());
        d = &d[4 + len..];
    }
    Some(all.into())
}

fn service_key(n: u16) -> Value {
    types::service_key(n).map_or_else(|| Value::Text(format!("key{n}")), Value::Name)
}

/// Fields of the record data at `at..at + len` of message `m`. None: the data is shorter than its type needs.
pub fn fields(m: &[u8], rtype: u16, at: usize, len: usize) -> Option<Fields> {
    let d = m.get(at..at + len)?;
    let byte = |i: usize| d.get(i).copied();
    Some(match rtype {
        1 => vec![("address", IpAddr::v4(d.try_into().ok()?).into())],
        28 => vec![("address", IpAddr::v6(d.try_into().ok()?).into())],
        2 => vec![("nsdname", name(m, at)?.0.into())],
        5 => vec![("cname", name(m, at)?.0.into())],
        12 => vec![("ptrdname", name(m, at)?.0.into())],
        39 => vec![("target", name(m, at)?.0.into())],
        3 | 4 | 7 | 8 | 9 => vec![("name", name(m, at)?.0.into())],
        6 => {
            let (mname, next) = name(m, at)?;
            let (rname, next) = name(m, next)?;
            let number = |i: usize| be32(m, next + 4 * i);
            vec![
                ("mname", mname.into()),
                ("rname", rname.into()),
                ("serial", number(0)?.into()),
                ("refresh", number(1)?.into()),
                ("retry", number(2)?.into()),
                ("expire", number(3)?.into()),
                ("minimum", number(4)?.into()),
            ]
        }
        13 => {
            let (cpu, next) = string(d, 0)?;
            vec![("cpu", cpu), ("os", string(d, next)?.0)]
        }
        14 | 17 => {
            let (first, next) = name(m, at)?;
            let names = if rtype == 14 { ("rmailbx", "emailbx") } else { ("mbox", "txt") };
            vec![(names.0, first.into()), (names.1, name(m, next)?.0.into())]
        }
        15 | 18 | 21 | 36 => {
            let key = if rtype == 18 { "subtype" } else { "preference" };
            vec![(key, be16(d, 0)?.into()), ("exchange", name(m, at + 2)?.0.into())]
        }
        16 | 99 => {
            let (mut next, mut all) = (0, Vec::new());
            while next < d.len() {
                let (s, end) = string(d, next)?;
                all.push(s);
                next = end;
            }
            vec![("text", Value::List(all))]
        }
        24 | 46 => {
            let (signer, next) = name(m, at + 18)?;
            vec![
                ("type_covered", type_name(be16(d, 0)?)),
                ("algorithm", named(byte(2)?, types::algorithm)),
                ("labels", byte(3)?.into()),
                ("original_ttl", be32(d, 4)?.into()),
                ("expiration", be32(d, 8)?.into()),
                ("inception", be32(d, 12)?.into()),
                ("key_tag", be16(d, 16)?.into()),
                ("signer", signer.into()),
                ("signature", hex(d.get(next.checked_sub(at)?..)?).into()),
            ]
        }
        25 | 48 | 60 => vec![
            ("flags", be16(d, 0)?.into()),
            ("protocol", byte(2)?.into()),
            ("algorithm", named(byte(3)?, types::algorithm)),
            ("public_key_bytes", (d.len() - 4).into()),
        ],
        33 => vec![
            ("priority", be16(d, 0)?.into()),
            ("weight", be16(d, 2)?.into()),
            ("port", be16(d, 4)?.into()),
            ("target", name(m, at + 6)?.0.into()),
        ],
        35 => {
            let (flags, next) = string(d, 4)?;
            let (services, next) = string(d, next)?;
            let (regexp, next) = string(d, next)?;
            vec![
                ("order", be16(d, 0)?.into()),
                ("preference", be16(d, 2)?.into()),
                ("flags", flags),
                ("services", services),
                ("regexp", regexp),
                ("replacement", name(m, at + next)?.0.into()),
            ]
        }
        43 | 59 | 32769 => vec![
            ("key_tag", be16(d, 0)?.into()),
            ("algorithm", named(byte(2)?, types::algorithm)),
            ("digest_type", byte(3)?.into()),
            ("digest", hex(d.get(4..)?).into()),
        ],
        44 => {
            vec![("algorithm", byte(0)?.into()), ("type", byte(1)?.into()), ("fingerprint", hex(d.get(2..)?).into())]
        }
        47 => {
            let (next_name, end) = name(m, at)?;
            vec![("next", next_name.into()), ("types", bitmap(d.get(end.checked_sub(at)?..)?)?)]
        }
        50 => {
            let salt = byte(4)? as usize;
            let hash = *d.get(5 + salt)? as usize;
            let behind = 6 + salt + hash;
            vec![
                ("hash_algorithm", byte(0)?.into()),
                ("flags", byte(1)?.into()),
                ("iterations", be16(d, 2)?.into()),
                ("salt", hex(d.get(5..5 + salt)?).into()),
                ("next_hashed", base32hex(d.get(6 + salt..behind)?).into()),
                ("types", bitmap(d.get(behind..)?)?),
            ]
        }
        51 => vec![
            ("hash_algorithm", byte(0)?.into()),
            ("flags", byte(1)?.into()),
            ("iterations", be16(d, 2)?.into()),
            ("salt", hex(d.get(5..5 + byte(4)? as usize)?).into()),
        ],
        52 | 53 => vec![
            ("usage", byte(0)?.into()),
            ("selector", byte(1)?.into()),
            ("matching_type", byte(2)?.into()),
            ("data", hex(d.get(3..)?).into()),
        ],
        64 | 65 => {
            let (target, end) = name(m, at + 2)?;
            vec![
                ("priority", be16(d, 0)?.into()),
                ("target", if target == "<Root>" { ".".into() } else { target.into() }),
                ("params", service_params(d.get(end.checked_sub(at)?..)?)?),
            ]
        }
        108 | 109 => vec![("address", hex(d).into())],
        256 => vec![
            ("priority", be16(d, 0)?.into()),
            ("weight", be16(d, 2)?.into()),
            ("target", text(d.get(4..)?, MAX_TEXT).into()),
        ],
        257 => {
            let tag = byte(1)? as usize;
            vec![
                ("flags", byte(0)?.into()),
                ("tag", text(d.get(2..2 + tag)?, MAX_TEXT).into()),
                ("value", text(d.get(2 + tag..)?, MAX_TEXT).into()),
            ]
        }
        _ => vec![("data", hex(d).into())],
    })
}

/// EDNS of an OPT record (RFC 6891 6.1): class is the payload size, TTL holds extended rcode, version and flags.
pub fn edns(class: u16, ttl: u32, d: &[u8]) -> Fields {
    let (mut options, mut at): (Vec<Value>, _) = (Vec::new(), 0);
    while let (Some(code), Some(len)) = (be16(d, at), be16(d, at + 2)) {
        let Some(v) = d.get(at + 4..at + 4 + len as usize) else { break };
        let name = types::edns_option(code).map_or_else(|| Value::Text(format!("OPT{code}")), Value::Name);
        options.push(vec![("option", name), ("value", option(code, v))].into());
        at += 4 + len as usize;
    }
    vec![
        ("udp_payload_size", class.into()),
        ("version", (ttl >> 16 & 0xff).into()),
        ("dnssec_ok", (ttl & 0x8000 != 0).into()),
        ("options", Value::List(options)),
    ]
}

fn option(code: u16, v: &[u8]) -> Value {
    match (code, v) {
        // RFC 7871 6: family, source and scope prefix length, the address' leading bytes
        (8, [0, family @ (1 | 2), source, scope, prefix @ ..]) if prefix.len() <= 16 => {
            let mut bytes = [0; 16];
            bytes[..prefix.len()].copy_from_slice(prefix);
            let a = if *family == 2 { IpAddr::v6(bytes) } else { IpAddr::v4([bytes[0], bytes[1], bytes[2], bytes[3]]) };
            Value::Text(format!("{a}/{source} scope {scope}"))
        }
        // RFC 8914 2: info code, text
        (15, [a, b, extra @ ..]) => {
            vec![("info_code", u16::from_be_bytes([*a, *b]).into()), ("extra_text", text(extra, MAX_TEXT).into())]
                .into()
        }
        _ => hex(v).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(rtype: u16, d: &[u8]) -> Option<Fields> {
        fields(d, rtype, 0, d.len())
    }

    #[test]
    fn common_types() {
        assert_eq!(show(1, &[192, 0, 2, 1]), Some(vec![("address", IpAddr::v4([192, 0, 2, 1]).into())]));
        assert_eq!(
            show(15, b"\x00\x0a\x04mail\x00"),
            Some(vec![("preference", Value::Int(10)), ("exchange", "mail".to_string().into())])
        );
        assert_eq!(
            show(16, b"\x02hi\x03you"),
            Some(vec![("text", Value::List(vec!["hi".to_string().into(), "you".to_string().into()]))])
        );
        assert_eq!(
            show(257, b"\x00\x05issueletsencrypt.org"),
            Some(vec![
                ("flags", Value::Int(0)),
                ("tag", "issue".to_string().into()),
                ("value", "letsencrypt.org".to_string().into())
            ])
        );
    }

    #[test]
    fn https_record_of_rfc_9460_appendix_d() {
        // D.2 figure 9: 16 foo.example.org. (alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1)
        let d = b"\x00\x10\x03foo\x07example\x03org\x00\x00\x00\x00\x04\x00\x01\x00\x04\x00\x01\x00\x09\x02h2\x05h3-19\
                  \x00\x04\x00\x04\xc0\x00\x02\x01";
        let f = show(65, d).unwrap();
        assert_eq!(f[1], ("target", "foo.example.org".to_string().into()));
        let text = format!("{:?}", f[2].1);
        assert!(text.contains("h3-19") && text.contains("192.0.2.1") && text.contains("mandatory"), "{text}");
    }

    #[test]
    fn nsec_of_rfc_4034_4_3() {
        let d = b"\x04host\x07example\x03com\x00\x00\x06\x40\x01\x00\x00\x00\x03\x04\x1b\
                  \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x20";
        let types = ["A", "MX", "RRSIG", "NSEC"].map(Value::Name).into_iter().chain([Value::Text("TYPE1234".into())]);
        assert_eq!(show(47, d).unwrap()[1], ("types", types.collect::<Vec<_>>().into()));
    }

    #[test]
    fn every_type_survives_every_cut() {
        let d: Vec<u8> = (0..80u8).map(|i| i.wrapping_mul(37)).collect();
        for t in (0..300).chain([32768, 32769, 65535]) {
            for n in 0..d.len() {
                let _ = fields(&d[..n], t, 0, n);
                let _ = edns(4096, 0x8000, &d[..n]);
            }
        }
    }
}
