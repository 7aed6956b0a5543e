//! STUN (RFC 8489) and TURN channel data (RFC 8656).

use super::super::{Output, Step};
use crate::app::bytes::be16;

const MAGIC: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER: usize = 20;
/// TURN methods (RFC 8656 section 17, RFC 6062 section 6.1): they make channel data possible between their ends.
const TURN: &[u16] = &[0x003, 0x004, 0x006, 0x007, 0x008, 0x009, 0x00a, 0x00b, 0x00c];

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
    Some(Found { turn: TURN.contains(&method), shown: true })
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
