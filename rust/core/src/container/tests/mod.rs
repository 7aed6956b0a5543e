//! Tests over captures built by hand.

mod build;
mod pcap;
mod pcapng;
mod snoop;

use super::{FormatError, Reader, facts::text_of, pseudo_header_len};
use crate::limits::Limits;
use crate::record::{LinkType, Record};
use build::{numbered, read};
use std::ops::ControlFlow;

#[test]
fn other_content_is_refused() {
    for bytes in
        [&b"GET / HTTP/1.1\r\n"[..], b"\x1f\x8b\x08\0", b"no", b"snoopy\0\0", b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"]
    {
        assert_eq!(read(bytes, true).code(), "unknown_format", "{bytes:?}");
    }
}

#[test]
fn an_empty_input_is_a_capture_without_packets() {
    let outcome = read(b"", true);
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(outcome.facts.format, Some("empty"));
    assert_eq!(outcome.facts.damage_total, 0);
}

#[test]
fn a_sink_that_breaks_stops_the_reader() {
    let bytes = numbered(5);
    let mut reader = Reader::new(&Limits::default(), true);
    let mut count = 0;
    let mut sink = |_: &Record<'_>| {
        count += 1;
        if count == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    reader.feed(&bytes, &mut sink).unwrap();
    reader.feed(&bytes, &mut sink).unwrap();
    reader.finish(&mut sink).unwrap();
    assert_eq!(count, 2);
    assert!(reader.ended());
    assert_eq!(reader.facts().bytes_consumed, 24 + 2 * 36);
    assert_eq!(reader.facts().damage_total, 0);
}

#[test]
fn an_error_ends_the_reader() {
    let mut reader = Reader::new(&Limits::default(), true);
    let mut sink = |_: &Record<'_>| ControlFlow::Continue(());
    assert!(reader.feed(b"not a capture", &mut sink).is_err());
    assert_eq!(reader.feed(&numbered(1), &mut sink), Ok(()));
    assert_eq!(reader.finish(&mut sink), Ok(()));
}

#[test]
fn damage_of_the_compressed_layer_is_noted_once() {
    let bytes = numbered(3);
    let mut reader = Reader::new(&Limits::default(), true);
    let mut count = 0;
    let mut sink = |_: &Record<'_>| {
        count += 1;
        ControlFlow::Continue(())
    };
    reader.feed(&bytes[..24 + 36 + 20], &mut sink).unwrap();
    reader.damaged("compressed_truncated");
    reader.finish(&mut sink).unwrap();
    assert_eq!(count, 1);
    let damage: Vec<_> = reader.facts().damage.iter().map(|damage| (damage.offset, damage.reason)).collect();
    assert_eq!(damage, [(24 + 36 + 20, "compressed_truncated")]);
}

#[test]
fn the_list_of_damage_is_capped_and_its_count_is_not() {
    let limits = Limits { max_damage_listed: 2, ..Limits::default() };
    let mut bytes = numbered(0);
    for number in 0..5 {
        for record in 0..3 {
            bytes.extend(build::numbered_record(number * 3 + record));
        }
        bytes.extend([0xff; 40]);
    }
    let mut reader = Reader::new(&limits, true);
    let mut count = 0;
    let mut sink = |_: &Record<'_>| {
        count += 1;
        ControlFlow::Continue(())
    };
    reader.feed(&bytes, &mut sink).unwrap();
    reader.finish(&mut sink).unwrap();
    assert_eq!((count, reader.facts().damage.len(), reader.facts().damage_total), (15, 2, 5));
    assert_eq!(reader.facts().bytes_skipped, 5 * 40);
}

#[test]
fn texts_are_escaped_and_capped() {
    assert_eq!(text_of(b"eth0\0rubbish", 100), "eth0");
    assert_eq!(text_of(b"a\x1b[31m\r\nb", 100), "a\\x1b[31m\\x0d\\x0ab");
    assert_eq!(text_of("x\u{202e}y".as_bytes(), 100), "x\\u{202e}y");
    assert_eq!(text_of(b"\xff\xfe", 100), "\u{fffd}\u{fffd}");
    assert_eq!(text_of(&[b'a'; 50], 10), "a".repeat(10));
    assert!(text_of(&[1; 50], 10).len() <= 10);
}

#[test]
fn pseudo_headers_by_link_type() {
    assert_eq!(pseudo_header_len(LinkType(1), &[0; 60]), 0);
    assert_eq!(pseudo_header_len(LinkType(123), &[0; 60]), 4);
    assert_eq!(pseudo_header_len(LinkType(204), &[0; 60]), 1);
    // ERF: Ethernet (2), one extension header
    let mut erf = [0u8; 60];
    erf[8] = 0x82;
    assert_eq!(pseudo_header_len(LinkType(197), &erf), 16 + 8 + 2);
    assert_eq!(pseudo_header_len(LinkType(197), &erf[..10]), 10);
}

#[test]
fn errors_show_their_message() {
    assert_eq!(FormatError::new("unsupported", "that").to_string(), "that");
}
