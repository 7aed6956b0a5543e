//! Nanoseconds per TCP segment: few long connections (the working set fits the cache) and many short ones (it does not).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pcapstream_core::addr::IpAddr;
use pcapstream_core::flow::{Segment, TcpTracker};
use pcapstream_core::layers::Tcp;
use pcapstream_core::limits::Limits;
use std::hint::black_box;

const SYN: u16 = 2;
const ACK: u16 = 16;
const FIN: u16 = 1;

/// A segment with the ends that sent and got it.
struct Sent {
    src: IpAddr,
    dst: IpAddr,
    tcp: Tcp,
}

/// Connection `n` with `exchanges` requests of 200 bytes and answers of 1400, handshake and close included.
fn connection(n: u32, exchanges: u32) -> Vec<Sent> {
    let client = IpAddr::v4([10, (n >> 16) as u8, (n >> 8) as u8, n as u8]);
    let server = IpAddr::v4([192, 0, 2, (n % 50) as u8]);
    let (mut sent, mut c, mut s) = (Vec::new(), 1000u32, 5000u32);
    let mut push = |from_server: bool, flags: u16, seq: u32, ack: u32, len: u32| {
        let (src, dst, src_port, dst_port) =
            if from_server { (server, client, 443, 40_000) } else { (client, server, 40_000, 443) };
        let fixed = Tcp { header_len: 20, header_captured: 20, window: 60_000, ..Tcp::default() };
        sent.push(Sent { src, dst, tcp: Tcp { src_port, dst_port, seq, ack, flags, len: Some(len), ..fixed } });
    };
    push(false, SYN, c, 0, 0);
    push(true, SYN | ACK, s, c + 1, 0);
    (c, s) = (c + 1, s + 1);
    push(false, ACK, c, s, 0);
    for _ in 0..exchanges {
        push(false, ACK, c, s, 200);
        c += 200;
        push(true, ACK, s, c, 1400);
        s += 1400;
        push(false, ACK, c, s, 0);
    }
    push(false, FIN | ACK, c, s, 0);
    push(true, FIN | ACK, s, c + 1, 0);
    push(false, ACK, c + 1, s + 1, 0);
    sent
}

/// The segments of `total` connections, `open` of them at a time, taking turns.
fn interleaved(total: u32, open: usize, exchanges: u32) -> Vec<Sent> {
    let mut waiting = (0..total).map(|n| connection(n, exchanges).into_iter());
    let mut running: Vec<_> = waiting.by_ref().take(open).collect();
    let mut out = Vec::new();
    while !running.is_empty() {
        let mut at = 0;
        while let Some(one) = running.get_mut(at) {
            match one.next() {
                Some(sent) => out.push(sent),
                None => match waiting.next() {
                    Some(next) => *one = next,
                    None => {
                        running.swap_remove(at);
                        continue;
                    }
                },
            }
            at += 1;
        }
    }
    out
}

fn run(segments: &[Sent]) -> usize {
    let mut tracker = TcpTracker::new(&Limits::default());
    for (at, s) in segments.iter().enumerate() {
        let time = at as i64 * 10_000;
        black_box(tracker.segment(&Segment {
            frame: at as u64 + 1,
            time_ns: time,
            clock_ns: time,
            src: s.src,
            dst: s.dst,
            tcp: &s.tcp,
            frame_bytes: 54 + s.tcp.len.unwrap_or(0),
            payload: &[],
            recovered: false,
        }));
    }
    tracker.len()
}

fn flow(c: &mut Criterion) {
    let mut group = c.benchmark_group("flow");
    group.sample_size(10);
    for (name, total, open, exchanges) in [
        ("few connections", 100, 100, 1000),
        ("many connections", 100_000, 7_000, 1),
        ("all open", 100_000, 100_000, 1),
    ] {
        let segments = interleaved(total, open, exchanges);
        group.throughput(Throughput::Elements(segments.len() as u64));
        group.bench_function(name, |b| b.iter(|| run(black_box(&segments))));
    }
    group.finish();
}

criterion_group!(benches, flow);
criterion_main!(benches);
