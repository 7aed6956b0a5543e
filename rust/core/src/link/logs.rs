//! Packets handed over by firewalls and kernels: PFLOG, NFLOG, PKTAP, IPNET, ENC.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::{ethertype, first, null};
use crate::record::LinkType;

/// OpenBSD packet filter log: length of the header (to be rounded up to 4), address family.
pub(crate) fn pflog<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Pflog);
    let Some([length, family]) = view.array::<2>(0) else {
        out.short = true;
        return None;
    };
    null::family(family.into()).map(|next| (next, view.skip((usize::from(length) + 3) & !3)))
}

/// Linux netfilter log: address family, version, resource id, then attributes; number 1 begins with the EtherType,
/// number 9 is the packet.
pub(crate) fn nflog<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    if view.data.is_empty() {
        out.short = true;
        return None;
    }
    out.push(Proto::Nflog);
    let Some([family, ..]) = view.array::<4>(0) else {
        out.short = true;
        return None;
    };
    let mut rest = view.skip(4);
    // Lengths have the byte order of the machine: the one in which the first attribute fits.
    let little = match rest.array::<2>(0) {
        Some(bytes) => u32::from(u16::from_le_bytes(bytes)) <= rest.wire && u16::from_le_bytes(bytes) >= 4,
        None => return None,
    };
    let number = |bytes: [u8; 2]| if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) };
    let mut protocol = 0;
    // An attribute is at least 4 bytes, so this ends with the bytes.
    while let Some([l0, l1, k0, k1]) = rest.array::<4>(0) {
        let (length, kind) = (number([l0, l1]), number([k0, k1]));
        if length < 4 {
            out.malformed = true;
            return None;
        }
        if kind & 0x7fff == 1 {
            protocol = rest.u16(4).unwrap_or(0);
        }
        if kind & 0x7fff == 9 {
            // A packet that was cut is not shown.
            if rest.data.len() < usize::from(length) {
                out.short = true;
                return None;
            }
            let packet = rest.limit(length.into()).skip(4);
            return match family {
                _ if protocol != 0 => ethertype::step(protocol, packet),
                2 => Some((Next::Ipv4, packet)),
                10 => Some((Next::Ipv6, packet)),
                _ => None,
            };
        }
        rest = rest.skip((usize::from(length) + 3) & !3);
    }
    None
}

/// Apple's PKTAP: length of its header, record type, link type of the packet, all little-endian.
pub(crate) fn pktap<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Pktap);
    let Some([l0, l1, l2, l3, kind @ .., d0, d1, d2, d3]) = view.head::<12>() else {
        out.short = true;
        return None;
    };
    let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
    // Record type 1 is a packet.
    if length < 108 || *kind != [1, 0, 0, 0] {
        out.malformed = true;
        return None;
    }
    out.push(Proto::PcapPktdata);
    let link = LinkType(u16::try_from(u32::from_le_bytes([*d0, *d1, *d2, *d3])).ok()?);
    first(link).map(|next| (next, view.skip(length)))
}

/// Solaris IP observability: 24 bytes, address family in the second.
pub(crate) fn ipnet<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Ipnet);
    match view.u8(1) {
        Some(2) => Some((Next::Ipv4, view.skip(24))),
        Some(26) => Some((Next::Ipv6, view.skip(24))),
        Some(_) => None,
        None => {
            out.short = true;
            None
        }
    }
}

/// OpenBSD encapsulating interface: address family in the byte order of the machine, SPI, flags: 12 bytes.
pub(crate) fn enc<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Enc);
    let Some(word) = view.u32(0) else {
        out.short = true;
        return None;
    };
    let family = if word > 0xffff { word.swap_bytes() } else { word };
    null::family(family).map(|next| (next, view.skip(12)))
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{packet, path};

    #[test]
    fn packets_of_firewalls_and_kernels() {
        let mut pflog = vec![61, 2, 0, 0];
        pflog.resize(64, 0);
        assert_eq!(path(117, &[&pflog, &packet()[..]].concat()), "pflog:ip:udp");
        let packet_attribute = |little: bool| {
            let number = |n: u16| if little { n.to_le_bytes() } else { n.to_be_bytes() };
            let length = number(packet().len() as u16 + 4);
            [&[2, 0, 0, 0], &number(8)[..], &number(1), &[0; 4], &length, &number(9), &packet()].concat()
        };
        assert_eq!(path(239, &packet_attribute(true)), "nflog:ip:udp");
        assert_eq!(path(239, &packet_attribute(false)), "nflog:ip:udp");
        let mut pktap = vec![108, 0, 0, 0, 1, 0, 0, 0, 12, 0, 0, 0];
        pktap.resize(108, 0);
        assert_eq!(path(258, &[&pktap, &packet()[..]].concat()), "pktap:pcap_pktdata:raw:ip:udp");
        assert_eq!(path(109, &[&[2, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0], &packet()[..]].concat()), "enc:ip:udp");
        let mut ipnet = vec![1, 2];
        ipnet.resize(24, 0);
        assert_eq!(path(226, &[&ipnet, &packet()[..]].concat()), "ipnet:ip:udp");
    }
}
