use super::*;
use crate::addr::IpAddr;
use crate::app::media::{MediaKind, MediaTransport};
use crate::app::message::Value;

/// The INVITE of RFC 3261 24.2, with the description of RFC 3264 10.1 shortened.
const SDP: &str =
    "v=0\r\no=alice 1 1 IN IP4 192.0.2.4\r\ns=\r\nc=IN IP4 192.0.2.4\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0 8\r\n";

fn invite() -> Vec<u8> {
    format!(
        "INVITE sip:bob@biloxi.example SIP/2.0\r\nVia: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bK776asdhds;rport\r\n\
         Max-Forwards: 70\r\nTo: Bob <sip:bob@biloxi.example>\r\nFrom: Alice <sip:alice@atlanta.example>;tag=1928301774\r\n\
         Call-ID: a84b4c76e66710@pc33\r\nCSeq: 314159 INVITE\r\nContact: <sip:alice@192.0.2.4>\r\n\
         Proxy-Authorization: Digest username=\"alice\", realm=\"a\", nonce=\"c60f3082\", response=\"42ce3cef44b2\"\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
    .into_bytes()
}

fn context(transport: Proto, detected_by: DetectedBy) -> Context {
    Context {
        frame: 9,
        time_ns: 1,
        src: IpAddr::v4([192, 0, 2, 4]),
        dst: IpAddr::v4([192, 0, 2, 5]),
        src_port: 5060,
        dst_port: 5060,
        transport,
        ttl: 64,
        frame_bytes: 800,
        stream: None,
        to_client: false,
        detected_by,
        only_in_order: false,
        server_known: false,
        recovered: false,
    }
}

fn sip() -> (Sip, MediaBook, Output) {
    let (limits, book) = (Limits::default(), MediaBook::new(&Limits::default()));
    (Sip::new(&limits, book.clone()), book, Output::default())
}

fn field(m: &Message, key: &str) -> Value {
    m.fields.iter().find(|f| f.0 == key).map_or(Value::None, |f| f.1.clone())
}

#[test]
fn a_message_gives_its_values_and_announces_its_media() {
    let (mut sip, book, mut out) = sip();
    assert!(sip.datagram(&context(Proto::Udp, DetectedBy::Port), &invite(), &mut out));
    let m = &out.messages[0];
    for (key, value) in [
        ("method", "INVITE"),
        ("call_id", "a84b4c76e66710@pc33"),
        ("branch", "z9hG4bK776asdhds"),
        ("from_user", "alice"),
        ("from_tag", "1928301774"),
        ("to_uri", "sip:bob@biloxi.example"),
        ("contact_host", "192.0.2.4"),
        ("credentials", "digest"),
        ("cseq_method", "INVITE"),
    ] {
        assert_eq!(field(m, key), Value::Text(value.into()), "{key}");
    }
    assert_eq!((field(m, "cseq"), field(m, "to_tag")), (Value::Int(314_159), Value::None));
    let told = book.take();
    assert_eq!(
        (told.len(), told[0].port, told[0].kind, told[0].transport),
        (1, 49170, MediaKind::Audio, MediaTransport::Rtp)
    );
    assert_eq!((told[0].call_id.as_str(), told[0].side), ("a84b4c76e66710@pc33", Side::Offer));
    let rows = sip.kept.page(None, 0, 9);
    let shown = format!("{:?}", rows[0].fields);
    assert!(shown.contains("content_length") && !shown.contains("42ce3cef44b2") && !shown.contains("c60f3082"));
}

#[test]
fn streams_are_cut_into_messages() {
    let (mut sip, _, mut out) = sip();
    let c = context(Proto::Tcp, DetectedBy::Port);
    let (one, mut data) = (invite(), invite());
    data.extend(invite());
    assert_eq!(sip.stream(&c, &data, &mut out), Step::Consumed(one.len()));
    // A line without an end, headers without an end, a body without an end.
    assert_eq!(sip.stream(&c, &one[..10], &mut out), Step::Need(11));
    assert_eq!(sip.stream(&c, &one[..100], &mut out), Step::Need(101));
    assert_eq!(sip.stream(&c, &one[..one.len() - 3], &mut out), Step::Need(one.len()));
    assert_eq!(out.messages.len(), 1);
}

#[test]
fn keep_alives_are_passed_over_and_what_follows_them_is_marked() {
    let (mut sip, _, mut out) = sip();
    let c = context(Proto::Tcp, DetectedBy::Port);
    assert_eq!(sip.stream(&c, b"\r\n\r\n", &mut out), Step::Consumed(4));
    let mut data = b"\r\n\r\n".to_vec();
    data.extend(invite());
    assert_eq!(sip.stream(&c, &data, &mut out), Step::Consumed(data.len()));
    assert_eq!(field(&out.messages[0], "hidden"), Value::Bool(true));
    assert!(out.protocols.is_empty());
}

#[test]
fn other_bytes_on_the_port_are_the_rest_of_a_message_elsewhere_nothing() {
    let (mut sip, _, mut out) = sip();
    let junk = b"hello\r\nworld";
    assert_eq!(sip.stream(&context(Proto::Tcp, DetectedBy::Port), junk, &mut out), Step::Consumed(junk.len()));
    assert_eq!(field(&out.messages[0], "unread"), Value::Name("continuation"));
    assert_eq!(sip.stream(&context(Proto::Tcp, DetectedBy::Content), junk, &mut out), Step::Consumed(junk.len()));
    assert_eq!(sip.stream(&context(Proto::Tcp, DetectedBy::Port), b"\x01\x02", &mut out), Step::Consumed(2));
    assert_eq!(out.messages.len(), 1);
}

#[test]
fn probes_are_strict() {
    let (sip, ..) = sip();
    assert_eq!(sip.probe(Proto::Udp, &invite()), Probe::Yes);
    assert_eq!(sip.probe(Proto::Udp, b"GET / HTTP/1.1\r\n"), Probe::No);
    assert_eq!(sip.probe(Proto::Udp, b"\x80\x00 sip:x SIP/2.0"), Probe::No);
    assert_eq!(sip.probe(Proto::Udp, b"\r\n\r\n"), Probe::No);
    assert_eq!(sip.probe(Proto::Tcp, b"\r\n\r\n"), Probe::No);
    assert_eq!(sip.probe(Proto::Tcp, b"REGIS"), Probe::More);
    assert_eq!(sip.probe(Proto::Tcp, b"REGISTER sip:exa"), Probe::More);
    assert_eq!(sip.probe(Proto::Tcp, b"GET /index"), Probe::No);
    assert_eq!(sip.probe(Proto::Tcp, b"SIP/2.0 200 OK\r\n"), Probe::Yes);
}

#[test]
fn descriptions_inside_a_multipart_body() {
    let body = format!(
        "--x\r\nContent-Type: text/plain\r\n\r\nhi\r\n--x\r\nContent-Type:application/sdp\r\n\r\n{SDP}--x--\r\n"
    );
    let m =
        format!("INVITE sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Type: multipart/mixed;boundary=\"x\"\r\n\r\n{body}");
    let (mut sip, book, mut out) = sip();
    assert!(sip.datagram(&context(Proto::Udp, DetectedBy::Port), m.as_bytes(), &mut out));
    assert_eq!(book.take().len(), 1);
    assert_eq!(out.protocols.as_slice(), [Proto::Sip, Proto::Sdp]);
}

#[test]
fn any_bytes_are_survived() {
    let (mut sip, _, mut out) = sip();
    let m = invite();
    for i in 0..m.len() {
        for v in [0, b' ', b':', b'\r', b'\n', b'<', b'"', 0xff] {
            let mut bad = m.clone();
            bad[i] = v;
            for transport in [Proto::Udp, Proto::Tcp] {
                let c = context(transport, DetectedBy::Port);
                sip.datagram(&c, &bad, &mut out);
                sip.stream(&c, &bad[..i.max(1)], &mut out);
                sip.ahead(&c, &bad, &mut out);
                let _ = (sip.probe(transport, &bad[..i]), fields::all(&c, &bad));
            }
        }
        out = Output::default();
    }
}
