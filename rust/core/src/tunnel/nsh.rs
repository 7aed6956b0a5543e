//! Network Service Header (RFC 8300).

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};

/// Next protocol numbers, shared with VXLAN-GPE.
pub(crate) fn next_protocol(number: u8) -> Option<Next> {
    Some(match number {
        1 => Next::Ipv4,
        2 => Next::Ipv6,
        3 => Next::Ethernet,
        4 => Next::Nsh,
        5 => Next::Mpls,
        _ => return None,
    })
}

/// Version, flags, TTL and length in words; metadata type; next protocol; service path; contexts.
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Nsh);
    let Some([_, length, _, next]) = view.array::<4>(0) else {
        out.short = true;
        return None;
    };
    let length = usize::from(length & 0x3f) * 4;
    if length < 8 {
        out.malformed = true;
        return None;
    }
    next_protocol(next).map(|next| (next, view.skip(length)))
}
