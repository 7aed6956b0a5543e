//! No bytes make a name panic, and lengths are believed only so far.

use super::super::{Output, Step};
use super::{TCP, UDP, datagrams, netbios, streams, stun, tftp};

const MESSAGES: &[&[u8]] = &[
    b"\0\0\0\x23\xffSMBr\0\0\0\0\x18\x01(\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xfe\0\0\0\0\0\0\0",
    b"\x11\x02\0\x01\xc0\0\x02\x01\0\x8a\0\x0c\0\0\x04NAME\0\x04NAME\0\xffSMB",
    b"\0\x01\0\0\x21\x12\xa4\x42transaction1",
    b"\0\x01file\0octet\0",
    b"\x30\x25\x02\x01\x01\x04\x06public\xa0\x18\x02\x01\x02\x02\x01\x02\x02\x01\x01\x30\x0d\x30\x0b\x06\x07+\x06\x01\x02\x01\x01\x05\0",
    b"SETUP * RTSP/1.0\r\nContent-Length: 4\r\n\r\nbody",
    b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0",
];

#[test]
fn every_cut_and_every_flipped_byte_is_survived() {
    let try_all = |data: &[u8]| {
        let mut out = Output::default();
        for (_, _, datagram) in UDP {
            datagram(data, &mut out);
        }
        for (_, _, cut) in TCP {
            match cut(data, &mut out) {
                Step::Consumed(n) => assert!(n <= data.len()),
                Step::Need(n) => assert!(n > data.len(), "asks for bytes it has"),
                Step::Lost | Step::Pass => {}
            }
        }
        let _ = (stun::message(data, true), tftp::options_like(data));
    };
    for message in MESSAGES {
        for cut in 1..=message.len() {
            try_all(&message[..cut]);
        }
        for at in 0..message.len() {
            for value in [0, 0x7f, 0x80, 0xff] {
                let mut flipped = message.to_vec();
                flipped[at] = value;
                try_all(&flipped);
            }
        }
    }
}

#[test]
fn a_stream_waits_for_the_length_it_was_told() {
    let out = &mut Output::default();
    assert_eq!(netbios::session(MESSAGES[0], out), Step::Consumed(39));
    assert_eq!(netbios::session(&MESSAGES[0][..38], out), Step::Need(39));
    assert_eq!(streams::rtsp(MESSAGES[5], out), Step::Consumed(MESSAGES[5].len()));
    assert_eq!(streams::rtsp(&MESSAGES[5][..42], out), Step::Need(MESSAGES[5].len()));
    assert!(!datagrams::snmp(&MESSAGES[4][..38], out));
}
