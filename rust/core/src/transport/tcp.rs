//! TCP (RFC 9293) with the options that connections need.

use crate::dissect::{State, Step, View};
use crate::layers::{Layers, Proto, Tcp};
use arrayvec::ArrayVec;

/// The header. Nothing here follows TCP: what it carries belongs to connections.
#[inline]
pub(crate) fn header<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    let Some(ports) = view.array::<4>(0) else {
        out.short = true;
        return None;
    };
    out.push(Proto::Tcp);
    let src_port = u16::from_be_bytes([ports[0], ports[1]]);
    let dst_port = u16::from_be_bytes([ports[2], ports[3]]);
    if state.quoted {
        // Errors often quote 8 bytes only; Wireshark needs the window field before it looks for the connection.
        view.array::<16>(0)?;
        let _ = out.quoted.try_push((true, src_port, dst_port, state.net.unwrap_or(0)));
        return None;
    }
    let tcp = out.tcp.insert(Tcp { net: state.net, src_port, dst_port, ..Tcp::default() });
    let Some(head) = view.array::<16>(0) else {
        out.short = true;
        tcp.seq = view.u32(4).unwrap_or(0);
        tcp.ack = view.u32(8).unwrap_or(0);
        tcp.header_captured = view.data.len() as u8;
        return None;
    };
    tcp.seq = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    tcp.ack = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
    tcp.flags = u16::from_be_bytes([head[12], head[13]]) & 0x0fff;
    tcp.window = u16::from_be_bytes([head[14], head[15]]);
    let header_len = usize::from(head[12] >> 4) * 4;
    let captured = view.data.len().min(header_len.max(20));
    tcp.header_len = header_len as u8;
    tcp.header_captured = captured as u8;
    let len = view.wire.checked_sub(header_len as u32);
    out.malformed |= header_len < 20 || len.is_none();
    // The first fragment of a datagram does not say how long its segment is.
    tcp.len = len.filter(|_| !state.fragment_head);
    out.short |= captured < header_len.max(20);
    if header_len >= 20 {
        tcp.payload = view.skip(header_len).span();
        if header_len > 20 {
            options(view.data.get(20..captured).unwrap_or_default(), tcp);
        }
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
        if let &[a, b, c, d, e, f, g, h] = block {
            if blocks.try_push((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))).is_err() {
                break;
            }
        }
    }
    blocks
}
