//! ESP in UDP (RFC 3948).

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};

/// One byte ff keeps a NAT mapping alive; four zero bytes stand in front of IKE; anything else is ESP.
pub(crate) fn payload<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Udpencap);
    if view.wire == 1 && view.u8(0) == Some(0xff) {
        return None;
    }
    match view.u32(0) {
        Some(0) => None,
        Some(_) => Some((Next::Named(Proto::Esp), view)),
        None => {
            out.short = true;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ipv4, path, udp};

    #[test]
    fn esp_ike_and_keepalive() {
        let over = |payload: &[u8]| path(228, &ipv4(17, &udp(4500, 4500, payload)));
        assert_eq!(over(&[1, 2, 3, 4, 0, 0, 0, 1, 9, 9]), "ip:udp:udpencap:esp");
        assert_eq!(over(&[0, 0, 0, 0, 1, 2, 3, 4]), "ip:udp:udpencap");
        assert_eq!(over(&[0xff]), "ip:udp:udpencap");
    }
}
