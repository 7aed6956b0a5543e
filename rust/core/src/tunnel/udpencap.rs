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
