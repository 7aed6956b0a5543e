//! FDDI and Token Ring.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};

/// FDDI: frame control, destination, source: 13 bytes.
pub(crate) fn fddi<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some(control) = view.u8(0) else {
        out.short = true;
        return None;
    };
    out.push(Proto::Fddi);
    if view.data.len() < 13 {
        out.short = true;
        return None;
    }
    // Asynchronous LLC frames of any priority.
    matches!(control, 0x50..=0x5f).then_some((Next::Llc, view.skip(13)))
}

/// Token Ring: access and frame control, destination, source, and a route where the source address says so.
pub(crate) fn token_ring<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Tr);
    let (Some(control), Some(source)) = (view.u8(1), view.u8(8)) else {
        out.short = true;
        return None;
    };
    let mut length = 14;
    if source & 0x80 != 0 {
        let Some(route) = view.u8(14) else {
            out.short = true;
            return None;
        };
        length += usize::from(route & 0x1f);
    }
    match control >> 6 {
        0 => Some((Next::Named(Proto::Trmac), view.skip(length))),
        1 => Some((Next::Llc, view.skip(length))),
        _ => None,
    }
}
