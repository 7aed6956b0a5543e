//! Tags and headers between the link and the network layer.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::ethertype;

/// A header of `length` bytes whose EtherType stands at `at`.
fn tagged<'a>(proto: Proto, at: usize, length: usize, view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(proto);
    match view.u16(at) {
        Some(kind) => ethertype::step(kind, view.skip(length)),
        None => {
            out.short = true;
            None
        }
    }
}

/// 802.1ah: service id, customer destination and source, EtherType.
pub(crate) fn backbone<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    tagged(Proto::Ieee8021ah, 16, 18, view, out)
}

/// 802.1CB redundancy tag: reserved, sequence, EtherType.
pub(crate) fn redundancy<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    tagged(Proto::Ieee8021cb, 4, 6, view, out)
}

/// 802.1BR extension tag: 6 bytes, EtherType.
pub(crate) fn etag<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    tagged(Proto::Etag, 6, 8, view, out)
}

/// Cisco VN-Tag: 4 bytes, EtherType.
pub(crate) fn vntag<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    tagged(Proto::Vntag, 4, 6, view, out)
}

/// High-availability Seamless Redundancy: path and size, sequence, EtherType.
pub(crate) fn hsr<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    tagged(Proto::Hsr, 4, 6, view, out)
}

/// Cisco metadata: version, length, option, security group tag, EtherType.
pub(crate) fn cmd<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    tagged(Proto::Cmd, 6, 8, view, out)
}

/// TRILL (RFC 6325): flags with the options' length in words, egress, ingress.
pub(crate) fn trill<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Trill);
    let Some(flags) = view.u16(0) else {
        out.short = true;
        return None;
    };
    let options = usize::from(flags >> 6 & 0x1f) * 4;
    Some((Next::Ethernet, view.skip(6 + options)))
}

/// MACsec (802.1AE): in the clear only when neither the encryption nor the changed-text bit is set.
pub(crate) fn macsec<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Macsec);
    let Some(control) = view.u8(0) else {
        out.short = true;
        return None;
    };
    if control & 0x0c != 0 {
        return None;
    }
    let length = if control & 0x20 != 0 { 14 } else { 6 };
    let payload = view.skip(length).without_end(16);
    ethertype::step(payload.u16(0)?, payload.skip(2))
}

/// B.A.T.M.A.N. advanced, compatibility version 14 and 15: unicast and broadcast packets carry a frame.
pub(crate) fn batadv<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some([kind, version]) = view.array::<2>(0) else {
        out.short = true;
        return None;
    };
    out.push(Proto::Batadv);
    let length = match (version, kind) {
        (15, 0x40) | (14, 0x03) => 10,
        (15, 0x42) => 18,
        (15, 0x01) => 14,
        _ => return None,
    };
    Some((Next::Ethernet, view.skip(length)))
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ethernet, packet, path};

    #[test]
    fn tags_lead_on() {
        let tagged = |kind: u16, tag: &[u8]| path(1, &ethernet(kind, &[tag, &packet()].concat()));
        assert_eq!(tagged(0xf1c1, &[0, 0, 0, 1, 8, 0]), "eth:ieee8021cb:ip:udp");
        assert_eq!(tagged(0x893f, &[0, 0, 0, 0, 0, 0, 8, 0]), "eth:etag:ip:udp");
        assert_eq!(tagged(0x8926, &[0, 0, 0, 0, 8, 0]), "eth:vntag:ip:udp");
        assert_eq!(tagged(0x8909, &[1, 1, 0, 1, 0, 5, 8, 0]), "eth:cmd:ip:udp");
    }

    #[test]
    fn macsec_only_in_the_clear() {
        let clear = [&[0, 0, 0, 0, 0, 1, 8, 0], &packet()[..], &[0; 16]].concat();
        assert_eq!(path(1, &ethernet(0x88e5, &clear)), "eth:macsec:ip:udp");
        let secret = [&[0x0c, 0, 0, 0, 0, 1], &packet()[..], &[0; 16]].concat();
        assert_eq!(path(1, &ethernet(0x88e5, &secret)), "eth:macsec");
    }
}
