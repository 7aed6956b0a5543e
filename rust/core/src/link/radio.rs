//! Headers that radio drivers put in front of 802.11 frames.

use crate::dissect::{Next, State, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::first;
use crate::record::LinkType;

/// Radiotap: version, length, bitmap words of the fields that follow.
pub(crate) fn radiotap<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Radiotap);
    let (Some(length), Some(present)) = (view.array::<2>(2), view.array::<4>(4)) else {
        out.short = true;
        return None;
    };
    let length = usize::from(u16::from_le_bytes(length));
    if length < 8 {
        out.malformed = true;
        return None;
    }
    let first_word = u32::from_le_bytes(present);
    // Bit 31 announces one more bitmap word.
    let mut at = 8;
    let mut word = first_word;
    while word & 1 << 31 != 0 {
        match view.array::<4>(at) {
            Some(bytes) if at + 4 <= length => word = u32::from_le_bytes(bytes),
            _ => {
                out.short = true;
                return None;
            }
        }
        at += 4;
    }
    // Bit 0: time, 8 bytes, aligned to 8. Bit 1: flags.
    if first_word & 1 != 0 {
        at = ((at + 7) & !7) + 8;
    }
    if first_word & 2 != 0 {
        let flags = view.u8(at).unwrap_or(0);
        state.wlan_fcs = flags & 0x10 != 0;
        state.wlan_pad = flags & 0x20 != 0;
    }
    Some((Next::Wlan, view.skip(length)))
}

/// Prism monitor header, 144 bytes; the AVS header by its magic.
pub(crate) fn prism<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some(code) = view.u32(0) else {
        out.short = true;
        return None;
    };
    if code & 0xffff_f000 == 0x8021_1000 {
        return Some((Next::Avs, view));
    }
    out.push(Proto::Prism);
    Some((Next::Wlan, view.skip(144)))
}

/// AVS capture header: magic, length.
pub(crate) fn avs<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Wlancap);
    let Some(length) = view.u32(4) else {
        out.short = true;
        return None;
    };
    Some((Next::Wlan, view.skip(length as usize)))
}

/// Per-packet information: version, flags, length, link type of the packet, all little-endian; then fields.
pub(crate) fn ppi<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Ppi);
    let (Some(length), Some(link)) = (view.array::<2>(2), view.array::<4>(4)) else {
        out.short = true;
        return None;
    };
    let length = usize::from(u16::from_le_bytes(length));
    let mut fields = view.limit(length as u32).skip(8);
    while let Some([k0, k1, l0, l1]) = fields.array::<4>(0) {
        let field = usize::from(u16::from_le_bytes([l0, l1]));
        // Field 2, 802.11 common: 20 bytes; flags behind the 8-byte time; bit 0 says that the check sequence is there.
        let common = [k0, k1] == [2, 0];
        if field + 4 > fields.data.len() || common && field != 20 {
            out.malformed = true;
            return None;
        }
        if common {
            state.wlan_fcs = fields.u8(12).unwrap_or(0) & 1 != 0;
        }
        fields = fields.skip(4 + field);
    }
    let link = LinkType(u16::try_from(u32::from_le_bytes(link)).ok()?);
    first(link).map(|next| (next, view.skip(length)))
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{llc_packet, path};

    #[test]
    fn radiotap_flags_behind_the_time_and_more_bitmaps() {
        // Two bitmap words, time aligned to 8, then flags: header padded. 26 bytes of QoS header, 2 of padding.
        let mut frame = vec![0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0];
        frame.extend([0; 8]);
        frame.push(0x20);
        frame.extend([0x88, 0]);
        frame.extend([0; 24]);
        frame.extend([0; 2]);
        frame.extend(llc_packet());
        assert_eq!(path(127, &frame), "radiotap:wlan_radio:wlan:llc:ip:udp");
    }

    #[test]
    fn check_sequence_is_cut_off() {
        let mut frame = vec![0, 0, 9, 0, 2, 0, 0, 0, 0x10, 8, 0];
        frame.extend([0; 22]);
        frame.extend(llc_packet());
        frame.extend(*b"fcs!");
        assert_eq!(path(127, &frame), "radiotap:wlan_radio:wlan:llc:ip:udp");
    }

    #[test]
    fn prism_avs_and_ppi() {
        let wlan = [&[8, 0], &[0; 22][..], &llc_packet()].concat();
        let mut prism = vec![0x44, 0, 0, 0];
        prism.resize(144, 0);
        assert_eq!(path(119, &[&prism[..], &wlan].concat()), "prism:wlan_radio:wlan:llc:ip:udp");
        let mut avs = vec![0x80, 0x21, 0x10, 1, 0, 0, 0, 64];
        avs.resize(64, 0);
        assert_eq!(path(163, &[&avs[..], &wlan].concat()), "wlancap:wlan_radio:wlan:llc:ip:udp");
        assert_eq!(path(192, &[&[0, 0, 8, 0, 105, 0, 0, 0], &wlan[..]].concat()), "ppi:wlan_radio:wlan:llc:ip:udp");
    }
}
