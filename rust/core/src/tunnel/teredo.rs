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

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ipv4, ipv6, path, udp};

    #[test]
    fn authentication_and_origin_in_front() {
        let teredo = |head: &[u8]| path(228, &ipv4(17, &udp(40_000, 3544, &[head, &ipv6(59, &[])].concat())));
        assert_eq!(teredo(&[]), "ip:udp:teredo:ipv6");
        assert_eq!(teredo(&[0, 0, 1, 2, 3, 4, 5, 6]), "ip:udp:teredo:ipv6");
        let both = [0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 2, 3, 4, 5, 6];
        assert_eq!(teredo(&both), "ip:udp:teredo:ipv6");
    }
}
