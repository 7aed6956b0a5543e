//! Sums, filters, orders and merging of tables.

use super::*;
use proptest::prelude::*;

/// Three connections: to port 80 complete with data, to port 443 refused, mid-stream between 9000 and 9001.
fn sample() -> Vec<Seg> {
    let mut segs = handshake();
    segs.extend([
        client(ACK, 1001, 5001, 100),
        client(ACK, 1001, 5001, 100).after_us(400_000),
        server(ACK, 5001, 1101, 700).after_us(50_000),
        client(FIN | ACK, 1101, 5701, 0),
        server(FIN | ACK, 5701, 1102, 0),
    ]);
    let https = |mut seg: Seg| {
        *if seg.from_server { &mut seg.tcp.src_port } else { &mut seg.tcp.dst_port } = 443;
        seg.hosts = [1, 3];
        seg
    };
    segs.extend([https(client(SYN, 7, 0, 0)), https(server(RST | ACK, 0, 8, 0))]);
    let mut middle = client(ACK, 1, 1, 5000);
    (middle.tcp.src_port, middle.tcp.dst_port, middle.hosts) = (9001, 9000, [4, 2]);
    segs.push(middle);
    segs
}

fn sample_table() -> ConnectionTable {
    let mut wire = Wire::new();
    wire.all(&sample());
    wire.tracker.into_table()
}

fn host(last: u8) -> Option<IpAddr> {
    Some(IpAddr::v4([10, 0, 0, last]))
}

#[test]
fn totals_over_all() {
    let t = sample_table().totals(&Filter::default());
    assert_eq!((t.connections, t.packets, t.payload, t.data), (3, [7, 4], [5200, 700], [3, 1]));
    assert_eq!((t.syn, t.syn_ack, t.ack, t.fin, t.rst), (2, 1, 9, [1, 1], [0, 1]));
    assert_eq!((t.complete, t.refused, t.mid_stream, t.syn_only, t.half_open), (1, 1, 1, 0, 0));
    assert_eq!((t.fin_closed, t.reset, t.open, t.half_closed, t.idle), (1, 1, 1, 0, 0));
    assert_eq!(t.reset_by, [0, 1]);
    let retransmission = event::RETRANSMISSION.trailing_zeros() as usize;
    assert_eq!((t.events[retransmission], t.connections_with[retransmission]), ([1, 0], 1));
}

#[test]
fn filters() {
    let table = sample_table();
    let streams = |address, port| {
        let filter = Filter { address, port };
        table.select(&filter, None, Order::Stream, 0, 99).iter().map(|c| c.stream).collect::<Vec<_>>()
    };
    assert_eq!(streams(None, None), [0, 1, 2]);
    assert_eq!(streams(host(1), None), [0, 1]);
    assert_eq!(streams(host(2), None), [0, 2]);
    assert_eq!(streams(None, Some(80)), [0]);
    // The client's port is no service.
    assert_eq!(streams(None, Some(40_000)), [0; 0]);
    // Nobody knows who serves: both ports will do.
    assert_eq!((streams(None, Some(9000)), streams(None, Some(9001))), (vec![2], vec![2]));
    assert_eq!(streams(host(2), Some(80)), [0]);
    assert_eq!(streams(host(1), Some(80)), [0; 0]);
    assert_eq!((streams(host(4), Some(9001)), streams(host(4), Some(9000))), (vec![2], vec![]));
    assert_eq!(table.totals(&Filter { address: host(3), port: None }).rst, [0, 1]);
    assert_eq!(table.initial_rtts(&Filter::default()), [100_000, 2_000_000]);
    assert_eq!(table.initial_rtts(&Filter { address: host(2), port: None }), [2_000_000]);
}

#[test]
fn orders_and_pages() {
    let table = sample_table();
    let by = |order, offset, limit| {
        let chosen = table.select(&Filter::default(), None, order, offset, limit);
        chosen.iter().map(|c| c.stream).collect::<Vec<_>>()
    };
    assert_eq!(by(Order::Packets, 0, 9), [0, 1, 2]);
    assert_eq!(by(Order::Bytes, 0, 9), [2, 0, 1]);
    assert_eq!(by(Order::Bytes, 1, 1), [0]);
    assert_eq!(by(Order::Bytes, 0, 0), [0; 0]);
    assert_eq!(by(Order::Stream, 1, 1), [1]);
    // Ties keep the stream order.
    assert_eq!(by(Order::Retransmissions, 0, 9), [0, 1, 2]);
    assert_eq!(by(Order::RetransmissionRate, 0, 2), [0, 1]);
    assert_eq!(by(Order::Duration, 0, 9), [0, 1, 2]);
    assert_eq!(by(Order::InitialRtt, 0, 9), [0, 1, 2]);
    for (name, count) in [("refused", 1), ("retransmission", 1), ("fin", 1), ("reset", 1), ("idle", 0), ("open", 1)] {
        assert_eq!(table.count(&Filter::default(), Having::from_name(name)), count, "{name}");
    }
    assert_eq!((Having::from_name("nothing"), Order::from_name("nothing")), (None, None));
    assert_eq!(Order::from_name("retransmission_rate"), Some(Order::RetransmissionRate));
}

/// What merging must keep, without the stream numbers, which belong to each part.
fn essence(table: &ConnectionTable) -> (Vec<String>, Totals, Vec<Vec<u64>>) {
    let mut connections: Vec<String> =
        table.iter().map(|c| format!("{:?}", Connection { stream: 0, ..c.clone() })).collect();
    connections.sort();
    let frames = (0..EVIDENCE_KINDS).map(|kind| table.frames(kind).to_vec()).collect();
    (connections, table.totals(&Filter::default()), frames)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A capture split by flow over trackers and merged is the capture in one tracker; merging is associative and the
    /// empty table changes nothing.
    #[test]
    fn shards_by_flow_merge_to_the_serial_result(
        steps in prop::collection::vec((0u16..9, any::<bool>(), 0u16..32, 1000u32..1030, 0u32..20), 0..150),
    ) {
        let mut serial = Wire::new();
        let mut shards: Vec<Wire> = (0..3).map(|_| Wire::new()).collect();
        for (port, from_server, flags, seq, len) in steps {
            let seg = if from_server { server(flags, seq, seq, len) } else { client(flags, seq, seq, len) };
            let seg = seg.client_port(40_000 + port);
            let expected = serial.send(&seg);
            let shard = &mut shards[port as usize % 3];
            (shard.frame, shard.now_ns) = (serial.frame - 1, serial.now_ns - seg.gap_us * 1000);
            prop_assert_eq!(shard.send(&seg).events, expected.events);
        }
        let end = serial.now_ns;
        let parts: Vec<ConnectionTable> = shards
            .into_iter()
            .map(|mut wire| {
                wire.tracker.at(end);
                wire.tracker.into_table()
            })
            .collect();
        let [a, b, c] = &parts[..] else { unreachable!() };
        let left = a.merge(b).merge(c);
        let right = a.merge(&b.merge(c));
        prop_assert_eq!(essence(&left), essence(&serial.tracker.into_table()));
        let streams = |t: &ConnectionTable| t.iter().map(|c| (c.stream, c.first_frame)).collect::<Vec<_>>();
        prop_assert_eq!(streams(&left), streams(&right));
        prop_assert_eq!(essence(&left), essence(&right));
        let same = ConnectionTable::empty().merge(&left).merge(&ConnectionTable::empty());
        prop_assert_eq!(streams(&same), streams(&left));
        prop_assert_eq!(essence(&same), essence(&left));
    }
}

#[test]
fn a_merge_beyond_the_limit_keeps_the_first_and_all_sums() {
    let limits = Limits { max_tcp_connections: 4, ..Limits::default() };
    let part = |base: u16| {
        let mut wire = Wire::with(&limits);
        for n in 0..5 {
            wire.send(&client(SYN, 1, 0, 0).client_port(base + n));
        }
        wire.tracker.into_table()
    };
    let (a, b, c) = (part(1000), part(2000), part(3000));
    for merged in [a.merge(&b).merge(&c), a.merge(&b.merge(&c))] {
        assert_eq!((merged.len(), merged.evicted()), (4, 11));
        assert_eq!(merged.totals(&Filter::default()).syn, 15);
        // The tracker had dropped the first connection of the first part.
        assert_eq!(merged.iter().map(|c| c.client_port).collect::<Vec<_>>(), [1001, 1002, 1003, 1004]);
        assert_eq!(merged.get(4).map(|c| c.stream), None);
    }
}
