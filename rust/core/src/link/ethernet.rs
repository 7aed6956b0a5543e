//! Ethernet II and IEEE 802.3, Cisco ISL.

use crate::addr::MacAddr;
use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::ethertype::{self, MAX_LENGTH};

/// Destination, source, type or length: 14 bytes. Less shows no Ethernet layer at all.
#[inline]
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some(head) = view.array::<14>(0) else {
        out.short = true;
        return None;
    };
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = head;
    let kind = u16::from_be_bytes([t0, t1]);
    if kind <= MAX_LENGTH && matches!([d0, d1, d2, d3, d4], [0x01 | 0x0c, 0, 0x0c, 0, 0]) {
        return Some((Next::Isl, view));
    }
    out.push(Proto::Eth);
    let _ = out.eths.try_push((MacAddr([s0, s1, s2, s3, s4, s5]), MacAddr([d0, d1, d2, d3, d4, d5])));
    let payload = view.skip(14);
    if kind > MAX_LENGTH || kind == 0 { ethertype::step(kind, payload) } else { ieee8023(kind, payload, out) }
}

/// Behind a length field: LLC, or IPX without LLC where it starts with ff ff. The length cuts off the padding.
#[cold]
pub(crate) fn ieee8023<'a>(length: u16, payload: View<'a>, out: &mut Layers) -> Step<'a> {
    out.malformed |= u32::from(length) > payload.wire;
    let ipx = payload.u16(0) == Some(0xffff);
    Some((if ipx { Next::Named(Proto::Ipx) } else { Next::Llc }, payload.limit(length.into())))
}

/// Cisco Inter-Switch Link: 26 bytes around a whole frame with its check sequence, by the type in the first nibble
/// of byte 5.
pub(crate) fn isl<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Isl);
    let Some(head) = view.array::<26>(0) else {
        out.short = true;
        return None;
    };
    let length = u32::from(u16::from_be_bytes([head[12], head[13]]));
    // The length counts from behind itself: 12 bytes of header, then the frame.
    let inner = view.skip(14).limit(length).skip(12);
    (head[5] >> 4 == 0).then_some((Next::Ethernet, inner))
}
