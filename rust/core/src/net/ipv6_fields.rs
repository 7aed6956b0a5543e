//! Fields of IPv6 headers and extension headers (RFC 8200).

use super::ipv4_fields::{CODEPOINTS, ECNS, PROTOCOLS};
use crate::addr::IpAddr;
use crate::fields;
use crate::filter::extract::{Around, Extent, Layer};
use crate::filter::registry::Group;
use crate::filter::{FieldId, Sink};
use crate::layers::Proto;

fields! {
    Group::Ipv6, "ipv6", None;
    REASSEMBLED_IN = frame_number("ipv6.reassembled.in", "Frame in which the datagram is put together").look_ahead();
    VERSION = u8("ipv6.version", "Version");
    TCLASS = u32("ipv6.tclass", "Traffic class").hex();
    TCLASS_DSCP = u32("ipv6.tclass.dscp", "Differentiated services codepoint").table(&CODEPOINTS);
    TCLASS_ECN = u32("ipv6.tclass.ecn", "Explicit congestion notification").table(&ECNS);
    FLOW = u24("ipv6.flow", "Flow label").hex();
    PLEN = u16("ipv6.plen", "Payload length");
    NXT = u8("ipv6.nxt", "Next header").table(&PROTOCOLS);
    HLIM = u8("ipv6.hlim", "Hop limit");
    SRC = ipv6("ipv6.src", "Source address");
    ADDR = ipv6("ipv6.addr", "Source or destination address");
    SRC_HOST = string("ipv6.src_host", "Source address as text");
    HOST = string("ipv6.host", "Source or destination address as text");
    DST = ipv6("ipv6.dst", "Destination address");
    DST_HOST = string("ipv6.dst_host", "Destination address as text");
    OPT = label("ipv6.opt", "Option");
    OPT_TYPE = u8("ipv6.opt.type", "Option type").hex();
    OPT_LENGTH = u8("ipv6.opt.length", "Option length");
    OPT_PAD1 = label("ipv6.opt.pad1", "Pad1");
    OPT_PADN = bytes("ipv6.opt.padn", "PadN").may_be_empty();
    OPT_ROUTER_ALERT = u16("ipv6.opt.router_alert", "Router alert");
    OPT_JUMBO = u32("ipv6.opt.jumbo", "Jumbo payload length");
    OPT_TEL = u8("ipv6.opt.tel", "Tunnel encapsulation limit");
    HOPOPTS_NXT = u8("ipv6.hopopts.nxt", "Hop-by-hop options: next header").table(&PROTOCOLS);
    HOPOPTS_LEN = u8("ipv6.hopopts.len", "Hop-by-hop options: length");
    HOPOPTS_LEN_OCT = u16("ipv6.hopopts.len_oct", "Hop-by-hop options: length in bytes");
    DSTOPTS_NXT = u8("ipv6.dstopts.nxt", "Destination options: next header").table(&PROTOCOLS);
    DSTOPTS_LEN = u8("ipv6.dstopts.len", "Destination options: length");
    DSTOPTS_LEN_OCT = u16("ipv6.dstopts.len_oct", "Destination options: length in bytes");
    ROUTING_NXT = u8("ipv6.routing.nxt", "Routing: next header").table(&PROTOCOLS);
    ROUTING_LEN = u8("ipv6.routing.len", "Routing: length");
    ROUTING_LEN_OCT = u16("ipv6.routing.len_oct", "Routing: length in bytes");
    ROUTING_TYPE = u8("ipv6.routing.type", "Routing: type");
    ROUTING_SEGLEFT = u8("ipv6.routing.segleft", "Routing: segments left");
    FRAGHDR_NXT = u8("ipv6.fraghdr.nxt", "Fragment: next header").table(&PROTOCOLS);
    FRAGHDR_OFFSET = u16("ipv6.fraghdr.offset", "Fragment: offset");
    FRAGHDR_MORE = boolean("ipv6.fraghdr.more", "Fragment: more fragments");
    FRAGHDR_IDENT = u32("ipv6.fraghdr.ident", "Fragment: identification").hex();
}

fn address(a: [u8; 16], at: usize, own: FieldId, host: FieldId, sink: &mut Sink) {
    sink.ipv6(own, a, at);
    sink.ipv6(ADDR, a, at);
    if sink.wants(host) || sink.wants(HOST) {
        let text = IpAddr::v6(a).to_string();
        sink.text(host, text.as_bytes(), at, 16);
        sink.text(HOST, text.as_bytes(), at, 16);
    }
}

pub(crate) fn extract(l: &Layer<'_>, _: &Around<'_>, sink: &mut Sink) -> Extent {
    match l.header.proto {
        Proto::Ipv6 => header(l, sink),
        Proto::Ipv6Fraghdr => fragment(l, sink),
        Proto::Ipv6Hopopts => options(l, [HOPOPTS_NXT, HOPOPTS_LEN, HOPOPTS_LEN_OCT], sink),
        Proto::Ipv6Dstopts => options(l, [DSTOPTS_NXT, DSTOPTS_LEN, DSTOPTS_LEN_OCT], sink),
        _ => routing(l, sink),
    }
}

fn header(l: &Layer<'_>, sink: &mut Sink) -> Extent {
    let all = match l.u16(4) {
        Some(n) if n > 0 => l.data.len().min(40 + n as usize),
        _ => l.data.len(),
    };
    let extent = Extent::new(40, all);
    let Some(word) = l.u32(0) else { return extent };
    sink.uint(VERSION, (word >> 28) as u64, 0, 1);
    // Wireshark gives it under both names.
    sink.uint(super::ipv4_fields::VERSION, (word >> 28) as u64, 0, 1);
    if word >> 28 != 6 {
        return extent;
    }
    sink.uint(TCLASS, (word >> 20 & 0xff) as u64, 0, 4);
    sink.uint(TCLASS_DSCP, (word >> 22 & 0x3f) as u64, 0, 4);
    sink.uint(TCLASS_ECN, (word >> 20 & 3) as u64, 0, 4);
    sink.uint(FLOW, (word & 0xf_ffff) as u64, 1, 3);
    let Some(h) = l.array::<40>(0) else { return extent };
    sink.uint(PLEN, u16::from_be_bytes([h[4], h[5]]) as u64, 4, 2);
    sink.uint(NXT, h[6] as u64, 6, 1);
    sink.uint(HLIM, h[7] as u64, 7, 1);
    if let (Some(src), Some(dst)) = (l.array::<16>(8), l.array::<16>(24)) {
        address(src, 8, SRC, SRC_HOST, sink);
        address(dst, 24, DST, DST_HOST, sink);
    }
    extent
}

fn fragment(l: &Layer<'_>, sink: &mut Sink) -> Extent {
    if let Some([next, _, o0, o1, i0, i1, i2, i3]) = l.array::<8>(0) {
        let field = u16::from_be_bytes([o0, o1]);
        sink.uint(FRAGHDR_NXT, next as u64, 0, 1);
        sink.uint(FRAGHDR_OFFSET, (field >> 3) as u64, 2, 2);
        sink.boolean(FRAGHDR_MORE, field & 1 != 0, 2, 2);
        sink.uint(FRAGHDR_IDENT, u32::from_be_bytes([i0, i1, i2, i3]) as u64, 4, 4);
    }
    Extent::new(8, l.data.len())
}

/// Next header and length, in front of options and of routing data; the header's length.
fn front(l: &Layer<'_>, [next, len, octets]: [FieldId; 3], sink: &mut Sink) -> usize {
    let (Some(n), Some(length)) = (l.u8(0), l.u8(1)) else { return l.data.len() };
    let whole = (usize::from(length) + 1) * 8;
    sink.uint(next, n as u64, 0, 1);
    sink.uint(len, length as u64, 1, 1);
    sink.uint(octets, whole as u64, 1, 1);
    whole
}

fn options(l: &Layer<'_>, fields: [FieldId; 3], sink: &mut Sink) -> Extent {
    let whole = front(l, fields, sink);
    let extent = Extent::new(whole, l.data.len());
    let mut at = 2;
    // Ends: every turn moves on by at least one byte.
    while at < whole {
        let Some(kind) = l.u8(at) else { return extent };
        if kind == 0 {
            sink.label(OPT_PAD1, at, 1);
            at += 1;
            continue;
        }
        let Some(length) = l.u8(at + 1) else { return extent };
        let len = length as usize;
        sink.label(OPT, at, 2 + len);
        sink.uint(OPT_TYPE, kind as u64, at, 1);
        sink.uint(OPT_LENGTH, length as u64, at + 1, 1);
        match (kind, len) {
            (1, n) => {
                if let Some(padding) = l.data.get(at + 2..at + 2 + n) {
                    sink.bytes(OPT_PADN, padding, at + 2);
                }
            }
            (4, 1) => l.u8(at + 2).into_iter().for_each(|v| sink.uint(OPT_TEL, v as u64, at + 2, 1)),
            (5, 2) => l.u16(at + 2).into_iter().for_each(|v| sink.uint(OPT_ROUTER_ALERT, v as u64, at + 2, 2)),
            (0xc2, 4) => l.u32(at + 2).into_iter().for_each(|v| sink.uint(OPT_JUMBO, v as u64, at + 2, 4)),
            _ => {}
        }
        at += 2 + len;
    }
    extent
}

fn routing(l: &Layer<'_>, sink: &mut Sink) -> Extent {
    let whole = front(l, [ROUTING_NXT, ROUTING_LEN, ROUTING_LEN_OCT], sink);
    if let (Some(kind), Some(left)) = (l.u8(2), l.u8(3)) {
        sink.uint(ROUTING_TYPE, kind as u64, 2, 1);
        sink.uint(ROUTING_SEGLEFT, left as u64, 3, 1);
    }
    Extent::new(whole, l.data.len())
}
