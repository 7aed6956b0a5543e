//! Values while a filter is evaluated, and how two of them compare.

use super::ast::Comparison;
use std::borrow::Cow;
use std::cmp::Ordering;

/// One value: of a field, of a literal, or computed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    None,
    Uint(u64),
    Int(i64),
    Float(f64),
    Time(i64, i32),
    /// IPv4 address and mask; only literals have another mask than all ones.
    Ip4(u32, u32),
    /// IPv6 address and prefix length.
    Ip6([u8; 16], u8),
    Bytes(Cow<'a, [u8]>),
    Text(Cow<'a, [u8]>),
}

impl Value<'_> {
    /// A number that is zero, or bytes that all are.
    pub fn is_zero(&self) -> bool {
        match self {
            Value::None => true,
            Value::Uint(v) => *v == 0,
            Value::Int(v) => *v == 0,
            Value::Float(v) => *v == 0.0,
            Value::Time(s, n) => (*s, *n) == (0, 0),
            Value::Ip4(a, _) => *a == 0,
            Value::Ip6(a, _) => a.iter().all(|b| *b == 0),
            Value::Bytes(b) | Value::Text(b) => b.iter().all(|b| *b == 0),
        }
    }

    /// Its bytes as they are sent.
    pub fn bytes(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Value::Bytes(b) | Value::Text(b) => Some(Cow::Borrowed(b)),
            Value::Ip4(a, _) => Some(Cow::Owned(a.to_be_bytes().to_vec())),
            Value::Ip6(a, _) => Some(Cow::Borrowed(a)),
            _ => None,
        }
    }
}

/// Order of two values of the same type; None where there is none.
pub(crate) fn order(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    Some(match (a, b) {
        (Value::Uint(a), Value::Uint(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => return a.partial_cmp(b),
        (Value::Time(a, x), Value::Time(b, y)) => (a, x).cmp(&(b, y)),
        (Value::Ip4(a, m), Value::Ip4(b, n)) => {
            // The shorter prefix counts.
            let mask = m & n;
            (a & mask).cmp(&(b & mask))
        }
        (Value::Ip6(a, m), Value::Ip6(b, n)) => {
            let mask = u128::MAX.checked_shl(128 - (*m).min(*n) as u32).unwrap_or(0);
            (u128::from_be_bytes(*a) & mask).cmp(&(u128::from_be_bytes(*b) & mask))
        }
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        // The longer one is the larger one, as in Wireshark.
        (Value::Bytes(a), Value::Bytes(b)) => (a.len(), a).cmp(&(b.len(), b)),
        _ => match (a.bytes(), b.bytes()) {
            (Some(a), Some(b)) => (a.len(), a).cmp(&(b.len(), b)),
            _ => return None,
        },
    })
}

impl Comparison {
    #[inline]
    pub fn holds(self, a: &Value<'_>, b: &Value<'_>) -> bool {
        let Some(order) = order(a, b) else { return false };
        match self {
            Comparison::Eq => order == Ordering::Equal,
            Comparison::Ne => order != Ordering::Equal,
            Comparison::Gt => order == Ordering::Greater,
            Comparison::Ge => order != Ordering::Less,
            Comparison::Lt => order == Ordering::Less,
            Comparison::Le => order != Ordering::Greater,
        }
    }
}

/// Whether `needle` is in `hay`; an empty one is nowhere, as in Wireshark.
pub(crate) fn contains(hay: &[u8], needle: &[u8]) -> bool {
    let Some((&first, rest)) = needle.split_first() else { return false };
    let mut at = 0;
    // Ends: `at` grows with every turn.
    while let Some(found) = hay.get(at..).and_then(|h| h.iter().position(|b| *b == first)) {
        at += found + 1;
        if hay.len() - at < rest.len() {
            return false;
        }
        if hay[at..].starts_with(rest) {
            return true;
        }
    }
    false
}
