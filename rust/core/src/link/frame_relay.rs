//! Frame Relay (Q.922) with the encapsulations of RFC 2427 and Cisco.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::{ethertype, hdlc, llc};

/// Address of 2 to 4 bytes, then either an unnumbered control byte and a network layer id, or an EtherType.
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Fr);
    // The last byte of the address is odd.
    let mut length = 0;
    let mut zero = true;
    loop {
        let Some(byte) = view.u8(length) else {
            out.short = true;
            return None;
        };
        zero &= byte & 0xf0 == 0;
        length += 1;
        if byte & 1 == 1 || length == 4 {
            break;
        }
    }
    let rest = view.skip(length);
    match rest.u8(0) {
        Some(3) => network_id(rest.skip(1), out),
        Some(_) if zero => None,
        Some(_) => {
            let Some(kind) = rest.u16(0) else {
                out.short = true;
                return None;
            };
            ethertype::step(kind, rest.skip(2)).or_else(|| hdlc::payload(kind, rest.skip(2)))
        }
        None => None,
    }
}

/// RFC 2427: a zero byte of padding may stand in front of the id.
pub(crate) fn network_id<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some(mut id) = view.u8(0) else {
        out.short = true;
        return None;
    };
    let mut view = view;
    if id == 0 {
        view = view.skip(1);
        id = view.u8(0)?;
    }
    Some(match id {
        0x80 => return llc::snap(view.skip(1), 0, out),
        0xcc => (Next::Ipv4, view.skip(1)),
        0x8e => (Next::Ipv6, view.skip(1)),
        0xcf => (Next::Ppp, view.skip(1)),
        0x08 => (Next::Named(Proto::Q933), view.skip(1)),
        0x09 => (Next::Named(Proto::Lmi), view.skip(1)),
        0x81 => (Next::Named(Proto::Clnp), view),
        0x82 => (Next::Named(Proto::Esis), view),
        0x83 => (Next::Named(Proto::Isis), view),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ethernet, packet, path};

    #[test]
    fn encapsulations_of_rfc_2427_and_cisco() {
        assert_eq!(path(107, &[&[0x18, 0x41, 3, 0xcc], &packet()[..]].concat()), "fr:ip:udp");
        assert_eq!(path(107, &[&[0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0], &packet()[..]].concat()), "fr:ip:udp");
        assert_eq!(path(107, &[&[0x18, 0x41, 8, 0], &packet()[..]].concat()), "fr:ip:udp");
        let bridged = [&[0x18, 0x41, 3, 0, 0x80, 0, 0x80, 0xc2, 0, 7], &ethernet(0x0800, &packet())[..]].concat();
        assert_eq!(path(107, &bridged), "fr:eth:ip:udp");
    }
}
