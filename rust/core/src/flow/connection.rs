//! What is known of one TCP connection. Plain data: the tracker fills it, views read it.

use super::turns::{Reset, Turns};
use crate::addr::IpAddr;

/// Bits of the analysis of one segment, Wireshark's `tcp.analysis.*` of the same names.
pub mod event {
    pub const RETRANSMISSION: u16 = 1 << 0; // includes fast and spurious ones, as in Wireshark
    pub const FAST_RETRANSMISSION: u16 = 1 << 1;
    pub const SPURIOUS_RETRANSMISSION: u16 = 1 << 2;
    pub const OUT_OF_ORDER: u16 = 1 << 3;
    pub const DUPLICATE_ACK: u16 = 1 << 4;
    pub const ZERO_WINDOW: u16 = 1 << 5;
    pub const ZERO_WINDOW_PROBE: u16 = 1 << 6;
    pub const ZERO_WINDOW_PROBE_ACK: u16 = 1 << 7;
    pub const WINDOW_FULL: u16 = 1 << 8;
    pub const WINDOW_UPDATE: u16 = 1 << 9;
    pub const KEEP_ALIVE: u16 = 1 << 10;
    pub const KEEP_ALIVE_ACK: u16 = 1 << 11;
    pub const LOST_SEGMENT: u16 = 1 << 12;
    pub const ACK_LOST_SEGMENT: u16 = 1 << 13;
    pub const REUSED_PORTS: u16 = 1 << 14;
    /// Wireshark's names, bit 0 first.
    pub const NAMES: [&str; 15] = [
        "retransmission",
        "fast_retransmission",
        "spurious_retransmission",
        "out_of_order",
        "duplicate_ack",
        "zero_window",
        "zero_window_probe",
        "zero_window_probe_ack",
        "window_full",
        "window_update",
        "keep_alive",
        "keep_alive_ack",
        "lost_segment",
        "ack_lost_segment",
        "reused_ports",
    ];
    pub const COUNT: usize = NAMES.len();
}

/// How the client end was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ClientKnownBy {
    /// It sent the SYN.
    Syn,
    /// It received the SYN+ACK.
    SynAck,
    /// The other end's port is the well-known or lower one (mid-stream start).
    Port,
    /// It sent the first packet seen.
    #[default]
    FirstPacket,
}

/// How far the handshake came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Handshake {
    /// No SYN was seen at all: the capture began after the connection did.
    #[default]
    MidStream,
    /// SYN, nothing back.
    SynOnly,
    /// SYN answered by RST before any SYN+ACK.
    Refused,
    /// SYN+ACK seen (with or without the SYN), the client's ACK not.
    HalfOpen,
    /// SYN from A, SYN+ACK from B, then ACK without SYN or RST from A, in file order.
    Complete,
}

/// How it ended, as far as the capture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Close {
    /// Still open when the capture ended.
    #[default]
    Open,
    /// FIN from both ends.
    Fin,
    /// FIN from one end only.
    HalfClosed,
    /// RST (also after FINs).
    Reset,
    /// No packet for longer than the idle limit before the capture ended.
    Idle,
}

/// One direction's counters. Packets and bytes count every frame of the connection sent this way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Direction {
    pub packets: u32,
    /// Segments with data.
    pub data_packets: u32,
    /// Frame bytes on the wire.
    pub bytes: u64,
    /// `tcp.len` summed, retransmissions counted again.
    pub payload_bytes: u64,
    /// SYN without ACK.
    pub syn: u32,
    pub syn_ack: u32,
    pub fin: u32,
    pub rst: u32,
    /// Segments with the ACK bit.
    pub ack: u32,
    pub mss: Option<u16>,
    /// Shift count of the window scale option in the SYN or SYN+ACK.
    pub window_scale: Option<u8>,
    pub sack_permitted: bool,
    /// Largest and smallest scaled receive window announced outside SYN and RST segments.
    pub max_window: u32,
    pub min_window: u32,
    /// `tcp.analysis.ack_rtt` of the ACKs sent by the other end for data sent this way: count, sum, least, largest, ns.
    pub rtt_count: u32,
    pub rtt_sum_ns: u64,
    pub rtt_min_ns: u64,
    pub rtt_max_ns: u64,
}

/// Analysis events of a connection; made only for connections that have one. `[0]` client to server, `[1]` back.
#[derive(Clone, Debug, Default)]
pub struct Events {
    pub count: [[u32; event::COUNT]; 2],
    /// First frame with the event, 0 = none.
    pub first_frame: [u64; event::COUNT],
}

/// One TCP connection. Index 0 of every pair is client to server, 1 server to client.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// Number tshark gives the stream (`tcp.stream`).
    pub stream: u32,
    pub client: IpAddr,
    pub server: IpAddr,
    pub client_port: u16,
    pub server_port: u16,
    pub known_by: ClientKnownBy,
    pub handshake: Handshake,
    pub close: Close,
    /// Who sent the first RST or, without one, the first FIN: 0 client, 1 server.
    pub closed_by: Option<u8>,
    /// The sender of the first frame was the client.
    pub client_first: bool,
    pub first_ns: i64,
    pub last_ns: i64,
    pub first_frame: u64,
    pub last_frame: u64,
    /// Frame of the first SYN, SYN+ACK, FIN, RST (0: none).
    pub syn_frame: u64,
    pub syn_ack_frame: u64,
    pub fin_frame: u64,
    pub rst_frame: u64,
    /// `tcp.analysis.initial_rtt`, ns.
    pub initial_rtt_ns: Option<u64>,
    pub dirs: [Direction; 2],
    /// Times of data of the client to data of the server.
    pub turns: Turns,
    /// The first RST.
    pub reset: Reset,
    pub events: Option<Box<Events>>,
}

impl Connection {
    /// Occurrences of one event kind (bit number) in both directions.
    pub fn event_count(&self, kind: usize) -> u64 {
        self.events.as_ref().map_or(0, |e| e.count[0][kind] as u64 + e.count[1][kind] as u64)
    }
    pub fn packets(&self) -> u64 {
        self.dirs[0].packets as u64 + self.dirs[1].packets as u64
    }
    /// SYNs sent again, by either end.
    pub fn syn_again(&self) -> u64 {
        self.dirs.iter().map(|d| u64::from(d.syn.saturating_sub(1))).sum()
    }
    /// The handshake's two sides are seen, and not both offered window scaling.
    pub fn is_unscaled(&self) -> bool {
        let seen = self.syn_frame > 0 && self.syn_ack_frame > 0;
        seen && self.dirs.iter().any(|d| d.window_scale.is_none())
    }
    /// The network's part of an exchange: the shortest time from the capture point to the server and back, as far as an
    /// exchange does not take less. None: no round trip or no exchange is known.
    pub fn network_ns(&self) -> Option<u64> {
        let to_server = &self.dirs[0];
        (to_server.rtt_count > 0 && self.turns.count > 0).then(|| to_server.rtt_min_ns.min(self.turns.min_ns))
    }
}
