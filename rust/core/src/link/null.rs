//! BSD loopback, raw IP and other links that say no more than the address family.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::ethertype::{self, MAX_LENGTH};

/// Address families of the systems that write them: IPv4 is 2 everywhere, IPv6 differs.
pub(crate) fn family(number: u32) -> Option<Next> {
    Some(match number {
        2 => Next::Ipv4,
        24 | 28 | 30 => Next::Ipv6,
        7 => Next::Osi,
        16 => Next::Named(Proto::Ddp),
        23 => Next::Named(Proto::Ipx),
        _ => return None,
    })
}

/// LINKTYPE_NULL and LINKTYPE_LOOP: 4 bytes of address family, in the byte order of the capturing machine (NULL) or
/// of the network (LOOP).
pub(crate) fn header<'a>(network_order: bool, view: View<'a>, out: &mut Layers) -> Step<'a> {
    if !network_order && view.u16(0) == Some(0xff03) {
        return Some((Next::PppHdlc, view));
    }
    let Some(word) = view.u32(0) else {
        out.short = true;
        return None;
    };
    out.push(Proto::Null);
    let number = if network_order || word & 0xffff_0000 == 0 {
        word
    } else if word & 0xff00_0000 == 0 && word & 0x00ff_0000 < 0x0006_0000 {
        // A small number in the upper half only: some drivers swap 16-bit halves.
        word >> 16
    } else {
        word.swap_bytes()
    };
    let rest = view.skip(4);
    if number > u32::from(MAX_LENGTH) {
        return ethertype::step(u16::try_from(number).ok()?, rest);
    }
    family(number).map(|next| (next, rest))
}

/// LINKTYPE_RAW: an IP packet, or what some PPP drivers leave in front of one.
pub(crate) fn raw<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Raw);
    if view.data.len() < 8 {
        out.short = true;
        return None;
    }
    if view.u16(0) == Some(0xff03) {
        return Some((Next::PppHdlc, view));
    }
    if view.u16(6) == Some(0xff03) {
        return Some((Next::PppHdlc, view.skip(6)));
    }
    if view.u16(1) == Some(0xff03) {
        return Some((Next::PppHdlc, view.skip(1)));
    }
    if view.array::<10>(0) == Some([0; 10]) {
        return Some((Next::Ip, view.skip(10)));
    }
    match view.u8(0)? >> 4 {
        4 => Some((Next::Ipv4, view)),
        6 => Some((Next::Ipv6, view)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ipv6, packet, path};

    #[test]
    fn families_in_both_byte_orders() {
        assert_eq!(path(0, &[&[2, 0, 0, 0], &packet()[..]].concat()), "null:ip:udp");
        assert_eq!(path(0, &[&[0, 0, 0, 2], &packet()[..]].concat()), "null:ip:udp");
        assert_eq!(path(0, &[&[30, 0, 0, 0], &ipv6(59, &[])[..]].concat()), "null:ipv6");
        assert_eq!(path(108, &[&[0, 0, 0, 24], &ipv6(59, &[])[..]].concat()), "null:ipv6");
        assert_eq!(path(108, &[&[2, 0, 0, 0], &packet()[..]].concat()), "null");
    }

    #[test]
    fn raw_ip_and_what_ppp_drivers_leave() {
        assert_eq!(path(101, &packet()), "raw:ip:udp");
        assert_eq!(path(101, &ipv6(59, &[])), "raw:ipv6");
        assert_eq!(path(101, &[&[1, 2, 3, 4, 5, 6, 0xff, 3, 0, 0x21], &packet()[..]].concat()), "raw:ppp:ip:udp");
        assert_eq!(path(228, &packet()), "ip:udp");
        assert_eq!(path(229, &ipv6(59, &[])), "ipv6");
    }
}
