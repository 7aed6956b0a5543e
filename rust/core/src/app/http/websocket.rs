//! WebSocket frames (RFC 6455 5.2): their headers; what they carry is passed over.

use super::websocket_fields;
use crate::app::Step;
use crate::app::message::{Fields, Value};
use arrayvec::ArrayVec;

const OPCODES: [(u8, &str); 6] =
    [(0, "continuation"), (1, "text"), (2, "binary"), (8, "close"), (9, "ping"), (10, "pong")];

/// What is counted of WebSocket.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub connections: u64,
    /// Frames by opcode.
    frames: [u64; 16],
    /// Frames that Wireshark does not show, their segments being out of order.
    only_in_order: u64,
    bytes: u64,
    masked: u64,
}

impl Counts {
    pub fn is_empty(&self) -> bool {
        self.connections == 0
    }

    pub fn merge(&mut self, o: &Self) {
        self.connections += o.connections;
        self.only_in_order += o.only_in_order;
        self.bytes += o.bytes;
        self.masked += o.masked;
        self.frames.iter_mut().zip(o.frames).for_each(|(a, b)| *a += b);
    }

    pub fn report(&self) -> Fields {
        let known = OPCODES.iter().map(|&(code, name)| (name, self.frames[code as usize].into()));
        let other: u64 = (0..16).filter(|c| OPCODES.iter().all(|o| o.0 != *c)).map(|c| self.frames[c as usize]).sum();
        let by_opcode: Fields = known.chain([("other", Value::from(other))]).collect();
        vec![
            ("connections", self.connections.into()),
            ("frames", self.frames.iter().sum::<u64>().into()),
            ("only_in_order", self.only_in_order.into()),
            ("payload_bytes", self.bytes.into()),
            ("masked", self.masked.into()),
            ("opcodes", by_opcode.into()),
        ]
    }
}

/// One direction: the frame whose bytes are coming.
#[derive(Debug, Default)]
pub struct Websocket {
    coming: Option<(u8, bool, u64)>,
    /// Its header.
    head: ArrayVec<u8, { websocket_fields::LONGEST }>,
}

impl Websocket {
    /// The header of the next frame.
    pub fn frame(&mut self, data: &[u8]) -> Step {
        let &[first, second, ..] = data else { return Step::Need(2) };
        let masked = second & 0x80 != 0;
        let (len, head) = match second & 0x7f {
            126 => match data.get(2..4).and_then(|b| b.try_into().ok()) {
                Some(b) => (u16::from_be_bytes(b) as u64, 4),
                None => return Step::Need(4),
            },
            127 => match data.get(2..10).and_then(|b| b.try_into().ok()) {
                Some(b) => (u64::from_be_bytes(b), 10),
                None => return Step::Need(10),
            },
            n => (n as u64, 2),
        };
        self.coming = Some((first & 0x0f, masked, len));
        let head = head + if masked { 4 } else { 0 };
        if data.len() < head {
            return Step::Need(head);
        }
        self.head = data.iter().copied().take(head).collect();
        let end = len.saturating_add(head as u64);
        Step::Consumed(usize::try_from(end).unwrap_or(usize::MAX))
    }

    /// Its header, of the frame that came last.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The frame is whole. False: there was none. Without `counts` it does not count.
    pub fn done(&mut self, counts: Option<&mut Counts>, shown: bool) -> bool {
        let Some((opcode, masked, len)) = self.coming.take() else { return false };
        let Some(counts) = counts else { return true };
        if shown {
            counts.frames[opcode as usize & 15] += 1;
            counts.bytes = counts.bytes.saturating_add(len);
            counts.masked += masked as u64;
        } else {
            counts.only_in_order += 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_frames() {
        let step = |data: &[u8]| Websocket::default().frame(data);
        // RFC 6455 5.7: a masked "Hello", 256 and 65,536 bytes of binary data.
        assert_eq!(step(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), Step::Consumed(11));
        assert_eq!(step(b"\x82\x7e\x01\x00"), Step::Consumed(260));
        assert_eq!(step(b"\x82\x7f\0\0\0\0\0\x01\0\0"), Step::Consumed(65_546));
        assert_eq!(step(b"\x82\x7e\x01"), Step::Need(4));
        assert_eq!(step(b"\x82"), Step::Need(2));
        assert_eq!(step(b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xffmask"), Step::Consumed(usize::MAX));
    }
}
