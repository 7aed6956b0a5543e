//! EtherType numbers: what follows a link header.

use crate::dissect::Next;

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const VLAN: u16 = 0x8100;

/// The header behind an EtherType. None: data.
#[inline]
pub(crate) fn next(ethertype: u16) -> Option<Next> {
    Some(match ethertype {
        IPV4 => Next::Ipv4,
        IPV6 => Next::Ipv6,
        ARP => Next::Arp,
        VLAN => Next::Vlan,
        _ => return None,
    })
}
