//! Fields of Ethernet headers.

use crate::fields;
use crate::filter::extract::{Around, Extent, Layer};
use crate::filter::registry::Group;
use crate::filter::{FieldId, Sink};

fields! {
    Group::Eth, "eth", None;
    DST = ether("eth.dst", "Destination");
    DST_OUI = u24("eth.dst.oui", "Destination OUI");
    DST_LG = boolean("eth.dst.lg", "Destination: locally administered").names(LG);
    DST_IG = boolean("eth.dst.ig", "Destination: group address").names(IG);
    SRC = ether("eth.src", "Source");
    SRC_OUI = u24("eth.src.oui", "Source OUI");
    SRC_LG = boolean("eth.src.lg", "Source: locally administered").names(LG);
    SRC_IG = boolean("eth.src.ig", "Source: group address").names(IG);
    ADDR = ether("eth.addr", "Source or destination");
    ADDR_OUI = u24("eth.addr.oui", "Source or destination OUI");
    LG_BIT = boolean("eth.lg", "Locally administered").names(LG);
    IG_BIT = boolean("eth.ig", "Group address").names(IG);
    LEN = u16("eth.len", "Length");
    TYPE = u16("eth.type", "Type").hex().table(&TYPES);
}

use crate::filter::field::Names;

const LG: Names = Names::Bool(
    "Locally administered address (this is NOT the factory default)",
    "Globally unique address (factory default)",
);
const IG: Names = Names::Bool("Group address (multicast/broadcast)", "Individual address (unicast)");

/// EtherTypes (IEEE registry) by Wireshark's names.
pub(crate) static TYPES: [(u64, &str); 24] = [
    (0x0800, "IPv4"),
    (0x0806, "ARP"),
    (0x0842, "Wake on LAN"),
    (0x6558, "Transparent Ethernet bridging"),
    (0x8035, "RARP"),
    (0x8100, "802.1Q Virtual LAN"),
    (0x8137, "Netware IPX/SPX"),
    (0x86dd, "IPv6"),
    (0x8808, "MAC Control"),
    (0x8809, "Slow Protocols"),
    (0x8847, "MPLS label switched packet"),
    (0x8848, "MPLS multicast label switched packet"),
    (0x8863, "PPPoE Discovery"),
    (0x8864, "PPPoE Session"),
    (0x888e, "802.1X Authentication"),
    (0x8892, "PROFINET"),
    (0x88a8, "802.1ad Provider Bridge (Q-in-Q)"),
    (0x88cc, "802.1 Link Layer Discovery Protocol (LLDP)"),
    (0x88e5, "802.1AE (MACsec)"),
    (0x88f7, "PTPv2 over Ethernet (IEEE1588)"),
    (0x8902, "IEEE 802.1Q Connectivity Fault Management (CFM) protocol"),
    (0x8906, "Fibre Channel over Ethernet"),
    (0x894f, "Network Service Header"),
    (0x9000, "Loopback"),
];

fn address(a: [u8; 6], at: usize, own: [FieldId; 4], sink: &mut Sink) {
    let [field, oui_field, lg, ig] = own;
    let oui = u64::from(a[0]) << 16 | u64::from(a[1]) << 8 | u64::from(a[2]);
    sink.ether(field, a, at);
    sink.uint(oui_field, oui, at, 3);
    sink.ether(ADDR, a, at);
    sink.uint(ADDR_OUI, oui, at, 3);
    for field in [lg, LG_BIT] {
        sink.boolean(field, a[0] & 2 != 0, at, 3);
    }
    for field in [ig, IG_BIT] {
        sink.boolean(field, a[0] & 1 != 0, at, 3);
    }
}

pub(crate) fn extract(l: &Layer<'_>, _: &Around<'_>, sink: &mut Sink) -> Extent {
    let extent = Extent::new(14, l.data.len());
    if !sink.wants_table(Group::Eth) {
        return extent;
    }
    if let Some(a) = l.array::<6>(0) {
        address(a, 0, [DST, DST_OUI, DST_LG, DST_IG], sink);
    }
    if let Some(a) = l.array::<6>(6) {
        address(a, 6, [SRC, SRC_OUI, SRC_LG, SRC_IG], sink);
    }
    if let Some(kind) = l.u16(12) {
        let field = if kind > super::ethertype::MAX_LENGTH || kind == 0 { TYPE } else { LEN };
        sink.uint(field, kind as u64, 12, 2);
    }
    extent
}
