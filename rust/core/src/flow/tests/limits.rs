//! What a hostile capture can and cannot do.

use super::*;
use proptest::prelude::*;

fn small(connections: usize) -> Limits {
    Limits { max_tcp_connections: connections, max_tcp_segments: 50, max_evidence_frames: 5, ..Limits::default() }
}

#[test]
fn a_flood_evicts_and_keeps_the_sums() {
    let mut wire = Wire::with(&small(10));
    for n in 0..1000u32 {
        let mut syn = client(SYN, n, 0, 0).client_port(10_000 + n as u16);
        syn.hosts = [(n % 200) as u8, 250];
        wire.send(&syn);
    }
    assert_eq!(wire.tracker.len(), 10);
    let table = wire.tracker.into_table();
    let totals = table.totals(&Filter::default());
    assert_eq!((table.len(), table.evicted()), (10, 990));
    assert_eq!((totals.connections, totals.syn, totals.packets[0], totals.syn_only), (1000, 1000, 1000, 1000));
    assert_eq!(totals.bytes[0], 54_000);
    // The newest are kept.
    assert_eq!(table.iter().map(|c| c.stream).collect::<Vec<_>>(), (990..1000).collect::<Vec<_>>());
    let syn = EVIDENCE_NAMES.iter().position(|n| *n == "syn").expect("a kind");
    assert_eq!(table.frames(syn), [1, 2, 3, 4, 5]);
    // Only the sums over all know of those that went.
    assert_eq!(table.totals(&Filter { port: Some(80), address: None }).connections, 10);
}

#[test]
fn used_connections_outlive_a_flood_and_closed_ones_go_first() {
    let mut wire = Wire::with(&small(8));
    wire.all(&handshake());
    let closed = |seg: Seg| seg.client_port(41_000);
    wire.all(&handshake().into_iter().map(closed).collect::<Vec<_>>());
    wire.send(&closed(client(RST, 1001, 0, 0)));
    for n in 0..100 {
        wire.send(&client(SYN, n, 0, 0).client_port(20_000 + n as u16));
        let alive = wire.send(&client(ACK, 1001 + n, 5001, 1));
        assert_eq!((alive.stream, alive.new), (0, false));
    }
    let table = wire.tracker.into_table();
    assert_eq!(table.get(0).map(|c| (c.stream, c.dirs[0].packets)), Some((0, 102)));
    assert!(table.iter().all(|c| c.client_port != 41_000));
}

#[test]
fn an_evicted_connection_starts_anew() {
    let mut wire = Wire::with(&small(1));
    wire.all(&handshake());
    wire.send(&client(SYN, 1, 0, 0).client_port(50_000));
    let back = wire.send(&client(ACK, 1001, 5001, 10));
    assert_eq!((back.stream, back.new), (2, true));
    assert_eq!(wire.tracker.into_table().totals(&Filter::default()).packets, [4, 1]);
}

#[test]
fn unacknowledged_segments_are_bounded() {
    let mut wire = Wire::with(&small(100));
    for n in 0..500u32 {
        wire.send(&client(ACK, 1 + n * 10, 1, 10).client_port(1000 + (n % 7) as u16));
    }
    assert_eq!(wire.tracker.segments_held(), 50);
    // The analysis itself does not need them.
    let v = wire.send(&client(ACK, 1, 1, 10).client_port(1000).after_us(1_000_000));
    assert_eq!(names(v.events), "retransmission");
}

#[test]
fn evicted_connections_release_their_segments() {
    let mut wire = Wire::with(&small(3));
    for n in 0..300u32 {
        wire.send(&client(ACK, 1, 1, 10).client_port(1000 + n as u16));
    }
    assert_eq!(wire.tracker.segments_held(), 3);
}

/// Any header at all, from few hosts and ports so that they meet.
fn any_segment() -> impl Strategy<Value = Seg> {
    let number = || prop_oneof![0u32..3, 1000u32..1100, Just(u32::MAX), any::<u32>()];
    let shape = (any::<bool>(), -5_000i64..100_000, 0u16..4, 0u16..512, prop_oneof![Just(20u8), 0u8..61], 0u8..61);
    let fields = (number(), number(), prop::option::weighted(0.9, prop_oneof![0u32..3, Just(100), any::<u32>()]));
    (shape, fields, prop_oneof![Just(0u16), Just(100), any::<u16>()], prop::option::of(any::<u8>())).prop_map(
        |((from_server, gap_us, port, flags, header_len, captured), (seq, ack, len), window, scale)| {
            let mut seg = if from_server { server(flags, seq, ack, 0) } else { client(flags, seq, ack, 0) };
            (seg.gap_us, seg.tcp.window, seg.tcp.window_scale, seg.tcp.len) = (gap_us, window, scale, len);
            (seg.tcp.header_len, seg.tcp.header_captured) = (header_len, captured.max(16));
            seg.client_port(79 + port)
        },
    )
}

#[test]
fn connections_that_nobody_uses_take_few_bytes_and_lose_nothing() {
    let mut wire = Wire::new();
    let count = 60_000u32;
    for n in 0..count {
        let own = |seg: Seg| Seg { hosts: [(n >> 14) as u8, 250], ..seg.client_port(20_000 + (n & 0x3fff) as u16) };
        let mut segs = handshake();
        segs.extend([
            client(ACK, 1001, 5001, 400),
            server(ACK, 5001, 1401, 1400),
            client(FIN | ACK, 1401, 6401, 0),
            server(FIN | ACK, 6401, 1402, 0),
        ]);
        segs.into_iter().map(own).for_each(|seg| _ = wire.send(&seg));
    }
    assert_eq!((wire.tracker.len(), wire.tracker.packed()), (60_000, 60_000 - 8_192));
    // One of the first is asked for again: it goes on where it was.
    let late = wire.send(&Seg { hosts: [0, 250], ..client(ACK, 1402, 6402, 0).client_port(20_007) });
    assert_eq!((late.stream, late.new, late.events), (7, false, 0));
    let snapshot = wire.tracker.snapshot();
    let table = wire.tracker.into_table();
    assert!(table.memory_bytes() < 140 * count as usize, "{} bytes each", table.memory_bytes() / count as usize);
    let totals = table.totals(&Filter::default());
    assert_eq!(totals, snapshot.totals(&Filter::default()));
    assert_eq!((totals.connections, totals.complete, totals.fin_closed), (60_000, 60_000, 60_000));
    assert_eq!((totals.packets, totals.payload), ([4 * 60_000 + 1, 3 * 60_000], [400 * 60_000, 1400 * 60_000]));
    let c = table.get(7).expect("a connection");
    assert_eq!((c.stream, c.client_port, c.server_port, c.client), (7, 20_007, 80, IpAddr::v4([10, 0, 0, 0])));
    assert_eq!((c.first_frame, c.last_frame, c.syn_frame, c.fin_frame), (50, 420_001, 50, 55));
    assert_eq!((c.initial_rtt_ns, c.turns.count, c.turns.min_ns), (Some(2_000_000), 1, 100_000));
    assert!(table.iter().map(|c| c.stream).eq(0..60_000));
}

#[test]
fn packed_connections_are_dropped_oldest_first() {
    let mut wire = Wire::with(&small(100));
    wire.tracker.set_hot(10);
    for n in 0..300u32 {
        wire.send(&client(SYN, 1, 0, 0).client_port(1000 + n as u16));
    }
    assert_eq!((wire.tracker.len(), wire.tracker.packed()), (100, 90));
    let table = wire.tracker.into_table();
    assert!(table.iter().map(|c| c.stream).eq(200..300));
    assert_eq!(table.totals(&Filter::default()).syn, 300);
}

/// Everything of a table, as text.
fn all_of(table: &ConnectionTable) -> Vec<String> {
    table.iter().map(|c| format!("{c:?}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever comes: no panic, no table beyond its limit, sums exact, reports complete.
    #[test]
    fn any_segments_stay_within_the_limits(segs in prop::collection::vec(any_segment(), 0..200), limit in 1usize..6) {
        let mut wire = Wire::with(&Limits { max_tcp_segments: 9, ..small(limit) });
        wire.tracker.report_closed(true);
        let mut payload = 0u64;
        let mut streams = 0u64;
        for seg in &segs {
            let verdict = wire.send(seg);
            streams += verdict.new as u64;
            payload += seg.tcp.len.unwrap_or(0) as u64;
            prop_assert!(wire.tracker.len() <= limit && wire.tracker.segments_held() <= 9);
        }
        wire.tracker.finish();
        let mut reported = Vec::new();
        wire.tracker.take_closed(&mut reported);
        prop_assert_eq!(reported.len() as u64, streams);
        let snapshot = wire.tracker.snapshot();
        let table = wire.tracker.into_table();
        let totals = table.totals(&Filter::default());
        prop_assert_eq!(&totals, &snapshot.totals(&Filter::default()));
        prop_assert_eq!(totals.connections, streams);
        prop_assert_eq!(totals.packets[0] + totals.packets[1], segs.len() as u64);
        prop_assert_eq!(totals.payload[0] + totals.payload[1], payload);
        prop_assert_eq!(table.len() as u64 + table.evicted(), streams);
        prop_assert!(table.iter().is_sorted_by_key(|c| c.stream));
    }

    /// Packing a connection and taking it out again changes nothing that is said of its segments, nor of itself.
    #[test]
    fn packed_connections_go_on_as_if_nothing_had_been(
        segs in prop::collection::vec(any_segment(), 0..300), hot in 1usize..4,
    ) {
        let (mut plain, mut packing) = (Wire::new(), Wire::new());
        packing.tracker.set_hot(hot);
        for seg in &segs {
            prop_assert_eq!(plain.send(seg), packing.send(seg));
        }
        prop_assert_eq!(all_of(&plain.tracker.snapshot()), all_of(&packing.tracker.snapshot()));
        prop_assert_eq!(all_of(&plain.tracker.into_table()), all_of(&packing.tracker.into_table()));
    }
}
