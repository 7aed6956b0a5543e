use super::build::{Outcome, Put, read};
use crate::container::bytes::Order::Big;

const TIME: u32 = 900_000_000;

fn header(version: u32, link: u32) -> Vec<u8> {
    [b"snoop\0\0\0".to_vec(), Put(Big).words(&[version, link])].concat()
}

fn record(number: u8, padding: u32) -> Vec<u8> {
    let mut out = Put(Big).words(&[60, 20, 24 + 20 + padding, 0, TIME + u32::from(number), 123_456]);
    out.extend([number; 20]);
    out.resize(out.len() + padding as usize, 0);
    out
}

fn file(link: u32, padding: u32) -> Outcome {
    read(&[header(2, link), record(1, padding), record(2, padding), record(3, padding)].concat(), true)
}

#[test]
fn records_and_padding() {
    for padding in [0, 4, 12] {
        let outcome = file(4, padding);
        assert_eq!((outcome.tags(), outcome.facts.damage_total), (vec![1, 2, 3], 0));
        let seen = &outcome.seen[1];
        assert_eq!((seen.time, seen.wire, seen.link), ((i64::from(TIME) + 2, 123_456_000), 60, 1));
        assert_eq!((seen.fcs_len, seen.offset), (Some(0), 16 + 44 + u64::from(padding)));
        assert_eq!((outcome.facts.format, outcome.facts.file_type), (Some("snoop"), Some("snoop")));
    }
}

#[test]
fn data_link_types() {
    for (datalink, link) in [(0, 1), (2, 6), (8, 10), (9, 0), (18, 123), (0x8000_0005, 226), (3, u16::MAX)] {
        assert_eq!(file(datalink, 0).seen[0].link, link);
    }
    // a trailer behind the first packet: Shomiti's numbers and frame check sequence
    let shomiti = file(12, 16);
    assert_eq!((shomiti.seen[0].link, shomiti.seen[0].fcs_len), (1, Some(4)));
    assert_eq!(shomiti.facts.file_type, Some("shomiti"));
    assert_eq!(read(&header(1, 4), true).code(), "unknown_version");
}

#[test]
fn damage_and_recovery() {
    let mut bytes = [header(2, 4), record(1, 0), vec![0xff; 30]].concat();
    for number in 2..=4 {
        bytes.extend(record(number, 0));
    }
    let outcome = read(&bytes, true);
    assert_eq!((outcome.tags(), outcome.recovered()), (vec![1, 2, 3, 4], vec![2, 3, 4]));
    assert_eq!(outcome.damage(), [(60, "corrupt_length")]);
    assert_eq!(read(&bytes, false).tags(), [1]);
    for cut in [3, 24, 40] {
        let outcome = read(&bytes[..16 + cut], true);
        assert_eq!((outcome.seen.len(), outcome.damage()), (0, vec![(16, "truncated")]), "{cut}");
    }
}
