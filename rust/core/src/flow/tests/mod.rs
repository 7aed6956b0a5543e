//! Conversations made by hand, and what the tracker must say of them.

mod lifecycle;
mod limits;
mod random;
mod rules;
mod selection;

use super::*;
use crate::addr::IpAddr;
use crate::layers::Tcp;
use crate::limits::Limits;

pub(super) const FIN: u16 = 1;
pub(super) const SYN: u16 = 2;
pub(super) const RST: u16 = 4;
pub(super) const ACK: u16 = 16;

/// One segment of a test conversation between a client (10.0.0.1:40000) and a server (10.0.0.2:80).
#[derive(Clone, Debug)]
pub(super) struct Seg {
    pub from_server: bool,
    /// Time after the segment before it, microseconds.
    pub gap_us: i64,
    pub tcp: Tcp,
    pub hosts: [u8; 2],
}

/// A segment of the client, 100 us after the one before it, window 1000.
pub(super) fn client(flags: u16, seq: u32, ack: u32, len: u32) -> Seg {
    let tcp = Tcp {
        src_port: 40_000,
        dst_port: 80,
        seq,
        ack,
        flags,
        window: 1000,
        header_len: 20,
        header_captured: 20,
        len: Some(len),
        ..Tcp::default()
    };
    Seg { from_server: false, gap_us: 100, tcp, hosts: [1, 2] }
}

/// The same of the server.
pub(super) fn server(flags: u16, seq: u32, ack: u32, len: u32) -> Seg {
    let mut seg = client(flags, seq, ack, len);
    seg.from_server = true;
    std::mem::swap(&mut seg.tcp.src_port, &mut seg.tcp.dst_port);
    seg
}

impl Seg {
    pub fn after_us(mut self, us: i64) -> Self {
        self.gap_us = us;
        self
    }
    pub fn window(mut self, window: u16) -> Self {
        self.tcp.window = window;
        self
    }
    pub fn scale(mut self, shift: u8) -> Self {
        self.tcp.window_scale = Some(shift);
        self
    }
    pub fn client_port(mut self, port: u16) -> Self {
        *if self.from_server { &mut self.tcp.dst_port } else { &mut self.tcp.src_port } = port;
        self
    }
}

/// SYN, SYN+ACK, ACK with initial numbers 1000 and 5000 and an initial RTT of 2 ms. Then the client sends 1001 next and
/// the server 5001.
pub(super) fn handshake() -> Vec<Seg> {
    vec![
        client(SYN, 1000, 0, 0),
        server(SYN | ACK, 5000, 1001, 0).after_us(1000),
        client(ACK, 1001, 5001, 0).after_us(1000),
    ]
}

/// A tracker with a clock.
pub(super) struct Wire {
    pub tracker: TcpTracker,
    pub frame: u64,
    pub now_ns: i64,
}

impl Wire {
    pub fn new() -> Self {
        Self::with(&Limits::default())
    }
    pub fn with(limits: &Limits) -> Self {
        Self { tracker: TcpTracker::new(limits), frame: 0, now_ns: 1_700_000_000_000_000_000 }
    }
    pub fn send(&mut self, seg: &Seg) -> Verdict {
        self.frame += 1;
        self.now_ns += seg.gap_us * 1000;
        let [c, s] = seg.hosts.map(|host| IpAddr::v4([10, 0, 0, host]));
        let (src, dst) = if seg.from_server { (s, c) } else { (c, s) };
        self.tracker.segment(&Segment {
            frame: self.frame,
            time_ns: self.now_ns,
            clock_ns: self.now_ns,
            src,
            dst,
            tcp: &seg.tcp,
            frame_bytes: 54 + seg.tcp.len.unwrap_or(0),
            payload: &[],
            recovered: false,
        })
    }
    pub fn all(&mut self, segs: &[Seg]) -> Vec<Verdict> {
        segs.iter().map(|seg| self.send(seg)).collect()
    }
}

/// Event names of a verdict, comma separated, in bit order.
pub(super) fn names(events: u16) -> String {
    let names: Vec<&str> = (0..event::COUNT).filter(|k| events >> k & 1 != 0).map(|k| event::NAMES[k]).collect();
    names.join(",")
}

/// Plays a conversation and compares the events of every segment.
#[track_caller]
pub(super) fn check(steps: &[(Seg, &str)]) {
    let mut wire = Wire::new();
    let (mut got, mut expected) = (Vec::new(), Vec::new());
    for (at, (seg, events)) in steps.iter().enumerate() {
        got.push((at + 1, names(wire.send(seg).events)));
        expected.push((at + 1, (*events).to_owned()));
    }
    assert_eq!(got, expected);
}

/// The handshake, which has no events, and then `steps`.
#[track_caller]
pub(super) fn check_connected(steps: &[(Seg, &str)]) {
    let mut all: Vec<(Seg, &str)> = handshake().into_iter().map(|seg| (seg, "")).collect();
    all.extend_from_slice(steps);
    check(&all);
}
