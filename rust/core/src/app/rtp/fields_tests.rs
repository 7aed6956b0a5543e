//! Fields of packets as RFCs lay them out; the differential tests compare all of them with tshark.

use super::{fields, rtcp_fields};
use crate::filter::registry::{TABLES, by_name};
use crate::filter::sink::Found;
use crate::filter::{FieldId, Sink};

fn sink() -> Sink {
    let names = TABLES.iter().filter(|t| t.app == Some("rtp")).flat_map(|t| t.fields.iter().map(|f| f.name));
    Sink::new(names.filter_map(by_name))
}

fn numbers(sink: &Sink, id: FieldId) -> Vec<i64> {
    let number = |f: Found| match f {
        Found::Uint(v) => v as i64,
        Found::Int(v) => v,
        Found::Kept(_, len) => len.into(),
        _ => -1,
    };
    sink.found.iter().filter(|o| o.field == id).map(|o| number(o.value)).collect()
}

/// A contributing source, an extension of one element (RFC 8285 4.2), an event (RFC 4733 2.3), padding.
fn packet() -> Vec<u8> {
    let mut p = vec![0xb1, 0x80 | 101, 0, 7, 0, 0, 0, 160, 0, 0, 0, 9, 0, 0, 0, 5];
    p.extend([0xbe, 0xde, 0, 1, 0x11, b'a', b'b', 0, 5, 0x8a, 1, 0x40, 0, 0, 3]);
    p
}

/// A sender report with a block, a description, a NACK (RFC 4585 6.2.1), voice metrics (RFC 3611 4.7).
fn compound() -> Vec<u8> {
    let mut p = vec![0x81, 200, 0, 12, 0, 0, 0, 1];
    for word in [0x83aa_7e80_u32, 0x8000_0000, 160, 7, 1120, 2, 0x40ff_fffe, 65_540, 33, 0x3344_5566, 0x1_8000] {
        p.extend(word.to_be_bytes());
    }
    p.extend([0x81, 202, 0, 3, 0, 0, 0, 1, 1, 3, b'a', b'@', b'b', 0, 0, 0]);
    p.extend([0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 100, 0, 5]);
    p.extend([0x80, 207, 0, 10, 0, 0, 0, 1, 7, 0, 0, 8, 0, 0, 0, 2, 5, 3, 1, 2, 0, 10, 0, 20, 0, 40, 0, 80]);
    p.extend([0xf0, 0xf1, 88, 16, 88, 127, 41, 40, 0, 0, 0, 10, 0, 20, 0, 30]);
    p
}

#[test]
fn fields_of_packets() {
    let mut s = sink();
    let p = packet();
    fields::put(&p, p.len(), None, &mut s);
    assert_eq!(numbers(&s, fields::CSRC_ITEM), [5]);
    assert_eq!((numbers(&s, fields::EXT_ID), numbers(&s, fields::EXT_DATA)), (vec![1], vec![2]));
    assert_eq!((numbers(&s, fields::PAYLOAD), numbers(&s, fields::PADDING_COUNT)), (vec![4], vec![3]));
    assert_eq!((numbers(&s, fields::EVENT_ID), numbers(&s, fields::EVENT_DURATION)), (vec![5], vec![320]));
    assert_eq!((numbers(&s, fields::EVENT_END), numbers(&s, fields::EVENT_VOLUME)), (vec![1], vec![10]));
}

#[test]
fn fields_of_a_compound_packet() {
    let mut s = sink();
    rtcp_fields::put(&compound(), None, false, &mut s);
    assert_eq!(numbers(&s, rtcp_fields::PT), [200, 202, 205, 207]);
    assert_eq!(numbers(&s, rtcp_fields::CUM_NR), [-2]);
    assert_eq!(numbers(&s, rtcp_fields::IDENTIFIER), [2, 1, 2]);
    assert_eq!(numbers(&s, rtcp_fields::NACK_PID), [100, 101, 103]);
    assert_eq!(numbers(&s, rtcp_fields::XR_SIGNAL), [-16]);
    let times: Vec<_> = s.found.iter().filter(|o| o.field == rtcp_fields::NTP).map(|o| o.value).collect();
    assert_eq!(times, [Found::Time(0, 500_000_000)]);
    s.clear();
    rtcp_fields::put(&compound(), None, true, &mut s);
    assert_eq!(numbers(&s, rtcp_fields::PT), [200]);
}

#[test]
fn every_cut_and_flipped_byte_is_survived() {
    let mut s = sink();
    let put = |d: &[u8], s: &mut Sink| {
        s.clear();
        fields::put(d, d.len(), None, s);
        rtcp_fields::put(d, None, false, s);
    };
    for m in [packet(), compound()] {
        for end in 0..m.len() {
            put(&m[..end], &mut s);
            for flip in [1, 0x80, 0xff] {
                let mut hurt = m.clone();
                hurt[end] ^= flip;
                put(&hurt, &mut s);
            }
        }
    }
}
