//! IPv6 (RFC 8200).

use crate::addr::IpAddr;
use crate::dissect::{Next, State, Step, View};
use crate::layers::{Layers, Net, Proto};

/// The header; what follows is cut to the payload length.
#[inline]
pub(crate) fn header<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    let Some(head) = view.array::<40>(0) else {
        out.push(Proto::Ipv6);
        out.short = true;
        return None;
    };
    out.push(Proto::Ipv6);
    if head[0] >> 4 != 6 {
        out.malformed = true;
        return None;
    }
    let [_, _, _, _, l0, l1, next, ttl, rest @ ..] = head;
    let [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, sa, sb, sc, sd, se, sf, dst @ ..] = rest;
    let net = Net {
        src: IpAddr::v6([s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, sa, sb, sc, sd, se, sf]),
        dst: IpAddr::v6(dst),
        ttl,
        protocol: next,
        quoted: state.quoted,
    };
    if out.nets.try_push(net).is_err() {
        out.too_deep = true;
        return None;
    }
    state.net = Some(out.nets.len() as u8 - 1);
    state.fragment_head = false;
    let length = u32::from(u16::from_be_bytes([l0, l1]));
    let mut payload = view.skip(40);
    // A jumbogram (RFC 2675) has no length here and its hop-by-hop option has it: the frame's own length holds.
    if length != 0 || next != 0 {
        payload = payload.limit(length);
    }
    if next == 59 { None } else { Some((Next::IpProtocol(next), payload)) }
}
