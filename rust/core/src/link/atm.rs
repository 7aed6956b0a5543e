//! ATM: the SunATM header in front of AAL5 frames, and Classical IP.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};

/// Flags with the kind of traffic in the low bits, VPI, VCI: 4 bytes.
pub(crate) fn sun<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some(flags) = view.u8(0) else {
        out.short = true;
        return None;
    };
    out.push(Proto::Atm);
    let rest = view.skip(4);
    // LAN emulation: the client's number, then the frame.
    if flags & 0x0f == 1 {
        return Some((Next::Ethernet, rest.skip(2)));
    }
    // Kind 2 is LLC; the others carry signalling or raw cells.
    let llc = flags & 0x0f == 2 || (flags & 0x0f == 0 && rest.array::<3>(0) == Some([0xaa, 0xaa, 3]));
    llc.then_some((Next::Llc, rest))
}

/// Classical IP without any header.
pub(crate) fn clip<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Clip);
    Some((Next::Ip, view))
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ethernet, llc_packet, packet, path};

    #[test]
    fn traffic_by_the_flags() {
        assert_eq!(path(123, &[&[2, 0, 0, 32], &llc_packet()[..]].concat()), "atm:llc:ip:udp");
        assert_eq!(path(123, &[&[1, 0, 0, 32, 0, 1], &ethernet(0x0800, &packet())[..]].concat()), "atm:eth:ip:udp");
        assert_eq!(path(106, &packet()), "clip:ip:udp");
    }
}
