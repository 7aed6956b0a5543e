//! GPRS Tunnelling Protocol (3GPP TS 29.060, 29.281, 29.274).

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};

/// Message type of a tunnelled user packet.
const G_PDU: u8 = 255;

/// Flags with the version, type, length, tunnel id. Version 0 has 20 bytes, version 1 has 8 and 4 more with any of
/// the extension, sequence and N-PDU flags; extension headers follow.
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some(flags) = view.u8(0) else {
        out.short = true;
        return None;
    };
    match flags >> 5 {
        0 | 1 => {}
        2 => {
            out.push(Proto::GtpV2);
            return None;
        }
        _ => return None,
    }
    let Some(kind) = view.u8(1) else {
        out.short = true;
        return None;
    };
    if !matches!(kind, 1..=7 | 16..=37 | 48..=62 | 70 | 96..=105 | 112..=121 | 128 | 129 | 240 | 241 | 254 | 255) {
        return None;
    }
    if flags & 0x10 == 0 {
        out.push(Proto::Gtpprime);
        return None;
    }
    out.push(Proto::Gtp);
    if kind != G_PDU {
        return None;
    }
    let mut at = if flags >> 5 == 0 { 20 } else { 8 };
    if flags >> 5 == 1 && flags & 7 != 0 {
        let mut extension = view.u8(11).unwrap_or(0);
        at = 12;
        if flags & 4 == 0 {
            extension = 0;
        }
        // Length in words, contents, type of the next extension header.
        while extension != 0 {
            let Some(length) = view.u8(at) else {
                out.short = true;
                return None;
            };
            if length == 0 {
                out.malformed = true;
                return None;
            }
            at += usize::from(length) * 4;
            extension = view.u8(at - 1).unwrap_or(0);
        }
    }
    let Some(length) = view.u16(2) else {
        out.short = true;
        return None;
    };
    // The length counts from behind the part of the header that is always there.
    let fixed = if flags >> 5 == 0 { 20 } else { 8 };
    let packet = view.limit(fixed + u32::from(length)).skip(at);
    match packet.u8(0)? {
        0x45..=0x4e => Some((Next::Ipv4, packet)),
        0x60..=0x6f => Some((Next::Ipv6, packet)),
        // An Ethernet PDU session.
        _ => matches!(packet.u16(12), Some(0x0800 | 0x86dd | 0x0806)).then_some((Next::Ethernet, packet)),
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ipv4, packet, path, udp};

    #[test]
    fn user_packets_behind_extension_headers() {
        let gtp = |head: &[u8], payload: &[u8]| path(228, &ipv4(17, &udp(2152, 2152, &[head, payload].concat())));
        let packet = packet();
        let length = packet.len() as u8;
        assert_eq!(gtp(&[0x30, 255, 0, length, 0, 0, 0, 1], &packet), "ip:udp:gtp:ip:udp");
        let extended = [0x34, 255, 0, length + 8, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0];
        assert_eq!(gtp(&extended, &packet), "ip:udp:gtp:ip:udp");
        let loops = [0x34, 255, 0, length + 8, 0, 0, 0, 1, 0, 0, 0, 0x85, 0, 0, 9, 0];
        assert_eq!(gtp(&loops, &packet), "ip:udp:gtp");
        // Echo request; version 2; a type nobody uses.
        assert_eq!(gtp(&[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0], &[]), "ip:udp:gtp");
        assert_eq!(gtp(&[0x48, 32, 0, 8, 0, 0, 0, 0, 0, 0, 1, 0], &[]), "ip:udp:gtpv2");
        assert_eq!(gtp(&[0x30, 200, 0, 0, 0, 0, 0, 1], &[]), "ip:udp");
    }
}
