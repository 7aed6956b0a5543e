//! Ethernet II and IEEE 802.3.

use crate::addr::MacAddr;
use crate::dissect::{Step, View};
use crate::layers::{Layers, Proto};
use crate::link::ethertype;

/// Destination, source, type or length: 14 bytes.
#[inline]
pub(crate) fn header<'a>(view: View<'a>, out: &mut Layers) -> Step<'a> {
    let Some(head) = view.array::<14>(0) else {
        out.short = true;
        return None;
    };
    out.push(Proto::Eth);
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = head;
    let _ = out.eths.try_push((MacAddr([s0, s1, s2, s3, s4, s5]), MacAddr([d0, d1, d2, d3, d4, d5])));
    let kind = u16::from_be_bytes([t0, t1]);
    ethertype::next(kind).map(|next| (next, view.skip(14)))
}
