//! Fields of ICMP messages (RFC 792).

use crate::fields;
use crate::filter::Sink;
use crate::filter::extract::{Around, Extent, Layer};
use crate::filter::registry::Group;
use crate::layers::Proto;
use crate::net::ipv4_fields::CHECKSUM_STATES;

fields! {
    Group::Icmp, "icmp", None;
    TYPE = u8("icmp.type", "Type");
    CODE = u8("icmp.code", "Code");
    CHECKSUM = u16("icmp.checksum", "Checksum").hex();
    CHECKSUM_STATUS = u8("icmp.checksum.status", "Checksum status").table(&CHECKSUM_STATES);
    IDENT = u16("icmp.ident", "Identifier, big-endian");
    IDENT_LE = u16("icmp.ident_le", "Identifier, little-endian");
    SEQ = u16("icmp.seq", "Sequence number, big-endian");
    SEQ_LE = u16("icmp.seq_le", "Sequence number, little-endian");
    MTU = u16("icmp.mtu", "MTU of the next hop");
    POINTER = u32("icmp.pointer", "Pointer");
    REDIR_GW = ipv4("icmp.redir_gw", "Gateway address");
    NUM_ADDRS = u8("icmp.num_addrs", "Number of addresses");
    ADDR_ENTRY_SIZE = u8("icmp.addr_entry_size", "Address entry size");
    LIFETIME = u16("icmp.lifetime", "Lifetime");
    ROUTER_ADDRESS = ipv4("icmp.router_address", "Router address");
    PREF_LEVEL = i32("icmp.pref_level", "Preference level");
    ORIGINATE = u32("icmp.originate_timestamp", "Originate timestamp");
    RECEIVE = u32("icmp.receive_timestamp", "Receive timestamp");
    TRANSMIT = u32("icmp.transmit_timestamp", "Transmit timestamp");
    ADDRESS_MASK = ipv4("icmp.address_mask", "Address mask");
    RESP_IN = frame_number("icmp.resp_in", "Response frame").look_ahead();
    NO_RESP_FOUND = label("icmp.resp_not_found", "No response seen, as an expert remark").look_ahead();
    NO_RESP = label("icmp.no_resp", "No response seen").look_ahead();
}

/// The Internet checksum (RFC 1071) of bytes, on top of `sum`; 0 where the checksum in them is right.
pub(crate) fn checksum(data: &[u8], sum: u32) -> u16 {
    let pairs = data.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(c.get(1).copied().unwrap_or(0)));
    let mut sum = pairs.fold(u64::from(sum), |s, v| s + u64::from(v));
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

pub(crate) fn extract(l: &Layer<'_>, a: &Around<'_>, sink: &mut Sink) -> Extent {
    let extent = Extent::new(l.data.len(), l.data.len());
    if !sink.wants_table(Group::Icmp) {
        return extent;
    }
    let (Some(kind), Some(code), Some(sum)) = (l.u8(0), l.u8(1), l.u16(2)) else { return extent };
    sink.uint(TYPE, kind as u64, 0, 1);
    sink.uint(CODE, code as u64, 1, 1);
    sink.uint(CHECKSUM, sum as u64, 2, 2);
    if sink.wants(CHECKSUM_STATUS) {
        let whole = l.data.len() as u64 >= u64::from(l.wire);
        // Quoted in another error, it is not verified.
        let quoted = a.headers.iter().any(|h| h.proto == Proto::Icmp && h.span.start < l.header.span.start);
        let status = if !whole || quoted { 2 } else { u64::from(checksum(l.data, 0) == 0) };
        sink.uint(CHECKSUM_STATUS, status, 2, 2);
    }
    if matches!(kind, 0 | 8 | 13..=18) {
        for (at, big, little) in [(4, IDENT, IDENT_LE), (6, SEQ, SEQ_LE)] {
            if let Some(v) = l.u16(at) {
                sink.uint(big, v as u64, at, 2);
                sink.uint(little, v.swap_bytes() as u64, at, 2);
            }
        }
    }
    match kind {
        3 if code == 4 => l.u16(6).into_iter().for_each(|v| sink.uint(MTU, v as u64, 6, 2)),
        5 => l.array::<4>(4).into_iter().for_each(|a| sink.ipv4(REDIR_GW, a, 4)),
        12 => l.u8(4).into_iter().for_each(|v| sink.uint(POINTER, v as u64, 4, 1)),
        9 => routers(l, sink),
        13 | 14 => {
            for (at, field) in [(8, ORIGINATE), (12, RECEIVE), (16, TRANSMIT)] {
                l.u32(at).into_iter().for_each(|v| sink.uint(field, v as u64, at, 4));
            }
        }
        17 | 18 => l.array::<4>(8).into_iter().for_each(|a| sink.ipv4(ADDRESS_MASK, a, 8)),
        _ => {}
    }
    extent
}

/// Router advertisement (RFC 1256).
fn routers(l: &Layer<'_>, sink: &mut Sink) {
    let (Some(count), Some(size), Some(lifetime)) = (l.u8(4), l.u8(5), l.u16(6)) else { return };
    sink.uint(NUM_ADDRS, count as u64, 4, 1);
    sink.uint(ADDR_ENTRY_SIZE, size as u64, 5, 1);
    sink.uint(LIFETIME, lifetime as u64, 6, 2);
    if size != 2 {
        return;
    }
    for i in 0..count as usize {
        let at = 8 + 8 * i;
        let (Some(address), Some(level)) = (l.array::<4>(at), l.u32(at + 4)) else { return };
        sink.ipv4(ROUTER_ADDRESS, address, at);
        sink.int(PREF_LEVEL, level as i32 as i64, at + 4, 4);
    }
}
