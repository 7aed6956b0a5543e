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

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ethernet, packet, path};

    #[test]
    fn next_protocols_of_rfc_8300() {
        let head = |next: u8| [0x0f, 0xc2, 2, next, 0, 0, 1, 0xff];
        assert_eq!(path(1, &ethernet(0x894f, &[&head(1), &packet()[..]].concat())), "eth:nsh:ip:udp");
        let frame = ethernet(0x0800, &packet());
        assert_eq!(path(1, &ethernet(0x894f, &[&head(3), &frame[..]].concat())), "eth:nsh:eth:ip:udp");
    }
}
