//! STUN (RFC 8489) and TURN channel data (RFC 8656).

use super::super::{Output, Step};
use crate::app::bytes::be16;

const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER: usize = 20;
/// TURN methods (RFC 8656 section 17, RFC 6062 section 6.1): they make channel data possible between their ends.
const TURN: &[u16] = &[0x003, 0x004, 0x006, 0x007, 0x008, 0x009, 0x00a, 0x00b, 0x00c];

/// Wireshark leaves methods above to others: expert review hands out those below (RFC 8489 section 18.2), and the
/// calls of a messenger use some above it with formats of their own.
const LAST_METHOD: u16 = 0xff;

/// A datagram that belongs to STUN.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// It has a TURN method.
    pub turn: bool,
    /// Wireshark shows the protocol.
    pub shown: bool,
}

/// What a UDP payload is. Channel data counts only where `known`: its ends, or the port, speak STUN.
pub fn message(data: &[u8], known: bool) -> Option<Found> {
    let (kind, len) = (be16(data, 0)?, be16(data, 2)? as usize);
    if kind & 0xc000 != 0 {
        let padded = (len + 4).next_multiple_of(4);
        return (known && kind != 0xffff && (data.len() == len + 4 || data.len() == padded))
            .then_some(Found { turn: false, shown: true });
    }
    if data.get(4..8)? != MAGIC || data.len() != HEADER + len {
        return None;
    }
    let method = (kind & 0x000f) | ((kind & 0x00e0) >> 1) | ((kind & 0x3e00) >> 2);
    if method > LAST_METHOD {
        return None;
    }
    Some(Found { turn: TURN.contains(&method), shown: true })
}

/// What a TCP stream on any port has to begin with: a whole message, in the frame of RFC 4571 or without.
pub fn starts(data: &[u8]) -> bool {
    let framed = if data.get(6..10) == Some(&MAGIC) { 2 } else { 0 };
    let (Some(kind), Some(len)) = (be16(data, framed), be16(data, framed + 2)) else { return false };
    kind & 0xc000 == 0
        && data.get(framed + 4..framed + 8) == Some(&MAGIC)
        && data.len() >= framed + HEADER + len as usize
}

/// A message of a TCP stream, with the two bytes of RFC 4571 in front or without.
pub fn stream(data: &[u8], _: &mut Output) -> Step {
    let framed = if data.get(6..10) == Some(&MAGIC) { 2 } else { 0 };
    let (Some(kind), Some(len)) = (be16(data, framed), be16(data, framed + 2)) else { return Step::Need(10) };
    let len = len as usize;
    let whole = if kind & 0xc000 != 0 { (len + 4).next_multiple_of(4) } else { framed + HEADER + len };
    if kind & 0xc000 == 0 && data.get(framed + 4..framed + 8).is_some_and(|m| m != MAGIC) {
        return Step::Lost;
    }
    if data.len() < whole { Step::Need(whole) } else { Step::Consumed(whole) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message_of(kind: u16) -> Vec<u8> {
        let mut m = kind.to_be_bytes().to_vec();
        m.extend([0, 0]);
        m.extend(MAGIC);
        m.extend(b"transaction1");
        m
    }

    /// tshark 4.0.17 on every type from 0 to 0x3fff, on port 3478 and another: 256 methods of four classes are shown.
    #[test]
    fn methods_above_the_last_are_somebody_elses() {
        let shown = (0..0x4000).filter(|&kind| message(&message_of(kind), true).is_some()).count();
        assert_eq!(shown, 4 * 256);
        assert_eq!(message(&message_of(0x0800), true), None);
        assert_eq!(message(&message_of(0x0003), false), Some(Found { turn: true, shown: true }));
    }

    #[test]
    fn streams_on_any_port_begin_with_a_whole_message() {
        let plain = message_of(1);
        let framed = [&[0, 20][..], &plain].concat();
        assert!(starts(&plain) && starts(&framed));
        assert!(!starts(&plain[..19]) && !starts(&framed[..21]) && !starts(&message_of(0x4001)) && !starts(&[0; 22]));
    }
}
