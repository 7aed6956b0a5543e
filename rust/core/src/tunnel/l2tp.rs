//! Layer Two Tunneling Protocol, version 2 over UDP (RFC 2661) and version 3 (RFC 3931).

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};

const CONTROL: u16 = 0x8000;
const LENGTH: u16 = 0x4000;
const SEQUENCE: u16 = 0x0800;
const OFFSET: u16 = 0x0200;

/// Flags and version, then the optional length, tunnel and session, the optional sequence numbers and offset. Data
/// messages carry PPP.
pub(crate) fn over_udp<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some(flags) = view.u16(0) else {
        out.short = true;
        return None;
    };
    if flags & 15 != 2 && flags & 15 != 3 {
        return None;
    }
    out.push(Proto::L2tp);
    // What a version 3 session carries is agreed in its control messages.
    if flags & CONTROL != 0 || flags & 15 == 3 {
        return None;
    }
    let mut at = 2;
    if flags & LENGTH != 0 {
        at += 2;
    }
    at += 4;
    if flags & SEQUENCE != 0 {
        at += 4;
    }
    if flags & OFFSET != 0 {
        let Some(offset) = view.u16(at) else {
            out.short = true;
            return None;
        };
        at += 2 + usize::from(offset);
    }
    let rest = view.skip(at);
    (!rest.data.is_empty()).then_some((Next::PppHdlc, rest))
}

/// Version 3 directly over IP: a session id.
pub(crate) fn over_ip<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    if view.data.len() < 4 {
        out.short = true;
        return None;
    }
    out.push(Proto::L2tp);
    None
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ipv4, packet, path, udp};

    #[test]
    fn data_messages_carry_ppp() {
        let l2tp =
            |head: &[u8]| path(228, &ipv4(17, &udp(1701, 1701, &[head, &[0xff, 3, 0, 0x21], &packet()].concat())));
        assert_eq!(l2tp(&[0, 2, 0, 1, 0, 2]), "ip:udp:l2tp:ppp:ip:udp");
        assert_eq!(l2tp(&[0x4a, 2, 0, 60, 0, 1, 0, 2, 0, 1, 0, 1, 0, 2, 0, 0]), "ip:udp:l2tp:ppp:ip:udp");
        assert_eq!(l2tp(&[0xc8, 2, 0, 12, 0, 1, 0, 2, 0, 1, 0, 1]), "ip:udp:l2tp");
    }
}
