//! Teredo (RFC 4380).

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};

/// Authentication and origin headers, both optional, in front of an IPv6 packet.
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Teredo);
    let mut rest = view;
    if rest.u16(0) == Some(1) {
        let Some([id, value]) = rest.array::<2>(2) else {
            out.short = true;
            return None;
        };
        // Client id, authentication value, nonce of 8 bytes, confirmation byte.
        rest = rest.skip(4 + usize::from(id) + usize::from(value) + 9);
    }
    if rest.u16(0) == Some(0) {
        rest = rest.skip(8);
    }
    (rest.data.len() >= 2).then_some((Next::Ipv6, rest))
}
