//! Cost of display filters: a pass over made traffic with and without one, and reading one.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pcapstream_core::engine::{Decoder, Plan};
use pcapstream_core::filter::{Filter, Rows, Select};
use pcapstream_core::limits::Limits;
use std::hint::black_box;
use std::sync::Arc;

const FRAMES: usize = 20_000;

/// A classic pcap of TCP segments, with a DNS query every eighth frame.
fn capture() -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    for i in 0..FRAMES {
        let frame = frame(i);
        let len = (frame.len() as u32).to_le_bytes();
        file.extend(((i / 1000) as u32).to_le_bytes());
        file.extend((((i % 1000) * 1000) as u32).to_le_bytes());
        file.extend(len);
        file.extend(len);
        file.extend(frame);
    }
    file
}

fn frame(i: usize) -> Vec<u8> {
    let dns = i.is_multiple_of(8);
    let mut payload = if dns {
        let mut query = vec![i as u8, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        query.extend(b"\x03www\x07example\x03com\x00\x00\x01\x00\x01");
        let mut datagram = vec![0xc0, i as u8, 0, 53];
        datagram.extend((query.len() as u16 + 8).to_be_bytes());
        datagram.extend([0, 0]);
        datagram.extend(query);
        datagram
    } else {
        let mut segment = vec![0xc0, (i % 64) as u8, 1, 0xbb];
        segment.extend((i as u32 * 100).to_be_bytes());
        segment.extend([0, 0, 0, 1, 0x50, 0x10, 2, 0, 0, 0, 0, 0]);
        segment.resize(20 + 100 + i % 1300, 0x55);
        segment
    };
    let total = payload.len() as u16 + 20;
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    frame.extend(total.to_be_bytes());
    frame.extend([0, 1, 0x40, 0, 64, if dns { 17 } else { 6 }, 0, 0, 10, 0, 0, (i % 64) as u8, 10, 0, 1, 1]);
    frame.append(&mut payload);
    frame
}

fn pass(data: &[u8], select: &Select) -> u64 {
    let plan = Plan { tcp: false, tally: false, select: select.clone(), ..Plan::default() };
    let mut decoder = Decoder::new(plan, &Limits::default());
    let rows = decoder.feed(data).map_or(0, |b| b.rows.len());
    let _ = decoder.finish();
    rows as u64
}

fn filters(c: &mut Criterion) {
    let data = capture();
    let mut group = c.benchmark_group("filter");
    group.throughput(Throughput::Elements(FRAMES as u64));
    for text in [
        "",
        "tcp.port == 443 and ip.len > 1000",
        "dns.qry.name contains \"a\"",
        "tcp.analysis.retransmission",
        "frame contains \"nowhere\"",
        "ip.src in {10.0.0.0..10.0.0.9, 10.0.1.0/24} or not tcp",
    ] {
        let filter = Filter::compile(text).expect("a filter of this list");
        let select = Select { filter: Some(Arc::new(filter)), rows: Some(Rows::default()), ..Select::default() };
        let name = if text.is_empty() { "none" } else { text };
        group.bench_function(name, |b| b.iter(|| black_box(pass(black_box(&data), &select))));
    }
    group.finish();
    c.bench_function("compile", |b| {
        b.iter(|| Filter::compile(black_box("(ip.addr == 10.0.0.0/8 and not tcp.port in {80, 443}) or dns")).is_ok())
    });
}

criterion_group!(benches, filters);
criterion_main!(benches);
