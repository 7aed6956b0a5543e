//! Values as texts: `string()` in filters, and columns as `tshark -T fields` prints them.

use super::field::{Base, Field, Kind};
use super::value::Value;
use crate::addr::IpAddr;
use std::fmt::Write;

/// What `string()` gives: numbers in decimal, addresses as usual.
pub(crate) fn plain(v: &Value<'_>, kind: Kind) -> String {
    match v {
        Value::None => String::new(),
        Value::Uint(v) => v.to_string(),
        Value::Int(v) => v.to_string(),
        Value::Float(v) => v.to_string(),
        Value::Time(s, n) => seconds(*s, *n),
        Value::Ip4(v, _) => IpAddr::v4(v.to_be_bytes()).to_string(),
        Value::Ip6(v, _) => IpAddr::v6(*v).to_string(),
        Value::Text(b) => String::from_utf8_lossy(b).into_owned(),
        Value::Bytes(b) => match kind {
            Kind::Str => String::from_utf8_lossy(b).into_owned(),
            Kind::Ether | Kind::Eui64 => hex(b, ":"),
            Kind::Guid if b.len() == 16 => {
                let h = hex(b, "");
                format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
            }
            _ => hex(b, ""),
        },
    }
}

fn hex(b: &[u8], between: &str) -> String {
    b.iter().enumerate().fold(String::new(), |mut s, (i, b)| {
        let _ = write!(s, "{}{b:02x}", if i > 0 { between } else { "" });
        s
    })
}

/// Seconds with nine decimals.
pub(crate) fn seconds(s: i64, n: i32) -> String {
    let sign = if s < 0 || n < 0 { "-" } else { "" };
    format!("{sign}{}.{:09}", s.unsigned_abs(), n.unsigned_abs())
}

/// The value as `tshark -T fields` prints it, but absolute times as seconds since 1970 and texts unescaped.
pub(crate) fn column(v: &Value<'_>, field: &Field) -> String {
    match (v, field.kind, field.base) {
        (Value::Uint(v), Kind::Uint(bits), Base::Hex) => format!("0x{v:0width$x}", width = bits as usize / 4),
        (Value::Uint(v), _, Base::Hex) => format!("0x{v:x}"),
        (Value::Bytes(b), Kind::Bytes, Base::MayBeEmpty) if b.is_empty() => "<none>".to_owned(),
        (Value::Bytes(b), Kind::Bytes, _) if b.is_empty() => "<MISSING>".to_owned(),
        (Value::Bytes(b), _, Base::Colon) if b.len() == 6 => hex(b, ":"),
        // In single precision, as the field is.
        (Value::Float(v), Kind::Float, _) => (*v as f32).to_string(),
        (Value::Uint(v), _, Base::Oct) => format!("0{v:o}"),
        _ => plain(v, field.kind),
    }
}
