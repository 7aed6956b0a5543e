//! Cisco HDLC.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};

/// Address, control, EtherType: 4 bytes.
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    if view.data.is_empty() {
        out.short = true;
        return None;
    }
    out.push(Proto::Chdlc);
    let Some(kind) = view.u16(2) else {
        out.short = true;
        return None;
    };
    payload(kind, view.skip(4))
}

/// What a Cisco HDLC type carries.
pub(crate) fn payload(kind: u16, rest: View<'_>) -> Step<'_> {
    let next = match kind {
        0x0800 => Next::Ipv4,
        0x86dd => Next::Ipv6,
        0x8847 | 0x8848 => Next::Mpls,
        0x6558 => Next::Ethernet,
        // One byte of padding stands in front of OSI protocols, mostly.
        0xfefe => {
            let padded = !matches!(rest.u8(0), Some(0x81..=0x83 | 0x8e | 0xcc | 0xcf));
            return Some((Next::Osi, if padded { rest.skip(1) } else { rest }));
        }
        0x2000 => Next::Named(Proto::Cdp),
        0x0111 => Next::Named(Proto::Udld),
        0x4242 => Next::Named(Proto::Stp),
        0x8035 => Next::Named(Proto::Slarp),
        0x8038 => Next::Named(Proto::DecStp),
        0x8137 => Next::Named(Proto::Ipx),
        0x80f3 => Next::Named(Proto::Aarp),
        0x809b => Next::Named(Proto::Ddp),
        0x6003 => Next::Named(Proto::DecDna),
        _ => return None,
    };
    Some((next, rest))
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{packet, path};

    #[test]
    fn cisco_types() {
        assert_eq!(path(104, &[&[0x0f, 0, 8, 0], &packet()[..]].concat()), "chdlc:ip:udp");
        assert_eq!(path(104, &[&[0x8f, 0, 0xfe, 0xfe, 0, 0x83, 0x1b], &[0; 20][..]].concat()), "chdlc:osi:isis");
        assert_eq!(path(104, &[0x8f, 0, 0x80, 0x35, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff]), "chdlc:slarp");
    }
}
