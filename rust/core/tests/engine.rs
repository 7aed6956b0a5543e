//! The laws of a pass: any cut of the input gives the same result, any bytes are survived, limits hold.

use pcapstream_core::engine::{Decoder, Plan, Snapshot};
use pcapstream_core::limits::Limits;
use proptest::prelude::*;

/// Ethernet, IPv4, then `transport`.
fn frame(src: u8, dst: u8, protocol: u8, transport: &[u8]) -> Vec<u8> {
    let mut f = vec![2, 0, 0, 0, 0, dst, 2, 0, 0, 0, 0, src, 8, 0];
    let len = (20 + transport.len()) as u16;
    f.extend([0x45, 0]);
    f.extend(len.to_be_bytes());
    f.extend([0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, src, 10, 0, 0, dst]);
    f.extend(transport);
    f
}

fn tcp(sport: u16, dport: u16, seq: u32, ack: u32, flags: u8, data: &[u8]) -> Vec<u8> {
    let mut t = Vec::new();
    t.extend(sport.to_be_bytes());
    t.extend(dport.to_be_bytes());
    t.extend(seq.to_be_bytes());
    t.extend(ack.to_be_bytes());
    t.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
    t.extend(data);
    t
}

fn udp(sport: u16, dport: u16, data: &[u8]) -> Vec<u8> {
    let mut u = Vec::new();
    u.extend(sport.to_be_bytes());
    u.extend(dport.to_be_bytes());
    u.extend((8 + data.len() as u16).to_be_bytes());
    u.extend([0, 0]);
    u.extend(data);
    u
}

/// A little-endian microsecond pcap with one packet a millisecond.
fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(0xa1b2_c3d4u32.to_le_bytes());
    out.extend([2, 0, 4, 0]);
    out.extend([0; 8]);
    out.extend(65535u32.to_le_bytes());
    out.extend(1u32.to_le_bytes());
    for (i, f) in frames.iter().enumerate() {
        out.extend(1_700_000_000u32.to_le_bytes());
        out.extend((i as u32 * 1000).to_le_bytes());
        out.extend((f.len() as u32).to_le_bytes());
        out.extend((f.len() as u32).to_le_bytes());
        out.extend(f);
    }
    out
}

fn conversation() -> Vec<Vec<u8>> {
    let mut frames = vec![
        frame(1, 2, 6, &tcp(1000, 80, 100, 0, 0x02, b"")),
        frame(2, 1, 6, &tcp(80, 1000, 500, 101, 0x12, b"")),
        frame(1, 2, 6, &tcp(1000, 80, 101, 501, 0x10, b"")),
        frame(1, 2, 6, &tcp(1000, 80, 101, 501, 0x18, b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")),
        frame(1, 2, 6, &tcp(1000, 80, 101, 501, 0x18, b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")),
        frame(2, 1, 6, &tcp(80, 1000, 501, 136, 0x11, b"bye")),
        frame(1, 2, 6, &tcp(1000, 80, 136, 505, 0x11, b"")),
        frame(3, 2, 17, &udp(5000, 6000, b"x")),
    ];
    for i in 0..40 {
        frames.push(frame(10 + i, 2, 17, &udp(5000 + i as u16, 6000, &[i; 30])));
    }
    frames
}

fn run(plan: &Plan, pieces: &[&[u8]]) -> Option<Snapshot> {
    let mut d = Decoder::new(plan.clone(), &Limits::default());
    for p in pieces {
        d.feed(p).ok()?;
    }
    d.finish().ok()?;
    Some(d.into_snapshot())
}

/// What must not depend on how the input was cut.
fn digest(s: &Snapshot) -> String {
    let tally = s.tally.as_ref().map(|t| {
        (
            t.paths.leaves(),
            t.eth.pairs().collect::<Vec<_>>(),
            t.ip.pairs().collect::<Vec<_>>(),
            t.udp.pairs().collect::<Vec<_>>(),
            t.frames,
        )
    });
    let tcp: Option<Vec<String>> = s.tcp.as_ref().map(|t| t.iter().map(|c| format!("{c:?}")).collect());
    format!("{:?} {:?} {tally:?} {tcp:?} {:?}", s.counts, s.file, s.finished)
}

#[test]
fn the_sums_of_a_known_capture() {
    let s = run(&Plan::default(), &[&pcap(&conversation())]).expect("a capture");
    assert_eq!((s.counts.packets, s.counts.wire_bytes), (48, 54 * 7 + 35 * 2 + 3 + 43 + 40 * 72));
    let tally = s.tally.expect("asked for");
    assert_eq!(tally.ip.held(), 42);
    assert_eq!(tally.udp.held(), 41);
    assert_eq!(tally.names.top(pcapstream_core::tally::NameKind::HttpHost, 9), [("a.example", 2)]);
    let tcp = s.tcp.expect("asked for");
    assert_eq!(tcp.len(), 1);
    let c = tcp.iter().next().expect("one connection");
    assert_eq!((c.dirs[0].packets, c.dirs[1].packets, c.client_port), (5, 2, 1000));
    assert_eq!(c.event_count(0), 1, "one retransmission");
}

#[test]
fn one_byte_at_a_time_is_the_same() {
    let bytes = pcap(&conversation());
    let whole = digest(&run(&Plan::default(), &[&bytes]).expect("a capture"));
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(digest(&run(&Plan::default(), &single).expect("a capture")), whole);
}

#[test]
fn reading_stops_after_max_packets() {
    let plan = Plan { max_packets: Some(3), ..Plan::default() };
    let mut d = Decoder::new(plan, &Limits::default());
    d.feed(&pcap(&conversation())).expect("a capture");
    assert!(d.done());
    let s = d.into_snapshot();
    assert_eq!((s.counts.packets, s.stopped_by_max_packets), (3, true));
}

#[test]
fn limits_bound_the_tables_and_totals_stay_exact() {
    let mut limits = Limits::default();
    for name in ["max_conversations", "max_tcp_connections", "max_tcp_segments", "max_names", "max_protocol_paths"] {
        assert!(limits.set(name, 2));
    }
    let mut d = Decoder::new(Plan::default(), &limits);
    d.feed(&pcap(&conversation())).expect("a capture");
    d.finish().expect("a capture");
    let tally = d.into_snapshot().tally.expect("asked for");
    assert_eq!((tally.ip.held(), tally.ip.totals().frames), (2, 48));
    assert_eq!(tally.ip_addresses(), (3, true));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_gives_the_same_result(cuts in prop::collection::vec(0usize..4000, 0..12)) {
        let bytes = pcap(&conversation());
        let mut at: Vec<usize> = cuts.into_iter().map(|c| c.min(bytes.len())).chain([0, bytes.len()]).collect();
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
        let plan = Plan::default();
        prop_assert_eq!(
            digest(&run(&plan, &pieces).expect("a capture")),
            digest(&run(&plan, &[&bytes]).expect("a capture"))
        );
    }

    #[test]
    fn damaged_bytes_are_survived_and_cut_alike(
        flips in prop::collection::vec((0usize..5000, any::<u8>()), 1..20),
        cut in 0usize..5000,
    ) {
        let mut bytes = pcap(&conversation());
        for (at, value) in flips {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        let (a, b) = bytes.split_at(cut % bytes.len());
        let plan = Plan { packets: true, connections: true, ..Plan::default() };
        let whole = run(&plan, &[&bytes]).map(|s| digest(&s));
        let halves = run(&plan, &[a, b]).map(|s| digest(&s));
        prop_assert_eq!(whole, halves);
    }
}

#[test]
fn without_resync_the_end_at_damage_does_not_depend_on_the_cut() {
    let mut bytes = pcap(&conversation());
    // The captured length of the third record: 24 bytes of file header, two records of 16 + 54 bytes, 8 bytes of time.
    bytes[24 + 2 * 70 + 8..][..4].copy_from_slice(&[0xff; 4]);
    let plan = Plan { resync: false, ..Plan::default() };
    let whole = run(&plan, &[&bytes]).expect("a capture");
    assert_eq!((whole.counts.packets, whole.file.damage_total), (2, 1));
    for size in [1, 7, 100] {
        let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        assert_eq!(digest(&run(&plan, &pieces).expect("a capture")), digest(&whole));
    }
}
