//! Fields of UDP headers (RFC 768).

use crate::fields;
use crate::filter::Sink;
use crate::filter::extract::{Around, Extent, Layer};
use crate::filter::registry::Group;
use crate::net::ipv4_fields::CHECKSUM_STATES;

fields! {
    Group::Udp, "udp", None;
    SRCPORT = u16("udp.srcport", "Source port");
    DSTPORT = u16("udp.dstport", "Destination port");
    PORT = u16("udp.port", "Source or destination port");
    LENGTH = u16("udp.length", "Length");
    CHECKSUM = u16("udp.checksum", "Checksum").hex();
    CHECKSUM_STATUS = u8("udp.checksum.status", "Checksum status").table(&CHECKSUM_STATES);
    STREAM = u32("udp.stream", "Stream index").stateful();
    TIME_RELATIVE = duration("udp.time_relative", "Time since the first frame of the stream").stateful();
    TIME_DELTA = duration("udp.time_delta", "Time since the previous frame of the stream").stateful();
    PAYLOAD = bytes("udp.payload", "Payload");
}

pub(crate) fn extract(l: &Layer<'_>, a: &Around<'_>, sink: &mut Sink) -> Extent {
    let extent = Extent::new(8, l.data.len());
    let (Some(src), Some(dst)) = (l.u16(0), l.u16(2)) else { return extent };
    sink.uint(SRCPORT, src as u64, 0, 2);
    sink.uint(DSTPORT, dst as u64, 2, 2);
    sink.uint(PORT, src as u64, 0, 2);
    sink.uint(PORT, dst as u64, 2, 2);
    let (Some(length), Some(checksum)) = (l.u16(4), l.u16(6)) else { return extent };
    sink.uint(LENGTH, length as u64, 4, 2);
    if (1..8).contains(&length) {
        // Cannot be: Wireshark reads no further.
        return extent;
    }
    sink.uint(CHECKSUM, checksum as u64, 6, 2);
    sink.uint(CHECKSUM_STATUS, if checksum == 0 { 3 } else { 2 }, 6, 2);
    if let Some(datagram) = a.datagram(&l.header.span) {
        sink.uint(STREAM, datagram.stream.into(), 8, 0);
        if let Some((first, last)) = datagram.since_ns {
            sink.nanos(TIME_RELATIVE, first, 8, 0);
            sink.nanos(TIME_DELTA, last, 8, 0);
        }
    }
    let payload = match length {
        0 => l.data.len().saturating_sub(8),
        n => (n as usize).saturating_sub(8),
    };
    let span = l.span(8, payload);
    if span.len > 0 {
        sink.span(PAYLOAD, span, span.len);
    }
    extent
}
