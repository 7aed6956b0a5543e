//! Fields of ARP messages (RFC 826).

use crate::fields;
use crate::filter::Sink;
use crate::filter::extract::{Around, Extent, Layer};
use crate::filter::registry::Group;
use crate::link::ethernet_fields::TYPES;

fields! {
    Group::Arp, "arp", None;
    HW_TYPE = u16("arp.hw.type", "Hardware type").table(&HARDWARE);
    PROTO_TYPE = u16("arp.proto.type", "Protocol type").hex().table(&TYPES);
    HW_SIZE = u8("arp.hw.size", "Hardware size");
    PROTO_SIZE = u8("arp.proto.size", "Protocol size");
    OPCODE = u16("arp.opcode", "Opcode").table(&OPCODES);
    IS_GRATUITOUS = boolean("arp.isgratuitous", "Is gratuitous");
    IS_PROBE = boolean("arp.isprobe", "Is probe");
    IS_ANNOUNCEMENT = boolean("arp.isannouncement", "Is announcement");
    SRC_HW = bytes("arp.src.hw", "Sender hardware address");
    SRC_HW_MAC = ether("arp.src.hw_mac", "Sender MAC address");
    SRC_PROTO = bytes("arp.src.proto", "Sender protocol address");
    SRC_PROTO_IPV4 = ipv4("arp.src.proto_ipv4", "Sender IP address");
    DST_HW = bytes("arp.dst.hw", "Target hardware address");
    DST_HW_MAC = ether("arp.dst.hw_mac", "Target MAC address");
    DST_PROTO = bytes("arp.dst.proto", "Target protocol address");
    DST_PROTO_IPV4 = ipv4("arp.dst.proto_ipv4", "Target IP address");
}

pub(crate) static HARDWARE: [(u64, &str); 8] = [
    (1, "Ethernet"),
    (6, "IEEE 802"),
    (7, "ARCNET"),
    (15, "Frame Relay DLCI"),
    (18, "Fibre Channel"),
    (24, "IEEE 1394.1995"),
    (27, "EUI-64"),
    (32, "InfiniBand"),
];

static OPCODES: [(u64, &str); 8] = [
    (1, "request"),
    (2, "reply"),
    (3, "reverse request"),
    (4, "reverse reply"),
    (5, "drarp request"),
    (6, "drarp reply"),
    (8, "inarp request"),
    (9, "inarp reply"),
];

pub(crate) fn extract(l: &Layer<'_>, _: &Around<'_>, sink: &mut Sink) -> Extent {
    let whole = Extent::new(l.data.len(), l.data.len());
    let Some([h0, h1, p0, p1, hw_len, proto_len, o0, o1]) = l.array::<8>(0) else { return whole };
    let (hw, proto) = (u16::from_be_bytes([h0, h1]), u16::from_be_bytes([p0, p1]));
    let opcode = u16::from_be_bytes([o0, o1]);
    let (hw_size, proto_size) = (hw_len as usize, proto_len as usize);
    sink.uint(HW_TYPE, hw as u64, 0, 2);
    sink.uint(PROTO_TYPE, proto as u64, 2, 2);
    sink.uint(HW_SIZE, hw_len as u64, 4, 1);
    sink.uint(PROTO_SIZE, proto_len as u64, 5, 1);
    sink.uint(OPCODE, opcode as u64, 6, 2);
    let starts = [8, 8 + hw_size, 8 + hw_size + proto_size, 8 + 2 * hw_size + proto_size];
    let part = |i: usize| {
        let size = if i.is_multiple_of(2) { hw_size } else { proto_size };
        l.data.get(starts[i]..starts[i] + size)
    };
    let ipv4 = proto == 0x0800 && proto_size == 4;
    if let (Some(sender), Some(target), Some(target_hw)) = (part(1), part(3), part(2))
        && ipv4
        && matches!(opcode, 1 | 2)
    {
        let zero_sender = sender.iter().all(|b| *b == 0);
        if sender == target {
            sink.boolean(IS_GRATUITOUS, true, 0, 0);
            if opcode == 1 && target_hw.iter().all(|b| *b == 0) {
                sink.boolean(IS_ANNOUNCEMENT, true, 0, 0);
            }
        } else if opcode == 1 && zero_sender && target_hw.iter().all(|b| *b == 0) {
            sink.boolean(IS_PROBE, true, 0, 0);
        }
    }
    // Frame relay (inarp) and others have addresses of other kinds: bytes.
    let mac = matches!(hw, 1 | 6) && hw_size == 6;
    for (i, (plain, typed)) in
        [(SRC_HW, SRC_HW_MAC), (SRC_PROTO, SRC_PROTO_IPV4), (DST_HW, DST_HW_MAC), (DST_PROTO, DST_PROTO_IPV4)]
            .into_iter()
            .enumerate()
    {
        let Some(value) = part(i) else { return whole };
        if value.is_empty() {
            continue;
        }
        match (i.is_multiple_of(2), <[u8; 6]>::try_from(value), <[u8; 4]>::try_from(value)) {
            (true, Ok(a), _) if mac => sink.ether(typed, a, starts[i]),
            (false, _, Ok(a)) if ipv4 => sink.ipv4(typed, a, starts[i]),
            _ => sink.bytes(plain, value, starts[i]),
        }
    }
    whole
}
