//! VXLAN (RFC 7348), its generic protocol extension, and Geneve (RFC 8926).

use crate::dissect::{Next, Step, View};
use crate::layers::{Layers, Proto};
use crate::link::ethertype;
use crate::tunnel::nsh;

/// Flags, reserved, network id: 8 bytes; the generic extension has the next protocol in the fourth.
pub(crate) fn vxlan<'a>(generic: bool, view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Vxlan);
    let Some(head) = view.array::<8>(0) else {
        out.short = true;
        return None;
    };
    let rest = view.skip(8);
    if generic { nsh::next_protocol(head[3]).map(|next| (next, rest)) } else { Some((Next::Ethernet, rest)) }
}

/// Version and length of the options in words, flags, EtherType, network id, options.
pub(crate) fn geneve<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Geneve);
    let Some([lengths, _, k0, k1, ..]) = view.array::<8>(0) else {
        out.short = true;
        return None;
    };
    let options = usize::from(lengths & 0x3f) * 4;
    ethertype::step(u16::from_be_bytes([k0, k1]), view.skip(8 + options))
}
