//! Messages as owned values: what leaves the core.

use super::Context;
use super::rows::Rows;
use crate::addr::IpAddr;

/// A value of a message or of a report.
#[derive(Clone, Debug)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Text of ours, for instance the name of a type.
    Name(&'static str),
    /// Text; from the capture: escaped and capped already.
    Text(String),
    Bytes(Vec<u8>),
    Ip(IpAddr),
    List(Vec<Value>),
    /// A list too long to be made before somebody asks for its rows. Equal to the list of them.
    Rows(Rows),
    Map(Fields),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        use Value::*;
        match (self, other) {
            (None, None) => true,
            (Bool(a), Bool(b)) => a == b,
            (Int(a), Int(b)) => a == b,
            (Float(a), Float(b)) => a == b,
            (Name(a), Name(b)) => a == b,
            (Text(a), Text(b)) => a == b,
            (Bytes(a), Bytes(b)) => a == b,
            (Ip(a), Ip(b)) => a == b,
            (List(a), List(b)) => a == b,
            (Map(a), Map(b)) => a == b,
            (Rows(a), Rows(b)) => a.all() == b.all(),
            (Rows(a), List(b)) | (List(b), Rows(a)) => a.all() == *b,
            _ => false,
        }
    }
}

/// Named values in order.
pub type Fields = Vec<(&'static str, Value)>;

impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Value::Bool(v)
    }
}
impl From<&'static str> for Value {
    fn from(v: &'static str) -> Self {
        Value::Name(v)
    }
}
impl From<String> for Value {
    fn from(v: String) -> Self {
        Value::Text(v)
    }
}
impl From<IpAddr> for Value {
    fn from(v: IpAddr) -> Self {
        Value::Ip(v)
    }
}
impl From<Fields> for Value {
    fn from(v: Fields) -> Self {
        Value::Map(v)
    }
}
impl From<Vec<Value>> for Value {
    fn from(v: Vec<Value>) -> Self {
        Value::List(v)
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Self {
        v.map_or(Value::None, Into::into)
    }
}
macro_rules! ints {
    ($($t:ty)*) => { $(impl From<$t> for Value { fn from(v: $t) -> Self { Value::Int(v as i64) } })* };
}
ints!(u8 u16 u32 u64 i32 i64 usize);

/// A list of values of different kinds: a row.
macro_rules! row {
    ($($value:expr),* $(,)?) => { $crate::app::message::Value::List(vec![$($crate::app::message::Value::from($value)),*]) };
}
pub(crate) use row;

/// One message of an application protocol.
#[derive(Clone, Debug)]
pub struct Message {
    /// Wireshark's filter name of the protocol.
    pub protocol: &'static str,
    pub context: Context,
    pub fields: Fields,
}

/// Bytes of a capture as text: printable characters as they are, a backslash doubled, control characters, bidirectional
/// overrides and bytes that are no UTF-8 as `\xNN` or `\u{NNNN}`; at most about `max` bytes.
pub fn text(bytes: &[u8], max: usize) -> String {
    use std::fmt::Write;
    if bytes.len() <= max && bytes.iter().all(|&b| matches!(b, 0x20..0x7f) && b != b'\\') {
        // Nearly all there is.
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let mut out = String::with_capacity(bytes.len().min(max));
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if out.len() >= max {
                return out;
            }
            let hidden =
                matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
            // Writing to a String cannot fail.
            let _ = match c {
                '\\' => out.write_str("\\\\"),
                c if c.is_control() && (c as u32) < 0x100 => write!(out, "\\x{:02x}", c as u32),
                c if c.is_control() || hidden => write!(out, "\\u{{{:04x}}}", c as u32),
                c => out.write_char(c),
            };
        }
        for b in chunk.invalid() {
            if out.len() >= max {
                return out;
            }
            let _ = write!(out, "\\x{b:02x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn hostile_text_is_escaped_and_capped() {
        assert_eq!(text(b"a\x1b[31mb\\", 99), "a\\x1b[31mb\\\\");
        assert_eq!(text("x\u{202e}y\u{e9}".as_bytes(), 99), "x\\u{202e}y\u{e9}");
        assert_eq!(text(b"\xff\xfea", 99), "\\xff\\xfea");
        assert!(text(&[b'z'; 1000], 10).len() == 10);
    }
}
