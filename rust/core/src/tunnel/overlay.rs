//! VXLAN (RFC 7348), its generic protocol extension, and Geneve (RFC 8926).

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::ethertype;
use crate::tunnel::nsh;

/// Flags, reserved, network id: 8 bytes; the generic extension has the next protocol in the fourth.
pub(crate) fn vxlan<'a>(generic: bool, view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Vxlan);
    let Some(head) = view.array::<8>(0) else {
        out.short = true;
        return None;
    };
    let rest = view.skip(8);
    if generic { nsh::next_protocol(head[3]).map(|next| (next, rest)) } else { Some((Next::Ethernet, rest)) }
}

/// Version and length of the options in words, flags, EtherType, network id, options.
pub(crate) fn geneve<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Geneve);
    let Some([lengths, _, k0, k1, ..]) = view.array::<8>(0) else {
        out.short = true;
        return None;
    };
    let options = usize::from(lengths & 0x3f) * 4;
    ethertype::step(u16::from_be_bytes([k0, k1]), view.skip(8 + options))
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{dissect, ethernet, ipv4, packet, path_of, udp};

    #[test]
    fn vxlan_and_geneve() {
        let frame = ethernet(0x0800, &packet());
        let over = |port: u16, head: &[u8], payload: &[u8]| {
            dissect(228, &ipv4(17, &udp(40_000, port, &[head, payload].concat())))
        };
        // RFC 7348, 5: the I flag, network id 1.
        let layers = over(4789, &[8, 0, 0, 0, 0, 0, 1, 0], &frame);
        assert_eq!(path_of(&layers), "ip:udp:vxlan:eth:ip:udp");
        assert_eq!((layers.udps[0].net, layers.udps[1].net), (Some(0), Some(1)));
        assert_eq!(path_of(&over(4790, &[0x0c, 0, 0, 1, 0, 0, 1, 0], &packet())), "ip:udp:vxlan:ip:udp");
        let options = [1, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 2, 3, 0];
        assert_eq!(path_of(&over(6081, &options, &frame)), "ip:udp:geneve:eth:ip:udp");
    }
}
