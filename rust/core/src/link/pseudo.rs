//! Capture headers of cards and buses: ERF, netANALYZER, DOCSIS, FireWire, Fibre Channel, InfiniBand, Bluetooth,
//! 802.15.4, CAN.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::ethertype;

/// Endace ERF: time, type, flags, lengths: 16 bytes, and extension headers of 8 while the top bit is set.
pub(crate) fn erf<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Erf);
    let Some(kind) = view.u8(8) else {
        out.short = true;
        return None;
    };
    let mut at = 16;
    let mut more = kind & 0x80 != 0;
    while more {
        let Some(extension) = view.u8(at) else {
            out.short = true;
            return None;
        };
        more = extension & 0x80 != 0;
        at += 8;
    }
    match kind & 0x7f {
        // Ethernet, plain, coloured or with a hash: two bytes of padding.
        2 | 11 | 16 | 20 => Some((Next::Ethernet, view.skip(at + 2))),
        // HDLC on a serial line, Cisco's or PPP.
        1 => Some((Next::PppHdlc, view.skip(at))),
        22 => Some((Next::Ipv4, view.skip(at))),
        23 => Some((Next::Ipv6, view.skip(at))),
        _ => None,
    }
}

/// netANALYZER: 4 bytes, and in the transparent mode the preamble, in front of Ethernet with its check sequence.
pub(crate) fn netanalyzer<'a>(preamble: bool, view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Netanalyzer);
    Some((Next::Ethernet, view.skip(if preamble { 12 } else { 4 }).without_end(4)))
}

/// DOCSIS MAC header: frame control, parameter, length, extended header, check sequence.
pub(crate) fn docsis<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Docsis);
    let Some([control, parameter, ..]) = view.array::<4>(0) else {
        out.short = true;
        return None;
    };
    let extended = if control & 1 != 0 { usize::from(parameter) } else { 0 };
    (control >> 6 == 0).then_some((Next::Ethernet, view.skip(6 + extended)))
}

/// IP over IEEE 1394: destination, source, EtherType: 18 bytes.
pub(crate) fn ap1394<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Ap1394);
    match view.u16(16) {
        Some(kind) => ethertype::step(kind, view.skip(18)),
        None => {
            out.short = true;
            None
        }
    }
}

/// IP over Fibre Channel (RFC 2625): network header of 16 bytes, LLC.
pub(crate) fn ipfc<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Ipfc);
    Some((Next::Llc, view.skip(16)))
}

/// IP over InfiniBand (RFC 4391): global routing header of 40 bytes, EtherType, reserved.
pub(crate) fn ipoib<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Ipoib);
    match view.u16(40) {
        Some(kind) => ethertype::step(kind, view.skip(44)),
        None => {
            out.short = true;
            None
        }
    }
}

/// Bluetooth HCI with the H4 packet type, behind 4 bytes of direction or not.
pub(crate) fn hci_h4<'a>(direction: bool, view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Bluetooth);
    out.push(Proto::HciH4);
    let rest = view.skip(if direction { 4 } else { 0 });
    let proto = match rest.u8(0)? {
        1 => Proto::BthciCmd,
        2 => Proto::BthciAcl,
        3 => Proto::BthciSco,
        4 => Proto::BthciEvt,
        _ => return None,
    };
    Some((Next::Named(proto), rest.skip(1)))
}

/// Linux Bluetooth monitor: adapter, opcode.
pub(crate) fn bluetooth_monitor<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Bluetooth);
    out.push(Proto::HciMon);
    let proto = match view.u16(2)? {
        2 => Proto::BthciCmd,
        3 => Proto::BthciEvt,
        4 | 5 => Proto::BthciAcl,
        6 | 7 => Proto::BthciSco,
        _ => return None,
    };
    Some((Next::Named(proto), view.skip(4)))
}

/// Bluetooth Low Energy behind its radio header of 10 bytes.
pub(crate) fn btle_rf<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::BtleRf);
    Some((Next::Named(Proto::Btle), view.skip(10)))
}

/// 802.15.4 behind a TAP header: version, reserved, length.
pub(crate) fn wpan_tap<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::WpanTap);
    let Some(length) = view.array::<2>(2) else {
        out.short = true;
        return None;
    };
    Some((Next::Named(Proto::Wpan), view.skip(usize::from(u16::from_le_bytes(length)))))
}

/// SocketCAN: CAN FD frames have a flag, or no other length fits.
pub(crate) fn socketcan<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let flexible = view.u8(5).is_some_and(|flags| flags & 4 != 0);
    out.push(if flexible { Proto::Canfd } else { Proto::Can });
    None
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ethernet, packet, path};

    #[test]
    fn capture_cards_and_buses() {
        let frame = ethernet(0x0800, &packet());
        let mut erf = vec![0; 8];
        erf.extend([0x82, 4, 0, 0, 0, 0, 0, 0]);
        erf.extend([0; 10]);
        assert_eq!(path(197, &[&erf[..], &frame].concat()), "erf:eth:ip:udp");
        assert_eq!(path(240, &[&[0; 4], &frame[..], b"fcs!"].concat()), "netanalyzer:eth:ip:udp");
        let firewire = [&[0; 16][..], &[8, 0], &packet()].concat();
        assert_eq!(path(138, &firewire), "ap1394:ip:udp");
        let infiniband = [&[0; 40][..], &[8, 0, 0, 0], &packet()].concat();
        assert_eq!(path(242, &infiniband), "ipoib:ip:udp");
        assert_eq!(path(201, &[0, 0, 0, 0, 2, 0, 0x20, 4, 0, 0, 0, 1, 0]), "bluetooth:hci_h4:bthci_acl");
    }
}
