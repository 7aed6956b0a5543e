//! Laws of the container layer over any cut of the input and any damage.

use pcapstream_core::container::{FileFacts, FormatError, Reader};
use pcapstream_core::decompress::Decompressor;
use pcapstream_core::limits::Limits;
use pcapstream_core::record::Record;
use proptest::prelude::*;
use std::ops::ControlFlow;

/// One record, as text that shows everything about it but the data, and a sum of the data.
fn shown(record: &Record<'_>) -> String {
    let sum = record.data.iter().fold(0u64, |sum, &byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    format!("{:?} {sum}", Record { data: &[], ..*record })
}

struct Outcome {
    records: Vec<String>,
    facts: FileFacts,
    result: Result<(), FormatError>,
    damage: Option<&'static str>,
    buffered: usize,
}

/// Reads `bytes` in chunks that end at `cuts` (ascending).
fn read(bytes: &[u8], cuts: impl IntoIterator<Item = usize>, resync: bool) -> Outcome {
    let limits = Limits::default();
    let mut decompressor = Decompressor::new(&limits);
    let mut reader = Reader::new(&limits, resync);
    let mut records = Vec::new();
    let mut buffered = 0;
    let mut sink = |record: &Record<'_>| {
        records.push(shown(record));
        ControlFlow::Continue(())
    };
    let mut out = |bytes: &[u8]| {
        let result = reader.feed(bytes, &mut sink);
        buffered = buffered.max(reader.buffered());
        result
    };
    let mut result = Ok(());
    let mut start = 0;
    for end in cuts.into_iter().chain([bytes.len()]) {
        let end = end.clamp(start, bytes.len());
        result = result.and_then(|()| decompressor.feed(&bytes[start..end], &mut out));
        start = end;
    }
    result = result.and_then(|()| decompressor.finish(&mut out));
    if let Some(reason) = decompressor.damage() {
        reader.damaged(reason);
    }
    result = result.and_then(|()| reader.finish(&mut sink));
    let facts = reader.facts().clone();
    Outcome { records, facts, result, damage: decompressor.damage(), buffered }
}

fn assert_same(one: &Outcome, other: &Outcome) {
    assert_eq!(one.records, other.records);
    assert_eq!(one.result, other.result);
    assert_eq!(one.damage, other.damage);
    assert_eq!(format!("{:?}", one.facts), format!("{:?}", other.facts));
}

/// A pcap or pcapng of packets of the given lengths, in either byte order.
fn capture(pcapng: bool, big: bool, lengths: &[u16]) -> Vec<u8> {
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let block = |kind: u32, body: &[u8]| {
        let padded = body.len().next_multiple_of(4);
        let total = word(12 + padded as u32);
        [&word(kind), &total, body, &vec![0; padded - body.len()], &total].concat()
    };
    let mut out = Vec::new();
    if pcapng {
        let section = [&word(0x1a2b_3c4d), &half(1)[..], &half(0), &[0xff; 8]].concat();
        out.extend(block(0x0a0d_0d0a, &section));
        out.extend(block(1, &[&half(1)[..], &[0, 0], &word(65_535)].concat()));
    } else {
        out.extend([&word(0xa1b2_c3d4), &half(2)[..], &half(4)].concat());
        out.extend([0, 0, 65_535, 1].map(word).concat());
    }
    for (index, &len) in lengths.iter().enumerate() {
        let (secs, len) = (1_700_000_000 + index as u32, u32::from(len));
        let data: Vec<u8> = (0..len).map(|at| (at as usize * 7 + index * 13) as u8).collect();
        if pcapng {
            let ticks = u64::from(secs) * 1_000_000 + 5;
            let fields = [0, (ticks >> 32) as u32, ticks as u32, len, len + 1].map(word).concat();
            out.extend(block(6, &[fields, data].concat()));
        } else {
            out.extend([secs, 5, len, len + 1].map(word).concat());
            out.extend(data);
        }
    }
    out
}

fn compressed(kind: u8, bytes: Vec<u8>) -> Vec<u8> {
    use std::io::Write;
    match kind {
        1 => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(1));
            encoder.write_all(&bytes).expect("memory");
            encoder.finish().expect("memory")
        }
        2 => zstd::stream::encode_all(bytes.as_slice(), 1).expect("memory"),
        3 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(&bytes).expect("memory");
            encoder.finish().expect("memory")
        }
        _ => bytes,
    }
}

fn captures() -> impl Strategy<Value = Vec<u8>> {
    (any::<bool>(), any::<bool>(), prop::collection::vec(0..2000u16, 0..30), 0..8u8)
        .prop_map(|(pcapng, big, lengths, kind)| compressed(kind, capture(pcapng, big, &lengths)))
}

/// Overwrites bytes of a capture.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<[u8; 4]>(), 1..=4usize), 0..6);
    (captures(), damage, any::<prop::sample::Index>(), any::<bool>()).prop_map(|(mut bytes, damage, end, cut)| {
        for (index, with, len) in damage {
            let at = index.index(bytes.len());
            for (to, from) in bytes[at..].iter_mut().zip(&with[..len]) {
                *to = *from;
            }
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whole_captures_are_read_whole(
        pcapng: bool, big: bool, lengths in prop::collection::vec(0..2000u16, 0..30), kind in 0..4u8, resync: bool,
    ) {
        let outcome = read(&compressed(kind, capture(pcapng, big, &lengths)), [], resync);
        prop_assert_eq!(outcome.result, Ok(()));
        prop_assert_eq!(outcome.records.len(), lengths.len());
        prop_assert_eq!(outcome.facts.damage_total, 0);
        prop_assert_eq!(outcome.facts.bytes_skipped, 0);
    }

    #[test]
    fn the_cut_into_chunks_does_not_matter(
        bytes in damaged(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40), resync: bool,
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        assert_same(&read(&bytes, [], resync), &read(&bytes, cuts, resync));
    }

    #[test]
    fn single_bytes_give_the_same(bytes in damaged(), resync: bool) {
        assert_same(&read(&bytes, [], resync), &read(&bytes, 1..bytes.len(), resync));
    }

    #[test]
    fn without_resync_the_begin_is_the_same(bytes in damaged()) {
        let strict = read(&bytes, [], false);
        let resync = read(&bytes, [], true);
        let before: Vec<_> = resync.records.iter().filter(|shown| shown.contains("recovered: false")).collect();
        prop_assert_eq!(strict.records.iter().collect::<Vec<_>>(), before);
        prop_assert!(strict.records.len() <= resync.records.len());
    }

    #[test]
    fn any_bytes_at_all(
        magic in prop::sample::select(vec![
            &b""[..], b"\xd4\xc3\xb2\xa1\x02\0\x04\0", b"\xa1\xb2\x3c\x4d\0\x02\0\x04", b"\x34\xcd\xb2\xa1\x02\0\x04\0",
            b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0",
            b"snoop\0\0\0\0\0\0\x02\0\0\0\x04", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"BZh9",
            b"\xfd7zXZ\0",
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..600),
        resync: bool,
    ) {
        let bytes = [magic, &rest].concat();
        let one = read(&bytes, [], resync);
        assert_same(&one, &read(&bytes, 1..bytes.len(), resync));
        prop_assert!(one.buffered <= 1 << 20);
    }
}

#[test]
fn real_captures_read_the_same_in_any_chunks() {
    let Some(folder) = std::env::var_os("PCAPSTREAM_CAPTURES") else {
        eprintln!("PCAPSTREAM_CAPTURES is not set: no real captures were read");
        return;
    };
    let mut folders = vec![std::path::PathBuf::from(folder)];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).expect("the file can be read");
            count += 1;
            for resync in [false, true] {
                let whole = read(&bytes, [], resync);
                for step in [if bytes.len() < 200_000 { 1 } else { 61 }, 4093] {
                    assert_same(&whole, &read(&bytes, (step..bytes.len()).step_by(step), resync));
                }
                assert!(whole.buffered < 2 << 20, "{}: {}", path.display(), whole.buffered);
            }
        }
    }
    assert!(count > 0);
}
