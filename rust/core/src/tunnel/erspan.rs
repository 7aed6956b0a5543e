//! Cisco ERSPAN (draft-foschiano-erspan).

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};

/// Type I has no header of its own, type II 8 bytes, type III 12 and 8 more where its last bit says so.
pub(crate) fn header<'a>(kind: u8, view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Erspan);
    let version = match kind {
        1 => Some(0),
        _ => view.u8(0).map(|first| first >> 4),
    };
    if version != Some(kind - 1) {
        return None;
    }
    let length = match kind {
        1 => 0,
        2 => 8,
        _ => match view.u16(10) {
            Some(flags) => 12 + if flags & 1 != 0 { 8 } else { 0 },
            None => {
                out.short = true;
                return None;
            }
        },
    };
    Some((Next::Ethernet, view.skip(length)))
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ethernet, ipv4, packet, path};

    #[test]
    fn three_types() {
        let frame = ethernet(0x0800, &packet());
        let gre = |head: &[u8]| path(228, &ipv4(47, &[head, &frame].concat()));
        assert_eq!(gre(&[0, 0, 0x88, 0xbe]), "ip:gre:erspan:eth:ip:udp");
        let second = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0, 5, 0, 0, 0, 0];
        assert_eq!(gre(&second), "ip:gre:erspan:eth:ip:udp");
        let third = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(gre(&third), "ip:gre:erspan:eth:ip:udp");
    }
}
