//! Arbitrary bytes behind any link type: the dissection ends, does not panic, and stays inside its bounds.

use pcapstream_core::dissect::Dissector;
use pcapstream_core::layers::Layers;
use pcapstream_core::limits::Limits;
use pcapstream_core::record::{LinkType, Record, RecordKind, Timestamp};
use proptest::prelude::*;

/// Link types that are read, and some that are not.
fn link() -> impl Strategy<Value = u16> {
    prop_oneof![Just(1u16), 0u16..300, any::<u16>()]
}

/// Bytes that lead deeper than noise does: pieces of headers in any order, then noise.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]),
        Just(vec![0, 5, 0x81, 0]),
        Just(vec![0, 5, 8, 0]),
        (any::<u8>(), any::<u16>(), 0u16..0x4000, any::<u8>()).prop_map(|(p, total, frag, id)| {
            let [t0, t1] = (total % 1500).to_be_bytes();
            let [f0, f1] = frag.to_be_bytes();
            vec![0x45, 0, t0, t1, 0, id % 4, f0, f1, 64, p, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]
        }),
        (any::<u8>(), 0u8..80).prop_map(|(next, length)| {
            let mut header = vec![0x60, 0, 0, 0, 0, length, next, 64];
            header.extend([0x20; 32]);
            header
        }),
        (prop::sample::select(vec![4789u16, 2152, 6081, 3544, 1701, 4500, 6635]), 0u16..200).prop_map(
            |(port, length)| {
                let [p0, p1] = port.to_be_bytes();
                let [l0, l1] = length.to_be_bytes();
                vec![0x9c, 0x40, p0, p1, l0, l1, 0, 0]
            }
        ),
        Just(vec![8, 0, 0, 0, 0, 0, 1, 0]),
        Just(vec![0, 0, 0x65, 0x58]),
        Just(vec![0, 1, 1, 0x40]),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_dissected(frames in prop::collection::vec((link(), bytes(), any::<u16>()), 1..6)) {
        let limits = Limits { max_fragment_sets: 3, max_fragment_bytes: 4_000, ..Limits::default() };
        let mut dissector = Dissector::new(&limits);
        let mut layers = Layers::default();
        for (number, (link, data, wire)) in frames.iter().enumerate() {
            let record = Record {
                data,
                wire_len: u32::from(*wire),
                time: Timestamp::default(),
                has_time: false,
                link: LinkType(*link),
                interface: None,
                fcs_len: None,
                kind: RecordKind::Packet,
                offset: 0,
                recovered: false,
            };
            dissector.dissect(&record, number as u64 + 1, &mut layers);
            for udp in &layers.udps {
                prop_assert_eq!(dissector.bytes(&record, udp.payload).len(), udp.payload.len as usize);
                prop_assert!(udp.net.is_none_or(|at| usize::from(at) < layers.nets.len()));
            }
            if let Some(tcp) = &layers.tcp {
                prop_assert_eq!(dissector.bytes(&record, tcp.payload).len(), tcp.payload.len as usize);
            }
            let stats = dissector.reassembly();
            prop_assert!(stats.incomplete <= 3 && stats.bytes_held <= 4_000);
        }
    }
}
