//! Vectors of RFC 9000 and RFC 9001, and that nothing sent can do harm.

use super::crypto::Crypto;
use super::frames::{Frame, Frames};
use super::keys::InitialKeys;
use super::packet::{self, Kind, varint};
use super::{Quic, version};
use crate::addr::IpAddr;
use crate::app::{App, Context, DetectedBy, Output, Probe, Value};
use crate::layers::Proto;
use crate::limits::Limits;

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
}

/// RFC 9001 appendix A.3: the server's Initial packet, answering the client's destination id 8394c8f03e515708.
const SERVER_INITIAL: &str = "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38c\
    c5a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06ed\
    bb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee";
const CLIENT_ID: &str = "8394c8f03e515708";

fn context(frame: u64, from_client: bool) -> Context {
    let (client, server) = ((IpAddr::v4([192, 0, 2, 1]), 50_000), (IpAddr::v4([192, 0, 2, 2]), 443));
    let (src, dst) = if from_client { (client, server) } else { (server, client) };
    Context {
        frame,
        time_ns: frame as i64,
        src: src.0,
        dst: dst.0,
        src_port: src.1,
        dst_port: dst.1,
        transport: Proto::Udp,
        ttl: 64,
        frame_bytes: 1200,
        stream: None,
        to_client: false,
        detected_by: DetectedBy::Content,
        only_in_order: false,
        server_known: false,
        recovered: false,
    }
}

#[test]
fn integers_of_rfc_9000_a_1() {
    for (text, value) in [
        ("c2197c5eff14e88c", 151_288_809_941_952_652),
        ("9d7f3e7d", 494_878_333),
        ("7bbd", 15_293),
        ("25", 37),
        ("4025", 37),
    ] {
        let data = hex(text);
        assert_eq!(varint(&data), Some((value, data.len())));
        assert_eq!(varint(&data[..data.len() - 1]), None);
    }
}

#[test]
fn the_servers_initial_packet_of_rfc_9001_a_3_opens() {
    let data = hex(&SERVER_INITIAL.replace(' ', ""));
    let packet = packet::long(&data).unwrap();
    assert_eq!((packet.kind, packet.version, packet.bytes.len()), (Kind::Initial, 1, 135));
    assert_eq!(packet.scid.as_slice(), hex("f067a5502a4262b5"));

    let keys = InitialKeys::new(1, &hex(CLIENT_ID)).unwrap();
    let mut plain = Vec::new();
    let opened = keys.server.open(&packet, &mut plain).unwrap();
    assert_eq!((opened.first, opened.number, opened.number_len), (0xc1, 1, 2));
    let frames: Vec<_> = Frames::new(&plain, 1).collect();
    let [Frame::Crypto { offset: 0, data: hello }] = frames[..] else { panic!("{frames:?}") };
    assert_eq!(hello.len(), 90);
    assert_eq!(hello[..6], hex("020000560303"));

    assert!(keys.client.open(&packet, &mut plain).is_none());
    let mut broken = data.clone();
    *broken.last_mut().unwrap() ^= 1;
    assert!(keys.server.open(&packet::long(&broken).unwrap(), &mut plain).is_none());
}

#[test]
fn kinds_of_version_2_have_other_numbers() {
    let kind = |first: u8, version: u32| {
        let mut data = vec![first];
        data.extend(version.to_be_bytes());
        data.extend([0; 20]);
        packet::long(&data).unwrap().kind
    };
    assert_eq!(
        [0xc0, 0xd0, 0xe0, 0xf0].map(|f| kind(f, version::V1)),
        [Kind::Initial, Kind::ZeroRtt, Kind::Handshake, Kind::Retry]
    );
    assert_eq!(
        [0xd0, 0xe0, 0xf0, 0xc0].map(|f| kind(f, version::V2)),
        [Kind::Initial, Kind::ZeroRtt, Kind::Handshake, Kind::Retry]
    );
    assert_eq!(kind(0x80, 0), Kind::VersionNegotiation);
}

#[test]
fn the_handshake_is_put_together_in_any_order() {
    let mut crypto = Crypto::default();
    assert!(!crypto.add(4, b"body"));
    assert!(!crypto.add(4, b"body"));
    assert!(crypto.message().is_none());
    assert!(crypto.add(0, &[1, 0, 0, 4]));
    assert_eq!(crypto.message(), Some((1, b"body".to_vec())));
    assert!(!crypto.add(0, &[1, 0, 0, 4]), "sent again");
    assert!(!crypto.add(u64::MAX - 1, b"far away"));
}

#[test]
fn frames_end_at_what_does_not_hold() {
    let close = hex("1c0100036869");
    assert_eq!(Frames::new(&close, 1).next(), None, "a reason longer than the packet");
    let close = hex("00001c410a06026869");
    let frames: Vec<_> = Frames::new(&close, 1).collect();
    assert_eq!(frames, [Frame::Close { code: 0x10a, application: false, reason: b"hi" }]);
    assert_eq!(Frames::new(&hex("02ffffffffffffffff000000"), 1).count(), 0);
}

fn field<'a>(value: &'a Value, name: &str) -> &'a Value {
    let Value::Map(fields) = value else { panic!("{value:?}") };
    &fields.iter().find(|f| f.0 == name).unwrap_or_else(|| panic!("no {name}")).1
}

#[test]
fn every_cut_and_every_flipped_byte_is_survived() {
    let mut client = hex("c00000000108");
    client.extend(hex(CLIENT_ID));
    client.extend(hex("08f067a5502a4262b60040"));
    client.extend([0x20; 64]);
    let server = hex(&SERVER_INITIAL.replace(' ', ""));
    for message in [&client, &server] {
        for at in 0..message.len() {
            let mut quic = Quic::new(&Limits::default());
            let out = &mut Output::watched();
            let mut flipped = message.clone();
            flipped[at] ^= 0xff;
            for data in [&message[..at], &flipped[..], &message[..]] {
                quic.datagram(&context(1, true), data, out);
                quic.unclaimed_udp(&context(2, false), data, out);
                let _ = quic.probe(Proto::Udp, data);
            }
            let _ = quic.report().unwrap().value();
        }
    }
}

#[test]
fn a_server_hello_is_read_with_the_keys_of_the_clients_packet() {
    let mut quic = Quic::new(&Limits::default());
    let out = &mut Output::watched();
    // The client's packet of appendix A.2 with its payload unreadable: ids and version are enough for the keys.
    let mut client = hex("c00000000108");
    client.extend(hex(CLIENT_ID));
    client.extend(hex("000040"));
    client.extend([0x20; 64]);
    assert_eq!(quic.probe(Proto::Udp, &client), Probe::Yes);
    assert!(quic.datagram(&context(1, true), &client, out));
    let server = hex(&SERVER_INITIAL.replace(' ', ""));
    assert!(quic.unclaimed_udp(&context(2, false), &server, out));
    let report = quic.report().unwrap().value();
    let Value::List(rows) = field(&report, "connections") else { panic!() };
    assert_eq!(field(&rows[0], "cipher"), &Value::Text("TLS_AES_128_GCM_SHA256".into()));
    assert_eq!(field(&rows[0], "server_hello_frame"), &Value::Int(2));
    assert_eq!(field(&report, "undecrypted_initials"), &Value::Int(1));
    assert_eq!(field(field(&report, "tls"), "frames"), &Value::Int(1));
    for (name, values) in [
        ("quic.header_form", ["1", "1"]),
        ("quic.long.packet_type", ["0", "0"]),
        ("quic.connection.number", ["0", "0"]),
        ("quic.dcil", ["8", "0"]),
        ("quic.frame_type", ["2", "6"]),
    ] {
        assert_eq!(out.values(name), values, "{name}");
    }
    // RFC 9001 A.3: number 1 in two bytes, 99 bytes of frames.
    assert_eq!(out.values("quic.packet_number"), ["1"]);
    assert_eq!(out.values("quic.crypto.length"), ["90"]);
    assert_eq!(out.values("tls.handshake.type"), ["2"]);
    assert_eq!(out.values("tls.handshake.ciphersuite"), ["4865"]);
}

#[test]
fn tables_are_bounded_and_counts_are_exact() {
    let mut quic = Quic::new(&Limits { max_quic_connections: 10, ..Limits::default() });
    let out = &mut Output::watched();
    for i in 0..1000u64 {
        let mut data = hex("c00000000108");
        data.extend(i.to_be_bytes());
        data.extend(hex("000010"));
        data.extend([0; 32]);
        let mut ctx = context(i + 1, true);
        ctx.src_port = i as u16;
        quic.datagram(&ctx, &data, out);
        let _ = std::mem::take(out);
    }
    let report = quic.report().unwrap().value();
    assert_eq!(field(&report, "connection_count"), &Value::Int(1000));
    let Value::List(rows) = field(&report, "connections") else { panic!() };
    assert_eq!(rows.len(), 10);
}

/// A client that sends its first packet in each of these frames, each time from another port.
fn part(frames: &[u64]) -> Quic {
    let mut quic = Quic::new(&Limits::default());
    for &frame in frames {
        let mut data = hex("c00000000108");
        data.extend(frame.to_be_bytes());
        data.extend(hex("000010"));
        data.extend([0; 32]);
        let mut ctx = context(frame, true);
        (ctx.src_port, ctx.time_ns) = (frame as u16, frame as i64);
        quic.datagram(&ctx, &data, &mut Output::default());
    }
    quic
}

#[test]
fn parts_merge_to_the_whole_in_order_of_begin() {
    let report = |frames: &[u64]| part(frames).report().unwrap();
    let whole = report(&[1, 2, 3, 4, 5, 6]);
    let [a, b, c] = [report(&[2, 5]), report(&[1, 6]), report(&[3, 4])];
    let left = a.merge(&*b).unwrap().merge(&*c).unwrap();
    let right = a.merge(&*b.merge(&*c).unwrap()).unwrap();
    assert_eq!(left.clone().value(), right.value());
    assert_eq!(field(&left.clone().value(), "connections"), field(&whole.clone().value(), "connections"));
    let Value::List(rows) = field(&left.clone().value(), "connections").clone() else { panic!() };
    let numbers: Vec<Value> = rows.iter().map(|r| field(r, "number").clone()).collect();
    assert_eq!(numbers, (0..6).map(Value::Int).collect::<Vec<_>>());
    let empty = Quic::new(&Limits::default()).report().unwrap();
    assert_eq!(empty.merge(&*whole).unwrap().value(), whole.clone().value());
    assert_eq!(whole.merge(&*empty).unwrap().value(), whole.clone().value());
}
