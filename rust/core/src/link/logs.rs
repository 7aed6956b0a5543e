//! Packets handed over by firewalls and kernels: PFLOG, NFLOG, PKTAP, IPNET, ENC.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::{first, null};
use crate::record::LinkType;

/// OpenBSD packet filter log: length of the header (to be rounded up to 4), address family.
pub(crate) fn pflog<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Pflog);
    let Some([length, family]) = view.array::<2>(0) else {
        out.short = true;
        return None;
    };
    null::family(family.into()).map(|next| (next, view.skip((usize::from(length) + 3) & !3)))
}

/// Linux netfilter log: address family, version, resource id, then attributes; number 9 is the packet.
pub(crate) fn nflog<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    if view.data.is_empty() {
        out.short = true;
        return None;
    }
    out.push(Proto::Nflog);
    let Some([family, ..]) = view.array::<4>(0) else {
        out.short = true;
        return None;
    };
    let mut rest = view.skip(4);
    // Lengths have the byte order of the machine: the one in which the first attribute fits.
    let little = match rest.array::<2>(0) {
        Some(bytes) => u32::from(u16::from_le_bytes(bytes)) <= rest.wire && u16::from_le_bytes(bytes) >= 4,
        None => return None,
    };
    let number = |bytes: [u8; 2]| if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) };
    // An attribute is at least 4 bytes, so this ends with the bytes.
    while let Some([l0, l1, k0, k1]) = rest.array::<4>(0) {
        let (length, kind) = (number([l0, l1]), number([k0, k1]));
        if length < 4 {
            out.malformed = true;
            return None;
        }
        if kind & 0x7fff == 9 {
            // A packet that was cut is not shown.
            if rest.data.len() < usize::from(length) {
                out.short = true;
                return None;
            }
            let packet = rest.limit(length.into()).skip(4);
            return match family {
                2 => Some((Next::Ipv4, packet)),
                10 => Some((Next::Ipv6, packet)),
                _ => None,
            };
        }
        rest = rest.skip((usize::from(length) + 3) & !3);
    }
    None
}

/// Apple's PKTAP: length of its header, record type, link type of the packet, all little-endian.
pub(crate) fn pktap<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Pktap);
    let (Some(length), Some(link)) = (view.array::<4>(0), view.array::<4>(8)) else {
        out.short = true;
        return None;
    };
    let length = u32::from_le_bytes(length) as usize;
    if length < 12 {
        out.malformed = true;
        return None;
    }
    out.push(Proto::PcapPktdata);
    let link = LinkType(u16::try_from(u32::from_le_bytes(link)).ok()?);
    first(link).map(|next| (next, view.skip(length)))
}

/// Solaris IP observability: 24 bytes, address family in the second.
pub(crate) fn ipnet<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Ipnet);
    match view.u8(1) {
        Some(2) => Some((Next::Ipv4, view.skip(24))),
        Some(26) => Some((Next::Ipv6, view.skip(24))),
        Some(_) => None,
        None => {
            out.short = true;
            None
        }
    }
}

/// OpenBSD encapsulating interface: address family in the byte order of the machine, SPI, flags: 12 bytes.
pub(crate) fn enc<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Enc);
    let Some(word) = view.u32(0) else {
        out.short = true;
        return None;
    };
    let family = if word > 0xffff { word.swap_bytes() } else { word };
    null::family(family).map(|next| (next, view.skip(12)))
}
