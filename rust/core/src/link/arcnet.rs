//! ARCnet (RFC 1201, RFC 1051).

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};

/// Source, destination, protocol; RFC 1201 protocols have fragment flags and a sequence number behind them. The
/// Linux header has two bytes of offset in front of the protocol.
pub(crate) fn header<'a>(linux: bool, view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Arcnet);
    let mut at = if linux { 4 } else { 2 };
    let Some(protocol) = view.u8(at) else {
        out.short = true;
        return None;
    };
    at += 1;
    if !matches!(protocol, 0xf0 | 0xf1 | 0x80 | 0xcd) {
        // An exception packet has its own flag and three more bytes in front.
        if !linux && view.u8(at) == Some(0xff) {
            at += 4;
        }
        at += 3;
    }
    let next = match protocol {
        0xf0 | 0xd4 => Next::Ipv4,
        0xc4 => Next::Ipv6,
        0xf1 | 0xd5 | 0xd6 => Next::Arp,
        0xdd => Next::Named(Proto::Ddp),
        0xfa | 0xec => Next::Named(Proto::Ipx),
        0xf7 => Next::Named(Proto::VinesIp),
        _ => return None,
    };
    Some((next, view.skip(at)))
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{packet, path};

    #[test]
    fn fragment_header_of_rfc_1201_only() {
        assert_eq!(path(7, &[&[1, 2, 0xf0], &packet()[..]].concat()), "arcnet:ip:udp");
        assert_eq!(path(7, &[&[1, 2, 0xd4, 0, 0, 1], &packet()[..]].concat()), "arcnet:ip:udp");
        assert_eq!(path(129, &[&[1, 2, 0, 0, 0xd4, 0, 0, 1], &packet()[..]].concat()), "arcnet:ip:udp");
    }
}
