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
    match head[0] >> 4 {
        4 => {}
        // Wireshark's IPv4 entry takes either version.
        6 => {
            if !out.path.is_empty() {
                out.push(Proto::Ip);
            }
            return Some((Next::Ipv6, view));
        }
        _ => {
            out.push(Proto::Ip);
            out.malformed = true;
            return None;
        }
    }
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
        dst: IpAddr::v4(match header_len {
            20 => [head[16], head[17], head[18], head[19]],
            _ => match destination(view, header_len) {
                Some(address) => address,
                None => {
                    out.short = true;
                    return None;
                }
            },
        }),
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

/// Where the packet goes in the end: a source route (RFC 791, 3.1) has that as its last address until it is used up.
/// None: an option is cut.
#[cold]
fn destination(view: View<'_>, header_len: usize) -> Option<[u8; 4]> {
    const LOOSE: u8 = 131;
    const STRICT: u8 = 137;
    let mut at = 20;
    while at < header_len {
        match view.u8(at)? {
            0 => break,
            1 => at += 1,
            _ if at + 1 == header_len => break,
            kind => {
                let length = usize::from(view.u8(at + 1)?);
                if length < 2 {
                    break;
                }
                if matches!(kind, LOOSE | STRICT) {
                    let pointer = usize::from(view.u8(at + 2)?);
                    if length >= 7 && pointer < length {
                        return view.array(at + length - 4);
                    }
                }
                at += length;
            }
        }
    }
    view.array(16)
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
    let header = view.array::<2>(0).is_some_and(|[first, _]| first >> 4 == 4 && first & 15 >= 5);
    out.ip_fragment |= header && view.u16(6).is_some_and(|flags| flags & (MORE_FRAGMENTS | OFFSET) != 0);
    None
}
