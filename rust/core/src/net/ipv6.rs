//! IPv6 (RFC 8200).

use crate::addr::IpAddr;
use crate::dissect::{Next, State, Step, View};
use crate::layers::{Layers, Net, Proto};

/// The header; what follows is cut to the payload length.
#[inline(always)]
pub(crate) fn header<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    let Some(head) = view.head::<40>() else {
        out.push(Proto::Ipv6);
        out.short = true;
        return None;
    };
    out.push(Proto::Ipv6);
    if head[0] >> 4 != 6 {
        out.malformed = true;
        return None;
    }
    let [_, _, _, _, l0, l1, next, ttl, addresses @ ..] = head;
    let (src, dst) = addresses.split_at(16);
    let (&src, &dst) = (src.first_chunk()?, dst.first_chunk()?);
    if out.nets.is_full() {
        out.too_deep = true;
        return None;
    }
    out.nets.push(Net {
        src: IpAddr::v6(src),
        dst: IpAddr::v6(dst),
        ttl: *ttl,
        class: head[0] << 4 | head[1] >> 4,
        dont_fragment: false,
        bytes: 40 + u32::from(u16::from_be_bytes([*l0, *l1])),
        fragment: false,
        protocol: *next,
        quoted: state.quoted,
    });
    state.net = Some(out.nets.len() as u8 - 1);
    state.fragment_head = false;
    let next = *next;
    let length = u32::from(u16::from_be_bytes([*l0, *l1]));
    let mut payload = view.skip(40);
    // A jumbogram (RFC 2675) has no length here and its hop-by-hop option has it: the frame's own length holds.
    if length != 0 || next != 0 {
        payload = payload.limit(length);
    }
    if next == 59 { None } else { Some((Next::IpProtocol(next), payload)) }
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{dissect, ipv6, path_of, udp};

    #[test]
    fn addresses_and_lengths() {
        let mut frame = ipv6(17, &udp(1, 2, b"abc"));
        frame.extend([0; 6]);
        let layers = dissect(229, &frame);
        assert_eq!(path_of(&layers), "ipv6:udp");
        assert_eq!(layers.nets[0].src.to_string(), "2001:db8::1");
        assert_eq!(layers.nets[0].dst.to_string(), "2001:db8::2");
        assert_eq!((layers.nets[0].protocol, layers.udps[0].len), (17, 3));
    }

    #[test]
    fn another_version_ends_it() {
        let mut frame = ipv6(17, &udp(1, 2, b"abc"));
        frame[0] = 0x50;
        let layers = dissect(229, &frame);
        assert!(layers.malformed && layers.nets.is_empty());
    }
}
