use super::build::{Blocks, Put, read, read_in};
use crate::container::bytes::Order::{Big, Little};
use crate::container::{FileFacts, bytes::Order};
use crate::record::LinkType;

const NS: u64 = 1_700_000_000_123_456_789;
const US: u64 = NS / 1000;

/// Section, Ethernet interface, and packets of 20 bytes of their own number.
fn numbered(order: Order, numbers: std::ops::RangeInclusive<u8>) -> Vec<u8> {
    let blocks = Blocks(order);
    let mut out = [blocks.section((1, 0), &[]), blocks.interface(1, 0, &[])].concat();
    for number in numbers {
        out.extend(packet(order, number));
    }
    out
}

/// A packet block of 52 bytes.
fn packet(order: Order, number: u8) -> Vec<u8> {
    Blocks(order).packet(0, US, &[number; 20], &[])
}

#[test]
fn packets_of_both_byte_orders() {
    for (order, name) in [(Little, "little"), (Big, "big")] {
        let outcome = read(&numbered(order, 1..=3), true);
        assert_eq!((outcome.tags(), outcome.facts.damage_total), (vec![1, 2, 3], 0));
        let seen = &outcome.seen[0];
        assert_eq!((seen.time, seen.has_time), ((1_700_000_000, 123_456_000), true));
        assert_eq!((seen.wire, seen.link, seen.interface, seen.offset), (24, 1, Some(0), 28 + 20));
        let facts = &outcome.facts;
        assert_eq!((facts.format, facts.byte_order), (Some("pcapng"), Some(name)));
        assert_eq!((facts.precision, facts.sections), (Some("microseconds"), 1));
        assert_eq!((facts.version, facts.snaplen), (Some((1, 0)), None));
    }
}

#[test]
fn interface_numbers_run_on_over_sections() {
    let (little, big) = (Blocks(Little), Blocks(Big));
    let bytes = [
        little.section((1, 0), &[]),
        little.interface(1, 0, &[]),
        little.interface(113, 0, &[]),
        little.packet(1, US, b"a", &[]),
        big.section((1, 2), &[]),
        big.interface(101, 0, &[]),
        big.packet(0, US, b"b", &[]),
    ]
    .concat();
    let outcome = read(&bytes, true);
    let seen: Vec<_> = outcome.seen.iter().map(|seen| (seen.interface, seen.link)).collect();
    assert_eq!(seen, [(Some(1), 113), (Some(2), 101)]);
    let facts = &outcome.facts;
    assert_eq!((facts.byte_order, facts.sections, facts.interfaces_total), (Some("mixed"), 2, 3));
    let interfaces: Vec<_> = facts.interfaces.iter().map(|i| (i.section, i.link)).collect();
    assert_eq!(interfaces, [(0, LinkType(1)), (0, LinkType(113)), (1, LinkType(101))]);
}

/// Time of a packet of that many ticks, and the precision that the file gives.
fn time(resolution: &[u8], offset: Option<i64>, ticks: u64) -> ((i64, i32), Option<&'static str>) {
    let blocks = Blocks(Little);
    let mut options = blocks.option(9, resolution);
    if let Some(offset) = offset {
        options.extend(blocks.option(14, &offset.to_le_bytes()));
    }
    options.extend(blocks.option(0, &[]));
    let bytes = [blocks.section((1, 0), &[]), blocks.interface(1, 0, &options), blocks.packet(0, ticks, b"a", &[])];
    let outcome = read(&bytes.concat(), true);
    (outcome.seen[0].time, outcome.facts.precision)
}

#[test]
fn resolutions_and_offsets() {
    assert_eq!(time(&[9], None, NS), ((1_700_000_000, 123_456_789), Some("nanoseconds")));
    assert_eq!(time(&[6], None, US), ((1_700_000_000, 123_456_000), Some("microseconds")));
    assert_eq!(time(&[3], None, US / 1000), ((1_700_000_000, 123_000_000), Some("milliseconds")));
    assert_eq!(time(&[0], None, 17), ((17, 0), Some("seconds")));
    // 2^-10: half a second is 512 ticks
    assert_eq!(time(&[0x8a], None, (17 << 10) + 512), ((17, 500_000_000), Some("milliseconds")));
    // picoseconds, where the remainder times 10^9 does not fit in 64 bits
    assert_eq!(time(&[12], None, 17_999_999_999_999), ((17, 999_999_999), Some("nanoseconds")));
    assert_eq!(time(&[0xbf], None, u64::MAX), ((1, 999_999_999), Some("nanoseconds")));
    // finer than 64 bits can count
    assert_eq!(time(&[20], None, US).0, (0, 92_157));
    assert_eq!(time(&[6], Some(1000), US).0, (1_700_001_000, 123_456_000));
    assert_eq!(time(&[6], Some(-1_800_000_000), US).0, (-100_000_000, 123_456_000));
    // an option of the wrong length does not count
    assert_eq!(time(&[9, 9], None, US).1, Some("microseconds"));
}

#[test]
fn simple_and_obsolete_packets() {
    for order in [Little, Big] {
        let blocks = Blocks(order);
        let put = Put(order);
        let mut old = put.u16(1).to_vec();
        old.extend(put.u16(0xffff));
        old.extend(put.words(&[(US >> 32) as u32, US as u32, 3, 99]));
        old.extend(b"old");
        let bytes = [
            blocks.section((1, 0), &[]),
            blocks.interface(1, 6, &[]),
            blocks.interface(101, 0, &[]),
            blocks.block(3, &[&put.u32(10)[..], b"simple"].concat()),
            blocks.block(3, &put.u32(0)),
            blocks.block(2, &old),
        ];
        let outcome = read(&bytes.concat(), true);
        assert_eq!(outcome.damage(), []);
        let simple = &outcome.seen[0];
        assert_eq!((simple.data.as_slice(), simple.wire, simple.has_time), (&b"simple"[..], 10, false));
        assert_eq!((simple.interface, simple.link), (Some(0), 1));
        assert_eq!((outcome.seen[1].data.len(), outcome.seen[1].wire), (0, 0));
        let old = &outcome.seen[2];
        assert_eq!((old.data.as_slice(), old.wire, old.link), (&b"old"[..], 99, 101));
        assert_eq!((old.interface, old.time), (Some(1), (1_700_000_000, 123_456_000)));
    }
}

fn described() -> FileFacts {
    let blocks = Blocks(Big);
    let section = [
        blocks.option(1, b"first comment"),
        blocks.option(2, b"machine"),
        blocks.option(3, b"system"),
        blocks.option(4, b"program"),
        blocks.option(0, &[]),
    ];
    let interface = [
        blocks.option(2, b"eth0"),
        blocks.option(2, b"not this"),
        blocks.option(3, b"a card"),
        blocks.option(8, &1_000_000_000u64.to_be_bytes()),
        blocks.option(11, b"\0tcp port 80"),
        blocks.option(12, b"its system"),
        blocks.option(13, &[4]),
        blocks.option(15, b"its maker"),
    ];
    let names = [
        &[0, 1, 0, 13, 10, 0, 0, 1][..],
        b"one\0uno\0\0\0\0\0",
        &[0, 2, 0, 19, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
        b"v6\0\0",
        &[0, 0, 0, 0],
        &blocks.option(1, b"on names"),
    ]
    .concat();
    let statistics = [
        vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        blocks.option(4, &77u64.to_be_bytes()),
        blocks.option(5, &7u64.to_be_bytes()),
    ]
    .concat();
    let secrets = [&b"TLSK"[..], &[0, 0, 0, 3], b"key\0"].concat();
    let bytes = [
        blocks.section((1, 0), &section.concat()),
        blocks.interface(1, 1500, &interface.concat()),
        blocks.block(4, &names),
        blocks.block(5, &statistics),
        blocks.block(10, &secrets),
        blocks.block(0x1234, b"whatever"),
        blocks.packet(0, US, b"abcd", &[blocks.option(1, b"on a packet"), blocks.option(2, &[0, 0, 0, 0x40])].concat()),
        blocks.packet(0, US, b"abcd", &[]),
    ];
    let outcome = read(&bytes.concat(), true);
    assert_eq!(outcome.damage(), []);
    // the flags of the packet win over the interface
    assert_eq!((outcome.seen[0].fcs_len, outcome.seen[1].fcs_len), (Some(2), Some(4)));
    outcome.facts
}

#[test]
fn what_the_file_says_about_itself() {
    let facts = described();
    assert_eq!(facts.comments, ["first comment", "on names"]);
    assert_eq!(facts.hardware.as_deref(), Some("machine"));
    assert_eq!(facts.os.as_deref(), Some("system"));
    assert_eq!(facts.application.as_deref(), Some("program"));
    let interface = &facts.interfaces[0];
    assert_eq!(interface.name.as_deref(), Some("eth0"));
    assert_eq!(interface.description.as_deref(), Some("a card"));
    assert_eq!(interface.filter.as_deref(), Some("tcp port 80"));
    assert_eq!(interface.os.as_deref(), Some("its system"));
    assert_eq!(interface.hardware.as_deref(), Some("its maker"));
    assert_eq!((interface.speed, interface.snaplen, interface.fcs_len), (1_000_000_000, 1500, Some(4)));
    assert_eq!((interface.received, interface.dropped, interface.statistics), (Some(77), Some(7), 1));
    let names: Vec<_> = facts.names.iter().map(|name| (name.address.len(), name.name.as_str())).collect();
    assert_eq!(names, [(4, "one"), (4, "uno"), (16, "v6")]);
    assert_eq!((facts.secrets, facts.other_blocks, facts.packet_comments_total), (1, 1, 1));
}

#[test]
fn custom_and_journal_blocks_are_frames_but_no_packets() {
    let blocks = Blocks(Little);
    let journal = b"__CURSOR=x\n__REALTIME_TIMESTAMP=1700000000123456\nMESSAGE=hi\n\0\0\0";
    let bytes = [
        blocks.section((1, 0), &[]),
        blocks.block(0xbad, b"\x01\0\0\0custom data!"),
        blocks.block(0x4000_0bad, b"\x01\0\0\0more"),
        blocks.block(9, journal),
    ];
    let outcome = read(&bytes.concat(), true);
    assert!(outcome.seen.iter().all(|seen| !seen.packet));
    let lengths: Vec<_> = outcome.seen.iter().map(|seen| (seen.data.len(), seen.wire)).collect();
    assert_eq!(lengths, [(12, 12), (4, 4), (60, 60)]);
    assert_eq!(outcome.seen[2].time, (1_700_000_000, 123_456_000));
    assert!(!outcome.seen[0].has_time);
    assert_eq!((outcome.facts.custom_blocks, outcome.facts.other_blocks), (2, 1));
}

#[test]
fn lengths_without_padding_are_rounded_up() {
    // some writers do not count the padding of the packet data
    let mut bytes = numbered(Little, 1..=1);
    let mut block = Blocks(Little).packet(0, US, b"abc", &[]);
    let end = block.len() - 4;
    block[4] -= 1;
    block[end] -= 1;
    bytes.extend(block);
    bytes.extend(packet(Little, 2));
    let outcome = read(&bytes, true);
    assert_eq!((outcome.seen.len(), outcome.facts.damage_total), (3, 0));
}

#[test]
fn versions() {
    let blocks = Blocks(Little);
    assert_eq!(read(&blocks.section((0, 1), &[]), true).code(), "unknown_version");
    // a later section of an unknown version is passed over, up to the next section
    let mut bytes = numbered(Little, 1..=1);
    let unknown = bytes.len() as u64;
    bytes.extend(blocks.section((2, 0), &[]));
    bytes.extend(packet(Little, 2));
    bytes.extend(numbered(Little, 3..=4));
    let outcome = read(&bytes, true);
    assert_eq!((outcome.tags(), outcome.recovered()), (vec![1, 3, 4], vec![3, 4]));
    assert_eq!(outcome.damage(), [(unknown, "unknown_version")]);
    assert_eq!(outcome.facts.bytes_skipped, 28 + 52);
    // the interface of the section before it counts
    assert_eq!(outcome.seen.iter().map(|seen| seen.interface).collect::<Vec<_>>(), [Some(0), Some(1), Some(1)]);
    assert_eq!(read(&bytes, false).tags(), [1]);
    assert_eq!(read(b"\x0a\x0d\x0d\x0a\x1c\0\0\0abcd", true).code(), "unknown_format");
}

#[test]
fn a_broken_frame_is_searched_behind() {
    for order in [Little, Big] {
        let mut bytes = numbered(order, 1..=6);
        // the trailing length of the third packet
        let third = 48 + 2 * 52;
        bytes[third + 50] ^= 0x55;
        let strict = read(&bytes, false);
        assert_eq!((strict.tags(), strict.damage()), (vec![1, 2], vec![(third as u64, "corrupt_block")]));
        let resync = read(&bytes, true);
        assert_eq!((resync.tags(), resync.recovered()), (vec![1, 2, 4, 5, 6], vec![4, 5, 6]));
        assert_eq!(resync.facts.bytes_skipped, 52);
        // its length
        let mut bytes = numbered(order, 1..=6);
        bytes[third + 4..third + 8].copy_from_slice(&[0xee; 4]);
        let resync = read(&bytes, true);
        assert_eq!((resync.tags(), resync.damage()), (vec![1, 2, 4, 5, 6], vec![(third as u64, "corrupt_length")]));
        // a length that is believable, but leads past the end
        let mut bytes = numbered(order, 1..=6);
        bytes[third + 4..third + 8].copy_from_slice(&Put(order).u32(4096));
        let resync = read(&bytes, true);
        assert_eq!((resync.tags(), resync.damage()), (vec![1, 2, 4, 5, 6], vec![(third as u64, "truncated")]));
    }
}

#[test]
fn broken_content_costs_one_block() {
    let blocks = Blocks(Little);
    let tests: [(&[u8], &str, &[u8]); 5] = [
        // an interface that was not described
        (&blocks.packet(1, US, &[9; 20], &[]), "corrupt_block", &[1, 2]),
        // more captured than the block holds
        (
            &{
                let mut block = blocks.packet(0, US, &[9; 20], &[]);
                block[20] = 21;
                block
            },
            "corrupt_length",
            &[1, 2],
        ),
        // options that do not fit: the packet itself is whole, and only counted apart
        (&blocks.packet(0, US, &[9; 20], &[1, 0, 50, 0, 1, 2, 3, 4]), "corrupt_block", &[1, 9, 2]),
        // flags of the wrong length
        (&blocks.packet(0, US, &[9; 20], &blocks.option(2, &[0; 8])), "corrupt_block", &[1, 9, 2]),
        (&blocks.block(1, &[1, 0, 0, 0]), "corrupt_length", &[1, 2]),
    ];
    for (block, reason, tags) in tests {
        let mut bytes = numbered(Little, 1..=1);
        let offset = bytes.len() as u64;
        bytes.extend(block);
        bytes.extend(packet(Little, 2));
        let outcome = read(&bytes, true);
        assert_eq!((outcome.tags(), outcome.damage()), (tags.to_vec(), vec![(offset, reason)]));
        assert_eq!(outcome.recovered(), tags[1..]);
        assert_eq!(read(&bytes, false).tags(), [1], "{reason}");
    }
}

#[test]
fn options_of_the_section_that_do_not_fit() {
    let blocks = Blocks(Little);
    let bytes =
        [blocks.section((1, 0), &[4, 0, 0x30, 0x30, 0, 0, 0, 0]), blocks.interface(1, 0, &[]), packet(Little, 1)];
    let bytes = bytes.concat();
    assert_eq!((read(&bytes, false).tags(), read(&bytes, true).recovered()), (vec![], vec![1]));
    assert_eq!(read(&bytes, true).damage(), [(0, "corrupt_block")]);
}

#[test]
fn zeros_and_cuts_at_the_end() {
    let mut bytes = numbered(Little, 1..=2);
    let end = bytes.len() as u64;
    bytes.extend([0; 5000]);
    for resync in [false, true] {
        let outcome = read(&bytes, resync);
        assert_eq!((outcome.tags(), outcome.damage()), (vec![1, 2], vec![(end, "zero_filled")]));
    }
    for cut in [1, 5, 12, 40, 51] {
        let outcome = read(&numbered(Little, 1..=2)[..48 + 52 + cut], true);
        assert_eq!((outcome.tags(), outcome.damage()), (vec![1], vec![(100, "truncated")]), "{cut}");
    }
    // behind a hole
    bytes.extend(packet(Little, 3));
    assert_eq!(read(&bytes, true).recovered(), [3]);
}

#[test]
fn large_blocks_are_passed_over_without_being_kept() {
    let blocks = Blocks(Little);
    let body = vec![0x5a; 17 << 20];
    let bytes =
        [numbered(Little, 1..=1), blocks.block(0x1234, &body), blocks.block(0xbad, &body), packet(Little, 2)].concat();
    let outcome = read_in(&bytes, true, 1 << 16);
    assert_eq!(outcome.damage(), []);
    assert_eq!(outcome.seen.iter().map(|seen| seen.packet).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(outcome.seen[1].wire, (17 << 20) - 4);
    assert_eq!((outcome.facts.other_blocks, outcome.facts.custom_blocks), (1, 1));
    // a packet block of that length around a packet of usual size is not believed
    let mut packet_block = blocks.packet(0, US, &[9; 20], &[]);
    packet_block[4..8].copy_from_slice(&(20u32 << 20).to_le_bytes());
    let bytes = [numbered(Little, 1..=1), packet_block, packet(Little, 2)].concat();
    let outcome = read(&bytes, true);
    assert_eq!((outcome.tags(), outcome.damage()), (vec![1, 2], vec![(100, "corrupt_length")]));
    // cut inside a block that is passed over
    let cut = [numbered(Little, 1..=1), blocks.block(0x1234, &body)[..1000].to_vec()].concat();
    assert_eq!(read(&cut, true).facts.damage_total, 1);
}
