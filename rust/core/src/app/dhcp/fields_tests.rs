//! Fields put for messages as RFCs lay them out; the differential tests compare all of them with tshark.

use super::{fields, fields6};
use crate::filter::registry::{TABLES, by_name};
use crate::filter::sink::Found;
use crate::filter::{FieldId, Sink};

/// Everything of these tables is wanted.
fn sink() -> Sink {
    let names = TABLES.iter().filter(|t| t.app == Some("dhcp")).flat_map(|t| t.fields.iter().map(|f| f.name));
    Sink::new(names.filter_map(by_name))
}

fn values(sink: &Sink, id: FieldId) -> Vec<Found> {
    sink.found.iter().filter(|o| o.field == id).map(|o| o.value).collect()
}

fn texts(sink: &Sink, id: FieldId) -> Vec<String> {
    let text = |f: Found| match f {
        Found::Kept(at, len) => String::from_utf8_lossy(&sink.kept[at as usize..(at + len) as usize]).into_owned(),
        other => format!("{other:?}"),
    };
    values(sink, id).into_iter().map(text).collect()
}

/// A request (RFC 2131 table 1) with a message type, a client name (RFC 4702), routes (RFC 3442) and an end.
fn request() -> Vec<u8> {
    let mut m = vec![1, 1, 6, 0, 0, 0, 0x12, 0x34, 5, 0, 0x80, 0];
    m.resize(28, 0);
    m.extend(b"abcdef");
    m.resize(236, 0);
    m.extend([99, 130, 83, 99, 53, 1, 3, 81, 12, 4, 0, 0, 4, b'h', b'o', b's', b't', 2, b'e', b'x', 0]);
    m.extend([121, 8, 24, 10, 1, 2, 1, 2, 3, 4, 52, 1, 2, 255, 0]);
    m[44..51].copy_from_slice(&[12, 2, b'h', b'i', 255, 0, 0]);
    m
}

#[test]
fn fields_of_a_request() {
    let mut s = sink();
    fields::put(&request(), &mut s);
    assert_eq!(values(&s, fields::SECS), [Found::Uint(5)]);
    assert_eq!(values(&s, fields::SECS_LE).len(), 1);
    assert_eq!(values(&s, fields::HW_MAC), [Found::Ether(*b"abcdef")]);
    assert_eq!(values(&s, fields::O_DHCP), [Found::Uint(3)]);
    assert_eq!(texts(&s, fields::FQDN_NAME), ["host.ex"]);
    assert_eq!(texts(&s, fields::CLASSLESS_ROUTE), ["\u{18}\n\u{1}\u{2}\u{1}\u{2}\u{3}\u{4}"]);
    // In the area of the server name, which option 52 gives to options.
    assert_eq!(texts(&s, fields::O_HOSTNAME), ["hi"]);
    assert_eq!(values(&s, fields::SERVER_OVERLOADED).len(), 1);
    assert_eq!(values(&s, fields::BOOTP), []);
}

/// A relayed solicitation (RFC 8415 9 and 21).
fn relayed() -> Vec<u8> {
    let mut inner = vec![1, 0xa, 0xb, 0xc, 0, 1, 0, 10, 0, 3, 0, 1, 1, 2, 3, 4, 5, 6];
    inner.extend([0, 8, 0, 2, 0, 7, 0, 39, 0, 6, 1, 4, b'h', b'o', b's', b't']);
    let mut m = vec![12, 1];
    m.extend([0x20; 32]);
    m.extend([0, 9, 0, inner.len() as u8]);
    m.extend(inner);
    m
}

#[test]
fn fields_of_a_relayed_message() {
    let mut s = sink();
    fields6::put(&relayed(), &mut s);
    assert_eq!(values(&s, fields6::MSGTYPE), [Found::Uint(12), Found::Uint(1)]);
    assert_eq!(values(&s, fields6::XID), [Found::Uint(0xa_0b0c)]);
    assert_eq!(values(&s, fields6::ELAPSED), [Found::Uint(70)]);
    assert_eq!(texts(&s, fields6::LL_ADDR), ["01:02:03:04:05:06"]);
    assert_eq!(texts(&s, fields6::CLIENT_DOMAIN), ["host"]);
}

#[test]
fn every_cut_and_flipped_byte_is_survived() {
    for (m, put) in [(request(), fields::put as fn(&[u8], &mut Sink)), (relayed(), fields6::put)] {
        let mut s = sink();
        for end in 0..m.len() {
            s.clear();
            put(&m[..end], &mut s);
            for flip in [1, 0x80, 0xff] {
                let mut hurt = m.clone();
                hurt[end] ^= flip;
                s.clear();
                put(&hurt, &mut s);
            }
        }
    }
}
