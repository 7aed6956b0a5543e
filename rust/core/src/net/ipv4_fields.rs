//! Fields of IPv4 headers (RFC 791).

use crate::addr::IpAddr;
use crate::fields;
use crate::filter::extract::{Around, Extent, Layer};
use crate::filter::registry::Group;
use crate::filter::{FieldId, Sink};

fields! {
    Group::Ip, "ip", None;
    REASSEMBLED_IN = frame_number("ip.reassembled_in", "Frame in which the datagram is put together").look_ahead();
    VERSION = u8("ip.version", "Version");
    HDR_LEN = u8("ip.hdr_len", "Header length");
    DSFIELD = u8("ip.dsfield", "Differentiated services field").hex();
    DSCP = u8("ip.dsfield.dscp", "Differentiated services codepoint").table(&CODEPOINTS);
    ECN = u8("ip.dsfield.ecn", "Explicit congestion notification").table(&ECNS);
    LEN = u16("ip.len", "Total length");
    ID = u16("ip.id", "Identification").hex();
    FLAGS = u8("ip.flags", "Flags").hex();
    FLAGS_RB = boolean("ip.flags.rb", "Reserved bit").set();
    FLAGS_DF = boolean("ip.flags.df", "Don't fragment").set();
    FLAGS_MF = boolean("ip.flags.mf", "More fragments").set();
    FRAG_OFFSET = u16("ip.frag_offset", "Fragment offset");
    TTL = u8("ip.ttl", "Time to live");
    PROTO = u8("ip.proto", "Protocol").table(&PROTOCOLS);
    CHECKSUM = u16("ip.checksum", "Header checksum").hex();
    CHECKSUM_STATUS = u8("ip.checksum.status", "Header checksum status").table(&CHECKSUM_STATES);
    SRC = ipv4("ip.src", "Source address");
    ADDR = ipv4("ip.addr", "Source or destination address");
    SRC_HOST = string("ip.src_host", "Source address as text");
    HOST = string("ip.host", "Source or destination address as text");
    DST = ipv4("ip.dst", "Destination address");
    DST_HOST = string("ip.dst_host", "Destination address as text");
    OPT_TYPE = u8("ip.opt.type", "Option type").table(&OPTIONS);
    OPT_COPY = boolean("ip.opt.type.copy", "Option: copy on fragmentation");
    OPT_CLASS = u8("ip.opt.type.class", "Option class");
    OPT_NUMBER = u8("ip.opt.type.number", "Option number");
    OPT_LEN = u8("ip.opt.len", "Option length");
    OPT_PTR = u8("ip.opt.ptr", "Option pointer");
    OPT_RA = u16("ip.opt.ra", "Router alert");
}

/// What is known of a checksum. Those of IPv4, TCP and UDP are not verified, as in Wireshark by default.
pub(crate) static CHECKSUM_STATES: [(u64, &str); 5] =
    [(0, "Bad"), (1, "Good"), (2, "Unverified"), (3, "Not present"), (4, "Illegal")];

pub(crate) static CODEPOINTS: [(u64, &str); 22] = [
    (0, "Default"),
    (8, "Class Selector 1"),
    (10, "Assured Forwarding 11"),
    (12, "Assured Forwarding 12"),
    (14, "Assured Forwarding 13"),
    (16, "Class Selector 2"),
    (18, "Assured Forwarding 21"),
    (20, "Assured Forwarding 22"),
    (22, "Assured Forwarding 23"),
    (24, "Class Selector 3"),
    (26, "Assured Forwarding 31"),
    (28, "Assured Forwarding 32"),
    (30, "Assured Forwarding 33"),
    (32, "Class Selector 4"),
    (34, "Assured Forwarding 41"),
    (36, "Assured Forwarding 42"),
    (38, "Assured Forwarding 43"),
    (40, "Class Selector 5"),
    (44, "Voice Admit"),
    (46, "Expedited Forwarding"),
    (48, "Class Selector 6"),
    (56, "Class Selector 7"),
];

pub(crate) static ECNS: [(u64, &str); 4] = [
    (0, "Not ECN-Capable Transport"),
    (1, "ECN-Capable Transport codepoint '01'"),
    (2, "ECN-Capable Transport codepoint '10'"),
    (3, "Congestion Experienced"),
];

/// Protocol numbers (IANA) by Wireshark's names.
pub(crate) static PROTOCOLS: [(u64, &str); 33] = [
    (0, "IPv6 Hop-by-Hop Option"),
    (1, "ICMP"),
    (2, "IGMP"),
    (3, "GGP"),
    (4, "IPIP"),
    (6, "TCP"),
    (8, "EGP"),
    (9, "IGRP"),
    (17, "UDP"),
    (33, "DCCP"),
    (41, "IPv6"),
    (43, "Routing Header for IPv6"),
    (44, "Fragment Header for IPv6"),
    (46, "RSVP"),
    (47, "Generic Routing Encapsulation"),
    (50, "Encap Security Payload"),
    (51, "Authentication Header"),
    (54, "NHRP"),
    (58, "ICMPv6"),
    (59, "No Next Header for IPv6"),
    (60, "Destination Options for IPv6"),
    (88, "EIGRP"),
    (89, "OSPF IGP"),
    (94, "IPIP"),
    (97, "ETHERIP"),
    (103, "PIM"),
    (108, "IPComp"),
    (112, "VRRP"),
    (115, "Layer 2 Tunneling"),
    (132, "SCTP"),
    (135, "Mobile IPv6"),
    (136, "UDPlite"),
    (137, "MPLS in IP"),
];

static OPTIONS: [(u64, &str); 8] = [
    (0, "End of Options List"),
    (1, "No Operation"),
    (7, "Record Route"),
    (68, "Time Stamp"),
    (130, "Security"),
    (131, "Loose Source Route"),
    (137, "Strict Source Route"),
    (148, "Router Alert"),
];

fn address(a: [u8; 4], at: usize, own: FieldId, host: FieldId, sink: &mut Sink) {
    sink.ipv4(own, a, at);
    sink.ipv4(ADDR, a, at);
    if sink.wants(host) || sink.wants(HOST) {
        let text = IpAddr::v4(a).to_string();
        sink.text(host, text.as_bytes(), at, 4);
        sink.text(HOST, text.as_bytes(), at, 4);
    }
}

pub(crate) fn extract(l: &Layer<'_>, _: &Around<'_>, sink: &mut Sink) -> Extent {
    let Some(first) = l.u8(0) else { return Extent::new(0, 0) };
    let header = usize::from(first & 15) * 4;
    let total = match l.u16(2) {
        Some(n) if n as usize >= header => n as usize,
        _ => l.data.len(),
    };
    let extent = Extent::new(header, l.data.len().min(total));
    if !sink.wants_table(Group::Ip) {
        return extent;
    }
    sink.uint(VERSION, (first >> 4) as u64, 0, 1);
    if first >> 4 != 4 {
        return extent;
    }
    sink.uint(HDR_LEN, header as u64, 0, 1);
    if header < 20 {
        return extent;
    }
    let Some(service) = l.u8(1) else { return extent };
    sink.uint(DSFIELD, service as u64, 1, 1);
    sink.uint(DSCP, (service >> 2) as u64, 1, 1);
    sink.uint(ECN, (service & 3) as u64, 1, 1);
    let Some(length) = l.u16(2) else { return extent };
    sink.uint(LEN, length as u64, 2, 2);
    let Some(id) = l.u16(4) else { return extent };
    sink.uint(ID, id as u64, 4, 2);
    let Some(flags) = l.u8(6) else { return extent };
    sink.uint(FLAGS, (flags >> 5) as u64, 6, 1);
    sink.boolean(FLAGS_RB, flags & 0x80 != 0, 6, 1);
    sink.boolean(FLAGS_DF, flags & 0x40 != 0, 6, 1);
    sink.boolean(FLAGS_MF, flags & 0x20 != 0, 6, 1);
    let Some(offset) = l.u16(6) else { return extent };
    // In units of eight bytes, as Wireshark compares it.
    sink.uint(FRAG_OFFSET, (offset & 0x1fff) as u64, 6, 2);
    let (Some(ttl), Some(proto), Some(checksum)) = (l.u8(8), l.u8(9), l.u16(10)) else { return extent };
    sink.uint(TTL, ttl as u64, 8, 1);
    sink.uint(PROTO, proto as u64, 9, 1);
    sink.uint(CHECKSUM, checksum as u64, 10, 2);
    sink.uint(CHECKSUM_STATUS, 2, 10, 2);
    let (Some(src), Some(dst)) = (l.array::<4>(12), l.array::<4>(16)) else { return extent };
    address(src, 12, SRC, SRC_HOST, sink);
    let route = if header > 20 { super::ipv4::routed(l.data, header) } else { None };
    address(route.unwrap_or(dst), 16, DST, DST_HOST, sink);
    if header > 20 {
        options(l, header, sink);
    }
    extent
}

fn options(l: &Layer<'_>, header: usize, sink: &mut Sink) {
    let mut at = 20;
    // Ends: every turn moves on by at least one byte.
    while at < header {
        let Some(kind) = l.u8(at) else { return };
        sink.uint(OPT_TYPE, kind as u64, at, 1);
        sink.boolean(OPT_COPY, kind & 0x80 != 0, at, 1);
        sink.uint(OPT_CLASS, (kind >> 5 & 3) as u64, at, 1);
        sink.uint(OPT_NUMBER, (kind & 31) as u64, at, 1);
        match kind {
            0 => return,
            1 => at += 1,
            _ => {
                let Some(len) = l.u8(at + 1).filter(|&n| n >= 2) else { return };
                sink.uint(OPT_LEN, len as u64, at + 1, 1);
                match kind {
                    7 | 68 | 131 | 137 => {
                        if let Some(pointer) = l.u8(at + 2) {
                            sink.uint(OPT_PTR, pointer as u64, at + 2, 1);
                        }
                    }
                    148 => {
                        if let Some(value) = l.u16(at + 2) {
                            sink.uint(OPT_RA, value as u64, at + 2, 2);
                        }
                    }
                    _ => {}
                }
                at += len as usize;
            }
        }
    }
}
