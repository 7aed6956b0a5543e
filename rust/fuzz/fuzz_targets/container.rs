//! Any bytes through the compressed layer and the container readers: no panic, bounded buffers, and the same outcome
//! whatever the chunks are and whether or not reading goes on behind damage (up to that damage).
//!
//! The first byte of the input chooses the chunks, the rest is the capture.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pcapstream_core::container::Reader;
use pcapstream_core::decompress::Decompressor;
use pcapstream_core::limits::Limits;
use pcapstream_core::record::Record;
use std::ops::ControlFlow;

/// Bytes that a reader may hold: two packets of usual size looked ahead, and what it gathers at a time.
const MAX_BUFFERED: usize = 4 << 20;

#[derive(Debug, PartialEq)]
struct Outcome {
    /// Number, and a sum over everything, of the records before the first damage and of the recovered ones.
    before: (u64, u64),
    recovered: (u64, u64),
    code: Option<&'static str>,
    damage: Option<&'static str>,
    facts: String,
}

fn mix(sum: &mut (u64, u64), value: u64) {
    sum.1 = (sum.1.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
}

fn read(data: &[u8], chunk: usize, resync: bool) -> Outcome {
    // small totals: a bomb would only cost time
    let limits = Limits { max_decompressed_bytes: 32 << 20, max_damage_listed: 20, ..Limits::default() };
    let mut decompressor = Decompressor::new(&limits);
    let mut reader = Reader::new(&limits, resync);
    let (mut before, mut recovered) = ((0, 0), (0, 0));
    let mut sink = |record: &Record<'_>| {
        let sum = if record.recovered { &mut recovered } else { &mut before };
        sum.0 += 1;
        mix(sum, record.offset);
        mix(sum, u64::from(record.wire_len));
        mix(sum, record.time.secs as u64);
        mix(sum, record.time.nanos as u64);
        mix(sum, u64::from(record.link.0));
        mix(sum, u64::from(record.interface.unwrap_or(u32::MAX)));
        mix(sum, record.data.len() as u64);
        for part in record.data.chunks(8) {
            mix(sum, part.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)));
        }
        ControlFlow::Continue(())
    };
    let mut result = Ok(());
    for part in data.chunks(chunk) {
        result = result.and_then(|()| {
            decompressor.feed(part, &mut |bytes: &[u8]| {
                let result = reader.feed(bytes, &mut sink);
                assert!(reader.buffered() <= MAX_BUFFERED, "{} bytes held", reader.buffered());
                result
            })
        });
    }
    result = result.and_then(|()| decompressor.finish(&mut |bytes: &[u8]| reader.feed(bytes, &mut sink)));
    if let Some(reason) = decompressor.damage() {
        reader.damaged(reason);
    }
    result = result.and_then(|()| reader.finish(&mut sink));
    let code = result.err().map(|error| error.code);
    // Nobody is shown the facts of an input that was refused, and how far it was read depends on the chunks.
    let facts = if code.is_none() { format!("{:?}", reader.facts()) } else { String::new() };
    Outcome { before, recovered, code, damage: decompressor.damage(), facts }
}

fuzz_target!(|input: &[u8]| {
    let Some((&choice, data)) = input.split_first() else { return };
    let chunk = match choice {
        0..64 => 1,
        64..192 => usize::from(choice) - 50,
        _ => usize::from(choice) * 100,
    };
    let whole = read(data, data.len().max(1), true);
    if whole.code == Some("compression_bomb") {
        // where a bomb is noticed may depend on how much of the input its decoder was given
        return;
    }
    assert_eq!(whole, read(data, chunk, true));
    let strict = read(data, data.len().max(1), false);
    assert_eq!(strict, read(data, chunk, false));
    assert_eq!(strict.before, whole.before);
    assert_eq!(strict.recovered, (0, 0));
});
