//! Protocol Independent Multicast (RFC 7761): a register message carries a packet.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};

/// Version and type, reserved, checksum; in a register message flags and the packet.
pub(crate) fn message<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some(first) = view.u8(0) else {
        out.short = true;
        return None;
    };
    out.push(Proto::Pim);
    // Version 2, type 1. A null register has a dummy header of version 0.
    if first != 0x21 {
        return None;
    }
    let packet = view.skip(8);
    match packet.u8(0)? >> 4 {
        4 => Some((Next::Ipv4, packet)),
        6 => Some((Next::Ipv6, packet)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ipv4, packet, path};

    #[test]
    fn a_register_carries_a_packet() {
        assert_eq!(path(228, &ipv4(103, &[&[0x21, 0, 0, 0, 0, 0, 0, 0], &packet()[..]].concat())), "ip:pim:ip:udp");
        assert_eq!(path(228, &ipv4(103, &[0x20, 0, 0, 0])), "ip:pim");
    }
}
