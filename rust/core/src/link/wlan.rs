//! IEEE 802.11 frames.

use crate::dissect::{Next, State, Step, View};
use crate::layers::{Layers, Proto};

/// MAC header; data frames in the clear carry LLC, or Ethernet frames from odd access points.
pub(crate) fn header<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    let Some([mut control, mut flags]) = view.array::<2>(0) else {
        out.short = true;
        return None;
    };
    if std::mem::take(&mut state.wlan_swapped) {
        (control, flags) = (flags, control);
    }
    if out.path.last().is_some_and(|p| matches!(p, Proto::Radiotap | Proto::Ppi | Proto::Prism | Proto::Wlancap)) {
        out.push(Proto::WlanRadio);
    }
    out.push(Proto::Wlan);
    let view = if state.wlan_fcs { view.without_end(4) } else { view };
    let kind = control >> 2 & 3;
    let subtype = control >> 4;
    // Data frames only, and of them those that carry data.
    if kind != 2 || subtype & 4 != 0 {
        return None;
    }
    let quality = subtype & 8 != 0;
    let mut length = if flags & 3 == 3 { 30 } else { 24 };
    let service = if quality { view.u16(length).unwrap_or(0) } else { 0 };
    if quality {
        length += 2;
        if flags & 0x80 != 0 {
            length += 4;
        }
    }
    if state.wlan_pad {
        length = (length + 3) & !3;
    }
    // Encrypted, or a fragment that is not the last. (The last one is read as it stands, as Wireshark does when it
    // lacks the others; they are not put together here.)
    if flags & 0x44 != 0 {
        return None;
    }
    // A mesh header (802.11s) with its address extension.
    if quality && service & 1 != 0 && flags & 2 != 0 {
        match view.u8(length) {
            Some(mesh) if mesh & !3 == 0 => length += 6 + usize::from(mesh & 3) * 6,
            _ => {}
        }
    }
    let rest = view.skip(length);
    if rest.data.is_empty() {
        return None;
    }
    if service >> 8 & 0x80 != 0 {
        out.push(Proto::WlanAggregate);
        return Some((Next::WlanSubframe, rest));
    }
    let addresses = (view.array::<6>(4), view.array::<6>(10));
    match rest.array::<2>(0) {
        Some([0xaa, 0xaa]) => Some((Next::Llc, rest)),
        Some(_) if rest.array::<6>(0) == addresses.0 || rest.array::<6>(6) == addresses.1 => {
            Some((Next::Ethernet, rest))
        }
        Some([0xff, 0xff]) => Some((Next::Named(Proto::Ipx), rest)),
        _ => Some((Next::Llc, rest)),
    }
}

/// A-MSDU subframe: destination, source, length, LLC; padded to 4 bytes except for the last.
pub(crate) fn subframe<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    let Some(length) = view.u16(12) else {
        out.short = true;
        return None;
    };
    let whole = (usize::from(length) + 14 + 3) & !3;
    let rest = view.skip(whole);
    if rest.data.len() > 14 {
        state.more = Some((Next::WlanSubframe, rest.place()));
    }
    Some((Next::Llc, view.skip(14).limit(length.into())))
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{dissect, llc_packet, path, path_of};

    #[test]
    fn data_frames_only() {
        let frame = |control: [u8; 2], header: usize| [&control[..], &vec![0; header - 2], &llc_packet()].concat();
        assert_eq!(path(105, &frame([0x08, 0], 24)), "wlan:llc:ip:udp");
        assert_eq!(path(105, &frame([0x88, 0], 26)), "wlan:llc:ip:udp");
        assert_eq!(path(105, &frame([0x08, 3], 30)), "wlan:llc:ip:udp");
        // Beacon, null data, encrypted.
        for control in [[0x80, 0], [0x48, 0], [0x08, 0x40]] {
            assert_eq!(path(105, &frame(control, 24)), "wlan");
        }
    }

    #[test]
    fn every_subframe_of_an_aggregate() {
        let subframe = |pad: usize| {
            let llc = llc_packet();
            [&[0; 12][..], &(llc.len() as u16).to_be_bytes(), &llc, &vec![0; pad]].concat()
        };
        let pad = (4 - subframe(0).len() % 4) % 4;
        let mut header = vec![0x88, 1];
        header.resize(24, 0);
        header.extend([0x80, 0]);
        let layers = dissect(105, &[&header, &subframe(pad)[..], &subframe(0)].concat());
        assert_eq!(path_of(&layers), "wlan:wlan_aggregate:llc:ip:udp:llc:ip:udp");
        assert_eq!(layers.udps.len(), 2);
    }
}
