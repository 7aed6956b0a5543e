//! Fields of ICMPv6 messages (RFC 4443) and neighbor discovery (RFC 4861).

use crate::fields;
use crate::filter::Sink;
use crate::filter::extract::{Around, Extent, Layer};
use crate::filter::registry::Group;

fields! {
    Group::Icmpv6, "icmpv6", None;
    TYPE = u8("icmpv6.type", "Type").table(&TYPES);
    CODE = u8("icmpv6.code", "Code");
    CHECKSUM = u16("icmpv6.checksum", "Checksum").hex();
    ECHO_IDENTIFIER = u16("icmpv6.echo.identifier", "Identifier").hex();
    ECHO_SEQUENCE = u16("icmpv6.echo.sequence_number", "Sequence");
    MTU = u32("icmpv6.mtu", "MTU");
    POINTER = u32("icmpv6.pointer", "Pointer");
    RA_HOP_LIMIT = u8("icmpv6.nd.ra.cur_hop_limit", "Router advertisement: hop limit");
    RA_FLAG = u8("icmpv6.nd.ra.flag", "Router advertisement: flags").hex();
    RA_FLAG_M = boolean("icmpv6.nd.ra.flag.m", "Router advertisement: managed addresses").set();
    RA_FLAG_O = boolean("icmpv6.nd.ra.flag.o", "Router advertisement: other configuration").set();
    RA_FLAG_H = boolean("icmpv6.nd.ra.flag.h", "Router advertisement: home agent").set();
    RA_FLAG_PRF = u8("icmpv6.nd.ra.flag.prf", "Router advertisement: preference");
    RA_FLAG_P = boolean("icmpv6.nd.ra.flag.p", "Router advertisement: proxy").set();
    RA_LIFETIME = u16("icmpv6.nd.ra.router_lifetime", "Router lifetime, s");
    RA_REACHABLE = u32("icmpv6.nd.ra.reachable_time", "Reachable time, ms");
    RA_RETRANS = u32("icmpv6.nd.ra.retrans_timer", "Retransmission timer, ms");
    NS_TARGET = ipv6("icmpv6.nd.ns.target_address", "Neighbor solicitation: target");
    NA_FLAG = u32("icmpv6.nd.na.flag", "Neighbor advertisement: flags").hex();
    NA_FLAG_R = boolean("icmpv6.nd.na.flag.r", "Neighbor advertisement: router").set();
    NA_FLAG_S = boolean("icmpv6.nd.na.flag.s", "Neighbor advertisement: solicited").set();
    NA_FLAG_O = boolean("icmpv6.nd.na.flag.o", "Neighbor advertisement: override").set();
    NA_TARGET = ipv6("icmpv6.nd.na.target_address", "Neighbor advertisement: target");
    RD_TARGET = ipv6("icmpv6.nd.rd.target_address", "Redirect: target");
    RD_DESTINATION = ipv6("icmpv6.rd.na.destination_address", "Redirect: destination");
    OPT = label("icmpv6.opt", "Option");
    OPT_TYPE = u8("icmpv6.opt.type", "Option type");
    OPT_LENGTH = u8("icmpv6.opt.length", "Option length, units of 8 bytes");
    OPT_LINKADDR = bytes("icmpv6.opt.linkaddr", "Link-layer address").colons();
    OPT_SRC_LINKADDR = bytes("icmpv6.opt.src_linkaddr", "Source link-layer address").colons();
    OPT_TARGET_LINKADDR = bytes("icmpv6.opt.target_linkaddr", "Target link-layer address").colons();
    OPT_PREFIX_LENGTH = u8("icmpv6.opt.prefix.length", "Prefix length");
    OPT_PREFIX_FLAG = u8("icmpv6.opt.prefix.flag", "Prefix flags").hex();
    OPT_PREFIX_FLAG_L = boolean("icmpv6.opt.prefix.flag.l", "Prefix: on-link").set();
    OPT_PREFIX_FLAG_A = boolean("icmpv6.opt.prefix.flag.a", "Prefix: autonomous configuration").set();
    OPT_PREFIX_FLAG_R = boolean("icmpv6.opt.prefix.flag.r", "Prefix: router address").set();
    OPT_PREFIX_VALID = u32("icmpv6.opt.prefix.valid_lifetime", "Prefix: valid lifetime, s");
    OPT_PREFIX_PREFERRED = u32("icmpv6.opt.prefix.preferred_lifetime", "Prefix: preferred lifetime, s");
    OPT_PREFIX = ipv6("icmpv6.opt.prefix", "Prefix");
    OPT_MTU = u32("icmpv6.opt.mtu", "Option: MTU");
    RESP_IN = frame_number("icmpv6.resp_in", "Response frame").look_ahead();
    NO_RESP = label("icmpv6.no_resp", "No response seen").look_ahead();
}

static TYPES: [(u64, &str); 15] = [
    (1, "Destination Unreachable"),
    (2, "Packet Too Big"),
    (3, "Time Exceeded"),
    (4, "Parameter Problem"),
    (128, "Echo (ping) request"),
    (129, "Echo (ping) reply"),
    (130, "Multicast Listener Query"),
    (131, "Multicast Listener Report"),
    (132, "Multicast Listener Done"),
    (133, "Router Solicitation"),
    (134, "Router Advertisement"),
    (135, "Neighbor Solicitation"),
    (136, "Neighbor Advertisement"),
    (137, "Redirect"),
    (143, "Multicast Listener Report Message v2"),
];

pub(crate) fn extract(l: &Layer<'_>, _: &Around<'_>, sink: &mut Sink) -> Extent {
    let extent = Extent::new(l.data.len(), l.data.len());
    if !sink.wants_table(Group::Icmpv6) {
        return extent;
    }
    let (Some(kind), Some(code)) = (l.u8(0), l.u8(1)) else { return extent };
    sink.uint(TYPE, kind as u64, 0, 1);
    sink.uint(CODE, code as u64, 1, 1);
    l.u16(2).into_iter().for_each(|v| sink.uint(CHECKSUM, v as u64, 2, 2));
    match kind {
        2 => l.u32(4).into_iter().for_each(|v| sink.uint(MTU, v as u64, 4, 4)),
        4 => l.u32(4).into_iter().for_each(|v| sink.uint(POINTER, v as u64, 4, 4)),
        128 | 129 => {
            l.u16(4).into_iter().for_each(|v| sink.uint(ECHO_IDENTIFIER, v as u64, 4, 2));
            l.u16(6).into_iter().for_each(|v| sink.uint(ECHO_SEQUENCE, v as u64, 6, 2));
        }
        133 => options(l, 8, sink),
        134 => {
            router_advertisement(l, sink);
            options(l, 16, sink);
        }
        135 => {
            l.array::<16>(8).into_iter().for_each(|a| sink.ipv6(NS_TARGET, a, 8));
            options(l, 24, sink);
        }
        136 => {
            if let Some(flags) = l.u32(4) {
                sink.uint(NA_FLAG, flags as u64, 4, 4);
                sink.boolean(NA_FLAG_R, flags & 0x8000_0000 != 0, 4, 4);
                sink.boolean(NA_FLAG_S, flags & 0x4000_0000 != 0, 4, 4);
                sink.boolean(NA_FLAG_O, flags & 0x2000_0000 != 0, 4, 4);
            }
            l.array::<16>(8).into_iter().for_each(|a| sink.ipv6(NA_TARGET, a, 8));
            options(l, 24, sink);
        }
        137 => {
            l.array::<16>(8).into_iter().for_each(|a| sink.ipv6(RD_TARGET, a, 8));
            l.array::<16>(24).into_iter().for_each(|a| sink.ipv6(RD_DESTINATION, a, 24));
            options(l, 40, sink);
        }
        _ => {}
    }
    extent
}

fn router_advertisement(l: &Layer<'_>, sink: &mut Sink) {
    l.u8(4).into_iter().for_each(|v| sink.uint(RA_HOP_LIMIT, v as u64, 4, 1));
    if let Some(flags) = l.u8(5) {
        sink.uint(RA_FLAG, flags as u64, 5, 1);
        sink.boolean(RA_FLAG_M, flags & 0x80 != 0, 5, 1);
        sink.boolean(RA_FLAG_O, flags & 0x40 != 0, 5, 1);
        sink.boolean(RA_FLAG_H, flags & 0x20 != 0, 5, 1);
        sink.uint(RA_FLAG_PRF, (flags >> 3 & 3) as u64, 5, 1);
        sink.boolean(RA_FLAG_P, flags & 0x04 != 0, 5, 1);
    }
    l.u16(6).into_iter().for_each(|v| sink.uint(RA_LIFETIME, v as u64, 6, 2));
    l.u32(8).into_iter().for_each(|v| sink.uint(RA_REACHABLE, v as u64, 8, 4));
    l.u32(12).into_iter().for_each(|v| sink.uint(RA_RETRANS, v as u64, 12, 4));
}

/// Route information (RFC 4191, 2.3): the prefix has as many bytes as the option.
fn route(l: &Layer<'_>, at: usize, size: usize, sink: &mut Sink) {
    l.u8(at + 2).into_iter().for_each(|v| sink.uint(OPT_PREFIX_LENGTH, v as u64, at + 2, 1));
    let mut prefix = [0; 16];
    let given = size.saturating_sub(8).min(16);
    if let Some(bytes) = l.data.get(at + 8..at + 8 + given) {
        prefix[..given].copy_from_slice(bytes);
        sink.ipv6(OPT_PREFIX, prefix, at + 8);
    }
}

/// Options of neighbor discovery: type, length in units of 8 bytes, value.
fn options(l: &Layer<'_>, mut at: usize, sink: &mut Sink) {
    // Ends: a length of 0 leaves, others move on.
    while let (Some(kind), Some(length)) = (l.u8(at), l.u8(at + 1)) {
        let size = usize::from(length) * 8;
        sink.label(OPT, at, size);
        sink.uint(OPT_TYPE, kind as u64, at, 1);
        sink.uint(OPT_LENGTH, length as u64, at + 1, 1);
        if size == 0 {
            return;
        }
        match kind {
            1 | 2 => {
                if let Some(address) = l.data.get(at + 2..at + size) {
                    let own = if kind == 1 { OPT_SRC_LINKADDR } else { OPT_TARGET_LINKADDR };
                    sink.bytes(OPT_LINKADDR, address, at + 2);
                    sink.bytes(own, address, at + 2);
                }
            }
            3 => {
                l.u8(at + 2).into_iter().for_each(|v| sink.uint(OPT_PREFIX_LENGTH, v as u64, at + 2, 1));
                if let Some(flags) = l.u8(at + 3) {
                    sink.uint(OPT_PREFIX_FLAG, flags as u64, at + 3, 1);
                    sink.boolean(OPT_PREFIX_FLAG_L, flags & 0x80 != 0, at + 3, 1);
                    sink.boolean(OPT_PREFIX_FLAG_A, flags & 0x40 != 0, at + 3, 1);
                    sink.boolean(OPT_PREFIX_FLAG_R, flags & 0x20 != 0, at + 3, 1);
                }
                l.u32(at + 4).into_iter().for_each(|v| sink.uint(OPT_PREFIX_VALID, v as u64, at + 4, 4));
                l.u32(at + 8).into_iter().for_each(|v| sink.uint(OPT_PREFIX_PREFERRED, v as u64, at + 8, 4));
                l.array::<16>(at + 16).into_iter().for_each(|a| sink.ipv6(OPT_PREFIX, a, at + 16));
            }
            24 => route(l, at, size, sink),
            5 => l.u32(at + 4).into_iter().for_each(|v| sink.uint(OPT_MTU, v as u64, at + 4, 4)),
            _ => {}
        }
        at += size;
    }
}
