//! Words and texts of a filter as values of a field's type.

use super::ast::What;
use super::error::{Code, FilterError, quoted};
use super::field::{Field, Kind};
use super::time;
use super::value::Value;
use std::borrow::Cow;

fn bytes(v: Vec<u8>) -> Value<'static> {
    Value::Bytes(Cow::Owned(v))
}

fn text_or_bytes(kind: Kind, v: Vec<u8>) -> Value<'static> {
    if kind == Kind::Str { Value::Text(Cow::Owned(v)) } else { bytes(v) }
}

/// The value of a literal for a field (or a slice, a function) of that type. `field`: the one whose value names count.
pub(crate) fn read(
    what: &What,
    at: usize,
    negative: bool,
    kind: Kind,
    field: Option<&Field>,
) -> Result<Value<'static>, FilterError> {
    let value_error = |message: String| FilterError::new(Code::Value, at, message);
    match what {
        What::Word(word) => from_word(word, negative, kind)
            .or_else(|problem| field.filter(|f| f.has_names()).and_then(|f| named(f, word)).ok_or(problem))
            .map_err(value_error),
        What::Char(c) => Ok(match kind {
            Kind::Str | Kind::Bytes | Kind::Protocol => text_or_bytes(kind, vec![*c]),
            Kind::Int(_) => Value::Int(*c as i64),
            _ if kind.is_integer() || kind == Kind::Bool => Value::Uint(*c as u64),
            _ => return Err(value_error(format!("a character is no {}", kind.words()))),
        }),
        What::Text(text) => {
            let as_text = String::from_utf8_lossy(text);
            match kind {
                Kind::Str | Kind::Bytes | Kind::Protocol => Ok(text_or_bytes(kind, text.clone())),
                Kind::AbsTime => {
                    let (s, n) = time::absolute(&as_text).ok_or_else(|| value_error(no_time(&as_text)))?;
                    Ok(Value::Time(s, n))
                }
                _ => match field.filter(|f| f.has_names()) {
                    Some(f) => named(f, &as_text).ok_or_else(|| {
                        value_error(format!("{} is none of the value names of {}", quoted(&as_text), f.name))
                    }),
                    None => Err(FilterError::new(
                        Code::Value,
                        at,
                        format!("the text {} is no {}", quoted(&as_text), kind.words()),
                    )
                    .hint("values of this type are written without quotes")),
                },
            }
        }
        _ => Err(FilterError::new(Code::Type, at, "a value was expected here")),
    }
}

fn no_time(word: &str) -> String {
    format!(
        "{} is no date and time: expected for instance \"2011-07-04 12:34:56\" or \"Nov 12, 1999 08:55:44.123\" (UTC)",
        quoted(word)
    )
}

fn named(field: &Field, word: &str) -> Option<Value<'static>> {
    let value = field.value_named(word)?;
    Some(match field.kind {
        Kind::Int(_) => Value::Int(value as i64),
        _ => Value::Uint(value),
    })
}

fn from_word(word: &str, negative: bool, kind: Kind) -> Result<Value<'static>, String> {
    let no = |what: &str| format!("{} is no {what}", quoted(word));
    match kind {
        Kind::Bool => match word {
            "True" | "TRUE" => Ok(Value::Uint(1)),
            "False" | "FALSE" => Ok(Value::Uint(0)),
            _ => {
                let n = number(word).ok_or_else(|| format!("{}: expected True, False or a number", no("boolean")))?;
                Ok(Value::Uint((n != 0) as u64))
            }
        },
        Kind::Char | Kind::FrameNum | Kind::Uint(_) => {
            let n = number(word).ok_or_else(|| no("number"))?;
            let bits = match kind {
                Kind::Uint(bits) => bits as u32,
                Kind::Char => 8,
                _ => 32,
            };
            let max = u64::MAX >> (64 - bits);
            if n > max {
                return Err(format!("{} is too large for this field, whose maximum is {max}", quoted(word)));
            }
            // A negative number counts modulo the machine word that Wireshark keeps the type in.
            let wide = if bits <= 32 { u32::MAX as u64 } else { u64::MAX };
            Ok(Value::Uint(if negative { n.wrapping_neg() & wide } else { n }))
        }
        Kind::Int(bits) => {
            let n = number(word).ok_or_else(|| no("number"))?;
            let max = (1u64 << (bits as u32 - 1)) - 1;
            if n > max + negative as u64 {
                return Err(format!("{} is too large for this field, whose maximum is {max}", quoted(word)));
            }
            Ok(Value::Int(if negative { (n as i64).wrapping_neg() } else { n as i64 }))
        }
        Kind::Float | Kind::Double => {
            let n: f64 = word.parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(|| no("number"))?;
            Ok(Value::Float(if negative { -n } else { n }))
        }
        Kind::RelTime => {
            let (s, n) = time::relative(word, negative).ok_or_else(|| no("time offset: expected seconds, as 1.5"))?;
            Ok(Value::Time(s, n))
        }
        Kind::AbsTime => time::absolute(word).map(|(s, n)| Value::Time(s, n)).ok_or_else(|| no_time(word)),
        Kind::Str => Ok(text_or_bytes(kind, word.as_bytes().to_vec())),
        Kind::Bytes | Kind::Protocol | Kind::Eui64 | Kind::Oid => byte_string(word)
            .map(bytes)
            .ok_or_else(|| format!("{}: expected hex bytes as 47:45:54, or a text in quotes", no("byte string"))),
        Kind::Guid => {
            let hex: String = word.chars().filter(|c| *c != '-').collect();
            let value = byte_string(&hex).filter(|v| v.len() == 16);
            value.map(bytes).ok_or_else(|| no("GUID"))
        }
        Kind::Ether => {
            let value = byte_string(word).filter(|v| v.len() == 6);
            value.map(bytes).ok_or_else(|| format!("{}: expected six bytes as 00:11:22:33:44:55", no("MAC address")))
        }
        Kind::Ipv4 => ipv4(word).ok_or_else(|| {
            format!(
                "{}: expected four numbers with dots, with or without a prefix length; names are not looked up",
                no("IPv4 address")
            )
        }),
        Kind::Ipv6 => ipv6(word).ok_or_else(|| {
            format!(
                "{}: expected it with colons, with or without a prefix length; names are not looked up",
                no("IPv6 address")
            )
        }),
        Kind::Label => Err("this field has no value to compare with".to_owned()),
    }
}

/// Decimal, 0x hex, 0b binary, or octal with a leading 0.
pub(crate) fn number(word: &str) -> Option<u64> {
    let (digits, base) = match word.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&word[2..], 16),
        [b'0', b'b' | b'B', ..] => (&word[2..], 2),
        [b'0', _, ..] => (&word[1..], 8),
        _ => (word, 10),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(digits, base).ok()
}

/// Hex bytes: pairs of digits without anything, or groups separated by `:`, `-` or `.`; or one byte as 0x47.
pub(crate) fn byte_string(word: &str) -> Option<Vec<u8>> {
    let pair = |s: &str| {
        let ok = matches!(s.len(), 1 | 2) && s.bytes().all(|c| c.is_ascii_hexdigit());
        ok.then(|| u8::from_str_radix(s, 16).ok()).flatten()
    };
    if let Some(hex) = word.strip_prefix("0x") {
        return pair(hex).map(|b| vec![b]);
    }
    let pairs = |s: &str| {
        if s.is_empty() || !s.is_ascii() {
            return None;
        }
        // A digit that is left over is a byte of its own.
        (0..s.len().div_ceil(2)).map(|i| pair(&s[2 * i..s.len().min(2 * i + 2)])).collect::<Option<Vec<u8>>>()
    };
    let Some(separator) = word.chars().find(|c| matches!(c, ':' | '-' | '.')) else { return pairs(word) };
    let mut out = Vec::new();
    for group in word.split(separator) {
        out.extend(pairs(group)?);
    }
    Some(out)
}

fn ipv4(word: &str) -> Option<Value<'static>> {
    let (address, bits) = match word.split_once('/') {
        Some((a, n)) => (a, n.parse::<u32>().ok().filter(|&n| n <= 32)?),
        None => (word, 32),
    };
    let address: std::net::Ipv4Addr = address.parse().ok()?;
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    Some(Value::Ip4(u32::from_be_bytes(address.octets()), mask))
}

fn ipv6(word: &str) -> Option<Value<'static>> {
    let (address, bits) = match word.split_once('/') {
        Some((a, n)) => (a, n.parse::<u8>().ok().filter(|&n| n <= 128)?),
        None => (word, 128),
    };
    let address: std::net::Ipv6Addr = address.parse().ok()?;
    Some(Value::Ip6(address.octets(), bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_all_spellings() {
        let b = [0, 0x11, 0x22];
        for text in ["00:11:22", "00-11-22", "00.11.22", "001122", "0011.22", "0:11:22"] {
            assert_eq!(byte_string(text).as_deref(), Some(&b[..]), "{text}");
        }
        assert_eq!(byte_string("0.1.0.d"), Some(vec![0, 1, 0, 13]));
        assert_eq!(byte_string("0x47"), Some(vec![0x47]));
        for wrong in ["0x4745", "GET", "00:", "", "éé"] {
            assert_eq!(byte_string(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_in_all_bases() {
        for text in ["10", "012", "0xa", "0b1010", "0XA"] {
            assert_eq!(number(text), Some(10), "{text}");
        }
        assert_eq!(number("0"), Some(0));
        for wrong in ["", "0x", "1_000", "1.5", "08", "+1", "0x-1", "99999999999999999999"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
    }
}
