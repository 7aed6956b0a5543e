//! Nanoseconds per frame of the dissection, by kind of frame.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pcapstream_core::dissect::Dissector;
use pcapstream_core::layers::Layers;
use pcapstream_core::limits::Limits;
use pcapstream_core::record::{LinkType, Record, RecordKind, Timestamp};
use std::hint::black_box;

/// Frames in a set: enough that branch prediction does not learn one frame by heart.
const FRAMES: usize = 1024;

fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    frame.extend(kind.to_be_bytes());
    frame.extend(payload);
    frame
}

fn vlan(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut tag = vec![0, 7];
    tag.extend(kind.to_be_bytes());
    tag.extend(payload);
    tag
}

fn ipv4(protocol: u8, host: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, host, 10, 0, 1, 1];
    packet.extend(payload);
    let total = (packet.len() as u16).to_be_bytes();
    packet[2..4].copy_from_slice(&total);
    packet
}

fn ipv6(next: u8, host: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([next, 64]);
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host]);
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1]);
    packet.extend(payload);
    packet
}

fn tcp(number: usize, payload: usize) -> Vec<u8> {
    let mut segment = vec![0x9c, number as u8, 1, 0xbb, 0, 0, 1, 0, 0, 0, 2, 0, 0x80, 0x18, 2, 0, 0, 0, 0, 0];
    segment.extend([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
    segment.resize(32 + payload, 0x55);
    segment
}

fn udp(number: usize, port: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0x9c, number as u8];
    datagram.extend(port.to_be_bytes());
    datagram.extend((payload.len() as u16 + 8).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    datagram
}

/// What traffic mostly is: 70 % TCP, 20 % UDP, 10 % of it tagged, 20 % IPv6.
fn mixed(i: usize) -> Vec<u8> {
    let transport = if i % 10 < 7 { (6, tcp(i, (i * 37) % 1400)) } else { (17, udp(i, 53, &[0; 60])) };
    let (kind, packet) = if i.is_multiple_of(5) {
        (0x86dd, ipv6(transport.0, i as u8, &transport.1))
    } else {
        (0x0800, ipv4(transport.0, i as u8, &transport.1))
    };
    if i % 10 == 3 { ethernet(0x8100, &vlan(kind, &packet)) } else { ethernet(kind, &packet) }
}

fn vxlan(i: usize) -> Vec<u8> {
    let mut payload = vec![8, 0, 0, 0, 0, 0, 1, 0];
    payload.extend(ethernet(0x0800, &ipv4(6, i as u8, &tcp(i, 400))));
    ethernet(0x0800, &ipv4(17, i as u8, &udp(i, 4789, &payload)))
}

fn run(c: &mut Criterion, name: &str, make: &dyn Fn(usize) -> Vec<u8>) {
    let frames: Vec<Vec<u8>> = (0..FRAMES).map(make).collect();
    let records: Vec<Record<'_>> = frames
        .iter()
        .map(|data| Record {
            data,
            wire_len: data.len() as u32,
            time: Timestamp::default(),
            has_time: true,
            link: LinkType(1),
            interface: None,
            fcs_len: None,
            kind: RecordKind::Packet,
            offset: 0,
            recovered: false,
        })
        .collect();
    let mut dissector = Dissector::new(&Limits::default());
    let mut layers = Layers::default();
    let mut group = c.benchmark_group("dissect");
    group.throughput(Throughput::Elements(FRAMES as u64));
    group.bench_function(name, |b| {
        b.iter(|| {
            for (i, record) in records.iter().enumerate() {
                dissector.dissect(black_box(record), i as u64 + 1, &mut layers);
                black_box(&layers);
            }
        });
    });
    group.finish();
}

fn dissect(c: &mut Criterion) {
    run(c, "eth-ip-tcp", &|i| ethernet(0x0800, &ipv4(6, i as u8, &tcp(i, 100))));
    run(c, "mixed", &mixed);
    run(c, "vxlan-eth-ip-tcp", &vxlan);
}

criterion_group!(benches, dissect);
criterion_main!(benches);
