//! Ethernet II and IEEE 802.3, Cisco ISL.

use crate::addr::MacAddr;
use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::ethertype::{self, MAX_LENGTH};

/// Destination, source, type or length: 14 bytes. Less shows no Ethernet layer at all.
#[inline(always)]
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some(&[d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1]) = view.head::<14>() else {
        out.short = true;
        return None;
    };
    let kind = u16::from_be_bytes([t0, t1]);
    if kind <= MAX_LENGTH && matches!([d0, d1, d2, d3, d4], [0x01 | 0x0c, 0, 0x0c, 0, 0]) {
        return Some((Next::Isl, view));
    }
    out.push(Proto::Eth);
    if !out.eths.is_full() {
        out.eths.push((MacAddr([s0, s1, s2, s3, s4, s5]), MacAddr([d0, d1, d2, d3, d4, d5])));
    }
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

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{dissect, ethernet, llc_packet, packet, path, path_of};

    #[test]
    fn a_length_field_cuts_the_padding() {
        let mut frame = ethernet(0, &llc_packet());
        let length = (frame.len() - 14) as u16;
        frame[12..14].copy_from_slice(&length.to_be_bytes());
        frame.extend([0; 9]);
        let layers = dissect(1, &frame);
        assert_eq!(path_of(&layers), "eth:llc:ip:udp");
        assert_eq!(layers.udps[0].len, 7);
    }

    #[test]
    fn thirteen_bytes_are_no_ethernet() {
        let layers = dissect(1, &ethernet(0x0800, &[])[..13]);
        assert!(layers.path.is_empty() && layers.eths.is_empty() && layers.short);
    }

    #[test]
    fn addresses_are_source_first() {
        let layers = dissect(1, &ethernet(0x0800, &packet()));
        let (src, dst) = layers.eths[0];
        assert_eq!((src.to_string(), dst.to_string()), ("02:00:00:00:00:01".into(), "02:00:00:00:00:02".into()));
    }

    #[test]
    fn isl_wraps_a_frame() {
        let inner = ethernet(0x0800, &packet());
        let mut frame = vec![1, 0, 0x0c, 0, 0, 0, 2, 0, 0, 0, 0, 1];
        frame.extend((inner.len() as u16 + 12).to_be_bytes());
        frame.extend([0xaa, 0xaa, 3, 0, 0, 0x0c, 0, 4, 0, 0, 0, 0]);
        frame.extend(inner);
        assert_eq!(path(1, &frame), "isl:eth:ip:udp");
    }
}
