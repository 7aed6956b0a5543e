//! IEEE 802.1Q tags.

use crate::dissect::{Step, View};
use crate::layers::{Layers, Proto};
use crate::link::ethertype;

/// Tag control information and EtherType: 4 bytes behind the tag's own EtherType.
#[inline]
pub(crate) fn tag<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    out.push(Proto::Vlan);
    let Some(control) = view.u16(0) else {
        out.short = true;
        return None;
    };
    let _ = out.vlan_ids.try_push(control & 0x0fff);
    let Some(kind) = view.u16(2) else {
        out.short = true;
        return None;
    };
    ethertype::next(kind).map(|next| (next, view.skip(4)))
}
