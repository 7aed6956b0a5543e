//! IPv6 (RFC 8200).

use crate::addr::IpAddr;
use crate::dissect::{Next, State, Step, View};
use crate::layers::{Layers, Net, Proto};

/// The header and its extension headers; what follows is cut to the payload length.
#[inline]
pub(crate) fn header<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Ipv6);
    let Some(head) = view.array::<40>(0) else {
        out.short = true;
        return None;
    };
    let length = u16::from_be_bytes([head[4], head[5]]) as u32;
    let [.., a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, aa, ab, ac, ad, ae, af] = head;
    let mut source = [0; 16];
    source.copy_from_slice(&head[8..24]);
    let index = out.nets.len();
    let net = Net {
        src: IpAddr::v6(source),
        dst: IpAddr::v6([a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, aa, ab, ac, ad, ae, af]),
        ttl: head[7],
        protocol: head[6],
        quoted: state.quoted,
    };
    if out.nets.try_push(net).is_err() {
        out.too_deep = true;
        return None;
    }
    state.net = Some(index as u8);
    let mut payload = view.skip(40);
    if length != 0 {
        payload = payload.limit(length);
    }
    let mut kind = head[6];
    // Each extension header is at least 8 bytes, so this ends with the bytes.
    loop {
        match kind {
            0 | 43 | 60 => {
                out.push(match kind {
                    0 => Proto::Ipv6Hopopts,
                    43 => Proto::Ipv6Routing,
                    _ => Proto::Ipv6Dstopts,
                });
                let Some([next, len]) = payload.array::<2>(0) else {
                    out.short = true;
                    return None;
                };
                payload = payload.skip((len as usize + 1) * 8);
                kind = next;
            }
            44 => {
                out.push(Proto::Ipv6Fraghdr);
                out.ipv6_fragment = true;
                let Some([next, _, offset0, offset1]) = payload.array::<4>(0) else {
                    out.short = true;
                    return None;
                };
                payload = payload.skip(8);
                kind = next;
                if u16::from_be_bytes([offset0, offset1]) & 0xfff8 != 0 {
                    out.push(Proto::Data);
                    return None;
                }
            }
            _ => break,
        }
    }
    if let Some(net) = out.nets.get_mut(index) {
        net.protocol = kind;
    }
    if kind == 59 { None } else { Some((Next::IpProtocol(kind), payload)) }
}
