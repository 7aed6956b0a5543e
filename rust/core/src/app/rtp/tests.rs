//! Which datagrams are RTP and RTCP: what tshark 4.0.17 showed for the same bytes behind an INVITE with such a description.

use super::*;
use crate::addr::IpAddr;
use crate::app::media::{Announcement, Direction, Format, MediaKind, MediaTransport, Side};
use crate::app::message::Value;
use crate::app::{Apps, DetectedBy};

const A: IpAddr = IpAddr { bytes: [10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], v6: false };
const B: IpAddr = IpAddr { bytes: [10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], v6: false };
const STUN: [u8; 20] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const SDES: [u8; 8] = [0x80, 202, 0, 1, 0, 0, 0, 77];
const SR: [u8; 8] = [0x80, 200, 0, 6, 0, 0, 0, 77];

struct World {
    rtp: Rtp,
    book: MediaBook,
    frame: u64,
}

fn announcement(addr: IpAddr, port: u16, frame: u64) -> Announcement {
    Announcement {
        addr,
        port,
        other_port: None,
        rtcp: Some((addr, port + 1)),
        rtcp_mux: false,
        kind: MediaKind::Audio,
        transport: MediaTransport::Rtp,
        direction: Direction::default(),
        formats: vec![
            Format { payload_type: 96, codec: "opus".into(), clock_rate: 48_000, channels: 2 },
            Format { payload_type: 101, codec: "telephone-event".into(), clock_rate: 8_000, channels: 0 },
        ],
        frame,
        said_in: frame,
        method: "SDP",
        call_id: "call@x".into(),
        side: Side::Offer,
    }
}

fn packet(first: u8, second: u8, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut p = vec![first, second];
    p.extend(sequence.to_be_bytes());
    p.extend(timestamp.to_be_bytes());
    p.extend([0, 0, 0, 9]);
    p.extend(payload);
    p
}

impl World {
    fn new() -> Self {
        let limits = Limits::default();
        let book = MediaBook::new(&limits);
        Self { rtp: Rtp::new(&limits, book.clone()), book, frame: 0 }
    }

    fn announced() -> Self {
        let mut w = Self::new();
        w.announce(announcement(B, 20_000, 0));
        w
    }

    fn announce(&mut self, mut one: Announcement) {
        self.frame += 1;
        (one.frame, one.said_in) = (self.frame, self.frame);
        self.book.announce(one);
    }

    fn between(&mut self, from: (IpAddr, u16), to: (IpAddr, u16), data: &[u8]) -> String {
        self.frame += 1;
        let mut out = Output::default();
        let c = Context {
            frame: self.frame,
            time_ns: self.frame as i64 * 20_000_000,
            src: from.0,
            dst: to.0,
            src_port: from.1,
            dst_port: to.1,
            transport: Proto::Udp,
            ttl: 64,
            frame_bytes: data.len() as u32 + 42,
            stream: None,
            to_client: false,
            detected_by: DetectedBy::Port,
            only_in_order: false,
            server_known: false,
            recovered: false,
        };
        let claimed = self.rtp.udp_first(&c, data, data.len() as u32, false, &mut out);
        let by_pattern = !claimed && self.rtp.unclaimed_udp(&c, data, &mut out);
        let names: Vec<_> = out.protocols.iter().map(|p| p.name()).collect();
        match (names.join(":"), claimed || by_pattern) {
            (names, true) => names,
            (names, false) => format!("{names}data"),
        }
    }

    /// From A to the port announced.
    fn to(&mut self, port: u16, data: &[u8]) -> String {
        self.between((A, 6000), (B, port), data)
    }

    fn streams(&self) -> &[stream::Stream] {
        &self.rtp.counts.streams
    }
}

#[test]
fn what_a_datagram_at_an_announced_port_is_shown_as() {
    let shown = |data: &[u8]| World::announced().to(20_000, data);
    for first in [0, 1, 3, 4, 15, 16, 19, 20, 22, 63, 64, 79, 80, 127, 192, 255] {
        assert_eq!(shown(&packet(first, 0, 1, 0, &[0; 40])), "data", "{first}");
    }
    assert_eq!(shown(&packet(0x80, 0, 1, 0, &[0; 40])), "rtp");
    assert_eq!(shown(&packet(0xbf, 0, 1, 0, &[0; 40])), "rtp");
    assert_eq!(shown(b"\x10\0\0\x01ZRTP\0\0\0\0"), "rtp");
    for len in 1..=13 {
        assert_eq!(shown(&packet(0x80, 0, 1, 0, b"x")[..len]), "rtp", "{len}");
    }
    let with_marker = |t: u8| shown(&packet(0x80, 0x80 | t, 1, 0, &[0; 20]));
    assert_eq!(with_marker(63), "rtp");
    for t in 64..=82 {
        assert_eq!(with_marker(t), "rtp:rtcp", "{t}");
    }
    for t in 83..=95 {
        assert_eq!(with_marker(t), "", "{t}");
    }
    assert_eq!(with_marker(96), "rtp");
    assert_eq!(shown(&packet(0x80, 72, 1, 0, &[0; 20])), "rtp");
    assert_eq!(shown(&SDES[..1]), "rtp");
    assert_eq!((shown(&SDES[..2]), shown(&SDES[..3])), (String::new(), String::new()));
    assert_eq!(shown(&SDES[..4]), "rtp:rtcp");
}

#[test]
fn what_a_datagram_at_the_port_of_reports_is_shown_as() {
    let shown = |data: &[u8]| World::announced().to(20_001, data);
    for kind in 190..=225 {
        let expected = if (192..=210).contains(&kind) { "rtcp" } else { "" };
        assert_eq!(shown(&[0x80, kind, 0, 1, 0, 0, 0, 77]), expected, "{kind}");
    }
    assert_eq!((shown(&SDES[..3]), shown(&SDES[..4]), shown(&SDES[..5])), ("".into(), "rtcp".into(), "rtcp".into()));
    assert_eq!(shown(&[0, 200, 0, 1, 0, 0, 0, 77]), "data");
    assert_eq!(shown(&packet(0x80, 0, 1, 0, &[0; 20])), "");
}

#[test]
fn either_end_may_be_the_announced_one() {
    let mut w = World::announced();
    let rtp = packet(0x80, 0, 1, 0, &[0; 20]);
    assert_eq!(w.between((B, 20_000), (A, 6000), &rtp), "rtp");
    assert_eq!(w.between((B, 20_000), (A, 7777), &rtp), "rtp");
    assert_eq!(w.between((A, 20_000), (B, 6000), &rtp), "data");
    assert_eq!(w.streams().len(), 2);
}

#[test]
fn the_last_announcement_of_a_port_holds() {
    let mut w = World::new();
    w.announce(announcement(B, 20_600, 0));
    w.announce(announcement(B, 20_601, 0));
    assert_eq!(w.to(20_601, &packet(0x80, 0, 1, 0, &[0; 20])), "rtp");
    w.announce(announcement(B, 20_600, 0));
    assert_eq!(w.to(20_601, &packet(0x80, 0, 1, 0, &[0; 20])), "");
    w.announce(Announcement { transport: MediaTransport::T38, ..announcement(B, 20_600, 0) });
    assert_eq!(w.to(20_600, &packet(0x80, 0, 1, 0, &[0; 20])), "");
    w.announce(Announcement { port: 0, ..announcement(B, 1, 0) });
    assert_eq!(w.to(0, &packet(0x80, 0, 1, 0, &[0; 20])), "data");
}

#[test]
fn reports_elsewhere_or_nowhere() {
    let mut w = World::new();
    w.announce(Announcement { rtcp: Some((B, 20_300)), ..announcement(B, 20_200, 0) });
    assert_eq!((w.to(20_300, &SDES), w.to(20_201, &SDES)), ("rtcp".into(), "data".into()));
    w.announce(Announcement { rtcp: None, ..announcement(B, 20_400, 0) });
    assert_eq!((w.to(20_400, &SDES), w.to(20_401, &SDES)), ("rtp:rtcp".into(), "data".into()));
}

#[test]
fn a_named_port_of_the_other_end_counts() {
    let mut w = World::new();
    w.announce(Announcement { other_port: Some(6000), ..announcement(B, 20_000, 0) });
    let rtp = packet(0x80, 0, 1, 0, &[0; 20]);
    assert_eq!(w.between((A, 6000), (B, 20_000), &rtp), "rtp");
    assert_eq!(w.between((A, 6001), (B, 20_000), &rtp), "data");
}

#[test]
fn stun_takes_the_conversation_until_a_new_announcement() {
    let rtp = packet(0x80, 0, 1, 0, &[0; 20]);
    let mut w = World::announced();
    assert_eq!(
        (w.to(20_000, &rtp), w.to(20_000, &STUN), w.to(20_000, &rtp)),
        ("rtp".into(), "data".into(), "data".into())
    );
    assert_eq!(w.between((A, 6001), (B, 20_000), &rtp), "data");
    assert_eq!(w.between((B, 20_000), (A, 6000), &rtp), "data");
    w.announce(announcement(B, 20_000, 0));
    assert_eq!(w.to(20_000, &rtp), "rtp");
    // Before the announcement: only the pair of ends.
    let mut w = World::new();
    w.to(20_000, &STUN);
    w.announce(announcement(B, 20_000, 0));
    assert_eq!((w.to(20_000, &rtp), w.between((A, 77), (B, 20_000), &rtp)), ("data".into(), "rtp".into()));
    // Both announced: the sender's conversation, then no other.
    let mut w = World::announced();
    w.announce(announcement(A, 6000, 0));
    w.to(20_000, &STUN);
    w.between((B, 20_000), (A, 6000), &STUN);
    assert_eq!((w.to(20_000, &rtp), w.between((B, 20_000), (A, 6000), &rtp)), ("rtp".into(), "data".into()));
    assert_eq!(w.between((A, 9), (B, 20_000), &rtp), "rtp");
    assert_eq!(w.between((A, 9), (A, 6000), &rtp), "data");
    // STUN's own port changes nothing.
    let mut w = World::announced();
    w.between((B, 20_000), (A, 3478), &STUN);
    assert_eq!(w.to(20_000, &rtp), "rtp");
}

#[test]
fn what_is_stun() {
    let with = |at: usize, b: u8, len: usize| {
        let mut m = STUN.to_vec();
        m.resize(len, 0);
        m[at] = b;
        announced::is_stun(&m, len)
    };
    assert!(with(1, 9, 20) && with(0, 3, 20) && with(3, 8, 28) && with(3, 2, 22));
    assert!(!with(0, 4, 20) && !with(0, 0x40, 20) && !with(3, 4, 20) && !with(4, 0, 20));
}

#[test]
fn rtcp_on_any_port() {
    let mut w = World::new();
    assert_eq!(w.to(50_501, &SR), "rtcp");
    assert_eq!(w.to(50_502, &[0x80, 201, 0, 1, 0, 0, 0, 77]), "rtcp");
    assert_eq!(w.to(50_502, &[0x80, 203, 0, 9, 0, 0, 0, 77]), "rtcp");
    assert_eq!(w.to(50_502, &SDES), "data");
    assert_eq!(w.to(50_502, &[0x80, 201, 0, 1, 0, 0, 0]), "data");
    assert_eq!((w.rtp.counts.rtcp_by_content, w.rtp.counts.reports.sources.len()), (3, 1));
}

#[test]
fn malformed_packets_are_shown_but_belong_to_no_stream() {
    let mut w = World::announced();
    assert_eq!(w.to(20_000, &packet(0x8f, 0, 1, 0, &[0; 20])), "rtp");
    assert_eq!(w.to(20_000, &[0x80, 0, 0]), "rtp");
    w.to(20_000, &packet(0x80, 8, 1, 0, &[0; 20]));
    let counts = &w.rtp.counts;
    assert_eq!((counts.shown, counts.malformed, counts.packets), (3, 2, 1));
    // The first one's payload type stands in the frame all the same.
    assert_eq!(counts.types().collect::<Vec<_>>(), [(0, 1), (8, 1)]);
}

#[test]
fn keys_pressed() {
    let mut w = World::announced();
    for (n, (duration, end)) in
        [(160_u16, 0_u8), (320, 0), (480, 0x80), (480, 0x80), (480, 0x80)].into_iter().enumerate()
    {
        let [hi, lo] = duration.to_be_bytes();
        w.to(20_000, &packet(0x80, 101 | (0x80 * (n == 0) as u8), n as u16, 1000, &[5, end | 10, hi, lo]));
    }
    w.to(20_000, &packet(0x80, 101, 5, 9000, &[11, 10, 0, 160]));
    let s = &w.streams()[0];
    assert_eq!(s.event_count, 2);
    let (first, second) = (s.events[0], s.events[1]);
    assert_eq!((first.code, first.frame, first.duration, first.ended, first.volume), (5, 2, 480, true, 10));
    assert_eq!((second.code, second.frame, second.ended), (11, 7, false));
    // Encrypted events cannot be read.
    let mut w = World::new();
    w.announce(Announcement { transport: MediaTransport::Srtp, ..announcement(B, 20_000, 0) });
    w.to(20_000, &packet(0x80, 101, 1, 1, &[5, 0, 0, 9]));
    assert_eq!((w.streams()[0].event_count, w.streams()[0].encrypted()), (0, true));
}

#[test]
fn a_stream_by_its_pattern_is_kept_apart() {
    let mut w = World::new();
    for n in 0..4 {
        assert_eq!(w.to(30_000, &packet(0x80, 0, 65_533_u16.wrapping_add(n), u32::from(n) * 160, &[0; 160])), "data");
    }
    // Found with the fifth, the first ones counted; never shown as RTP.
    assert_eq!(w.to(30_000, &packet(0x80, 0, 1, 640, &[0; 160])), "");
    w.to(30_000, &packet(0x80, 0, 4, 1120, &[0; 160]));
    let s = &w.streams()[0];
    assert_eq!((s.key.announced, s.timing.packets, s.timing.lost(), s.first_frame), (false, 6, 2, 1));
    let counts = &w.rtp.counts;
    assert_eq!((counts.packets, counts.shown, counts.heuristic_packets), (0, 0, 6));
    // Announced in the middle: the rest is another stream, the first figure.
    w.announce(announcement(B, 30_000, 0));
    assert_eq!(w.to(30_000, &packet(0x80, 0, 5, 1280, &[0; 160])), "rtp");
    assert_eq!(w.streams().iter().map(|s| s.key.announced).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn nothing_is_found_in_packets_that_do_not_follow_each_other() {
    let mut w = World::new();
    for n in 0..50_u16 {
        assert_eq!(w.to(30_000, &packet(0x80, 0, n * 2, 0, &[0; 20])), "data");
        assert_eq!(w.to(30_002, &packet(0x80, 50, n, 0, &[0; 20])), "data");
        assert_eq!(w.between((A, 6001), (B, 30_003), &packet(0x80, 0, n, 0, &[0; 20])), "data");
    }
    assert!(w.streams().is_empty());
}

/// The example of RFC 3550 figure 2: 5 s held, sent at 0xb705.2000, received back at 0xb710.8000: 6.125 s round trip.
#[test]
fn round_trip_time() {
    let mut w = World::announced();
    let sr = |lsr: u32| {
        let mut p = vec![0x80, 200, 0, 6, 0, 0, 0, 9];
        for word in [lsr >> 16, lsr << 16, 0, 1, 160] {
            p.extend(word.to_be_bytes());
        }
        p
    };
    let mut rr = vec![0x81, 201, 0, 7, 0, 0, 0, 1];
    for word in [9_u32, 0x4000_0003, 70_000, 80, 0xb705_2000, 0x0005_4000] {
        rr.extend(word.to_be_bytes());
    }
    w.to(20_001, &sr(0xb705_2000));
    // 11.375 s later: one frame lasts 20 ms here.
    w.frame += 568;
    let from = w.frame;
    assert_eq!(w.between((B, 20_001), (A, 6000), &rr), "rtcp");
    let about = &w.rtp.counts.reports.sources[1].about[0];
    let elapsed_ms = (from - 2 + 1) as f64 * 20.0;
    assert_eq!(about.round_trips, 1);
    assert!((about.mean_round_trip_ms() - (elapsed_ms - 5_250.0)).abs() < 1e-6);
    assert_eq!((about.last.lost, about.max_fraction_lost, about.last.jitter), (3, 0x40, 80));
}

#[test]
fn tables_are_bounded_and_totals_exact() {
    let limits = Limits { max_rtp_streams: 2, ..Limits::default() };
    let book = MediaBook::new(&limits);
    let mut w = World { rtp: Rtp::new(&limits, book.clone()), book, frame: 0 };
    w.announce(announcement(B, 20_000, 0));
    for port in 0..5 {
        w.between((A, 6000 + port), (B, 20_000), &packet(0x80, 0, 1, 0, &[]));
    }
    let counts = &w.rtp.counts;
    assert_eq!((counts.streams.len(), counts.packets, counts.unlisted_packets), (2, 5, 3));
}

#[test]
fn reports_of_parts_add_up() {
    let mut a = World::announced();
    let mut b = World::announced();
    a.to(20_000, &packet(0x80, 0, 1, 0, &[0; 160]));
    b.to(20_000, &packet(0x80, 8, 1, 0, &[0; 160]));
    let (a, b) = (a.rtp.report().unwrap(), b.rtp.report().unwrap());
    let both = a.merge(&*b).unwrap();
    let Value::Map(fields) = both.value() else { panic!() };
    let of = |name: &str| fields.iter().find(|f| f.0 == name).unwrap().1.clone();
    assert_eq!((of("packets"), of("shown")), (Value::Int(2), Value::Int(2)));
    let Value::List(streams) = of("streams") else { panic!() };
    assert_eq!(streams.len(), 2);
    let empty = crate::app::empty_report("rtp").unwrap();
    assert_eq!(empty.merge(&*a).unwrap().value(), a.value());
}

#[test]
fn any_bytes_survive() {
    let whole = packet(0xb1, 101, 1, 0, &[0, 0, 0, 1, 0xbe, 0xde, 0, 1, 1, 2, 3, 4, 5, 0x8a, 1, 2, 0, 0, 0, 4]);
    for end in 0..whole.len() {
        for flip in 0..=255 {
            let mut w = World::announced();
            let mut p = whole.clone();
            p[end] ^= flip;
            w.to(20_000, &p);
            w.to(20_001, &p);
            w.to(20_000, &p[..end]);
            w.between((A, 1), (B, 2), &p);
            let _ = w.rtp.report().unwrap().value();
        }
    }
}

#[test]
fn the_plan_makes_it() {
    let plan = crate::app::AppPlan { names: vec!["rtp".into()], ports: Vec::new() };
    assert_eq!(Apps::new(&plan, &Limits::default()).unwrap().reports()[0].0, "rtp");
}
