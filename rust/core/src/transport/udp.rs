//! UDP (RFC 768).

use crate::dissect::{State, Step, View};
use crate::layers::{Layers, Proto, Udp};

/// The header; its length field cuts what follows.
#[inline]
pub(crate) fn header<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Udp);
    let Some(ports) = view.array::<4>(0) else {
        out.short = true;
        return None;
    };
    let src_port = u16::from_be_bytes([ports[0], ports[1]]);
    let dst_port = u16::from_be_bytes([ports[2], ports[3]]);
    if state.quoted {
        let _ = out.quoted.try_push((false, src_port, dst_port, state.net.unwrap_or(0)));
        return None;
    }
    let mut payload = view.skip(8);
    match view.u16(4) {
        Some(length) if length >= 8 => payload = payload.limit(length as u32 - 8),
        // Zero: a jumbogram (RFC 2675), the IP length holds.
        Some(0) => {}
        Some(_) => {
            out.malformed = true;
            payload = payload.limit(0);
        }
        None => out.short = true,
    }
    let udp = Udp { net: state.net, src_port, dst_port, payload: payload.span(), len: payload.wire };
    if out.udps.try_push(udp).is_err() {
        out.too_deep = true;
    }
    None
}
