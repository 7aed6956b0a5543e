//! IPv4 (RFC 791).

use crate::addr::IpAddr;
use crate::dissect::{Fragment, Next, State, Step, View};
use crate::layers::{Layers, Net, Proto};

const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// The header with its options; what follows is cut to the total length.
#[inline]
pub(crate) fn header<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    let Some(head) = view.array::<20>(0) else {
        return cut(view, out);
    };
    out.push(Proto::Ip);
    let header_len = usize::from(head[0] & 15) * 4;
    if header_len < 20 {
        out.malformed = true;
        return None;
    }
    let total = u32::from(u16::from_be_bytes([head[2], head[3]]));
    // Segmentation offload leaves a zero length: then the frame's own length holds.
    let total = if total == 0 { view.wire } else { total };
    if (total as usize) < header_len {
        out.malformed = true;
        return None;
    }
    let flags = u16::from_be_bytes([head[6], head[7]]);
    let net = Net {
        src: IpAddr::v4([head[12], head[13], head[14], head[15]]),
        dst: IpAddr::v4([head[16], head[17], head[18], head[19]]),
        ttl: head[8],
        protocol: head[9],
        quoted: state.quoted,
    };
    if out.nets.try_push(net).is_err() {
        out.too_deep = true;
        return None;
    }
    state.net = Some(out.nets.len() as u8 - 1);
    state.fragment_head = false;
    let payload = view.limit(total).skip(header_len);
    if view.data.len() < header_len {
        out.short = true;
        return None;
    }
    if flags & (MORE_FRAGMENTS | OFFSET) != 0 {
        out.ip_fragment = true;
        return fragment(&net, u16::from_be_bytes([head[4], head[5]]), flags, payload, total, header_len, state, out);
    }
    Some((Next::IpProtocol(head[9]), payload))
}

/// Hands a fragment to reassembly when all its bytes are there; else a first fragment is read as far as it goes.
#[cold]
#[allow(clippy::too_many_arguments)]
fn fragment<'a>(
    net: &Net,
    id: u16,
    flags: u16,
    payload: View<'a>,
    total: u32,
    header_len: usize,
    state: &mut State,
    out: &mut Layers,
) -> Step<'a> {
    let length = total as usize - header_len;
    let more = flags & MORE_FRAGMENTS != 0;
    let offset = u32::from(flags & OFFSET) * 8;
    if length > 0 && payload.data.len() >= length {
        state.fragment = Some(Fragment {
            src: net.src,
            dst: net.dst,
            id: u32::from(id),
            protocol: net.protocol,
            offset,
            more,
            next: net.protocol,
        });
        return Some((Next::Fragment, payload));
    }
    if offset != 0 {
        out.push(Proto::Data);
        return None;
    }
    state.fragment_head = more;
    Some((Next::IpProtocol(net.protocol), payload))
}

/// A header cut by the snapshot length.
#[cold]
fn cut<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.short = true;
    if !view.data.is_empty() {
        out.push(Proto::Ip);
    }
    out.ip_fragment |= view.u16(6).is_some_and(|flags| flags & (MORE_FRAGMENTS | OFFSET) != 0);
    None
}
