//! IPv4 (RFC 791).

use crate::addr::IpAddr;
use crate::dissect::{Fragment, Next, State, Step, View};
use crate::layers::{Layers, Net, Proto};

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// The header with its options; what follows is cut to the total length.
#[inline(always)]
pub(crate) fn header<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    let Some(head) = view.head::<20>() else {
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
    let dst = match header_len {
        20 => [head[16], head[17], head[18], head[19]],
        _ => match destination(view, header_len) {
            Some(address) => address,
            None => {
                out.short = true;
                return None;
            }
        },
    };
    if out.nets.is_full() {
        out.too_deep = true;
        return None;
    }
    out.nets.push(Net {
        src: IpAddr::v4([head[12], head[13], head[14], head[15]]),
        dst: IpAddr::v4(dst),
        ttl: head[8],
        class: head[1],
        dont_fragment: flags & DONT_FRAGMENT != 0,
        bytes: total,
        fragment: flags & (MORE_FRAGMENTS | OFFSET) != 0,
        protocol: head[9],
        quoted: state.quoted,
    });
    state.net = Some(out.nets.len() as u8 - 1);
    state.fragment_head = false;
    let payload = view.limit(total).skip(header_len);
    if view.data.len() < header_len {
        out.short = true;
        return None;
    }
    if flags & (MORE_FRAGMENTS | OFFSET) != 0 {
        out.ip_fragment = true;
        let id = u16::from_be_bytes([head[4], head[5]]);
        return fragment(id, flags, payload, total as usize - header_len, state, out);
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

/// The last address of a source route that is not used up, where the header has one.
pub(crate) fn routed(header: &[u8], header_len: usize) -> Option<[u8; 4]> {
    destination(View::frame(header, header.len() as u32), header_len)
}

/// Hands a fragment of `length` bytes to reassembly when they are all there; else a first fragment is read as far as
/// it goes.
#[cold]
fn fragment<'a>(
    id: u16,
    flags: u16,
    payload: View<'a>,
    length: usize,
    state: &mut State,
    out: &mut Layers,
) -> Step<'a> {
    let &Net { src, dst, protocol, .. } = out.nets.last()?;
    let more = flags & MORE_FRAGMENTS != 0;
    let offset = u32::from(flags & OFFSET) * 8;
    if length > 0 && payload.data.len() >= length {
        state.fragment = Some(Fragment { src, dst, id: u32::from(id), protocol, offset, more, next: protocol });
        return Some((Next::Fragment, payload));
    }
    if offset != 0 {
        out.push(Proto::Data);
        return None;
    }
    state.fragment_head = more;
    Some((Next::IpProtocol(protocol), payload))
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

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{dissect, ipv4, path_of, udp};

    #[test]
    fn a_published_header() {
        // The header of the checksum example in RFC 1071's usual illustration: UDP from 192.168.0.1 to 192.168.0.199.
        let header = [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];
        let layers = dissect(228, &[&header[..], &udp(1, 2, &[0; 87])].concat());
        let net = layers.nets[0];
        assert_eq!((net.src.to_string(), net.dst.to_string()), ("192.168.0.1".into(), "192.168.0.199".into()));
        assert_eq!((net.ttl, net.protocol, net.quoted), (64, 17, false));
        assert_eq!(layers.udps[0].len, 87);
    }

    #[test]
    fn total_length_cuts_the_padding_and_zero_means_offload() {
        let mut frame = ipv4(17, &udp(1, 2, b"abc"));
        frame.extend([0; 6]);
        assert_eq!(dissect(228, &frame).udps[0].payload.len, 3);
        frame[2..4].copy_from_slice(&[0, 0]);
        assert_eq!(path_of(&dissect(228, &frame)), "ip:udp");
        frame[2..4].copy_from_slice(&[0, 19]);
        let layers = dissect(228, &frame);
        assert!(layers.malformed && layers.nets.is_empty());
    }

    #[test]
    fn a_source_route_names_the_destination() {
        let mut frame = ipv4(17, &[131, 11, 4, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 1, 0, 2, 0, 8, 0, 0]);
        frame[0] = 0x48;
        let layers = dissect(228, &frame);
        assert_eq!(layers.nets[0].dst.to_string(), "2.2.2.2");
        // Used up: the pointer is behind the route.
        frame[22] = 12;
        assert_eq!(dissect(228, &frame).nets[0].dst.to_string(), "10.0.0.2");
    }

    #[test]
    fn nesting_is_bounded() {
        let mut frame = ipv4(17, &udp(1, 2, b"x"));
        for _ in 0..40 {
            frame = ipv4(4, &frame);
        }
        let layers = dissect(228, &frame);
        assert!(layers.too_deep);
        assert_eq!(layers.nets.len(), crate::layers::MAX_NETS);
    }
}
