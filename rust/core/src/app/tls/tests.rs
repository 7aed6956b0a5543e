//! Published fingerprints, names of certificates, and that every cut and flipped byte survives.

use super::certificate::Facts;
use super::fingerprint::{Carrier, ja3_text, ja3s_text, ja4, md5};
use super::handshake::{ClientHello, Ech, ServerHello, certificates, split};
use super::*;
use crate::addr::IpAddr;
use crate::app::message::Value;
use crate::app::{DetectedBy, empty_report};

fn vec16(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes()[..], body].concat()
}

fn numbers(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_be_bytes()).collect()
}

fn extension(number: u16, body: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &vec16(body)].concat()
}

/// Body of a ClientHello.
fn client_hello(version: u16, ciphers: &[u16], extensions: &[Vec<u8>]) -> Vec<u8> {
    let mut out = [&version.to_be_bytes()[..], &[7; 32], &[0], &vec16(&numbers(ciphers)), &[1, 0]].concat();
    if !extensions.is_empty() {
        out.extend(vec16(&extensions.concat()));
    }
    out
}

fn server_hello(version: u16, cipher: u16, extensions: &[Vec<u8>]) -> Vec<u8> {
    let head = [&version.to_be_bytes()[..], &[9; 32], &[0], &cipher.to_be_bytes(), &[0]].concat();
    [head, vec16(&extensions.concat())].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 0], &vec16(body)[..]].concat()
}

fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3], &vec16(body)[..]].concat()
}

fn server_name(name: &str) -> Vec<u8> {
    extension(0, &vec16(&[&[0][..], &vec16(name.as_bytes())].concat()))
}

fn groups(values: &[u16]) -> Vec<u8> {
    extension(10, &vec16(&numbers(values)))
}

fn ja3_of(body: &[u8]) -> (String, String) {
    let mut text = String::new();
    ja3_text(&ClientHello::parse(body, false).unwrap(), &mut text);
    let hash = certificate::hex(&md5(&text));
    (text, hash)
}

/// The two examples of the JA3 page, GREASE added to one.
#[test]
fn ja3_as_published() {
    let hello = client_hello(
        769,
        &[0x0a0a, 47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
        &[extension(0x1a1a, b""), extension(0, b""), groups(&[0x2a2a, 23, 24, 25]), extension(11, &[1, 0])],
    );
    let (text, hash) = ja3_of(&hello);
    assert_eq!(text, "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0");
    assert_eq!(hash, "ada70206e40642a3e4461f35503241d5");

    let (text, hash) = ja3_of(&client_hello(769, &[4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99], &[]));
    assert_eq!(
        (text.as_str(), hash.as_str()),
        ("769,4-5-10-9-100-98-3-6-19-18-99,,,", "de350869b8c85de67a350c8d186f11e6")
    );
}

/// As Wireshark 4.0 has it of a server that many captures hold.
#[test]
fn ja3s_as_wireshark_has_it() {
    let extensions: Vec<_> = [23, 65281, 11, 35, 16].iter().map(|&n| extension(n, b"")).collect();
    let body = server_hello(771, 49195, &extensions);
    let mut text = String::new();
    ja3s_text(&ServerHello::parse(&body).unwrap(), &mut text);
    assert_eq!(text, "771,49195,23-65281-11-35-16");
    assert_eq!(certificate::hex(&md5(&text)), "eca9b8f0f3eae50309eaf901cb822d9b");
}

/// The example of the JA4 page (Chrome): t13d1516h2_8daaf6152771_e5627efa2ab1.
#[test]
fn ja4_as_published() {
    let ciphers = [
        0x3a3a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d,
        0x002f, 0x0035,
    ];
    let signatures = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
    let mut extensions = vec![
        extension(0x4a4a, b""),
        server_name("example.com"),
        extension(16, &vec16(b"\x02h2\x08http/1.1")),
        extension(13, &vec16(&numbers(&signatures))),
        extension(43, &[&[6][..], &numbers(&[0x5a5a, 0x0304, 0x0303])].concat()),
        groups(&[0x6a6a, 29, 23, 24]),
    ];
    for n in [5, 11, 0x12, 0x15, 0x17, 0x1b, 0x23, 0x2d, 0x33, 0x4469, 0xff01] {
        extensions.push(extension(n, b""));
    }
    let body = client_hello(0x0303, &ciphers, &extensions);
    let hello = ClientHello::parse(&body, false).unwrap();
    assert_eq!(&ja4(&hello, Carrier::Tcp), "t13d1516h2_8daaf6152771_e5627efa2ab1");
    assert_eq!(&ja4(&hello, Carrier::Quic)[..10], "q13d1516h2");
    assert!(hello.has_grease());
    // Nothing but a version: no name, no suites, no extensions.
    let body = client_hello(0x0301, &[], &[]);
    let hello = ClientHello::parse(&body, false).unwrap();
    assert_eq!(&ja4(&hello, Carrier::Tcp), "t10i000000_000000000000_000000000000");
    // A protocol name whose ends are no letters or digits: first and last hexadecimal digit (0xab ... 0xcd: "ad").
    let body = client_hello(0x0303, &[1], &[extension(16, &vec16(b"\x02\xab\xcd"))]);
    assert_eq!(&ja4(&ClientHello::parse(&body, false).unwrap(), Carrier::Dtls)[..10], "d12i0101ad");
}

#[test]
fn hellos_say_what_is_in_them() {
    let body = client_hello(
        0x0303,
        &[0x1301],
        &[
            server_name("a.example"),
            groups(&[4588, 29]),
            extension(
                51,
                &vec16(&[&numbers(&[4588])[..], &vec16(&[0; 9]), &numbers(&[29]), &vec16(&[0; 32])].concat()),
            ),
            extension(0xfe0d, &[0, 0, 1]),
            extension(41, b"x"),
            extension(42, b""),
        ],
    );
    let hello = ClientHello::parse(&body, false).unwrap();
    assert_eq!(hello.server_names().collect::<Vec<_>>(), [b"a.example"]);
    assert_eq!(hello.groups().collect::<Vec<_>>(), [4588, 29]);
    assert_eq!(hello.key_shares().collect::<Vec<_>>(), [4588, 29]);
    assert_eq!(hello.ech(), Some(Ech::Outer));
    assert!(hello.has_pre_shared_key() && hello.has_early_data() && !hello.has_ticket() && !hello.has_grease());
    assert!(names::is_post_quantum(4588) && names::group(4588) == Some("X25519MLKEM768"));

    let retry =
        [&[3, 3][..], &hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"), &[0, 0x13, 1, 0]]
            .concat();
    assert!(ServerHello::parse(&retry).unwrap().is_hello_retry_request());
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// RFC 9525 6.3.
#[test]
fn certificates_are_for_their_names() {
    let facts = Facts {
        dns_names: vec!["www.example.com".into(), "*.example.net".into()],
        addresses: vec![IpAddr::v4([192, 0, 2, 7])],
        ..Facts::default()
    };
    for name in ["www.example.com", "WWW.Example.COM", "www.example.com.", "a.example.net", "192.0.2.7"] {
        assert!(facts.is_for(name), "{name}");
    }
    for name in ["example.com", "example.net", "a.b.example.net", ".example.net", "192.0.2.8", "2001:db8::1", ""] {
        assert!(!facts.is_for(name), "{name}");
    }
}

pub(super) fn context(frame: u64, from_client: bool) -> Context {
    let (client, server) = ((IpAddr::v4([10, 0, 0, 1]), 40000), (IpAddr::v4([10, 0, 0, 2]), 443));
    let (src, dst) = if from_client { (client, server) } else { (server, client) };
    Context {
        frame,
        time_ns: frame as i64 * 1_000_000,
        src: src.0,
        dst: dst.0,
        src_port: src.1,
        dst_port: dst.1,
        transport: Proto::Tcp,
        ttl: 64,
        frame_bytes: 100,
        stream: Some(0),
        to_client: !from_client,
        detected_by: DetectedBy::Port,
        only_in_order: false,
        server_known: false,
        recovered: false,
    }
}

/// Feeds each record as a segment of its own.
fn play(records: &[(bool, Vec<u8>)]) -> Tls {
    played(records).0
}

fn played(records: &[(bool, Vec<u8>)]) -> (Tls, Output) {
    let mut tls = Tls::new(&Limits::default());
    let mut out = Output::watched();
    for (i, (from_client, data)) in records.iter().enumerate() {
        let ctx = context(i as u64 + 1, *from_client);
        let mut rest = &data[..];
        while !rest.is_empty() {
            match tls.stream(&ctx, rest, &mut out) {
                Step::Consumed(n) => rest = rest.get(n..).unwrap_or_default(),
                _ => break,
            }
        }
    }
    (tls, out)
}

fn field(tls: &Tls, name: &str) -> Value {
    let rows = tls.report().unwrap().page("handshakes", 0, 10);
    let Value::Map(fields) = &rows[0] else { panic!("a row is a map") };
    fields.iter().find(|f| f.0 == name).unwrap().1.clone()
}

fn hello_records(extensions: &[Vec<u8>]) -> Vec<(bool, Vec<u8>)> {
    vec![(true, record(22, &message(1, &client_hello(0x0303, &[0xc02f, 0x1301], extensions))))]
}

const SUPPORTS_13: [u8; 3] = [2, 3, 4];

#[test]
fn a_handshake_of_tls_13_ends_with_the_client() {
    let mut records = hello_records(&[extension(43, &SUPPORTS_13)]);
    let chosen = [extension(43, &[3, 4]), extension(51, &[&numbers(&[29])[..], &vec16(&[1; 32])].concat())];
    records.push((false, [record(22, &message(2, &server_hello(0x0303, 0x1301, &chosen))), record(20, &[1])].concat()));
    records.push((false, record(23, &[0; 500])));
    assert_eq!(field(&play(&records), "outcome"), "stalled".into());
    records.push((true, record(23, &[0; 53])));
    let tls = play(&records);
    assert_eq!(field(&tls, "outcome"), "completed".into());
    assert_eq!(field(&tls, "version"), "TLS 1.3".into());
    assert_eq!(field(&tls, "group"), "x25519".into());
    assert_eq!(field(&tls, "duration_ns"), 3_000_000i64.into());
    // In the place of the Finished a record of an alert's size.
    records.pop();
    records.push((true, record(23, &[0; 19])));
    assert_eq!(field(&play(&records), "outcome"), "alert".into());
}

/// RFC 8446 2.1 and D.4: the change of cipher between a HelloRetryRequest and the second hellos changes nothing.
#[test]
fn hellos_behind_a_hello_retry_request_are_in_the_clear() {
    let retry = [
        &[3, 3][..],
        &hex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"),
        &[0, 0x13, 1, 0],
        &vec16(&[extension(43, &[3, 4]), extension(51, &numbers(&[23]))].concat()),
    ]
    .concat();
    let chosen = [extension(43, &[3, 4]), extension(51, &[&numbers(&[23])[..], &vec16(&[1; 65])].concat())];
    let mut records = hello_records(&[extension(43, &SUPPORTS_13)]);
    records.push((false, [record(22, &message(2, &retry)), record(20, &[1])].concat()));
    records.push((true, record(20, &[1])));
    records.extend(hello_records(&[extension(43, &SUPPORTS_13), groups(&[23])]));
    records.push((false, record(22, &message(2, &server_hello(0x0303, 0x1301, &chosen)))));
    let (tls, out) = played(&records);
    assert_eq!(out.values("tls.handshake.type"), ["1", "2", "1", "2"]);
    assert_eq!(field(&tls, "last_step"), "server_hello".into());
    // Before TLS 1.3 all behind it is encrypted.
    let hello = record(22, &message(2, &server_hello(0x0303, 0xc02f, &[])));
    let mut records = hello_records(&[]);
    records.push((false, [hello.clone(), record(20, &[1])].concat()));
    records.push((false, hello));
    assert_eq!(played(&records).1.values("tls.handshake.type"), ["1", "2"]);
}

#[test]
fn a_full_and_a_short_handshake_of_tls_12() {
    let finished = |n: u8| [record(20, &[1]), record(22, &[n; 40])].concat();
    let hello = record(22, &message(2, &server_hello(0x0303, 0xc02f, &[])));
    let mut full = hello_records(&[]);
    full.push((false, [hello.clone(), record(22, &message(14, b""))].concat()));
    full.push((true, [record(22, &message(16, &[1; 30])), finished(200)].concat()));
    full.push((false, finished(201)));
    let tls = play(&full);
    assert_eq!((field(&tls, "outcome"), field(&tls, "resumption")), ("completed".into(), Value::None));
    assert_eq!(field(&tls, "duration_ns"), 3_000_000i64.into());

    let mut short = hello_records(&[extension(35, b"ticket")]);
    short.push((false, [hello, finished(200)].concat()));
    assert_eq!(field(&play(&short), "outcome"), "stalled".into());
    short.push((true, finished(201)));
    let tls = play(&short);
    assert_eq!((field(&tls, "outcome"), field(&tls, "resumption")), ("completed".into(), "ticket".into()));
}

#[test]
fn a_hello_split_over_records_is_one_hello() {
    let whole = message(1, &client_hello(0x0303, &[0xc02f], &[server_name("split.example")]));
    let (a, b) = whole.split_at(3);
    let (b, c) = b.split_at(30);
    let tls = play(&[(true, [record(22, a), record(22, b)].concat()), (true, record(22, c))]);
    assert_eq!(field(&tls, "server_name"), "split.example".to_string().into());
}

#[test]
fn alerts_resets_and_closes_end_a_handshake() {
    let mut records = hello_records(&[]);
    records.push((false, record(21, &[2, 40])));
    let tls = play(&records);
    assert_eq!((field(&tls, "outcome"), field(&tls, "last_step")), ("alert".into(), "client_hello".into()));
    for (how, outcome) in [(Close::Rst, "reset"), (Close::Fin, "closed")] {
        let mut tls = play(&hello_records(&[]));
        tls.closed(&context(9, false), how, &mut Output::watched());
        assert_eq!((field(&tls, "outcome"), field(&tls, "ended_by")), (outcome.into(), "server".into()));
    }
}

#[test]
fn every_cut_and_flipped_byte_survives() {
    let mut records = hello_records(&[server_name("x.example"), groups(&[29]), extension(43, &SUPPORTS_13)]);
    let list = [&[0, 0, 9][..], &[0, 0, 6], &[0x30, 4, 2, 2, 1, 1]].concat();
    records.push((
        false,
        [record(22, &message(2, &server_hello(0x0303, 0xc02f, &[]))), record(22, &message(11, &list))].concat(),
    ));
    records.push((true, b"\x80\x2e\x01\x03\x01\x00\x03\x00\x00\x00\x20".to_vec()));
    let check = |records: &[(bool, Vec<u8>)]| {
        let report = play(records).report().unwrap();
        let merged = report.merge(&*empty_report("tls").unwrap()).unwrap();
        let _ = (merged.clone().value(), merged.page("handshakes", 0, 9), merged.page("certificates", 0, 9));
    };
    for which in 0..records.len() {
        let original = records[which].1.clone();
        for i in 0..original.len() {
            records[which].1 = original[..i].to_vec();
            check(&records);
            for flip in [1, 0x80, 0xff] {
                records[which].1 = original.clone();
                records[which].1[i] ^= flip;
                check(&records);
            }
        }
        records[which].1 = original;
    }
}

#[test]
fn dtls_fragments_are_put_together() {
    let body = [&[0xfe, 0xfd][..], &[7; 32], &[0, 0], &vec16(&numbers(&[0xc02f])), &[1, 0]].concat();
    let fragment = |from: usize, to: usize| {
        let three = |n: usize| (n as u32).to_be_bytes()[1..].to_vec();
        let h = [&[1][..], &three(body.len()), &[0, 0], &three(from), &three(to - from), &body[from..to]].concat();
        [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0][..], &vec16(&h)].concat()
    };
    let mut tls = Tls::new(&Limits::default());
    for part in [fragment(0, 20), fragment(20, body.len())] {
        assert_eq!(tls.probe(Proto::Udp, &part), Probe::Yes);
        assert!(tls.datagram(&context(1, true), &part, &mut Output::watched()));
        assert_eq!(tls.probe(Proto::Udp, &part[..part.len() - 1]), Probe::No);
    }
    assert_eq!(field(&tls, "protocol"), "dtls".into());
    assert_eq!(split(&message(1, &body)).unwrap().1, body);
    assert_eq!(certificates(b"\x00\x00\x04\x00\x00\x01x").collect::<Vec<_>>(), [b"x"]);
}

#[test]
fn a_handshake_inside_openvpn_is_followed() {
    let ctx = |from_client: bool| {
        let mut ctx = Context { transport: Proto::Udp, stream: None, ..context(1, from_client) };
        *(if from_client { &mut ctx.dst_port } else { &mut ctx.src_port }) = openvpn::PORT;
        ctx
    };
    let hello = record(22, &message(1, &client_hello(0x0303, &[0xc02f; 40], &[server_name("vpn.example")])));
    let reply = record(22, &message(2, &server_hello(0x0303, 0xc02f, &[])));
    let mut tls = Tls::new(&Limits::default());
    let mut names = Vec::new();
    for (from_client, piece) in [(true, &hello[..100]), (true, &hello[100..]), (false, &reply[..])] {
        let mut out = Output::default();
        let packet = [&[4 << 3, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 1][..], piece].concat();
        assert!(tls.datagram(&ctx(from_client), &packet, &mut out));
        names.push(out.since((0, 0)).to_vec());
    }
    assert_eq!(names, [vec![Proto::Openvpn], vec![Proto::Openvpn, Proto::Tls], vec![Proto::Openvpn]]);
    assert_eq!(field(&tls, "server_name"), "vpn.example".to_string().into());
    assert_eq!(field(&tls, "last_step"), "server_hello".into());

    let mut framed = 14u16.to_be_bytes().to_vec();
    framed.extend([4 << 3, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 1]);
    let ctx = Context { transport: Proto::Tcp, stream: Some(1), ..ctx(true) };
    assert_eq!(tls.stream(&ctx, &framed[..1], &mut Output::default()), Step::Need(2));
    assert_eq!(tls.stream(&ctx, &framed[..15], &mut Output::default()), Step::Need(16));
    assert_eq!(tls.stream(&ctx, &framed, &mut Output::default()), Step::Consumed(16));
}

/// A handshake of TLS 1.3, and a record of data of each side.
fn complete() -> Vec<(bool, Vec<u8>)> {
    let mut records = hello_records(&[server_name("a.example"), extension(43, &SUPPORTS_13)]);
    records.push((false, record(22, &message(2, &server_hello(0x0303, 0x1301, &[extension(43, &[3, 4])])))));
    records.extend([false, true, true, false].map(|from_client| (from_client, record(23, &[0; 500]))));
    records
}

#[test]
fn what_comes_behind_a_packed_handshake_is_seen() {
    let mut records = complete();
    let tls = play(&records);
    assert!(tls.connections[&0].handshake.is_quiet());
    let before = tls.report().unwrap().page("handshakes", 0, 9);
    // More data and the end change nothing.
    records.push((true, record(23, &[0; 10])));
    let mut tls = play(&records);
    tls.closed(&context(99, true), Close::Rst, &mut Output::watched());
    assert_eq!(tls.report().unwrap().page("handshakes", 0, 9), before);
    // An alert does, and so does another handshake.
    records.push((false, record(21, &[1, 90])));
    let tls = play(&records);
    let Value::List(alerts) = field(&tls, "alerts") else { panic!("a list") };
    let Value::Map(alert) = &alerts[0] else { panic!("a map") };
    assert_eq!((alerts.len(), alert[0].1.clone(), alert[2].1.clone()), (1, 8u64.into(), "warning".into()));
    assert_eq!(
        (field(&tls, "outcome"), field(&tls, "server_name")),
        ("completed".into(), "a.example".to_string().into())
    );
    records.extend(complete());
    let tls = play(&records);
    let frames = tls.report().unwrap().page("handshakes", 0, 9).into_iter().map(|row| match row {
        Value::Map(fields) => fields.into_iter().find(|f| f.0 == "frame").unwrap().1,
        _ => Value::None,
    });
    assert_eq!(frames.collect::<Vec<_>>(), [1u64.into(), 9u64.into()]);
}

#[test]
fn the_first_handshakes_are_those_with_room() {
    let mut tls = Tls::new(&Limits { max_tls_handshakes: 3, max_app_streams: 80, ..Limits::default() });
    let records = complete();
    for stream in 0..60u32 {
        for (from_client, data) in &records {
            let ctx = Context { stream: Some(stream), ..context(stream as u64 + 1, *from_client) };
            tls.stream(&ctx, data, &mut Output::watched());
        }
        let ctx = Context { stream: Some(stream), ..context(stream as u64 + 1, true) };
        tls.closed(&ctx, Close::Rst, &mut Output::watched());
    }
    let streams = |report: &Arc<dyn Report>| -> Vec<Value> {
        let rows = report.page("handshakes", 0, 9).into_iter();
        rows.filter_map(|row| if let Value::Map(fields) = row { Some(fields[1].1.clone()) } else { None }).collect()
    };
    let first = [0u32, 1, 2].map(Value::from);
    assert_eq!(streams(&tls.report().unwrap()), first);
    assert_eq!(streams(&Box::new(tls).into_report().0.unwrap()), first);
}

#[test]
fn what_is_kept_of_unfinished_messages_is_bounded() {
    let limits = Limits { max_app_buffer_bytes: 1000, ..Limits::default() };
    let mut tls = Tls::new(&limits);
    let start = record(22, &message(1, &client_hello(0x0303, &[0xc02f], &[]))[..40]);
    for stream in 0..500 {
        let ctx = Context { stream: Some(stream), ..context(1, true) };
        tls.stream(&ctx, &start, &mut Output::watched());
        assert!(tls.machine.partial_bytes <= 1000);
    }
    assert_eq!(tls.machine.partial_bytes, 1000);
    for stream in 0..500 {
        let ctx = Context { stream: Some(stream), ..context(2, true) };
        tls.closed(&ctx, Close::Rst, &mut Output::watched());
    }
    assert_eq!(tls.machine.partial_bytes, 0);
}

#[test]
fn fields_of_a_handshake() {
    let mut records = hello_records(&[server_name("x.example"), groups(&[29]), extension(43, &SUPPORTS_13)]);
    records.push((false, record(22, &message(2, &server_hello(0x0303, 0xc02f, &[])))));
    let list = [&[0, 0, 9][..], &[0, 0, 6], &[0x30, 4, 2, 2, 1, 1]].concat();
    records.push((false, record(22, &message(11, &list))));
    records.push((false, record(22, &message(12, &[3, 0, 23, 2, 4, 5, 4, 3, 0, 1, 9]))));
    records.push((true, record(21, &[2, 40])));
    records.push((true, record(23, &[7; 30])));
    let (_, out) = played(&records);
    for (name, values) in [
        ("tls.record.content_type", vec!["22", "22", "22", "22", "21", "23"]),
        ("tls.handshake.type", vec!["1", "2", "11", "12"]),
        ("tls.handshake.extensions_server_name", vec!["x.example"]),
        ("tls.handshake.extensions_supported_group", vec!["29"]),
        ("tls.handshake.extensions.supported_version", vec!["772"]),
        ("tls.handshake.certificate_length", vec!["6"]),
        ("tls.handshake.server_named_curve", vec!["23"]),
        ("tls.handshake.sig_len", vec!["1"]),
        ("tls.alert_message.level", vec!["2"]),
        ("tls.alert_message.desc", vec!["40"]),
    ] {
        assert_eq!(out.values(name), values, "{name}");
    }
    assert_eq!(out.values("tls.handshake.ciphersuite").last().unwrap(), "49199");
    assert_eq!(out.values("tls.app_data")[0].len(), 30);
}
