//! Wireshark's exported PDUs: tags, then the bytes of the protocol that one tag names.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};

/// Tag 12 is the name of the dissector, tag 0 ends the list.
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::ExportedPdu);
    let mut rest = view;
    let mut next = None;
    while let Some([k0, k1, l0, l1]) = rest.array::<4>(0) {
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        match u16::from_be_bytes([k0, k1]) {
            0 => return next.map(|next| (next, rest.skip(4 + length))),
            12 => next = rest.data.get(4..4 + length).and_then(named),
            _ => {}
        }
        rest = rest.skip(4 + length);
    }
    out.short = true;
    None
}

fn named(name: &[u8]) -> Option<Next> {
    let end = name.iter().position(|&b| b == 0).unwrap_or(name.len());
    Some(match name.get(..end)? {
        b"ip" => Next::Ip,
        b"ipv6" => Next::Ipv6,
        b"eth" | b"eth_withoutfcs" | b"eth_maybefcs" | b"eth_withfcs" => Next::Ethernet,
        b"tcp" => Next::Tcp,
        b"udp" => Next::Udp,
        b"wlan" => Next::Wlan,
        other => Next::Named(Proto::from_name(std::str::from_utf8(other).ok()?)?),
    })
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{packet, path};

    #[test]
    fn the_named_protocol_follows_the_tags() {
        let frame = [&[0, 12, 0, 4], &b"ip\0\0"[..], &[0, 0, 0, 0], &packet()].concat();
        assert_eq!(path(252, &frame), "exported_pdu:ip:udp");
        assert_eq!(path(252, &[0, 12, 0, 4, b'd']), "exported_pdu");
    }
}
