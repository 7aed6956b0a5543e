//! CAPWAP data channel (RFC 5415): 802.11 or 802.3 frames.

use crate::dissect::{Next, State, Step, View};
use crate::layers::{Layers, Proto};

/// Preamble, header length in words, radio and binding with the mark of a native frame in its last bit, flags,
/// fragment fields, optional radio fields.
pub(crate) fn data<'a>(view: View<'a>, state: &mut State, out: &mut Layers) -> Step<'a> {
    out.push(Proto::CapwapData);
    let Some([preamble, length, native, flags, ..]) = view.array::<8>(0) else {
        out.short = true;
        return None;
    };
    // A DTLS preamble, a fragment, a keep-alive.
    if preamble & 15 != 0 || flags & 0x88 != 0 {
        return None;
    }
    let rest = view.skip(usize::from(length >> 3) * 4);
    // Cisco's access points, whose habit Wireshark takes for the rule, swap the frame control field.
    state.wlan_swapped = true;
    if native & 1 != 0 { Some((Next::Wlan, rest)) } else { Some((Next::Ethernet, rest)) }
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ethernet, ipv4, llc_packet, packet, path, udp};

    #[test]
    fn native_and_ethernet_frames() {
        let over = |head: &[u8], payload: &[u8]| path(228, &ipv4(17, &udp(50_000, 5247, &[head, payload].concat())));
        let frame = ethernet(0x0800, &packet());
        assert_eq!(over(&[0, 0x10, 2, 0, 0, 0, 0, 0], &frame), "ip:udp:capwap.data:eth:ip:udp");
        // 802.11 with its frame control swapped.
        let wlan = [&[0, 8], &[0; 22][..], &llc_packet()].concat();
        assert_eq!(over(&[0, 0x10, 3, 0, 0, 0, 0, 0], &wlan), "ip:udp:capwap.data:wlan:llc:ip:udp");
        assert_eq!(over(&[0, 0x10, 2, 0x80, 0, 0, 0, 0], &frame), "ip:udp:capwap.data");
    }
}
