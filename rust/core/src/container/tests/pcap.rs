use super::build::{Put, numbered, numbered_record, pcap_header, pcap_record, read, read_in};
use crate::container::bytes::Order::{Big, Little};
use crate::container::{Reader, bytes::Order};
use crate::limits::Limits;
use crate::record::Record;
use std::ops::ControlFlow;

const MICRO: u32 = 0xa1b2_c3d4;
const NANO: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;
const TIME: u32 = 1_700_000_000;

fn one(order: Order, magic: u32, extra: &[u8]) -> Vec<u8> {
    let mut bytes = pcap_header(order, magic, (2, 4), 1);
    bytes.extend(extra);
    bytes.extend(pcap_record(order, [TIME, 123_456, 3, 60], b"abc"));
    bytes
}

#[test]
fn both_byte_orders_and_both_units() {
    for (order, name) in [(Little, "little"), (Big, "big")] {
        for (magic, nanos, precision, kind) in
            [(MICRO, 123_456_000, "microseconds", "pcap"), (NANO, 123_456, "nanoseconds", "nsecpcap")]
        {
            let outcome = read(&one(order, magic, &[]), true);
            let seen = &outcome.seen[0];
            assert_eq!((seen.time, seen.has_time), ((i64::from(TIME), nanos), true));
            assert_eq!((seen.data.as_slice(), seen.wire, seen.link), (&b"abc"[..], 60, 1));
            assert_eq!((seen.interface, seen.fcs_len, seen.offset), (None, None, 24));
            assert!(seen.packet && !seen.recovered);
            let facts = &outcome.facts;
            assert_eq!((facts.format, facts.file_type), (Some("pcap"), Some(kind)));
            assert_eq!((facts.byte_order, facts.precision), (Some(name), Some(precision)));
            assert_eq!((facts.snaplen, facts.version), (Some(65_535), Some((2, 4))));
            assert_eq!((facts.bytes_consumed, facts.damage_total), (24 + 16 + 3, 0));
        }
    }
}

#[test]
fn ixia_has_four_bytes_more() {
    for order in [Little, Big] {
        let hardware = read(&one(order, 0x1c00_01ac, &[9; 4]), true);
        assert_eq!(hardware.seen[0].time, (i64::from(TIME), 123_456));
        assert_eq!(hardware.facts.file_type, Some("nsecpcap"));
        let software = read(&one(order, 0x1c00_01ab, &[9; 4]), true);
        assert_eq!(software.seen[0].time, (i64::from(TIME), 123_456_000));
        assert_eq!(software.seen[0].data, b"abc");
    }
}

/// Records with the fields of the patched libpcaps: interface index, protocol, packet type, and `more`.
fn patched(order: Order, magic: u32, more: &[u8]) -> Vec<u8> {
    let put = Put(order);
    let mut bytes = pcap_header(order, magic, (2, 4), 1);
    for number in 1..=4u8 {
        bytes.extend(put.words(&[TIME + u32::from(number), 5, 20, 20, 2]));
        bytes.extend(put.u16(0x0800));
        bytes.extend(more);
        bytes.extend([number; 20]);
    }
    bytes
}

#[test]
fn patched_variants_are_told_apart_by_their_records() {
    let variants: [(u32, &[u8], &str); 3] =
        [(MODIFIED, &[0, 0], "modpcap"), (MODIFIED, &[0, 0, 0, 0, 0, 0], "suse6_3pcap"), (MICRO, &[0, 0], "rh6_1pcap")];
    for order in [Little, Big] {
        for (magic, more, kind) in variants {
            let outcome = read(&patched(order, magic, more), true);
            assert_eq!(outcome.facts.file_type, Some(kind));
            assert_eq!(outcome.tags(), [1, 2, 3, 4], "{kind}");
            assert_eq!(outcome.facts.damage_total, 0, "{kind}");
        }
    }
}

#[test]
fn nokia_has_four_bytes_more_a_record() {
    let mut bytes = pcap_header(Little, MICRO, (2, 4), 1);
    for number in 1..=4u8 {
        bytes.extend(Put(Little).words(&[TIME, 5, 20, 20, 0x9fbf_b601]));
        bytes.extend([number; 20]);
    }
    let outcome = read(&bytes, true);
    assert_eq!((outcome.facts.file_type, outcome.tags()), (Some("nokiapcap"), vec![1, 2, 3, 4]));
}

#[test]
fn lengths_of_old_versions_are_swapped() {
    let file = |version, fields: [u32; 4]| {
        let mut bytes = pcap_header(Big, MICRO, version, 1);
        bytes.extend(pcap_record(Big, fields, b"abc"));
        read(&bytes, true)
    };
    for version in [(2, 0), (2, 1), (543, 0)] {
        let outcome = file(version, [TIME, 0, 60, 3]);
        assert_eq!((outcome.seen[0].data.len(), outcome.seen[0].wire), (3, 60), "{version:?}");
    }
    for fields in [[TIME, 0, 60, 3], [TIME, 0, 3, 60]] {
        let outcome = file((2, 3), fields);
        assert_eq!((outcome.seen[0].data.len(), outcome.seen[0].wire), (3, 60));
    }
    // from 2.4 on they are as they are, even where that makes no sense
    let outcome = file((2, 4), [TIME, 0, 3, 1]);
    assert_eq!((outcome.seen[0].data.len(), outcome.seen[0].wire), (3, 1));
}

#[test]
fn aix_has_nanoseconds_other_link_types_and_padding() {
    let mut bytes = pcap_header(Big, MICRO, (2, 2), 15);
    bytes.extend(pcap_record(Big, [TIME, 999_999_999, 63, 6], b"xxxabc"));
    let outcome = read(&bytes, true);
    assert_eq!(outcome.facts.file_type, Some("aixpcap"));
    let seen = &outcome.seen[0];
    assert_eq!((seen.link, seen.time, seen.wire), (10, (i64::from(TIME), 999_999_999), 60));
    assert_eq!(seen.data, b"abc");
}

#[test]
fn the_link_type_field_holds_the_fcs_length() {
    let mut bytes = pcap_header(Little, MICRO, (2, 4), 0x2400_0001);
    bytes.extend(pcap_record(Little, [TIME, 0, 3, 3], b"abc"));
    assert_eq!((read(&bytes, true).seen[0].fcs_len, read(&bytes, true).seen[0].link), (Some(4), 1));
    let refused = read(&pcap_header(Little, MICRO, (2, 4), 0x0030_0001), true);
    assert_eq!(refused.code(), "unsupported");
    assert_eq!(read(&pcap_header(Little, MICRO, (1, 2), 1), true).code(), "unknown_version");
}

#[test]
fn a_fraction_out_of_range_is_kept() {
    // Wireshark shows this as .-2147483648
    let mut bytes = pcap_header(Little, NANO, (2, 4), 1);
    bytes.extend(pcap_record(Little, [TIME, 0x8000_0000, 1, 1], b"a"));
    assert_eq!(read(&bytes, true).seen[0].time, (i64::from(TIME), i32::MIN));
}

#[test]
fn the_end_inside_a_record_is_damage() {
    let bytes = numbered(3);
    for cut in [1, 10, 15, 16, 17, 35] {
        for resync in [false, true] {
            let outcome = read(&bytes[..24 + 72 + cut], resync);
            assert_eq!(outcome.tags(), [1, 2], "{cut}");
            assert_eq!(outcome.damage(), [(24 + 72, "truncated")], "{cut}");
            assert_eq!(outcome.facts.damage[0].skipped, cut as u64);
        }
    }
    let header = read(&bytes[..20], true);
    assert_eq!((header.damage(), header.result), (vec![(0, "truncated")], Ok(())));
}

#[test]
fn reading_ends_at_a_length_that_is_too_large_or_goes_on_behind_it() {
    let mut bytes = numbered(3);
    bytes.extend(pcap_record(Little, [TIME + 3, 0, 262_145, 262_145], &[0xee; 50]));
    let bad = 24 + 3 * 36;
    for number in 4..=6 {
        bytes.extend(numbered_record(number));
    }
    let strict = read(&bytes, false);
    assert_eq!((strict.tags(), strict.damage()), (vec![1, 2, 3], vec![(bad, "corrupt_length")]));
    let resync = read(&bytes, true);
    assert_eq!((resync.tags(), resync.recovered()), (vec![1, 2, 3, 4, 5, 6], vec![4, 5, 6]));
    assert_eq!(resync.damage(), [(bad, "corrupt_length")]);
    assert_eq!((resync.facts.damage[0].skipped, resync.facts.damage[0].recovered), (66, true));
    assert_eq!(resync.facts.bytes_skipped, 66);
}

#[test]
fn the_largest_length_is_read() {
    let mut bytes = numbered(1);
    bytes.extend(pcap_record(Little, [TIME + 2, 0, 262_144, 262_144], &vec![2; 262_144]));
    let outcome = read_in(&bytes, true, 1000);
    assert_eq!((outcome.tags(), outcome.facts.damage_total), (vec![1, 2], 0));
}

#[test]
fn messages_of_dbus_may_be_longer() {
    let mut bytes = pcap_header(Little, MICRO, (2, 4), 231);
    bytes.extend(pcap_record(Little, [TIME, 0, 300_000, 300_000], &vec![1; 300_000]));
    let outcome = read_in(&bytes, true, 4096);
    assert_eq!((outcome.seen.len(), outcome.facts.damage_total), (1, 0));
}

#[test]
fn a_region_of_zeros_is_no_packets() {
    let mut bytes = numbered(2);
    bytes.extend([0; 100_000]);
    for resync in [false, true] {
        let outcome = read_in(&bytes, resync, 777);
        assert_eq!((outcome.tags(), outcome.damage()), (vec![1, 2], vec![(24 + 72, "zero_filled")]));
    }
    // a hole: the records behind it begin at any distance
    for hole in [40, 1000, 1001, 1002, 1003] {
        let mut bytes = numbered(2);
        bytes.extend(vec![0; hole]);
        for number in 3..=5 {
            bytes.extend(numbered_record(number));
        }
        let outcome = read(&bytes, true);
        assert_eq!((outcome.tags(), outcome.recovered()), (vec![1, 2, 3, 4, 5], vec![3, 4, 5]), "{hole}");
        assert_eq!(outcome.facts.bytes_skipped, hole as u64);
    }
}

#[test]
fn a_single_empty_packet_of_1970_is_one() {
    let mut bytes = numbered(1);
    bytes.extend(pcap_record(Little, [0; 4], &[]));
    bytes.extend(numbered_record(2));
    let outcome = read(&bytes, true);
    assert_eq!((outcome.seen.len(), outcome.facts.damage_total), (3, 0));
    let mut bytes = numbered(1);
    bytes.extend([0; 16]);
    assert_eq!(read(&bytes, true).seen.len(), 2);
}

#[test]
fn what_looks_like_a_record_inside_a_packet_is_not_found() {
    // behind the damage a packet that carries a pcap record header of another time
    let mut bytes = numbered(2);
    bytes.extend([0xff; 16]);
    bytes.extend(pcap_record(Little, [1_000_000_000, 0, 4, 4], b"fake"));
    for number in 3..=5 {
        bytes.extend(numbered_record(number));
    }
    let outcome = read(&bytes, true);
    assert_eq!((outcome.tags(), outcome.recovered()), (vec![1, 2, 3, 4, 5], vec![3, 4, 5]));
}

#[test]
fn the_search_holds_a_bounded_look_ahead() {
    // believable headers that each point far ahead
    let mut bytes = numbered(2);
    bytes.extend([0xff; 16]);
    for _ in 0..50_000 {
        bytes.extend(Put(Little).words(&[TIME, 0, 260_000, 260_000]));
    }
    let mut reader = Reader::new(&Limits::default(), true);
    let mut sink = |_: &Record<'_>| ControlFlow::Continue(());
    for chunk in bytes.chunks(10_000) {
        reader.feed(chunk, &mut sink).unwrap();
        assert!(reader.buffered() < 4 << 20);
    }
}
