//! What one feed of the engine returns. Nothing in it borrows from the input.

use crate::addr::{IpAddr, MacAddr};
use crate::app::Message;
use crate::container::Interface;
use crate::filter::Row;
use crate::flow::connection::Connection;
use crate::layers::{Layers, Proto};
use crate::record::{Record, RecordKind};

/// Header values of one packet, for callers who want to see each of them.
#[derive(Clone, Debug)]
pub struct PacketHeader {
    /// Frame number, from 1.
    pub number: u64,
    pub time_ns: i64,
    pub wire_bytes: u32,
    pub captured_bytes: u32,
    pub path: Box<[Proto]>,
    /// Outermost Ethernet addresses.
    pub eth: Option<(MacAddr, MacAddr)>,
    /// Addresses and TTL of the innermost IP layer that is not quoted.
    pub ip: Option<(IpAddr, IpAddr, u8)>,
    /// Innermost transport header.
    pub transport: Option<Transport>,
    pub interface: Option<u32>,
    pub recovered: bool,
}

/// Transport header values of a [`PacketHeader`].
#[derive(Clone, Copy, Debug)]
pub struct Transport {
    pub proto: Proto,
    pub src_port: u16,
    pub dst_port: u16,
    /// Payload on the wire, bytes; None: not known because the header is cut.
    pub payload_bytes: Option<u32>,
    pub tcp: Option<TcpValues>,
}

/// TCP values of a [`Transport`].
#[derive(Clone, Copy, Debug)]
pub struct TcpValues {
    pub seq: u32,
    pub ack: u32,
    pub flags: u16,
    pub window: u16,
    /// Stream and analysis events; None when TCP analysis is off.
    pub verdict: Option<(u32, u16)>,
}

impl PacketHeader {
    pub(crate) fn new(record: &Record<'_>, number: u64, layers: &Layers, verdict: Option<(u32, u16)>) -> Self {
        let transport = match (&layers.tcp, layers.udps.last()) {
            (Some(t), _) => Some(Transport {
                proto: Proto::Tcp,
                src_port: t.src_port,
                dst_port: t.dst_port,
                payload_bytes: t.len,
                tcp: Some(TcpValues { seq: t.seq, ack: t.ack, flags: t.flags, window: t.window, verdict }),
            }),
            (None, Some(u)) => Some(Transport {
                proto: Proto::Udp,
                src_port: u.src_port,
                dst_port: u.dst_port,
                payload_bytes: Some(u.len),
                tcp: None,
            }),
            (None, None) => None,
        };
        Self {
            number,
            time_ns: record.time.as_nanos(),
            wire_bytes: record.wire_len,
            captured_bytes: record.data.len() as u32,
            path: if record.kind == RecordKind::Packet { layers.path.as_slice().into() } else { [].into() },
            eth: layers.eths.first().copied(),
            ip: layers.nets.iter().rfind(|n| !n.quoted).map(|n| (n.src, n.dst, n.ttl)),
            transport,
            interface: record.interface,
            recovered: record.recovered,
        }
    }
}

/// What one feed found.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Frames read by this feed.
    pub frames: u64,
    /// Latest packet time so far.
    pub latest_ns: Option<i64>,
    /// Only when the plan asks for packets.
    pub packets: Vec<PacketHeader>,
    /// Connections that ended, only when the plan asks for them.
    pub connections: Vec<Connection>,
    /// Messages of the application protocols of the plan, in frame order.
    pub messages: Vec<Message>,
    /// Frames that passed the filter, only when the plan asks for rows.
    pub rows: Vec<Row>,
    /// Interfaces of the file that were not known before, in order; only with rows that have the bytes of frames.
    pub interfaces: Vec<Interface>,
}
