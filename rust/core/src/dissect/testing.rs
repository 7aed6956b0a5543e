//! Frames made by hand for the tests of the headers.

use super::Dissector;
use crate::layers::Layers;
use crate::limits::Limits;
use crate::record::{LinkType, Record, RecordKind, Timestamp};

pub(crate) fn record(link: u16, data: &[u8]) -> Record<'_> {
    Record {
        data,
        wire_len: data.len() as u32,
        time: Timestamp::default(),
        has_time: true,
        link: LinkType(link),
        interface: None,
        fcs_len: None,
        kind: RecordKind::Packet,
        offset: 0,
        recovered: false,
    }
}

pub(crate) fn dissect(link: u16, data: &[u8]) -> Layers {
    let mut layers = Layers::default();
    Dissector::new(&Limits::default()).dissect(&record(link, data), 1, &mut layers);
    layers
}

/// Protocol names in order, colons between them.
pub(crate) fn path_of(layers: &Layers) -> String {
    layers.path.iter().map(|p| p.name()).collect::<Vec<_>>().join(":")
}

pub(crate) fn path(link: u16, data: &[u8]) -> String {
    path_of(&dissect(link, data))
}

/// From 02:00:00:00:00:01 to 02:00:00:00:00:02.
pub(crate) fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &kind.to_be_bytes()[..], payload].concat()
}

/// From 10.0.0.1 to 10.0.0.2, with the fragment field given.
pub(crate) fn ipv4_fragment(protocol: u8, id: u16, field: u16, payload: &[u8]) -> Vec<u8> {
    let [t0, t1] = (payload.len() as u16 + 20).to_be_bytes();
    let [i0, i1] = id.to_be_bytes();
    let [f0, f1] = field.to_be_bytes();
    let head = [0x45, 0, t0, t1, i0, i1, f0, f1, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    [&head, payload].concat()
}

pub(crate) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_fragment(protocol, 1, 0, payload)
}

/// From 2001:db8::1 to 2001:db8::2.
pub(crate) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([next, 64]);
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    packet.extend(payload);
    packet
}

pub(crate) fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u16 + 8;
    [&src.to_be_bytes()[..], &dst.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
}

/// A packet to see that what stood in front of it was read right.
pub(crate) fn packet() -> Vec<u8> {
    ipv4(17, &udp(40_000, 40_001, b"payload"))
}

/// LLC with SNAP in front of [`packet`].
pub(crate) fn llc_packet() -> Vec<u8> {
    [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &packet()[..]].concat()
}
