//! One record of a capture file, and the sink that takes records as they are found.

use std::ops::ControlFlow;

/// Packet time as the file gives it: seconds since 1970 and a fraction in nanoseconds.
///
/// `nanos` is normally 0..1_000_000_000; a damaged file can hold anything, and it is kept as read so that the
/// packet can be shown as Wireshark shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    pub secs: i64,
    pub nanos: i32,
}

impl Timestamp {
    /// Nanoseconds since 1970, saturating: beyond the years 1677 and 2262 order is kept, distance is not.
    #[inline]
    pub fn as_nanos(self) -> i64 {
        self.secs.saturating_mul(1_000_000_000).saturating_add(self.nanos as i64)
    }
    /// Nanoseconds since 1970 modulo 2^64: differences of near times hold in any year, order does not.
    #[inline]
    pub fn wrapping_nanos(self) -> i64 {
        self.secs.wrapping_mul(1_000_000_000).wrapping_add(self.nanos as i64)
    }
}

/// LINKTYPE_ value of the tcpdump registry (pcap and pcapng use it as is; other formats are mapped to it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u16);

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// A packet.
    Packet,
    /// Something that is not a packet but that tshark numbers as a frame (a pcapng custom block ...).
    Other,
}

/// One record. Borrows from the chunk (or from the reader's carry buffer); valid only inside the sink call.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Captured bytes, link header first.
    pub data: &'a [u8],
    /// Length on the wire. Can be smaller than `data.len()` in odd files.
    pub wire_len: u32,
    pub time: Timestamp,
    /// False where the format gives no time (pcapng simple packet block).
    pub has_time: bool,
    pub link: LinkType,
    /// Interface in order of appearance over all sections of the file, from 0. None: the format has no interfaces.
    pub interface: Option<u32>,
    /// Frame check sequence at the end of the data, in bytes, where the file says so (else None).
    pub fcs_len: Option<u8>,
    pub kind: RecordKind,
    /// Offset of the record in the decompressed stream, bytes.
    pub offset: u64,
    /// True behind the first damage of the file (found again by resync).
    pub recovered: bool,
}

/// Takes records in file order. `Break` stops the reader: it ignores all further input.
pub trait RecordSink {
    fn record(&mut self, record: &Record<'_>) -> ControlFlow<()>;

    /// Session secrets that stand in front of the next record: a key log of TLS.
    fn tls_secrets(&mut self, log: &[u8]) {
        let _ = log;
    }
}

impl<F: FnMut(&Record<'_>) -> ControlFlow<()>> RecordSink for F {
    fn record(&mut self, record: &Record<'_>) -> ControlFlow<()> {
        self(record)
    }
}
