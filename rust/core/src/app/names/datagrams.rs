//! What payloads of UDP protocols have to look like.

use super::super::Output;

pub fn any(_: &[u8], _: &mut Output) -> bool {
    true
}

/// What a constructed BER value holds, where all of it is there. X.690 section 8.1.
fn ber(data: &[u8], tag: u8) -> Option<&[u8]> {
    let (&first, rest) = data.split_first()?;
    let (&len, rest) = rest.split_first()?;
    if first != tag {
        return None;
    }
    let (long, rest) = rest.split_at_checked(if len & 0x80 == 0 { 0 } else { (len & 0x7f) as usize })?;
    let len = match long {
        [] => len as usize,
        [..] if long.len() <= 4 => long.iter().fold(0usize, |n, &b| n << 8 | b as usize),
        _ => return None,
    };
    rest.get(..len)
}

/// A sequence that starts with an integer: the version. RFC 1157, RFC 3416.
pub fn snmp(data: &[u8], _: &mut Output) -> bool {
    ber(data, 0x30).is_some_and(|body| body.first() == Some(&0x02))
}

/// Header of 20 bytes whose length is no less. RFC 2865 section 3.
pub fn radius(data: &[u8], _: &mut Output) -> bool {
    matches!(data, [_, _, high, low, ..] if data.len() >= 20 && u16::from_be_bytes([*high, *low]) >= 20)
}

/// An application tag: one of the messages of RFC 4120.
pub fn kerberos(data: &[u8], _: &mut Output) -> bool {
    data.first().is_some_and(|tag| tag & 0xe0 == 0x60)
}

/// Version 1 in the first two bits. RFC 7252 section 3.
pub fn coap(data: &[u8], _: &mut Output) -> bool {
    data.len() >= 4 && data.first().is_some_and(|first| first >> 6 == 1)
}

/// A verb of four letters or a code of three digits. RFC 3435 section 3.
pub fn mgcp(data: &[u8], _: &mut Output) -> bool {
    let word = data.split(|&c| c == b' ').next().unwrap_or_default();
    word.len() == 4 && word.iter().all(u8::is_ascii_alphanumeric)
        || word.len() == 3 && word.iter().all(u8::is_ascii_digit)
}
