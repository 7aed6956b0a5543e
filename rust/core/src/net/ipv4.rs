//! IPv4 (RFC 791).

use crate::addr::IpAddr;
use crate::dissect::{Next, State, Step, View};
use crate::layers::{Layers, Net, Proto};

/// The header with its options; what follows is cut to the total length.
#[inline]
pub(crate) fn header<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Ip);
    let Some(head) = view.array::<20>(0) else {
        out.short = true;
        return None;
    };
    let header_len = (head[0] & 15) as usize * 4;
    if header_len < 20 {
        out.malformed = true;
        return None;
    }
    let total = u16::from_be_bytes([head[2], head[3]]) as u32;
    // Segmentation offload leaves a zero length: then the frame's own length holds.
    let total = if total == 0 { view.wire } else { total };
    let flags = u16::from_be_bytes([head[6], head[7]]);
    let net = Net {
        src: IpAddr::v4([head[12], head[13], head[14], head[15]]),
        dst: IpAddr::v4([head[16], head[17], head[18], head[19]]),
        ttl: head[8],
        protocol: head[9],
        quoted: state.quoted,
    };
    state.net = Some(out.nets.len() as u8);
    if out.nets.try_push(net).is_err() {
        out.too_deep = true;
        return None;
    }
    if total < header_len as u32 {
        out.malformed = true;
        return None;
    }
    let payload = view.limit(total).skip(header_len);
    if flags & 0x3fff != 0 {
        out.ip_fragment = true;
        if flags & 0x1fff != 0 {
            out.push(Proto::Data);
            return None;
        }
    }
    Some((Next::IpProtocol(head[9]), payload))
}
