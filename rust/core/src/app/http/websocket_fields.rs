//! Fields of WebSocket: headers of frames.

use crate::fields;
use crate::filter::Sink;
use crate::filter::registry::Group;

fields! {
    Group::Websocket, "websocket", Some("http");
    FIN = boolean("websocket.fin", "Last frame of the message");
    RSV = u8("websocket.rsv", "Reserved bits").hex();
    OPCODE = u8("websocket.opcode", "Opcode").table(&OPCODES);
    MASK = boolean("websocket.mask", "Masked");
    PAYLOAD_LENGTH = u8("websocket.payload_length", "Payload length, or what says that it stands behind");
    LENGTH_16 = u16("websocket.payload_length_ext_16", "Payload length in 16 bits");
    LENGTH_64 = u64("websocket.payload_length_ext_64", "Payload length in 64 bits");
    MASKING_KEY = bytes("websocket.masking_key", "Masking key");
    PAYLOAD = label("websocket.payload", "Payload");
}

/// RFC 6455 11.8, by Wireshark's names.
static OPCODES: [(u64, &str); 6] =
    [(0, "Continuation"), (1, "Text"), (2, "Binary"), (8, "Connection Close"), (9, "Ping"), (10, "Pong")];

/// Bytes of the longest header of a frame.
pub(super) const LONGEST: usize = 14;

/// A frame, of which `head` are the first bytes.
pub(super) fn put(head: &[u8], sink: &mut Sink) {
    let &[first, second, ..] = head else { return };
    sink.boolean(FIN, first & 0x80 != 0, 0, 1);
    sink.uint(RSV, (first >> 4 & 7) as u64, 0, 1);
    sink.uint(OPCODE, (first & 0x0f) as u64, 0, 1);
    sink.boolean(MASK, second & 0x80 != 0, 1, 1);
    let short = second & 0x7f;
    sink.uint(PAYLOAD_LENGTH, short as u64, 1, 1);
    let bytes = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let length = head.get(2..2 + bytes).unwrap_or_default().iter().fold(0u64, |n, &b| n << 8 | b as u64);
    match bytes {
        2 => sink.uint(LENGTH_16, length, 2, 2),
        8 => sink.uint(LENGTH_64, length, 2, 8),
        _ => {}
    }
    let mut at = 2 + bytes;
    if second & 0x80 != 0
        && let Some(key) = head.get(at..at + 4)
    {
        sink.bytes(MASKING_KEY, key, at);
        at += 4;
    }
    if short > 0 {
        sink.label(PAYLOAD, at, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Output;

    #[test]
    fn frames_of_rfc_6455_5_7() {
        let fields = |head: &[u8]| {
            let mut out = Output::watched();
            put(head, out.fields(Group::Websocket).unwrap());
            ["fin", "opcode", "mask", "payload_length", "payload_length_ext_16", "payload_length_ext_64"]
                .map(|name| out.values(&format!("websocket.{name}")).join(","))
        };
        assert_eq!(fields(b"\x81\x85\x37\xfa\x21\x3d"), ["1", "1", "1", "5", "", ""]);
        assert_eq!(fields(b"\x82\x7e\x01\x00"), ["1", "2", "0", "126", "256", ""]);
        assert_eq!(fields(b"\x02\x7f\0\0\0\0\0\x01\0\0"), ["0", "2", "0", "127", "", "65536"]);
        assert_eq!(fields(b"\x82"), [""; 6]);
    }
}
