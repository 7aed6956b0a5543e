use super::Decompressor;
use crate::container::FormatError;
use crate::limits::Limits;
use std::io::Write;

/// Bytes that compress somewhat: a counter among noise of a linear congruential generator.
fn sample(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let noise = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*state >> 28) as u8
    };
    (0..len).map(|index| if index % 4 == 0 { (index / 4) as u8 } else { noise(&mut state) }).collect()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(1));
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(data: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(1));
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn xz(data: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn lz4(data: &[u8], linked: bool) -> Vec<u8> {
    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    let mode = if linked { BlockMode::Linked } else { BlockMode::Independent };
    let info =
        FrameInfo::new().block_mode(mode).block_size(BlockSize::Max64KB).block_checksums(linked).content_checksum(true);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

struct Outcome {
    output: Vec<u8>,
    result: Result<(), FormatError>,
    name: Option<&'static str>,
    damage: Option<&'static str>,
}

fn decode_with(limits: &Limits, data: &[u8], chunk: usize) -> Outcome {
    let mut decompressor = Decompressor::new(limits);
    let mut output = Vec::new();
    let mut out = |bytes: &[u8]| {
        output.extend_from_slice(bytes);
        Ok(())
    };
    let mut result = Ok(());
    for chunk in data.chunks(chunk) {
        result = result.and_then(|()| decompressor.feed(chunk, &mut out));
    }
    result = result.and_then(|()| decompressor.finish(&mut out));
    if result.is_ok() {
        assert_eq!(decompressor.bytes_in(), data.len() as u64);
        assert_eq!(decompressor.bytes_out(), output.len() as u64);
    }
    Outcome { output, result, name: decompressor.compression(), damage: decompressor.damage() }
}

/// Decodes in chunks of several sizes, which have to give the same.
fn decode(data: &[u8]) -> Outcome {
    let whole = decode_with(&Limits::default(), data, data.len().max(1));
    for chunk in [1, 7, 1000, 70_000] {
        let other = decode_with(&Limits::default(), data, chunk);
        assert!(whole.output == other.output, "chunks of {chunk}: {} {}", whole.output.len(), other.output.len());
        assert_eq!((whole.damage, &whole.result), (other.damage, &other.result), "chunks of {chunk}");
        assert_eq!(whole.name, other.name);
    }
    whole
}

/// Every compression: its name, how it is made, and its data for `data`.
fn all(data: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("gzip", gzip(data)),
        ("bzip2", bzip2(data)),
        ("xz", xz(data)),
        ("zstd", zstd(data)),
        ("lz4", lz4(data, false)),
        ("lz4", lz4(data, true)),
    ]
}

#[test]
fn plain_input_passes_through() {
    for len in [0, 1, 3, 4, 5, 1000] {
        let outcome = decode(&sample(len));
        assert!(outcome.output == sample(len));
        assert_eq!((outcome.name, outcome.damage, outcome.result), (None, None, Ok(())));
    }
}

#[test]
fn plain_input_is_not_copied() {
    let data = sample(1000);
    let mut decompressor = Decompressor::new(&Limits::default());
    let mut same = false;
    decompressor
        .feed(&data, &mut |bytes: &[u8]| {
            same = std::ptr::eq(bytes.as_ptr(), data.as_ptr()) && bytes.len() == data.len();
            Ok(())
        })
        .unwrap();
    assert!(same);
}

#[test]
fn each_compression_gives_back_what_went_in() {
    for len in [0, 1, 700_000] {
        let data = sample(len);
        for (name, compressed) in all(&data) {
            let outcome = decode(&compressed);
            assert_eq!((outcome.name, outcome.damage, outcome.result), (Some(name), None, Ok(())), "{name} of {len}");
            assert!(outcome.output == data, "{name} of {len}: {} bytes", outcome.output.len());
        }
    }
}

#[test]
fn streams_follow_one_another() {
    let (first, second) = (sample(100_000), sample(3));
    for ((name, mut compressed), (_, more)) in all(&first).into_iter().zip(all(&second)) {
        compressed.extend(more);
        let outcome = decode(&compressed);
        assert_eq!((outcome.damage, outcome.result), (None, Ok(())), "{name}");
        assert!(outcome.output == [first.as_slice(), &second].concat(), "{name}");
    }
}

#[test]
fn frames_to_be_skipped_are() {
    let skipped = [&[0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"hello"].concat();
    let data = sample(1000);
    let outcome = decode(&[skipped.as_slice(), &zstd(&data), &skipped].concat());
    assert!(outcome.output == data);
    assert_eq!((outcome.damage, outcome.result), (None, Ok(())));
    let outcome = decode(&[lz4(&data, false), skipped, lz4(&data, true)].concat());
    assert!(outcome.output == [data.as_slice(), &data].concat());
    assert_eq!((outcome.damage, outcome.result), (None, Ok(())));
}

#[test]
fn zeros_behind_gzip_are_padding_and_other_bytes_are_not() {
    let data = sample(1000);
    let outcome = decode(&[gzip(&data), vec![0; 300], gzip(&data), vec![0; 3]].concat());
    assert_eq!((outcome.output.len(), outcome.damage), (2000, None));
    for (name, compressed) in all(&data) {
        let outcome = decode(&[compressed.as_slice(), b"rubbish!"].concat());
        assert_eq!((outcome.damage, outcome.result), (Some("compressed_trailing"), Ok(())), "{name}");
        assert!(outcome.output == data, "{name}");
    }
}

#[test]
fn a_stream_cut_short_keeps_its_begin() {
    let data = sample(700_000);
    for (name, compressed) in all(&data) {
        let cut = decode(&compressed[..compressed.len() * 3 / 4]);
        assert_eq!((cut.damage, cut.result), (Some("compressed_truncated"), Ok(())), "{name}");
        assert!(data.starts_with(&cut.output), "{name}");
        // bzip2 works in blocks of 100 kB here, the others give what they have sooner
        assert!(cut.output.len() > data.len() / 2, "{name}: {}", cut.output.len());
        let begin = decode(&compressed[..6]);
        assert_eq!(begin.result.map_err(|error| error.code), Err("corrupt_compression"), "{name}");
    }
}

#[test]
fn a_wrong_checksum_is_told_behind_the_data() {
    let data = sample(700_000);
    for (name, mut compressed) in all(&data) {
        // gzip: CRC before the length; zstd and lz4: the last four bytes
        let at = compressed.len() - if name == "gzip" { 8 } else { 4 };
        compressed[at] ^= 1;
        if name == "xz" || name == "bzip2" {
            continue;
        }
        let outcome = decode(&compressed);
        assert_eq!((outcome.damage, outcome.result), (Some("compressed_checksum"), Ok(())), "{name}");
        // an error of zstd hides the last block
        assert!(data.starts_with(&outcome.output) && outcome.output.len() > data.len() / 2, "{name}");
    }
}

#[test]
fn damage_in_the_middle_keeps_what_came_before() {
    let data = sample(700_000);
    for (name, mut compressed) in all(&data) {
        let middle = compressed.len() / 2;
        compressed[middle..middle + 20].fill(0xff);
        let outcome = decode(&compressed);
        assert!(outcome.result.is_ok(), "{name}");
        assert!(outcome.damage.is_some(), "{name}");
        assert!(outcome.output.len() > data.len() / 4, "{name}: {}", outcome.output.len());
        assert_eq!(outcome.output[..100_000], data[..100_000], "{name}");
    }
}

#[test]
fn bombs_are_refused() {
    let zeros = vec![0; 80 << 20];
    for compressed in [zstd(&zeros), xz(&zeros), bzip2(&zeros)] {
        let outcome = decode_with(&Limits::default(), &compressed, 4096);
        assert_eq!(outcome.result.map_err(|error| error.code), Err("compression_bomb"), "{:?}", outcome.name);
        assert!(outcome.output.len() <= 65 << 20);
    }
    // gzip cannot swell that much: the total counts
    let limits = Limits { max_decompressed_bytes: 1 << 20, ..Limits::default() };
    let outcome = decode_with(&limits, &gzip(&zeros), 4096);
    assert_eq!(outcome.result.map_err(|error| error.code), Err("compression_bomb"));
    assert!(outcome.output.len() <= 2 << 20);
}

#[test]
fn what_needs_too_much_memory_is_refused() {
    // a zstd frame header with a window of 2 GiB
    let outcome = decode(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0xa8, 1, 0, 0]);
    assert_eq!(outcome.result.map_err(|error| error.code), Err("unsupported"));
}

#[test]
fn the_error_of_the_receiver_ends_it() {
    let mut decompressor = Decompressor::new(&Limits::default());
    let refuse = &mut |_: &[u8]| Err(FormatError { code: "stop", message: String::new() });
    assert!(decompressor.feed(&gzip(&sample(10)), refuse).is_err());
}
