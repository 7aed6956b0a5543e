//! Handshake, close, who is the client, stream numbers, reports of ended connections.

use super::*;

fn table_of(segs: &[Seg]) -> ConnectionTable {
    let mut wire = Wire::new();
    wire.all(segs);
    wire.tracker.into_table()
}

#[track_caller]
fn only(table: &ConnectionTable) -> Connection {
    assert_eq!(table.len(), 1);
    table.get(0).expect("one connection").clone()
}

#[test]
fn handshake_states() {
    let syn = client(SYN, 1000, 0, 0);
    let syn_ack = server(SYN | ACK, 5000, 1001, 0);
    let ack = client(ACK, 1001, 5001, 0);
    let data = client(ACK, 1001, 5001, 10);
    for (segs, expected) in [
        (vec![syn.clone()], Handshake::SynOnly),
        (vec![syn.clone(), syn.clone()], Handshake::SynOnly),
        (vec![syn.clone(), server(RST | ACK, 0, 1001, 0)], Handshake::Refused),
        // The client gives up by itself.
        (vec![syn.clone(), client(RST, 1001, 0, 0)], Handshake::SynOnly),
        (vec![syn.clone(), syn_ack.clone()], Handshake::HalfOpen),
        (vec![syn.clone(), syn_ack.clone(), client(RST | ACK, 1001, 5001, 0)], Handshake::HalfOpen),
        // The SYN is not in the capture.
        (vec![syn_ack.clone(), ack.clone()], Handshake::HalfOpen),
        // The SYN+ACK comes before the SYN.
        (vec![syn_ack.clone(), syn.clone(), ack.clone()], Handshake::HalfOpen),
        (vec![syn.clone(), syn_ack.clone(), ack.clone()], Handshake::Complete),
        (vec![syn.clone(), syn_ack.clone(), data.clone()], Handshake::Complete),
        (vec![syn.clone(), syn_ack.clone(), client(FIN | ACK, 1001, 5001, 0)], Handshake::Complete),
        // The server's own ACK does not complete it.
        (vec![syn, syn_ack, server(ACK, 5001, 1001, 0)], Handshake::HalfOpen),
        (vec![ack, data], Handshake::MidStream),
    ] {
        assert_eq!(only(&table_of(&segs)).handshake, expected, "{segs:?}");
    }
}

#[test]
fn close_states_and_who_closed() {
    let fin = client(FIN | ACK, 1001, 5001, 0);
    let fin_back = server(FIN | ACK, 5001, 1002, 0);
    for (more, close, by) in [
        (vec![], Close::Open, None),
        (vec![fin.clone()], Close::HalfClosed, Some(0)),
        (vec![fin.clone(), fin.clone()], Close::HalfClosed, Some(0)),
        (vec![fin.clone(), fin_back.clone()], Close::Fin, Some(0)),
        (vec![fin_back, fin.clone()], Close::Fin, Some(1)),
        (vec![server(RST, 5001, 0, 0)], Close::Reset, Some(1)),
        (vec![fin, server(RST, 5001, 0, 0)], Close::Reset, Some(1)),
    ] {
        let c = only(&table_of(&[handshake(), more].concat()));
        assert_eq!((c.close, c.closed_by), (close, by));
    }
}

#[test]
fn idle_counts_from_the_last_packet_of_the_capture() {
    let mut wire = Wire::new();
    wire.all(&handshake());
    let last = wire.now_ns;
    wire.tracker.at(last + IDLE_NS);
    assert_eq!(only(&wire.tracker.snapshot()).close, Close::Open);
    wire.tracker.at(last + IDLE_NS + 1);
    assert_eq!(only(&wire.tracker.snapshot()).close, Close::Idle);
}

#[test]
fn client_is_who_sent_the_syn_else_the_fallbacks() {
    // From the client's port 40000 to 80, or with the client at port 7 (below the server's).
    let low = |seg: Seg| seg.client_port(7);
    for (segs, known_by, client_port) in [
        (vec![low(client(SYN, 1000, 0, 0))], ClientKnownBy::Syn, 7),
        (vec![low(server(SYN | ACK, 5000, 1001, 0))], ClientKnownBy::SynAck, 7),
        (vec![low(client(ACK, 1001, 5001, 0)), low(client(SYN, 1000, 0, 0))], ClientKnownBy::Syn, 7),
        (vec![low(client(ACK, 1001, 5001, 0))], ClientKnownBy::Port, 80),
        (vec![server(ACK, 5001, 1001, 0)], ClientKnownBy::Port, 40_000),
        (vec![client(ACK, 1001, 5001, 0).client_port(80)], ClientKnownBy::FirstPacket, 80),
    ] {
        let c = only(&table_of(&segs));
        assert_eq!((c.known_by, c.client_port), (known_by, client_port), "{segs:?}");
    }
    let same_ports = only(&table_of(&[server(ACK, 5001, 1001, 0).client_port(80)]));
    assert_eq!(same_ports.client, IpAddr::v4([10, 0, 0, 2]));
}

#[test]
fn direction_of_a_verdict_follows_the_client() {
    let mut wire = Wire::new();
    let verdicts = wire.all(&handshake());
    assert_eq!(verdicts.iter().map(|v| v.to_client).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(verdicts.iter().map(|v| v.new).collect::<Vec<_>>(), [true, false, false]);
}

#[test]
fn counters_by_direction() {
    let [syn, syn_ack, ack] = handshake().try_into().expect("three segments");
    let mut syn = syn.scale(7);
    (syn.tcp.mss, syn.tcp.sack_permitted) = (Some(1460), true);
    let mut syn_ack = syn_ack.scale(3);
    syn_ack.tcp.mss = Some(1400);
    let segs = [
        syn,
        syn_ack,
        ack.window(10),
        client(ACK, 1001, 5001, 100).window(20),
        server(ACK, 5001, 1101, 0).window(5),
        server(ACK, 5001, 1101, 50).after_us(900).window(6),
        client(ACK, 1101, 5051, 0).after_us(400).window(30),
        server(RST, 5051, 0, 0).window(9),
    ];
    let c = only(&table_of(&segs));
    let [there, back] = &c.dirs;
    assert_eq!((there.packets, there.data_packets, there.bytes, there.payload_bytes), (4, 1, 4 * 54 + 100, 100));
    assert_eq!((back.packets, back.data_packets, back.bytes, back.payload_bytes), (4, 1, 4 * 54 + 50, 50));
    assert_eq!((there.syn, there.syn_ack, there.fin, there.rst, there.ack), (1, 0, 0, 0, 3));
    assert_eq!((back.syn, back.syn_ack, back.fin, back.rst, back.ack), (0, 1, 0, 1, 3));
    assert_eq!((there.mss, there.window_scale, there.sack_permitted), (Some(1460), Some(7), true));
    assert_eq!((back.mss, back.window_scale, back.sack_permitted), (Some(1400), Some(3), false));
    assert_eq!((there.min_window, there.max_window), (10 << 7, 30 << 7));
    assert_eq!((back.min_window, back.max_window), (5 << 3, 6 << 3));
    // The SYN's round trip of 1 ms and that of the data, 0.1 ms; the SYN+ACK's, and the 0.4 ms of the 50 bytes.
    assert_eq!((there.rtt_count, there.rtt_min_ns, there.rtt_max_ns), (2, 100_000, 1_000_000));
    assert_eq!((back.rtt_count, back.rtt_min_ns, back.rtt_sum_ns), (2, 400_000, 1_400_000));
    assert_eq!((c.syn_frame, c.syn_ack_frame, c.fin_frame, c.rst_frame), (1, 2, 0, 8));
    assert_eq!((c.first_frame, c.last_frame, c.last_ns - c.first_ns), (1, 8, 3_600_000));
    assert_eq!(c.initial_rtt_ns, Some(2_000_000));
    assert!(c.client_first);
}

#[test]
fn the_initial_rtt_counts_where_wireshark_shows_it() {
    // The ACK after the SYN acknowledges nothing seen and has no event: tshark shows no analysis with it, then with the
    // data behind it.
    let mut wire = Wire::new();
    let ack = client(ACK, 1001, 5001, 0).after_us(7000);
    let shown: Vec<Option<i64>> =
        wire.all(&[client(SYN, 1000, 0, 0), ack]).into_iter().map(|v| v.initial_rtt_ns).collect();
    assert_eq!(shown, [None, None]);
    assert_eq!(only(&wire.tracker.snapshot()).initial_rtt_ns, None);
    assert_eq!(wire.send(&client(ACK, 1001, 5001, 10)).initial_rtt_ns, Some(7_000_000));
    assert_eq!(only(&wire.tracker.snapshot()).initial_rtt_ns, Some(7_000_000));
}

#[test]
fn events_belong_to_the_direction_of_their_segment() {
    let more = [
        client(ACK, 1001, 5001, 100),
        client(ACK, 1001, 5001, 100).after_us(500_000),
        server(ACK, 5001, 1101, 0).window(0),
        server(ACK, 5001, 1101, 0).window(0),
    ];
    let table = table_of(&[handshake(), more.to_vec()].concat());
    let events = only(&table).events.expect("has events");
    let kind = |bit: u16| bit.trailing_zeros() as usize;
    let (retransmission, zero) = (kind(event::RETRANSMISSION), kind(event::ZERO_WINDOW));
    assert_eq!([events.count[0][retransmission], events.count[1][retransmission]], [1, 0]);
    assert_eq!([events.count[0][zero], events.count[1][zero]], [0, 2]);
    assert_eq!((events.first_frame[retransmission], events.first_frame[zero]), (5, 6));
    let frames = |name: &str| table.frames(EVIDENCE_NAMES.iter().position(|n| *n == name).expect("a kind"));
    assert_eq!(frames("retransmission"), [5]);
    assert_eq!(frames("zero_window"), [6, 7]);
    assert_eq!((frames("syn"), frames("syn_ack"), frames("rst")), ([1].as_slice(), [2].as_slice(), [].as_slice()));
}

#[test]
fn reused_ports_make_two_connections() {
    let mut wire = Wire::new();
    wire.all(&[handshake(), vec![client(FIN | ACK, 1001, 5001, 0), server(FIN | ACK, 5001, 1002, 0)]].concat());
    let again = wire.send(&client(SYN, 900_000, 0, 0).after_us(60_000_000));
    assert_eq!((again.stream, again.new, names(again.events).as_str()), (1, true, "reused_ports"));
    let table = wire.tracker.into_table();
    let states: Vec<_> = table.iter().map(|c| (c.stream, c.handshake, c.close)).collect();
    assert_eq!(states, [(0, Handshake::Complete, Close::Fin), (1, Handshake::SynOnly, Close::Open)]);
}

#[test]
fn a_quoted_header_takes_a_stream_number() {
    let mut wire = Wire::new();
    let [c, s] = [[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::v4);
    wire.tracker.quoted(1, c, s, 1111, 80);
    wire.tracker.quoted(1, s, c, 80, 1111);
    assert_eq!(wire.send(&client(SYN, 1000, 0, 0)).stream, 1);
    wire.tracker.quoted(3, c, s, 40_000, 80);
    assert_eq!(wire.send(&client(SYN, 1000, 0, 0).client_port(1111)).stream, 0);
    assert_eq!(wire.send(&client(SYN, 1000, 0, 0).client_port(2222)).stream, 2);
    let table = wire.tracker.into_table();
    assert_eq!(table.iter().map(|c| c.client_port).collect::<Vec<_>>(), [1111, 40_000, 2222]);
}

#[test]
fn headers_that_wireshark_stops_at() {
    let mut wire = Wire::new();
    wire.all(&handshake());
    let mut cut = client(ACK, 1001, 5001, 10);
    cut.tcp.header_captured = 15;
    assert_eq!(wire.send(&cut).stream, Verdict::NO_STREAM);
    // A header length below 20: the segment moves the numbers on, nothing is shown, no flag is believed.
    let mut bogus = client(FIN | ACK, 1001, 5001, 10);
    bogus.tcp.header_len = 16;
    assert_eq!((wire.send(&bogus).stream, wire.send(&client(ACK, 1011, 5001, 5)).events), (0, 0));
    // A length that is not known (IP fragment): counted, not judged.
    let mut unknown = client(ACK, 900_000, 5001, 0);
    unknown.tcp.len = None;
    assert_eq!(wire.send(&unknown).events, 0);
    // Options cut off: judged, not shown.
    let mut short = client(ACK, 1001, 5001, 10).after_us(300_000);
    (short.tcp.header_len, short.tcp.header_captured) = (32, 24);
    assert_eq!(wire.send(&short).events, 0);
    let c = only(&wire.tracker.into_table());
    assert_eq!((c.dirs[0].packets, c.dirs[0].payload_bytes, c.dirs[0].fin, c.close), (6, 25, 0, Close::Open));
    assert!(c.events.is_none());
}

#[test]
fn ended_connections_are_reported_once() {
    let mut wire = Wire::new();
    wire.tracker.report_closed(true);
    let mut out = Vec::new();
    let close = vec![
        client(FIN | ACK, 1001, 5001, 0),
        server(FIN | ACK, 5001, 1002, 0),
        client(ACK, 1002, 5002, 0).after_us(200_000),
    ];
    wire.all(&[handshake(), close].concat());
    wire.tracker.take_closed(&mut out);
    assert!(out.is_empty(), "its last ACKs may still come");
    let other = |seg: Seg| seg.client_port(50_000);
    wire.send(&other(client(SYN, 1, 0, 0)).after_us(LINGER_NS / 1000));
    wire.tracker.take_closed(&mut out);
    assert_eq!(out.iter().map(|c| (c.stream, c.dirs[0].packets)).collect::<Vec<_>>(), [(0, 4)]);
    // Followed by a new connection: ended, closed or not.
    wire.send(&other(client(SYN, 77, 0, 0)));
    wire.tracker.take_closed(&mut out);
    assert_eq!(out.iter().map(|c| c.stream).collect::<Vec<_>>(), [0, 1]);
    wire.tracker.finish();
    wire.tracker.finish();
    wire.tracker.take_closed(&mut out);
    assert_eq!(out.iter().map(|c| c.stream).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(wire.tracker.into_table().len(), 3);
}
