//! Generic Routing Encapsulation (RFC 2784, 2890) and its PPTP variant (RFC 2637).

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::ethertype;

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGMENT: u16 = 0x0080;

const WCCP: u16 = 0x883e;
const ERSPAN_II: u16 = 0x88be;
const ERSPAN_III: u16 = 0x22eb;

/// Flags and version, protocol type, then the optional fields.
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let (Some(flags), Some(kind)) = (view.u16(0), view.u16(2)) else {
        out.short = true;
        return None;
    };
    out.push(Proto::Gre);
    let mut at = 4;
    if flags & (CHECKSUM | ROUTING) != 0 {
        at += 4;
    }
    for bit in [KEY, SEQUENCE] {
        if flags & bit != 0 {
            at += 4;
        }
    }
    if flags & 7 == 1 && flags & ACKNOWLEDGMENT != 0 {
        at += 4;
    }
    if flags & ROUTING != 0 {
        // Source route entries: family, offset, length; a zero entry ends the list.
        while let Some([f0, f1, _, length]) = view.array::<4>(at) {
            at += 4 + usize::from(length);
            if [f0, f1, length] == [0; 3] {
                break;
            }
        }
    }
    let rest = view.skip(at);
    if rest.data.is_empty() {
        return None;
    }
    match kind {
        // The sequence number tells type II from the headerless type I.
        ERSPAN_II => Some((Next::Erspan(if flags & SEQUENCE != 0 { 2 } else { 1 }), rest)),
        ERSPAN_III => Some((Next::Erspan(3), rest)),
        // WCCP version 2 has a redirect header of 4 bytes; IP begins with 4.
        WCCP if rest.u8(0)? >> 4 != 4 => Some((Next::Ipv4, rest.skip(4))),
        WCCP => Some((Next::Ipv4, rest)),
        _ => payload(kind, rest),
    }
}

/// What a GRE protocol type carries.
pub(crate) fn payload(kind: u16, rest: View<'_>) -> Step<'_> {
    let next = match kind {
        0x0800 | 0x86dd | 0x0806 | 0x8847 | 0x8848 | 0x894f | 0x8909 | 0x8137 => return ethertype::step(kind, rest),
        0x6558 | 0x6400 => Next::Ethernet,
        0x6559 => Next::FrameRelay,
        0x880b => Next::Ppp,
        0x00fe => Next::Osi,
        0x2000 => Next::Named(Proto::Cdp),
        0x2001 => Next::Named(Proto::Nhrp),
        // Aruba access points: 802.11 frames, by group.
        0x8200..=0x8370 if kind & 0x0f == 0 => Next::Wlan,
        _ => return None,
    };
    Some((next, rest))
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ethernet, ipv4, packet, path};

    #[test]
    fn optional_fields_of_rfc_2890() {
        let gre = |head: &[u8], payload: &[u8]| path(228, &ipv4(47, &[head, payload].concat()));
        assert_eq!(gre(&[0, 0, 8, 0], &packet()), "ip:gre:ip:udp");
        let all = [0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
        assert_eq!(gre(&all, &packet()), "ip:gre:ip:udp");
        let pptp = [0x30, 0x81, 0x88, 0x0b, 0, 40, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 3, 0, 0x21];
        assert_eq!(gre(&pptp, &packet()), "ip:gre:ppp:ip:udp");
        assert_eq!(gre(&[0, 0, 0x65, 0x58], &ethernet(0x0800, &packet())), "ip:gre:eth:ip:udp");
        assert_eq!(gre(&[0, 0, 0x88, 0x3e, 0, 0, 0, 0], &packet()), "ip:gre:ip:udp");
    }
}
