//! Fields of QUIC: headers of packets, and the frames of Initial packets whose protection could be removed.

use super::keys::Opened;
use super::packet::{Kind, Long, varint};
use super::version;
use crate::fields;
use crate::filter::registry::Group;
use crate::filter::{FieldId, Sink};

fields! {
    Group::Quic, "quic", Some("quic");
    CONNECTION_NUMBER = u32("quic.connection.number", "Number of the connection").stateful();
    PACKET_LENGTH = u32("quic.packet_length", "Packet length");
    HEADER_FORM = u8("quic.header_form", "Header form").table(&FORMS);
    FIXED_BIT = boolean("quic.fixed_bit", "Fixed bit");
    PACKET_TYPE = u8("quic.long.packet_type", "Packet type").table(&TYPES);
    PACKET_TYPE_V2 = u8("quic.long.packet_type_v2", "Packet type of version 2").table(&TYPES_V2);
    RESERVED = u8("quic.long.reserved", "Reserved bits");
    NUMBER_LENGTH = u8("quic.packet_number_length", "Packet number: length less one");
    VERSION = u32("quic.version", "Version").hex();
    SUPPORTED_VERSION = u32("quic.supported_version", "Version offered").hex();
    VN_UNUSED = u8("quic.vn.unused", "Unused bits of a version negotiation").hex();
    DCIL = u8("quic.dcil", "Destination connection id: length");
    DCID = bytes("quic.dcid", "Destination connection id");
    SCIL = u8("quic.scil", "Source connection id: length");
    SCID = bytes("quic.scid", "Source connection id");
    TOKEN_LENGTH = u64("quic.token_length", "Token: length");
    TOKEN = bytes("quic.token", "Token");
    LENGTH = u64("quic.length", "Length of number and payload");
    PACKET_NUMBER = u64("quic.packet_number", "Packet number");
    PAYLOAD = bytes("quic.payload", "Protected payload that could be read");
    REMAINING_PAYLOAD = bytes("quic.remaining_payload", "Payload that stays protected");
    DECRYPTION_FAILED = label("quic.decryption_failed", "Protection was not removed");
    SHORT = label("quic.short", "Short header");
    SPIN_BIT = boolean("quic.spin_bit", "Spin bit");
    RETRY_TOKEN = bytes("quic.retry_token", "Retry: token");
    RETRY_TAG = bytes("quic.retry_integrity_tag", "Retry: integrity tag");
    FRAME = label("quic.frame", "Frame");
    FRAME_TYPE = u64("quic.frame_type", "Frame: type");
    PADDING_LENGTH = u32("quic.padding_length", "Padding: length");
    ACK_LARGEST = u64("quic.ack.largest_acknowledged", "Acknowledgement: largest");
    ACK_DELAY = u64("quic.ack.ack_delay", "Acknowledgement: delay");
    ACK_COUNT = u64("quic.ack.ack_range_count", "Acknowledgement: ranges");
    ACK_FIRST = u64("quic.ack.first_ack_range", "Acknowledgement: first range");
    ACK_GAP = u64("quic.ack.gap", "Acknowledgement: gap");
    ACK_RANGE = u64("quic.ack.ack_range", "Acknowledgement: range");
    ACK_ECT0 = u64("quic.ack.ect0_count", "Acknowledgement: ECT(0)");
    ACK_ECT1 = u64("quic.ack.ect1_count", "Acknowledgement: ECT(1)");
    ACK_CE = u64("quic.ack.ecn_ce_count", "Acknowledgement: CE");
    CRYPTO_OFFSET = u64("quic.crypto.offset", "Handshake bytes: offset");
    CRYPTO_LENGTH = u64("quic.crypto.length", "Handshake bytes: length");
    CRYPTO_DATA = label("quic.crypto.crypto_data", "Handshake bytes");
    CLOSE_CODE = u64("quic.cc.error_code", "Close: error code");
    CLOSE_APP_CODE = u64("quic.cc.error_code.app", "Close: error code of the application");
    CLOSE_ALERT = u8("quic.cc.error_code.tls_alert", "Close: TLS alert");
    CLOSE_FRAME_TYPE = u64("quic.cc.frame_type", "Close: type of the frame at fault");
    CLOSE_REASON_LENGTH = u64("quic.cc.reason_phrase.length", "Close: length of the reason");
    CLOSE_REASON = string("quic.cc.reason_phrase", "Close: reason");
}

static FORMS: [(u64, &str); 2] = [(0, "Short Header"), (1, "Long Header")];
static TYPES: [(u64, &str); 4] = [(0, "Initial"), (1, "0-RTT"), (2, "Handshake"), (3, "Retry")];
static TYPES_V2: [(u64, &str); 4] = [(1, "Initial"), (2, "0-RTT"), (3, "Handshake"), (0, "Retry")];

/// A packet with a long header, at `at` of the datagram. `opened`: its protection is removed.
pub(super) fn long(sink: &mut Sink, packet: &Long<'_>, at: usize, opened: Option<&Opened>) {
    let b = packet.bytes;
    let Some(&first) = b.first() else { return };
    sink.uint(PACKET_LENGTH, b.len() as u64, at, b.len());
    sink.uint(HEADER_FORM, 1, at, 1);
    if packet.kind == Kind::VersionNegotiation {
        sink.uint(VN_UNUSED, (first & 0x7f) as u64, at, 1);
    } else {
        // A Retry has no number, and its fixed bit is not shown.
        if packet.kind != Kind::Retry {
            sink.boolean(FIXED_BIT, first & 0x40 != 0, at, 1);
        }
        let v2 = matches!(packet.version, version::V2 | version::V2_DRAFT);
        sink.uint(if v2 { PACKET_TYPE_V2 } else { PACKET_TYPE }, (first >> 4 & 3) as u64, at, 1);
    }
    if let Some(o) = opened {
        sink.uint(RESERVED, (o.first >> 2 & 3) as u64, at, 1);
        sink.uint(NUMBER_LENGTH, (o.first & 3) as u64, at, 1);
    }
    sink.uint(VERSION, packet.version as u64, at + 1, 4);
    let mut end = 5;
    for (length, id, cid) in [(DCIL, DCID, &packet.dcid), (SCIL, SCID, &packet.scid)] {
        sink.uint(length, cid.len() as u64, at + end, 1);
        if !cid.is_empty() {
            sink.bytes(id, cid, at + end + 1);
        }
        end += 1 + cid.len();
    }
    let mut w = Walk { sink, data: b, at: end, origin: at };
    match packet.kind {
        Kind::VersionNegotiation => {
            while let Some(v) = b.get(w.at..w.at + 4) {
                w.sink.uint(SUPPORTED_VERSION, v.iter().fold(0, |n, &b| n << 8 | b as u64), at + w.at, 4);
                w.at += 4;
            }
        }
        Kind::Retry => {
            let token = b.len().saturating_sub(end + 16);
            w.bytes(RETRY_TOKEN, token);
            w.bytes(RETRY_TAG, 16);
        }
        _ => {
            if packet.kind == Kind::Initial {
                let n = w.number(TOKEN_LENGTH);
                w.bytes(TOKEN, n.unwrap_or(0) as usize);
            }
            w.number(LENGTH);
            match opened {
                Some(o) => {
                    w.sink.uint(PACKET_NUMBER, o.number, at + w.at, o.number_len);
                    w.at += o.number_len;
                    w.bytes(PAYLOAD, usize::MAX);
                }
                None => {
                    w.sink.label(DECRYPTION_FAILED, at, 0);
                    w.bytes(REMAINING_PAYLOAD, usize::MAX);
                }
            }
        }
    }
}

/// A packet with a short header; `id`: the connection id it is sent to, as far as known.
pub(super) fn short(sink: &mut Sink, data: &[u8], at: usize, id: Option<&[u8]>) {
    let Some(&first) = data.first() else { return };
    sink.uint(PACKET_LENGTH, data.len() as u64, at, data.len());
    sink.label(SHORT, at, data.len());
    sink.uint(HEADER_FORM, 0, at, 1);
    sink.boolean(FIXED_BIT, first & 0x40 != 0, at, 1);
    sink.boolean(SPIN_BIT, first & 0x20 != 0, at, 1);
    let mut w = Walk { sink, data, at: 1, origin: at };
    w.bytes(DCID, id.map_or(0, <[u8]>::len));
    w.sink.label(DECRYPTION_FAILED, at, 0);
    w.bytes(REMAINING_PAYLOAD, usize::MAX);
}

/// The connection of a datagram.
pub(super) fn connection(sink: &mut Sink, number: u64) {
    sink.uint(CONNECTION_NUMBER, number, 0, 0);
}

/// The frames of a packet whose protection is removed. Those of Google's versions have other names, which are not decoded.
pub(super) fn frames(sink: &mut Sink, plain: &[u8], packet_version: u32) {
    if version::is_google(packet_version) {
        return;
    }
    let mut w = Walk { sink, data: plain, at: 0, origin: 0 };
    // Ends: every frame takes at least a byte.
    while w.at < plain.len() {
        let start = w.at;
        let Some((kind, n)) = varint(&plain[start..]) else { return };
        w.sink.label(FRAME, start, n);
        w.sink.uint(FRAME_TYPE, kind, start, n);
        w.at += n;
        let whole = match kind {
            0 => {
                let run = plain[start..].iter().take_while(|&&b| b == 0).count();
                w.sink.uint(PADDING_LENGTH, run as u64, start, run);
                w.at = start + run;
                Some(())
            }
            1 => Some(()),
            2 | 3 => w.ack(kind == 3),
            6 => w.crypto(),
            0x1c | 0x1d => w.close(kind == 0x1d),
            _ => None,
        };
        if whole.is_none() {
            return;
        }
    }
}

/// Reads numbers and bytes, and puts them.
struct Walk<'s, 'a> {
    sink: &'s mut Sink,
    data: &'a [u8],
    at: usize,
    origin: usize,
}

impl Walk<'_, '_> {
    fn number(&mut self, field: FieldId) -> Option<u64> {
        let (value, n) = varint(self.data.get(self.at..)?)?;
        self.sink.uint(field, value, self.origin + self.at, n);
        self.at += n;
        Some(value)
    }

    /// As many bytes as there are; none puts nothing.
    fn bytes(&mut self, field: FieldId, n: usize) {
        let rest = self.data.get(self.at..).unwrap_or_default();
        let bytes = rest.get(..n).unwrap_or(rest);
        if !bytes.is_empty() {
            self.sink.bytes(field, bytes, self.origin + self.at);
        }
        self.at += bytes.len();
    }

    fn ack(&mut self, with_ecn: bool) -> Option<()> {
        self.number(ACK_LARGEST)?;
        self.number(ACK_DELAY)?;
        let ranges = self.number(ACK_COUNT)?;
        self.number(ACK_FIRST)?;
        for _ in 0..ranges {
            self.number(ACK_GAP)?;
            self.number(ACK_RANGE)?;
        }
        if with_ecn {
            self.number(ACK_ECT0)?;
            self.number(ACK_ECT1)?;
            self.number(ACK_CE)?;
        }
        Some(())
    }

    fn crypto(&mut self) -> Option<()> {
        self.number(CRYPTO_OFFSET)?;
        let n = usize::try_from(self.number(CRYPTO_LENGTH)?).ok()?;
        self.sink.label(CRYPTO_DATA, self.at, n);
        self.at = self.at.checked_add(n).filter(|&end| end <= self.data.len())?;
        Some(())
    }

    fn close(&mut self, application: bool) -> Option<()> {
        let at = self.at;
        let code = self.number(if application { CLOSE_APP_CODE } else { CLOSE_CODE })?;
        if !application {
            // RFC 9001 4.8: the low byte is the alert.
            if (0x100..=0x1ff).contains(&code) {
                self.sink.uint(CLOSE_ALERT, code & 0xff, self.origin + at, self.at - at);
            }
            self.number(CLOSE_FRAME_TYPE)?;
        }
        let n = usize::try_from(self.number(CLOSE_REASON_LENGTH)?).ok()?;
        if n > 0 {
            let text = self.data.get(self.at..self.at.checked_add(n)?)?;
            self.sink.text(CLOSE_REASON, text, self.origin + self.at, n);
            self.at += n;
        }
        Some(())
    }
}
