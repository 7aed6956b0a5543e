//! What the fields of SIP and SDP hold; the differential tests compare all of them with tshark.

use super::headers::Parsed;
use super::{filters, sdp_filters};
use crate::filter::registry::{TABLES, by_name};
use crate::filter::sink::Found;
use crate::filter::{FieldId, Sink};

/// RFC 3261 24.1 with credentials (RFC 2617 3.5), a password in a URI, and a body with keys (RFC 4568 4).
const INVITE: &[u8] = b"INVITE sip:bob:geheim@biloxi.com SIP/2.0\r\nVia: SIP/2.0/UDP pc33.atlanta.com:5060;branch=z9hG4bK776;rport\r\n\
    Max-Forwards: 70\r\nTo: Bob <sip:bob@biloxi.com>\r\nf: \"Alice\" <sip:alice:geheim@atlanta.com:5061;lr>;tag=1928301774\r\n\
    Call-ID: a84b4c76e66710\r\nCSeq: 314159 INVITE\r\nContact: <sip:alice@pc33.atlanta.com>;q=0.7;expires=60, sip:x1@y1;z\r\n\
    Authorization: Digest username=\"Mufasa\", realm=\"r\", nonce=\"geheim\", uri=\"sip:c\", response=\"geheim\", cnonce=\"geheim\"\r\n\
    X-Token: geheim\r\nContent-Type: application/sdp\r\nContent-Length: 999\r\n\r\n\
    v=0\r\nc=IN IP4 192.0.2.1/127\r\nk=clear:geheim\r\nm=audio 49170/2 RTP/AVP 0 97\r\na=rtpmap:97 iLBC/8000\r\n\
    a=fmtp:97 mode=20;x\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:geheim\r\na=ice-pwd:geheim\r\na=key-mgmt:mikey geheim\r\n";

fn sink() -> Sink {
    let names = TABLES.iter().filter(|t| t.app == Some("sip")).flat_map(|t| t.fields.iter().map(|f| f.name));
    Sink::new(names.filter_map(by_name))
}

fn put(m: &[u8], sink: &mut Sink) {
    let Some(parsed) = Parsed::read(m) else { return };
    filters::put(m, &parsed, sink);
    sdp_filters::put(parsed.body, 0, sink);
}

fn texts(sink: &Sink, id: FieldId) -> Vec<String> {
    let text = |f: Found| match f {
        Found::Kept(at, len) => String::from_utf8_lossy(&sink.kept[at as usize..(at + len) as usize]).into_owned(),
        Found::Uint(v) => v.to_string(),
        other => format!("{other:?}"),
    };
    sink.found.iter().filter(|o| o.field == id).map(|o| text(o.value)).collect()
}

#[test]
fn fields_of_an_invitation() {
    let mut s = sink();
    put(INVITE, &mut s);
    let field = |name: &str| texts(&s, by_name(name).unwrap());
    for (name, expected) in [
        ("sip.Method", &["INVITE"][..]),
        ("sip.r-uri.host", &["biloxi.com"]),
        ("sip.from.addr", &["sip:alice:***@atlanta.com:5061;lr"]),
        ("sip.from.user", &["alice:***"]),
        ("sip.from.port", &["5061"]),
        ("sip.from.param", &["lr"]),
        ("sip.tag", &["1928301774"]),
        ("sip.display.info", &["Bob ", "\"Alice\""]),
        ("sip.Via.rport", &["rport"]),
        ("sip.Via.sent-by.port", &["5060"]),
        ("sip.CSeq.seq", &["314159"]),
        ("sip.contact.user", &["alice", "x1"]),
        ("sip.contact.parameter", &["q=0.7", "expires=60", "z"]),
        ("sip.auth.username", &["\"Mufasa\""]),
        ("sip.Authorization", &["Digest username=\"Mufasa\" realm=\"r\" uri=\"sip:c\" ***"]),
        ("sip.Content-Length", &["999"]),
        ("sdp.connection_info.ttl", &["127"]),
        ("sdp.media.port", &["49170"]),
        ("sdp.media.format", &["ITU-T G.711 PCMU", "DynamicRTP-Type-97", "97", "97"]),
        ("sdp.mime.type", &["iLBC"]),
        ("sdp.fmtp.parameter", &["mode=20", "x"]),
        ("sdp.encryption_key", &["clear:***"]),
        ("sdp.crypto.crypto_suite", &["AES_CM_128_HMAC_SHA1_80"]),
    ] {
        assert_eq!(field(name), expected, "{name}");
    }
}

#[test]
fn secrets_are_in_no_field() {
    let mut s = sink();
    put(INVITE, &mut s);
    assert!(!s.found.is_empty());
    assert!(!String::from_utf8_lossy(&s.kept).contains("geheim"));
}

#[test]
fn every_cut_and_flipped_byte_is_survived() {
    let mut s = sink();
    for end in 0..INVITE.len() {
        s.clear();
        put(&INVITE[..end], &mut s);
        for byte in [b'"', b'<', b';', b',', b'\r', 0xff] {
            let mut hurt = INVITE.to_vec();
            hurt[end] = byte;
            s.clear();
            put(&hurt, &mut s);
        }
    }
}
