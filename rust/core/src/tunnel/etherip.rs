//! EtherIP (RFC 3378), AYIYA, LISP data (RFC 6830), AMT (RFC 7450), TaZmen sniffer protocol.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::first;
use crate::net::protocol_next;
use crate::record::LinkType;

/// Version and reserved: 2 bytes, then an Ethernet frame.
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    if view.data.is_empty() {
        out.short = true;
        return None;
    }
    out.push(Proto::Etherip);
    Some((Next::Ethernet, view.skip(2)))
}

/// Anything In Anything: lengths of identity and signature, next header, time, identity, signature.
pub(crate) fn ayiya<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Ayiya);
    let Some([identity, signature, operation, next]) = view.array::<4>(0) else {
        out.short = true;
        return None;
    };
    let identity = 1usize << (identity >> 4);
    let signature = usize::from(signature >> 4) * 4;
    // Operation 1 forwards a packet.
    (operation & 15 == 1).then(|| protocol_next(next).map(|next| (next, view.skip(8 + identity + signature)))).flatten()
}

/// Locator/ID separation: flags, nonce, locator bits: 8 bytes, then an IP packet.
pub(crate) fn lisp<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::LispData);
    let rest = view.skip(8);
    match rest.u8(0)? >> 4 {
        4 => Some((Next::Ipv4, rest)),
        6 => Some((Next::Ipv6, rest)),
        _ => None,
    }
}

/// TaZmen: version, type, encapsulation, then tagged fields up to the end tag.
pub(crate) fn tzsp<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Tzsp);
    let Some([_, kind, e0, e1]) = view.array::<4>(0) else {
        out.short = true;
        return None;
    };
    // Received and transmitted frames; keep-alives and the like have none.
    if kind > 1 {
        return None;
    }
    let mut at = 4;
    loop {
        match view.u8(at)? {
            0 => at += 1,
            1 => break,
            _ => at += 2 + usize::from(view.u8(at + 1)?),
        }
    }
    let rest = view.skip(at + 1);
    let link = match u16::from_be_bytes([e0, e1]) {
        1 => 1,
        2 => 6,
        4 => 9,
        5 => 10,
        7 => 101,
        18 => 105,
        119 => 119,
        127 => 163,
        _ => return None,
    };
    first(LinkType(link)).map(|next| (next, rest))
}

/// Automatic Multicast Tunneling: membership messages carry IGMP or MLD in IP behind 12 bytes, data messages multicast
/// packets behind 2.
pub(crate) fn amt<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some(kind) = view.u8(0) else {
        out.short = true;
        return None;
    };
    out.push(Proto::Amt);
    let packet = match kind & 15 {
        4 | 5 => view.skip(12),
        6 => view.skip(2),
        _ => return None,
    };
    match packet.u8(0)? >> 4 {
        6 => Some((Next::Ipv6, packet)),
        _ => Some((Next::Ipv4, packet)),
    }
}

/// Juniper packet mirror: two ids of 4 bytes, then an IP packet.
pub(crate) fn jmirror(view: View<'_>) -> Step<'_> {
    let packet = view.skip(8);
    match packet.u8(0)? >> 4 {
        4 => Some((Next::Ipv4, packet)),
        6 => Some((Next::Ipv6, packet)),
        _ => None,
    }
}

/// LISP control: an encapsulated control message (type 8) carries another one in IP.
pub(crate) fn lisp_control<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some(kind) = view.u8(0) else {
        out.short = true;
        return None;
    };
    out.push(Proto::Lisp);
    if kind >> 4 != 8 {
        return None;
    }
    let packet = view.skip(4);
    match packet.u8(0)? >> 4 {
        4 => Some((Next::Ipv4, packet)),
        6 => Some((Next::Ipv6, packet)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ethernet, ipv4, ipv6, packet, path, udp};

    #[test]
    fn small_tunnels() {
        let frame = ethernet(0x0800, &packet());
        assert_eq!(path(228, &ipv4(97, &[&[0x30, 0], &frame[..]].concat())), "ip:etherip:eth:ip:udp");
        let over = |port: u16, head: &[u8], payload: &[u8]| {
            path(228, &ipv4(17, &udp(50_000, port, &[head, payload].concat())))
        };
        assert_eq!(over(4341, &[0; 8], &packet()), "ip:udp:lisp-data:ip:udp");
        assert_eq!(over(37_008, &[1, 0, 0, 1, 10, 1, 0, 1], &frame), "ip:udp:tzsp:eth:ip:udp");
        assert_eq!(over(2268, &[6, 0], &packet()), "ip:udp:amt:ip:udp");
        let ayiya = [&[0x44, 0x52, 0x11, 41, 0, 0, 0, 0][..], &[0; 36]].concat();
        assert_eq!(over(5072, &ayiya, &ipv6(59, &[])), "ip:udp:ayiya:ipv6");
    }
}
