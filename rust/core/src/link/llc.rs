//! IEEE 802.2 LLC with SNAP (RFC 1042), and the OSI network layer identifiers behind it.

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::ethertype;

const SNAP: u8 = 0xaa;
const OUI_ETHERNET: u32 = 0x00_0000;
const OUI_CISCO_90: u32 = 0x00_00f8;
const OUI_CISCO: u32 = 0x00_000c;
const OUI_BRIDGED: u32 = 0x00_80c2;
const OUI_APPLE: u32 = 0x08_0007;

/// DSAP, SSAP, control (1 byte for unnumbered frames, else 2).
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    if view.data.is_empty() {
        out.short = true;
        return None;
    }
    out.push(Proto::Llc);
    let Some([dsap, ssap, control]) = view.array::<3>(0) else {
        out.short = true;
        return None;
    };
    let unnumbered = control & 3 == 3;
    let rest = view.skip(if unnumbered { 3 } else { 4 });
    if dsap == SNAP && ssap == SNAP {
        return snap(rest, 2, out);
    }
    // Only information frames and unnumbered information carry an upper layer.
    if control & 1 != 0 && control != 3 || rest.data.is_empty() {
        return None;
    }
    let next = match dsap {
        0x42 => Next::Named(Proto::Stp),
        0x06 => Next::Ip,
        0xfe | 0x14 | 0x20 | 0x34 | 0x54 => Next::Osi,
        0xe0 | 0x10 => Next::Named(Proto::Ipx),
        0xf0 => return netbios(rest, out),
        _ => return None,
    };
    Some((next, rest))
}

/// A NetBIOS frame (IBM SC30-3587): its header says its own length; SMB may follow.
fn netbios<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let len = view.array::<2>(0).map(u16::from_le_bytes);
    let payload = view.skip(len.unwrap_or(0) as usize);
    if payload.array::<4>(0) != Some(*b"\xffSMB") {
        return Some((Next::Named(Proto::Netbios), view));
    }
    out.push(Proto::Netbios);
    Some((Next::Named(Proto::Smb), payload))
}

/// Organisation and protocol id: 5 bytes. `padding` stands in front of bridged Ethernet frames.
pub(crate) fn snap<'a>(view: View<'a>, padding: usize, out: &mut Layers) -> Step<'a> {
    let Some([a, b, c, p0, p1]) = view.array::<5>(0) else {
        out.short = true;
        return None;
    };
    let pid = u16::from_be_bytes([p0, p1]);
    let payload = view.skip(5);
    let next = match u32::from_be_bytes([0, a, b, c]) {
        OUI_ETHERNET | OUI_CISCO_90 => return ethertype::step(pid, payload),
        OUI_APPLE if pid == 0x809b => Next::Named(Proto::Ddp),
        OUI_APPLE => return ethertype::step(pid, payload),
        OUI_CISCO => match pid {
            0x2000 => Next::Named(Proto::Cdp),
            0x0108..=0x010c => Next::Named(Proto::Stp),
            0x2003 => Next::Named(Proto::Vtp),
            0x2004 => Next::Named(Proto::Dtp),
            0x0104 => Next::Named(Proto::Pagp),
            0x0111 => Next::Named(Proto::Udld),
            _ => return None,
        },
        OUI_BRIDGED => return bridged(pid, payload, padding),
        _ => return None,
    };
    Some((next, payload))
}

/// RFC 2684 bridged frames; the low ids carry the frame check sequence. Padding may stand in front of Ethernet.
fn bridged(pid: u16, payload: View<'_>, padding: usize) -> Step<'_> {
    Some(match pid {
        0x0001 | 0x0007 => (Next::Ethernet, payload.skip(padding)),
        0x0003 | 0x0009 => (Next::TokenRing, payload),
        0x0004 | 0x000a => (Next::Fddi, payload),
        0x000e => (Next::Named(Proto::Stp), payload),
        _ => return None,
    })
}

/// A network layer protocol identifier (ISO/IEC TR 9577) and its protocol.
pub(crate) fn osi<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some(id) = view.u8(0) else {
        out.short = true;
        return None;
    };
    out.push(Proto::Osi);
    Some(match id {
        0x00 | 0x81 => (Next::Named(Proto::Clnp), view),
        0x82 => (Next::Named(Proto::Esis), view),
        0x83 => (Next::Named(Proto::Isis), view),
        0xcc => (Next::Ipv4, view.skip(1)),
        0x8e => (Next::Ipv6, view.skip(1)),
        0xcf => (Next::Ppp, view.skip(1)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::dissect::testing::{ethernet, packet, path};

    #[test]
    fn access_points_and_snap_ids() {
        let frame = |body: &[u8]| [&ethernet(0, &[])[..12], &(body.len() as u16).to_be_bytes(), body].concat();
        let stp = [&[0x42, 0x42, 3][..], &[0; 35]].concat();
        assert_eq!(path(1, &frame(&stp)), "eth:llc:stp");
        let cdp = [&[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0][..], &[2, 180, 0, 0]].concat();
        assert_eq!(path(1, &frame(&cdp)), "eth:llc:cdp");
        let isis = [&[0xfe, 0xfe, 3, 0x83][..], &[0; 26]].concat();
        assert_eq!(path(1, &frame(&isis)), "eth:llc:osi:isis");
        let mut mailslot = [&[0xf0, 0xf0, 3, 44, 0, 0xff, 0xef, 8][..], &[0; 39], b"\xffSMB%"].concat();
        assert_eq!(path(1, &frame(&mailslot)), "eth:llc:netbios:smb");
        mailslot[3] = 43;
        assert_eq!(path(1, &frame(&mailslot)), "eth:llc:netbios");
    }

    #[test]
    fn supervisory_frames_carry_nothing() {
        assert_eq!(path(100, &[&[6, 6, 1, 0], &packet()[..]].concat()), "llc");
        assert_eq!(path(100, &[&[6, 6, 3], &packet()[..]].concat()), "llc:ip:udp");
    }
}
