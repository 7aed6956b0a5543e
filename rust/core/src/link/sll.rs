//! Linux cooked captures, version 1 and 2.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::ethertype;
use crate::tunnel::gre;

/// ARPHRD_ numbers that change the meaning of the protocol field.
const IPGRE: u16 = 778;
const RADIOTAP: u16 = 803;
const FRAD: u16 = 770;
const NETLINK: u16 = 824;

/// Packet type, ARPHRD, address length, address, protocol: 16 bytes.
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let hardware = view.u16(2);
    if hardware == Some(NETLINK) {
        return Some((Next::Named(Proto::Netlink), view));
    }
    let Some(hardware) = hardware else {
        out.short = true;
        return None;
    };
    out.push(Proto::Sll);
    let Some(protocol) = view.u16(14) else {
        out.short = true;
        return None;
    };
    payload(hardware, protocol, view.skip(16))
}

/// Protocol, reserved, interface, ARPHRD, packet type, address length, address: 20 bytes.
pub(crate) fn header2<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let (Some(protocol), Some(hardware), true) = (view.u16(0), view.u16(8), view.data.len() >= 12) else {
        out.short = true;
        return None;
    };
    if hardware == NETLINK {
        // Wireshark shows neither layer here.
        return None;
    }
    out.push(Proto::Sll);
    payload(hardware, protocol, view.skip(20))
}

fn payload(hardware: u16, protocol: u16, rest: View<'_>) -> Step<'_> {
    match hardware {
        RADIOTAP => return Some((Next::Radiotap, rest)),
        FRAD => return Some((Next::FrameRelay, rest)),
        _ => {}
    }
    if protocol <= 1536 {
        // Linux numbers, not lengths.
        let next = match protocol {
            0x0001 => Next::Named(Proto::Ipx),
            0x0003 => Next::Ethernet,
            0x0004 => Next::Llc,
            0x0007 => Next::PppHdlc,
            0x000c => Next::Named(Proto::Can),
            0x000d => Next::Named(Proto::Canfd),
            0x00f6 => Next::Named(Proto::Wpan),
            _ => return None,
        };
        return Some((next, rest));
    }
    if hardware == IPGRE { gre::payload(protocol, rest) } else { ethertype::step(protocol, rest) }
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ethernet, packet, path};

    #[test]
    fn both_versions() {
        let v1 = [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0], &packet()[..]].concat();
        assert_eq!(path(113, &v1), "sll:ip:udp");
        let v2 = [&[8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], &packet()[..]].concat();
        assert_eq!(path(276, &v2), "sll:ip:udp");
    }

    #[test]
    fn a_gre_device_has_gre_protocol_types() {
        let head = [0, 0, 3, 10, 0, 4, 10, 0, 0, 1, 0, 0, 0, 0, 0x65, 0x58];
        assert_eq!(path(113, &[&head, &ethernet(0x0800, &packet())[..]].concat()), "sll:eth:ip:udp");
    }
}
