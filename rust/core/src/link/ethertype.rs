//! EtherType numbers: what follows a link header.

use crate::dissect::{Next, Step, View};
use crate::layers::Proto;

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const VLAN: u16 = 0x8100;

/// The largest value of a type-or-length field that is a length.
pub(crate) const MAX_LENGTH: u16 = 1500;

/// Hands `payload` to the header its EtherType names.
#[inline]
pub(crate) fn step(ethertype: u16, payload: View<'_>) -> Step<'_> {
    next(ethertype).map(|header| (header, payload))
}

/// The header behind an EtherType; what nobody here reads is data.
#[inline]
pub(crate) fn next(ethertype: u16) -> Option<Next> {
    match ethertype {
        IPV4 => Some(Next::Ipv4),
        IPV6 => Some(Next::Ipv6),
        ARP => Some(Next::Arp),
        VLAN => Some(Next::Vlan),
        _ => rare(ethertype),
    }
}

#[cold]
fn rare(ethertype: u16) -> Option<Next> {
    Some(match ethertype {
        0x9100 => Next::Vlan,
        0x88a8 => Next::ServiceVlan,
        0x88e7 => Next::Backbone,
        0x8847 | 0x8848 => Next::Mpls,
        0x8863 => Next::Pppoe { session: false },
        0x8864 => Next::Pppoe { session: true },
        0x6558 => Next::Ethernet,
        0x8870 => Next::Llc,
        0x88e5 => Next::Macsec,
        0x894f => Next::Nsh,
        0xf1c1 => Next::Redundancy,
        0x893f => Next::Etag,
        0x8926 => Next::Vntag,
        0x892f => Next::Hsr,
        0x8909 => Next::Cmd,
        0x22f3 => Next::Trill,
        0x809a => Next::Named(Proto::Wpan),
        0x888e | 0x88c7 => Next::Named(Proto::Eapol),
        0x88cc | 0x8942 => Next::Named(Proto::Lldp),
        0x8181 => Next::Named(Proto::Stp),
        0x8902 => Next::Named(Proto::Cfm),
        0x8809 => Next::Named(Proto::Slow),
        0x8899 => Next::Named(Proto::Realtek),
        0x8917 => Next::Named(Proto::Mih),
        0x8892 => Next::Named(Proto::Profinet),
        0x88b8 => Next::Named(Proto::Goose),
        0x88ba => Next::Named(Proto::SampledValues),
        0x88a4 => Next::Named(Proto::Ecat),
        0x88f7 => Next::Named(Proto::Ptp),
        0x8906 => Next::Named(Proto::Fcoe),
        0x88d9 => Next::Named(Proto::Lltd),
        0x88ca => Next::Named(Proto::Tipc),
        0x88a2 => Next::Named(Proto::Aoe),
        0x9000 => Next::Named(Proto::Loop),
        0x887b => Next::Named(Proto::Homeplug),
        0x88e1 => Next::Named(Proto::HomeplugAv),
        0x6003 => Next::Named(Proto::DecDna),
        0x6004 => Next::Named(Proto::Lat),
        0x8038 => Next::Named(Proto::DecStp),
        0x0842 => Next::Named(Proto::Wol),
        0x872d => Next::Named(Proto::Wlccp),
        0x8137 => Next::Named(Proto::Ipx),
        0x80f3 => Next::Named(Proto::Aarp),
        0x0bad => Next::Named(Proto::VinesIp),
        0x4305 => Next::Batadv,
        0x8915 => Next::Named(Proto::Infiniband),
        0x8021 => Next::Named(Proto::Ipcp),
        0x8057 => Next::Named(Proto::Ipv6cp),
        0xc021 => Next::Named(Proto::Lcp),
        0xc023 => Next::Named(Proto::Pap),
        0x80fd => Next::Named(Proto::Ccp),
        0x22f4 => Next::Named(Proto::Isis),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ethernet, path};

    #[test]
    fn unknown_types_are_data() {
        assert_eq!(path(1, &ethernet(0x1234, &[0; 40])), "eth");
        assert_eq!(path(1, &ethernet(0x88cc, &[2, 7, 4, 1, 2, 3, 4, 5, 6])), "eth:lldp");
    }
}
