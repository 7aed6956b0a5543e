//! Speed of the container layer with a sink that only counts: bytes per second and packets per second.
//!
//! Reads the captures named in `PCAPSTREAM_BENCH_CAPTURES` (separated by `:`), or makes one in memory when unset.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pcapstream_core::container::Reader;
use pcapstream_core::limits::Limits;
use pcapstream_core::record::Record;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Duration;

/// Bytes that a source hands over at a time.
const CHUNK: usize = 1 << 20;
/// Bytes of a capture that are read: it has to stay in memory.
const MAX_BYTES: u64 = 512 << 20;

/// A little-endian pcap of packets of 60 to 1514 bytes.
fn made() -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0]);
    let mut index = 0u32;
    while out.len() < 64 << 20 {
        let len = if index.is_multiple_of(3) { 60 } else { 1514 };
        for field in [1_700_000_000 + index / 1000, index % 1000 * 1000, len, len] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.resize(out.len() + len as usize, index as u8);
        index += 1;
    }
    out
}

/// The same packets as a pcapng of one section and interface.
fn as_pcapng(pcap: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&[0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0]);
    out.extend_from_slice(&[0xff; 8]);
    out.extend_from_slice(&[28, 0, 0, 0, 1, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 4, 0, 20, 0, 0, 0]);
    let mut reader = Reader::new(&Limits::default(), false);
    let mut sink = |record: &Record<'_>| {
        let ticks = record.time.as_nanos() as u64 / 1000;
        let total = (32 + record.data.len().next_multiple_of(4)) as u32;
        let captured = record.data.len() as u32;
        for field in [6, total, 0, (ticks >> 32) as u32, ticks as u32, captured, record.wire_len] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(record.data);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend_from_slice(&total.to_le_bytes());
        ControlFlow::Continue(())
    };
    reader.feed(pcap, &mut sink).expect("the capture made here is a capture");
    out
}

/// Packets and the sum of their captured bytes.
fn walk(capture: &[u8]) -> (u64, u64) {
    let mut reader = Reader::new(&Limits::default(), true);
    let mut sums = (0u64, 0u64);
    let mut sink = |record: &Record<'_>| {
        sums.0 += 1;
        sums.1 += record.data.len() as u64;
        ControlFlow::Continue(())
    };
    for chunk in capture.chunks(CHUNK) {
        reader.feed(chunk, &mut sink).expect("a capture");
    }
    reader.finish(&mut sink).expect("a capture");
    sums
}

fn benches(criterion: &mut Criterion) {
    let mut captures = Vec::new();
    for path in std::env::var("PCAPSTREAM_BENCH_CAPTURES").unwrap_or_default().split(':').filter(|p| !p.is_empty()) {
        use std::io::Read;
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).expect("PCAPSTREAM_BENCH_CAPTURES names files");
        file.take(MAX_BYTES).read_to_end(&mut bytes).expect("the file can be read");
        captures.push((path.rsplit('/').next().unwrap_or(path).to_owned(), bytes));
    }
    if captures.is_empty() {
        let pcap = made();
        captures.push(("made.pcapng".into(), as_pcapng(&pcap)));
        captures.push(("made.pcap".into(), pcap));
    }
    let mut group = criterion.benchmark_group("container");
    group.sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    for (name, bytes) in &captures {
        let (packets, captured) = walk(bytes);
        println!("{name}: {} bytes, {packets} packets, {captured} bytes of them captured", bytes.len());
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("{name}/bytes"), |bencher| bencher.iter(|| walk(black_box(bytes))));
        group.throughput(Throughput::Elements(packets));
        group.bench_function(format!("{name}/packets"), |bencher| bencher.iter(|| walk(black_box(bytes))));
    }
    group.finish();
}

criterion_group!(container, benches);
criterion_main!(container);
