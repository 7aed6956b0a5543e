//! PPP (RFC 1661, 1662), PPPoE (RFC 2516), multilink (RFC 1990) and bridging (RFC 3518).

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};

/// A PPP frame with or without the HDLC address and control bytes.
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    if view.u8(0) == Some(0xff) && view.data.len() >= 2 {
        out.push(Proto::Ppp);
        let (number, rest) = protocol_field(view.skip(2), out)?;
        protocol(number, rest)
    } else {
        let (number, rest) = protocol_field(view, out)?;
        out.push(Proto::Ppp);
        protocol(number, rest)
    }
}

/// PPP in HDLC framing: Cisco HDLC where the address is one of its own.
pub(crate) fn hdlc<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some(address) = view.u8(0) else {
        out.short = true;
        return None;
    };
    match address {
        0x0f | 0x8f => Some((Next::Chdlc, view)),
        _ => {
            out.push(Proto::Ppp);
            let (number, rest) = protocol_field(if address == 0xff { view.skip(2) } else { view }, out)?;
            protocol(number, rest)
        }
    }
}

/// Protocol number in one or two bytes (the last byte of a number is odd), and what follows.
fn protocol_field<'a>(view: View<'a>, out: &mut Layers) -> Option<(u16, View<'a>)> {
    if let Some(first) = view.u8(0)
        && first & 1 == 1
    {
        return Some((u16::from(first), view.skip(1)));
    }
    out.short |= view.data.len() < 2;
    Some((view.u16(0)?, view.skip(2)))
}

/// The protocol of a PPP protocol number.
pub(crate) fn protocol(number: u16, rest: View<'_>) -> Step<'_> {
    let next = match number {
        0x0021 | 0x0800 => Next::Ipv4,
        0x0057 | 0x86dd => Next::Ipv6,
        0x0281 | 0x0283 => Next::Mpls,
        0x0023 => Next::Osi,
        0x0029 => Next::Named(Proto::Ddp),
        0x002b => Next::Named(Proto::Ipx),
        0x0031 => Next::BcpBpdu,
        0x0035 => Next::Named(Proto::VinesIp),
        0x003d => Next::Multilink,
        0x004b => Next::Llc,
        0x0205 => Next::Named(Proto::DecStp),
        0x0207 => Next::Named(Proto::Cdp),
        0x8021 => Next::Named(Proto::Ipcp),
        0x8057 => Next::Named(Proto::Ipv6cp),
        0x80fd => Next::Named(Proto::Ccp),
        0xc021 => Next::Named(Proto::Lcp),
        0xc023 => Next::Named(Proto::Pap),
        0xc223 => Next::Named(Proto::Chap),
        0xc227 => Next::Named(Proto::Eap),
        _ => return None,
    };
    Some((next, rest))
}

/// Multilink: a fragment that is begin and end in one holds a whole PPP frame; others are not put together.
pub(crate) fn multilink<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Mp);
    let Some(flags) = view.u8(0) else {
        out.short = true;
        return None;
    };
    (flags & 0xc0 == 0xc0).then_some((Next::Ppp, view.skip(4)))
}

/// Bridged frame: flags and padding, type of the frame, the frame.
pub(crate) fn bridged<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::BcpBpdu);
    let Some([flags, kind]) = view.array::<2>(0) else {
        out.short = true;
        return None;
    };
    let id = if flags & 0x40 != 0 { 4 } else { 0 };
    let padding = u32::from(flags & 0x0f);
    let frame = view.skip(2 + id).without_end(padding);
    match kind {
        1 => Some((Next::Ethernet, if flags & 0x80 != 0 { frame.without_end(4) } else { frame })),
        _ => None,
    }
}

/// PPPoE: version and type, code, session, length of the payload.
pub(crate) fn over_ethernet<'a>(session: bool, view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some(length) = view.u16(4) else {
        out.short = true;
        return None;
    };
    out.push(if session { Proto::Pppoes } else { Proto::Pppoed });
    if session && length < 2 && view.data.len() >= 8 {
        // Wireshark reads on behind so small a length as far as the PPP protocol field.
        out.push(Proto::Ppp);
        out.malformed = true;
        return None;
    }
    session.then_some((Next::Ppp, view.skip(6).limit(length.into())))
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ethernet, packet, path};

    #[test]
    fn address_and_protocol_compression() {
        for head in [&[0xff, 3, 0, 0x21][..], &[0, 0x21], &[0x21], &[0xff, 3, 0x21]] {
            assert_eq!(path(9, &[head, &packet()].concat()), "ppp:ip:udp", "{head:x?}");
        }
        assert_eq!(path(9, &[0xc0, 0x21, 1, 1, 0, 4]), "ppp:lcp");
    }

    #[test]
    fn pppoe_length_cuts_the_padding() {
        let packet = packet();
        let mut frame = ethernet(0x8864, &[0x11, 0, 0, 7]);
        frame.extend((packet.len() as u16 + 2).to_be_bytes());
        frame.extend([0, 0x21]);
        frame.extend(&packet);
        frame.extend([0; 10]);
        assert_eq!(path(1, &frame), "eth:pppoes:ppp:ip:udp");
        assert_eq!(path(1, &ethernet(0x8863, &[0x11, 9, 0, 0, 0, 4, 1, 1, 0, 0])), "eth:pppoed");
    }

    #[test]
    fn bridged_and_multilink_frames() {
        let bridged = [&[0, 0x31, 0, 1], &ethernet(0x0800, &packet())[..]].concat();
        assert_eq!(path(9, &bridged), "ppp:bcp_bpdu:eth:ip:udp");
        assert_eq!(path(9, &[&[0, 0x3d, 0xc0, 0, 0, 1, 0, 0x21], &packet()[..]].concat()), "ppp:mp:ppp:ip:udp");
    }
}
