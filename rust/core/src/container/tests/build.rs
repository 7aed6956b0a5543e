//! Captures built by hand, byte for byte from the format descriptions.

use crate::container::bytes::Order;
use crate::container::{FileFacts, FormatError, Reader};
use crate::limits::Limits;
use crate::record::{Record, RecordKind, Timestamp};
use std::ops::ControlFlow;

/// A record as it was seen, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) data: Vec<u8>,
    pub(super) wire: u32,
    pub(super) time: (i64, i32),
    pub(super) has_time: bool,
    pub(super) link: u16,
    pub(super) interface: Option<u32>,
    pub(super) fcs_len: Option<u8>,
    pub(super) packet: bool,
    pub(super) offset: u64,
    pub(super) recovered: bool,
}

impl Seen {
    fn new(record: &Record<'_>) -> Self {
        let Timestamp { secs, nanos } = record.time;
        Self {
            data: record.data.to_vec(),
            wire: record.wire_len,
            time: (secs, nanos),
            has_time: record.has_time,
            link: record.link.0,
            interface: record.interface,
            fcs_len: record.fcs_len,
            packet: record.kind == RecordKind::Packet,
            offset: record.offset,
            recovered: record.recovered,
        }
    }
}

/// What reading a whole capture gave.
pub(super) struct Outcome {
    pub(super) seen: Vec<Seen>,
    pub(super) facts: FileFacts,
    pub(super) result: Result<(), FormatError>,
}

impl Outcome {
    /// (offset, reason) of each damaged place.
    pub(super) fn damage(&self) -> Vec<(u64, &'static str)> {
        self.facts.damage.iter().map(|damage| (damage.offset, damage.reason)).collect()
    }

    /// First byte of each record's data.
    pub(super) fn tags(&self) -> Vec<u8> {
        self.seen.iter().map(|seen| seen.data.first().copied().unwrap_or_default()).collect()
    }

    /// The same of the recovered ones.
    pub(super) fn recovered(&self) -> Vec<u8> {
        let recovered = self.seen.iter().filter(|seen| seen.recovered);
        recovered.map(|seen| seen.data.first().copied().unwrap_or_default()).collect()
    }

    pub(super) fn code(&self) -> &'static str {
        self.result.as_ref().err().map_or("", |error| error.code)
    }
}

/// Reads `bytes` in chunks of `chunk` bytes.
pub(super) fn read_in(bytes: &[u8], resync: bool, chunk: usize) -> Outcome {
    let mut reader = Reader::new(&Limits::default(), resync);
    let mut seen = Vec::new();
    let mut sink = |record: &Record<'_>| {
        seen.push(Seen::new(record));
        ControlFlow::Continue(())
    };
    let mut result = Ok(());
    for chunk in bytes.chunks(chunk) {
        result = result.and_then(|()| reader.feed(chunk, &mut sink));
    }
    result = result.and_then(|()| reader.finish(&mut sink));
    Outcome { seen, facts: reader.facts().clone(), result }
}

/// Reads `bytes` whole, and checks that one byte at a time gives the same.
pub(super) fn read(bytes: &[u8], resync: bool) -> Outcome {
    let whole = read_in(bytes, resync, bytes.len().max(1));
    let single = read_in(bytes, resync, 1);
    assert_eq!(whole.seen, single.seen);
    assert_eq!(whole.result, single.result);
    assert_eq!(format!("{:?}", whole.facts), format!("{:?}", single.facts));
    whole
}

/// Integers in one byte order.
#[derive(Clone, Copy)]
pub(super) struct Put(pub(super) Order);

impl Put {
    pub(super) fn u16(self, value: u16) -> [u8; 2] {
        if self.0 == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    pub(super) fn u32(self, value: u32) -> [u8; 4] {
        if self.0 == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    pub(super) fn u64(self, value: u64) -> [u8; 8] {
        if self.0 == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    pub(super) fn words(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|&value| self.u32(value)).collect()
    }
}

/// A pcap file header.
pub(super) fn pcap_header(order: Order, magic: u32, version: (u16, u16), network: u32) -> Vec<u8> {
    let put = Put(order);
    let mut out = put.u32(magic).to_vec();
    out.extend(put.u16(version.0));
    out.extend(put.u16(version.1));
    out.extend(put.words(&[0, 0, 65_535, network]));
    out
}

/// A pcap record: four integers and data.
pub(super) fn pcap_record(order: Order, fields: [u32; 4], data: &[u8]) -> Vec<u8> {
    [Put(order).words(&fields), data.to_vec()].concat()
}

/// A little-endian pcap of packets that are 20 bytes of their own number, a second apart.
pub(super) fn numbered(count: u8) -> Vec<u8> {
    let mut out = pcap_header(Order::Little, 0xa1b2_c3d4, (2, 4), 1);
    for number in 1..=count {
        out.extend(numbered_record(number));
    }
    out
}

/// One record of [`numbered`]; 36 bytes.
pub(super) fn numbered_record(number: u8) -> Vec<u8> {
    pcap_record(Order::Little, [1_700_000_000 + u32::from(number), 7, 20, 30], &[number; 20])
}

/// Blocks of a pcapng file.
#[derive(Clone, Copy)]
pub(super) struct Blocks(pub(super) Order);

impl Blocks {
    pub(super) fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let put = Put(self.0);
        let padding = body.len().next_multiple_of(4) - body.len();
        let total = put.u32((12 + body.len() + padding) as u32);
        [&put.u32(kind), &total, body, &vec![0; padding], &total].concat()
    }

    pub(super) fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let put = Put(self.0);
        let padding = value.len().next_multiple_of(4) - value.len();
        [&put.u16(code), &put.u16(value.len() as u16), value, &vec![0; padding]].concat()
    }

    pub(super) fn section(self, version: (u16, u16), options: &[u8]) -> Vec<u8> {
        let put = Put(self.0);
        let mut body = put.u32(0x1a2b_3c4d).to_vec();
        body.extend(put.u16(version.0));
        body.extend(put.u16(version.1));
        body.extend(put.u64(u64::MAX));
        body.extend(options);
        self.block(0x0a0d_0d0a, &body)
    }

    pub(super) fn interface(self, link: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
        let put = Put(self.0);
        self.block(1, &[&put.u16(link)[..], &[0, 0], &put.u32(snaplen), options].concat())
    }

    /// Enhanced packet block.
    pub(super) fn packet(self, interface: u32, ticks: u64, data: &[u8], options: &[u8]) -> Vec<u8> {
        let len = data.len() as u32;
        let mut body = Put(self.0).words(&[interface, (ticks >> 32) as u32, ticks as u32, len, len + 4]);
        body.extend(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options);
        self.block(6, &body)
    }
}
