//! UDP (RFC 768).

use crate::dissect::{State, Step, View};
use crate::layers::{Layers, Proto, Udp};
use crate::tunnel::ports;

/// The header; its length field cuts what follows. The ports may announce a tunnel.
#[inline(always)]
pub(crate) fn header<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    let Some(head) = view.head::<8>() else {
        return cut(view, state, out);
    };
    out.push(Proto::Udp);
    let src_port = u16::from_be_bytes([head[0], head[1]]);
    let dst_port = u16::from_be_bytes([head[2], head[3]]);
    let length = u32::from(u16::from_be_bytes([head[4], head[5]]));
    let mut payload = view.skip(8);
    if length >= 8 {
        payload = payload.limit(length - 8);
    } else if length != 0 || !state.net.and_then(|at| out.nets.get(usize::from(at))).is_some_and(|net| net.src.v6) {
        // Zero is a jumbogram of IPv6 (RFC 2675): the IP length holds. Anything else below 8 is wrong.
        out.malformed = true;
        payload = payload.limit(0);
    }
    let udp = Udp { net: state.net, src_port, dst_port, payload: payload.span(), len: payload.wire };
    if state.quoted {
        let _ = out.quoted.try_push((false, src_port, dst_port, state.net.unwrap_or(0)));
        let _ = out.quoted_udps.try_push(udp);
    } else {
        if out.udps.try_push(udp).is_err() {
            out.too_deep = true;
            return None;
        }
    }
    if payload.data.is_empty() { None } else { ports::step(src_port, dst_port, payload) }
}

/// A header cut by the snapshot length: the ports count when both are there.
#[cold]
fn cut<'a>(view: View<'a>, state: &State, out: &mut Layers) -> Step<'a> {
    out.short = true;
    let (Some(src_port), Some(dst_port)) = (view.u16(0), view.u16(2)) else { return None };
    out.push(Proto::Udp);
    if state.quoted {
        let _ = out.quoted.try_push((false, src_port, dst_port, state.net.unwrap_or(0)));
    } else {
        let udp = Udp { net: state.net, src_port, dst_port, payload: view.skip(8).span(), len: 0 };
        let _ = out.udps.try_push(udp);
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{dissect, ipv4, ipv6, udp};

    #[test]
    fn the_length_cuts() {
        let mut datagram = udp(1, 2, b"abcdef");
        datagram[5] = 11;
        let layers = dissect(228, &ipv4(17, &datagram));
        assert_eq!((layers.udps[0].len, layers.udps[0].payload.len), (3, 3));
        datagram[5] = 7;
        let layers = dissect(228, &ipv4(17, &datagram));
        assert!(layers.malformed);
        assert_eq!(layers.udps[0].len, 0);
    }

    #[test]
    fn zero_is_a_jumbogram_of_ipv6_only() {
        let mut datagram = udp(1, 2, b"abcdef");
        datagram[5] = 0;
        assert_eq!(dissect(229, &ipv6(17, &datagram)).udps[0].len, 6);
        assert_eq!(dissect(228, &ipv4(17, &datagram)).udps[0].len, 0);
    }
}
