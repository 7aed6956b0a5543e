//! TCP (RFC 9293) with the options that connections need.

use crate::dissect::{State, Step, View};
use crate::layers::{Layers, Proto, Span, Tcp, Udp};
use arrayvec::ArrayVec;

/// The header. Nothing here follows TCP: what it carries belongs to connections.
#[inline(always)]
pub(crate) fn header<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    let Some(ports) = view.head::<4>() else {
        out.short = true;
        return None;
    };
    out.push(Proto::Tcp);
    let src_port = u16::from_be_bytes([ports[0], ports[1]]);
    let dst_port = u16::from_be_bytes([ports[2], ports[3]]);
    if state.quoted {
        // Errors often quote 8 bytes only; Wireshark needs the window field before it looks for the connection.
        let head = view.head::<16>()?;
        let _ = out.quoted.try_push((true, src_port, dst_port, state.net.unwrap_or(0)));
        let header_len = usize::from(head[12] >> 4) * 4;
        if header_len >= 20 && view.data.len() > header_len {
            let payload = view.skip(header_len);
            let (net, len) = (state.net, payload.wire);
            let _ = out.quoted_tcps.try_push(Udp { net, src_port, dst_port, payload: payload.span(), len });
        }
        return None;
    }
    let Some(head) = view.head::<16>() else {
        out.short = true;
        out.tcp = Some(Tcp {
            net: state.net,
            src_port,
            dst_port,
            seq: view.u32(4).unwrap_or(0),
            ack: view.u32(8).unwrap_or(0),
            header_captured: view.data.len() as u8,
            header: view.span(),
            ..Tcp::default()
        });
        return None;
    };
    let header_len = usize::from(head[12] >> 4) * 4;
    let captured = view.data.len().min(header_len.max(20));
    let len = view.wire.checked_sub(header_len as u32);
    out.malformed |= header_len < 20 || len.is_none();
    out.short |= captured < header_len.max(20);
    // The first fragment of a datagram does not say how long its segment is, and of a sample Wireshark takes no length.
    let len = if state.fragment_head || state.sampled { None } else { len };
    let ttl = state.net.and_then(|at| out.nets.get(usize::from(at))).map_or(0, |net| net.ttl);
    let tcp = out.tcp.insert(Tcp {
        net: state.net,
        ttl,
        src_port,
        dst_port,
        seq: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
        ack: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
        flags: u16::from_be_bytes([head[12], head[13]]) & 0x0fff,
        window: u16::from_be_bytes([head[14], head[15]]),
        header_len: header_len as u8,
        header_captured: captured as u8,
        len,
        header: view.span(),
        payload: if header_len >= 20 { view.skip(header_len).span() } else { Span::default() },
        mss: None,
        window_scale: None,
        sack_permitted: false,
        sacks: ArrayVec::new(),
        timestamps: None,
    });
    if header_len > 20 {
        options(view.data.get(20..captured).unwrap_or_default(), tcp);
    }
    None
}

/// Options up to the end-of-list or the first broken one.
#[inline]
fn options(mut bytes: &[u8], tcp: &mut Tcp) {
    // The layout of nearly every segment that has options at all.
    if let [1, 1, 8, 10, v0, v1, v2, v3, e0, e1, e2, e3] = *bytes {
        tcp.timestamps = Some((u32::from_be_bytes([v0, v1, v2, v3]), u32::from_be_bytes([e0, e1, e2, e3])));
        return;
    }
    while let Some((&kind, rest)) = bytes.split_first() {
        match kind {
            0 => return,
            1 => bytes = rest,
            _ => {
                let Some(&len) = rest.first() else { return };
                let Some(body) = bytes.get(2..len as usize) else { return };
                match (kind, body) {
                    (2, &[a, b]) => tcp.mss = Some(u16::from_be_bytes([a, b])),
                    (3, &[shift]) => tcp.window_scale = Some(shift),
                    (4, []) => tcp.sack_permitted = true,
                    (5, blocks) => tcp.sacks = sack_blocks(blocks),
                    (8, &[v0, v1, v2, v3, e0, e1, e2, e3]) => {
                        tcp.timestamps =
                            Some((u32::from_be_bytes([v0, v1, v2, v3]), u32::from_be_bytes([e0, e1, e2, e3])));
                    }
                    _ => {}
                }
                bytes = bytes.get(len as usize..).unwrap_or_default();
            }
        }
    }
}

/// Whole pairs of edges; four fit into the option space.
fn sack_blocks(bytes: &[u8]) -> ArrayVec<(u32, u32), 4> {
    let mut blocks = ArrayVec::new();
    for block in bytes.chunks_exact(8) {
        if let &[a, b, c, d, e, f, g, h] = block
            && blocks.try_push((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))).is_err()
        {
            break;
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{dissect, ipv4};

    #[test]
    fn options_of_a_syn() {
        // MSS 1460, SACK permitted, timestamps, no-op, window scale 7: what Linux sends.
        let mut segment = vec![0xc3, 0x50, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0xa0, 2, 0xfa, 0xf0, 0, 0, 0, 0];
        segment.extend([2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7]);
        let tcp = dissect(228, &ipv4(6, &segment)).tcp.unwrap();
        assert_eq!((tcp.src_port, tcp.dst_port, tcp.seq, tcp.flags, tcp.window), (50_000, 80, 1, 2, 64_240));
        assert_eq!((tcp.mss, tcp.window_scale, tcp.sack_permitted), (Some(1460), Some(7), true));
        assert_eq!((tcp.timestamps, tcp.len, tcp.header_len), (Some((9, 0)), Some(0), 40));
    }

    #[test]
    fn sack_blocks_and_a_broken_option() {
        let mut segment = vec![0, 1, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0xb0, 0x10, 1, 0, 0, 0, 0, 0];
        segment.extend([1, 1, 5, 18, 0, 0, 0, 5, 0, 0, 0, 9, 0, 0, 1, 0, 0, 0, 2, 0, 2, 99, 0, 0]);
        segment.extend(*b"data");
        let tcp = dissect(228, &ipv4(6, &segment)).tcp.unwrap();
        assert_eq!(tcp.sacks.as_slice(), [(5, 9), (256, 512)]);
        assert_eq!((tcp.mss, tcp.len, tcp.payload.len), (None, Some(4), 4));
    }

    #[test]
    fn length_comes_from_ip_not_from_the_frame() {
        let mut segment = vec![0; 20];
        segment[12] = 0x50;
        let mut frame = ipv4(6, &segment);
        frame.extend([0; 6]);
        assert_eq!(dissect(228, &frame).tcp.unwrap().len, Some(0));
    }

    #[test]
    fn an_offset_beyond_the_segment_has_no_length() {
        let mut segment = vec![0; 20];
        segment[12] = 0xf0;
        let layers = dissect(228, &ipv4(6, &segment));
        assert!(layers.malformed);
        assert_eq!(layers.tcp.unwrap().len, None);
    }
}
