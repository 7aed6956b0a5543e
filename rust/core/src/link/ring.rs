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

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{llc_packet, path};

    #[test]
    fn fddi_and_routed_token_ring() {
        let fddi = [&[0x50, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &llc_packet()[..]].concat();
        assert_eq!(path(10, &fddi), "fddi:llc:ip:udp");
        let head = [0x10, 0x40, 2, 0, 0, 0, 0, 2, 0x82, 0, 0, 0, 0, 1, 6, 0x30, 0, 1, 0, 2];
        assert_eq!(path(6, &[&head, &llc_packet()[..]].concat()), "tr:llc:ip:udp");
    }
}
