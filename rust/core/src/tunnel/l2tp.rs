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
