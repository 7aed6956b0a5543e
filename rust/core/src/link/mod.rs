//! Link layers.

pub(crate) mod ethernet;
pub(crate) mod ethertype;
pub(crate) mod vlan;

use crate::dissect::Next;
use crate::record::LinkType;

/// The outermost header by LINKTYPE number. None: not one that is followed.
pub(crate) fn first(link: LinkType) -> Option<Next> {
    Some(match link.0 {
        1 => Next::Ethernet,
        12 | 14 | 101 => Next::Ip,
        228 => Next::Ipv4,
        229 => Next::Ipv6,
        _ => return None,
    })
}
