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
