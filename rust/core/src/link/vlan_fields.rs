//! Fields of 802.1Q tags.

use super::ethernet_fields::TYPES;
use crate::fields;
use crate::filter::Sink;
use crate::filter::extract::{Around, Extent, Layer};
use crate::filter::field::Names;
use crate::filter::registry::Group;

fields! {
    Group::Vlan, "vlan", None;
    PRIORITY = u16("vlan.priority", "Priority").table(&PRIORITIES);
    DEI = boolean("vlan.dei", "Drop eligible").names(Names::Bool("Eligible", "Ineligible"));
    ID = u16("vlan.id", "VLAN id");
    ETYPE = u16("vlan.etype", "Type").hex().table(&TYPES);
    LEN = u16("vlan.len", "Length");
}

static PRIORITIES: [(u64, &str); 8] = [
    (0, "Best Effort (default)"),
    (1, "Background"),
    (2, "Excellent Effort"),
    (3, "Critical Applications"),
    (4, "Video, < 100ms latency and jitter"),
    (5, "Voice, < 10ms latency and jitter"),
    (6, "Internetwork Control"),
    (7, "Network Control"),
];

pub(crate) fn extract(l: &Layer<'_>, _: &Around<'_>, sink: &mut Sink) -> Extent {
    if let Some(control) = l.u16(0) {
        sink.uint(PRIORITY, (control >> 13) as u64, 0, 2);
        sink.boolean(DEI, control & 0x1000 != 0, 0, 2);
        sink.uint(ID, (control & 0x0fff) as u64, 0, 2);
    }
    if let Some(kind) = l.u16(2) {
        sink.uint(if kind > super::ethertype::MAX_LENGTH { ETYPE } else { LEN }, kind as u64, 2, 2);
    }
    Extent::new(4, l.data.len())
}
